"""What an examination comes to: its problems and warnings, and what a clear request means."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from callbacks.errors import Problem, Refused
from callbacks.models import Callback
from callbacks.rules.moments import Moment
from callbacks.rules.numbers import PhoneNumber
from callbacks.rules.terms import OwnerFacts, QueueTerms
from callbacks.rules.windows import Window
from callbacks.scheduling.request import CallbackRequest


@dataclass
class Examination:
    """What a request comes to: its problems, its warnings, and what it means where it is clear."""

    request: CallbackRequest
    at: datetime
    scope: "Scope"
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    terms: QueueTerms | None = None
    owner: OwnerFacts | None = None
    moment: Moment | None = None
    readings: tuple[Moment, Moment] | None = None
    """Both meanings of a wall time that exists twice, also once one is chosen."""
    number: PhoneNumber | None = None
    contact_time_zone: str = ""
    window: Window | None = None
    due_by: datetime | None = None
    existing: Callback | None = None
    """The open callback that this one would double."""
    skills: list[str] = field(default_factory=list)
    """As they are called, whatever case they were given in."""
    why_owner_cannot: str = ""
    is_outside_hours: bool = False

    @property
    def requested_at(self) -> datetime | None:
        """The moment in UTC, once it is clear."""
        return self.moment.instant if self.moment else None

    def clear(self) -> "Clear":
        """What the request means; raises ``Refused`` with all its problems."""
        if self.problems:
            raise Refused(self.problems)
        return Clear(
            _certain(self.terms),
            _certain(self.moment),
            _certain(self.number),
            _certain(self.window),
            _certain(self.due_by),
        )

    def refuse(self, code: str, at_field: str, message: str, **data: object) -> None:
        """Note a problem."""
        self.problems.append(Problem(code, at_field, message, data))


@dataclass(frozen=True)
class Clear:
    """A request without problems: everything in it is known."""

    terms: QueueTerms
    moment: Moment
    number: PhoneNumber
    window: Window
    due_by: datetime


Known = TypeVar("Known")


def _certain(value: Known | None) -> Known:
    if value is None:
        raise AssertionError("an examination without problems left something unknown")
    return value


@dataclass(frozen=True)
class Scope:
    """Which rules an examination applies: all for a new callback, fewer for an edit.

    What was promised before a limit changed stands (rules §2.9, §3.6), so an edit is held only to
    the rules of what it changes.
    """

    leaving_out: uuid.UUID | None = None
    """The callback being edited, which is not its own duplicate."""
    created_at: datetime | None = None
    """When the edited callback was made, for service levels that count from there."""
    time: bool = True
    number: bool = True
    queue: bool = True
    consent: bool = True
    window: bool = False
    """Whether an edit changes the callback window by itself."""
    new_owner: bool = False
    """Whether an edit names another owner, or asks for other skills of the one it has."""

    @property
    def touches_promise(self) -> bool:
        """Whether an edit changes what was promised: closed in the last 15 minutes (rules §3.2)."""
        return self.time or self.number or self.queue or self.window

    @property
    def promise(self) -> bool:
        """Whether it is a new promise to a number at a time."""
        return self.time or self.number

    @property
    def owner(self) -> bool:
        """Whether ownership must be examined anew."""
        return self.time or self.queue or self.new_owner


EVERYTHING = Scope()
