"""What every platform can be asked, whatever its dialect, and all that can come of it.

A platform knows nothing of our tables: it takes plain values, speaks HTTP by ``web.Session``, and
either answers or raises one of the failures below. Which of them means that nothing has happened
there, and which leaves it open, decides whether something may be sent again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol


@dataclass(frozen=True)
class Content:
    """What a platform is to know of a callback. Moments are UTC; data is strings only."""

    reference: str
    """Ours, by which it is found again."""
    number: str
    """E.164."""
    name: str
    requested_at: datetime
    window_starts_at: datetime
    window_seconds: int
    queue: str = ""
    """As the platform calls it; empty where it need not know."""
    owner: str | None = None
    """The owner's id on the platform."""
    preferred: str | None = None
    priority: int = 0
    data: Mapping[str, str] = field(default_factory=dict)
    """External data, the contact's zone, and what the platform has no field for."""


class Standing:
    """How a callback stands on the platform, in words that all dialects share."""

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    OFFERED = "offered"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A word that we do not know: nothing follows from it."""

    OVER = frozenset({DONE, CANCELLED, EXPIRED, FAILED})


@dataclass(frozen=True)
class Remote:
    """A callback as the platform shows it."""

    id: str
    standing: str
    number: str = ""
    requested_at: datetime | None = None
    reference: str = ""
    """Ours, where it carries one."""
    owner: str | None = None
    is_owner_sure: bool = True
    """Whether the platform itself says so, not only what we once wrote there."""
    queue: str = ""
    name: str = ""
    window_seconds: int | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    changed_at: datetime | None = None
    """When it last changed, by the platform's own account."""
    outcome: str = ""
    """What became of it, in the platform's words."""
    attempts: int | None = None
    """How often the contact was called there; ``None`` where it does not say."""
    handle: Mapping[str, Any] = field(default_factory=dict)
    """What its API needs besides the id."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it there any more."""
        return self.standing in Standing.OVER


@dataclass(frozen=True)
class Page:
    """A part of what happened there, and how to go on."""

    remotes: Sequence[Remote]
    cursor: str | None = None
    """For the next part; ``None``: that was all."""


@dataclass(frozen=True)
class Person:
    """An agent of the platform."""

    id: str
    name: str
    email: str = ""
    presence: str = ""


@dataclass(frozen=True)
class QueueLimits:
    """What a queue of the platform allows to those who own callbacks; ``None``: it does not say."""

    name: str
    owns: bool | None = None
    """Whether callbacks wait for their owner there."""
    ahead: timedelta | None = None
    """How far ahead an owned one may be at most."""
    waits: timedelta | None = None
    """How long it waits for its owner."""


# --- what can go wrong -------------------------------------------------------------------------


class PlatformError(Exception):
    """Something did not work. ``request`` and ``answer`` are for people, without secrets."""

    is_open = False
    """Whether it may have happened there all the same: then it is looked up before anything else."""
    is_of_platform = False
    """Whether it says something about the platform as a whole, not about this callback."""

    def __init__(self, message: str, *, answer: str = "") -> None:
        super().__init__(message)
        self.message, self.answer = message, answer


class NotSent(PlatformError):
    """It never left: no connection, no name, no trust in the certificate."""

    is_of_platform = True


class Postponed(PlatformError):
    """We did not send it: the connection rests, or the slice is over. It says nothing about anybody."""


class NoAnswer(PlatformError):
    """It left, and nothing that makes sense came back: lost, late, cut, or an error of theirs."""

    is_open = True
    is_of_platform = True


class Busy(PlatformError):
    """Too fast for the platform, or it asked for a rest; nothing has happened there."""

    def __init__(self, message: str, *, seconds: float | None, answer: str = "") -> None:
        super().__init__(message, answer=answer)
        self.seconds = seconds
        """As it asked for; ``None``: it did not say."""


class Unwelcome(PlatformError):
    """It does not let us in (401, 403), also with a new token."""

    is_of_platform = True


class Refused(PlatformError):
    """It understood, and will not: sent again as it is, it fails again."""


class TooMany(PlatformError):
    """The batch is larger than it takes."""


class Gone(PlatformError):
    """It does not have this callback (any more)."""


class InTheWay(PlatformError):
    """It has a callback for this contact already (409)."""

    def __init__(self, message: str, *, existing_id: str, answer: str = "") -> None:
        super().__init__(message, answer=answer)
        self.existing_id = existing_id


class NotNow(PlatformError):
    """An agent has it in hand there: it can be changed once they are done, if it is still open."""


class CannotPatch(PlatformError):
    """Its API has no way to change this: it must be cancelled there, and made anew."""


Result = Remote | PlatformError


@dataclass(frozen=True)
class Change:
    """A callback there, what was confirmed of it, and what is wanted."""

    remote: Remote
    before: Content | None
    wanted: Content


class Platform(Protocol):
    """One platform behind a connection. Methods raise ``PlatformError`` and nothing else.

    Each request waits for its permit (``web.Session``). Nothing is sent twice by itself.
    """

    takes_many: bool
    """Whether it makes many callbacks in one request."""
    changes_many: bool
    """Whether it changes many callbacks in one request, as far as ``goes_with_others`` says so."""
    finds_at_once: bool
    """Whether what was made or changed is found so as soon as it is answered. Reading by id never lags."""
    cannot_hold: frozenset[str]
    """Fields of the content that it has no place for: a difference there is no reason to ask it."""

    def create(self, content: Content) -> Remote:
        """Make it. Raises ``InTheWay`` where it has one for the contact."""

    def create_many(self, contents: Sequence[Content]) -> Sequence[Result]:
        """Make many in one request; the results stand in the order of the contents."""

    def mark(self, remote: Remote, content: Content) -> None:
        """Write our reference where it is found, if that takes a request of its own after the making.

        Where that fails, no harm is done: there is another, slower way to find it.
        """

    def update(self, remote: Remote, before: Content | None, wanted: Content) -> Remote:
        """Change it from what was confirmed to what is wanted.

        Raises ``Gone``, ``NotNow``, ``CannotPatch``.
        """

    def goes_with_others(self, change: Change) -> bool:
        """Whether this change can be one of many in a request."""

    def update_many(self, changes: Sequence[Change]) -> Sequence[Result]:
        """Change many that go with others; the results stand in the order of the changes."""

    def cancel(self, remote: Remote, reason: str) -> None:
        """End it; one that is over already is fine. Raises ``Gone``."""

    def find(self, content: Content) -> Sequence[Remote]:
        """All that carry this reference, over or not: to see what became of a lost answer."""

    def fetch(self, external_id: str) -> Remote:
        """It as it stands. Raises ``Gone``."""

    def changes(self, since: datetime, cursor: str | None) -> Page:
        """What changed there since a moment, or all that is open: dialects say in their own way."""

    def people(self) -> Iterable[Person]:
        """Its agents."""

    def queues(self) -> Mapping[str, str]:
        """Its queues: their ids with their names."""

    def limits(self) -> Mapping[str, QueueLimits]:
        """What its queues allow, by their ids."""
