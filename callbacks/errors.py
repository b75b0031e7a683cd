"""Everything that the domain can refuse.

Each refusal has a ``code`` (the API's), the ``field`` it belongs to where there is one, and a message
that a person with a headset on can act upon. Doors show them in their own way; none rewords them.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input (or, as a warning, worth knowing about it)."""

    code: str
    field: str
    message: str
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What a door needs to offer a remedy: neighbours of a gap, the existing callback, …"""


class CallbackError(Exception):
    """Base of all refusals of the domain."""

    code = "refused"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(CallbackError):
    """The input has problems; all of them are named at once."""

    code = "invalid.value"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__(" ".join(problem.message for problem in self.problems))

    def of(self, code: str) -> Problem | None:
        """The problem with this code, if the input has it."""
        return next((problem for problem in self.problems if problem.code == code), None)


class Locked(CallbackError):
    """An owned callback is within 15 minutes of its requested time (rules §3.2)."""

    code = "callback.locked"


class Ended(CallbackError):
    """The callback is over, or somebody is on the phone with the contact right now."""

    code = "callback.ended"


@dataclass(frozen=True)
class Change:
    """One change that somebody else made meanwhile: who, when (aware UTC), and what in words."""

    who: str
    at: Any
    what: str


class Stale(CallbackError):
    """Somebody changed the callback since this person looked at it; tells what changed."""

    code = "version.stale"

    def __init__(self, message: str, changes: Sequence[Change], version: int) -> None:
        super().__init__(message)
        self.changes = changes
        self.version = version


class NotAllowed(CallbackError):
    """The actor may see the callback, but not do this with it."""

    code = "missing.permissions"


class OfferGone(CallbackError):
    """What was offered is not with this agent any more; tells where it went (rules §4.4)."""

    code = "offer.gone"
