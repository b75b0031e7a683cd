"""The life of a callback: its statuses, and the one table of moves between them.

Read this file first. *Overdue* and *stuck* are not here: they are questions asked of an open
callback at a moment, never statuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import TextChoices


class Status(TextChoices):
    """Where a callback stands. The first four are open, the others are over for good."""

    PENDING = "pending", "Scheduled"
    WAITING = "waiting", "Waiting for an agent"
    OFFERED = "offered", "Offered"
    IN_PROGRESS = "in_progress", "In progress"
    COMPLETED = "completed", "Completed"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"
    FAILED = "failed", "Failed"
    CONVERTED = "converted", "Converted to a task"


OPEN = frozenset({Status.PENDING, Status.WAITING, Status.OFFERED, Status.IN_PROGRESS})
ENDED = frozenset(Status) - OPEN
EDITABLE = frozenset({Status.PENDING, Status.WAITING})
"""Nobody is being rung or spoken to: the promise itself may still be changed."""


class Move(StrEnum):
    """What can happen to a callback's status."""

    RESCHEDULE = "reschedule"
    CHANGE = "change"
    FALL_DUE = "fall due"
    HOLD = "hold back"
    OFFER = "offer"
    ACCEPT = "accept"
    PASS_ON = "pass on"  # noqa: S105 (no password)
    COMPLETE = "complete"
    INTERRUPT = "interrupt"
    RETRY = "retry"
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"
    CONVERT = "convert"
    REVIVE = "revive"
    COMPLETE_THERE = "complete on the platform"
    FAIL_THERE = "fail on the platform"


@dataclass(frozen=True)
class Arc:
    """From which statuses a move starts, and where it leads (``None``: it stays)."""

    before: frozenset[Status]
    after: Status | None


S = Status
MOVES: Mapping[Move, Arc] = {
    Move.RESCHEDULE: Arc(EDITABLE, S.PENDING),
    Move.CHANGE: Arc(EDITABLE, None),
    Move.FALL_DUE: Arc(frozenset({S.PENDING}), S.WAITING),
    Move.HOLD: Arc(EDITABLE, S.PENDING),
    Move.OFFER: Arc(frozenset({S.WAITING}), S.OFFERED),
    Move.ACCEPT: Arc(frozenset({S.OFFERED}), S.IN_PROGRESS),
    Move.PASS_ON: Arc(frozenset({S.OFFERED}), S.WAITING),
    Move.COMPLETE: Arc(frozenset({S.IN_PROGRESS}), S.COMPLETED),
    Move.INTERRUPT: Arc(frozenset({S.IN_PROGRESS}), S.WAITING),
    Move.RETRY: Arc(frozenset({S.IN_PROGRESS}), S.PENDING),
    Move.FAIL: Arc(frozenset({S.IN_PROGRESS}), S.FAILED),
    Move.CANCEL: Arc(frozenset({S.PENDING, S.WAITING, S.OFFERED}), S.CANCELLED),
    Move.EXPIRE: Arc(EDITABLE, S.EXPIRED),
    Move.CONVERT: Arc(OPEN, S.CONVERTED),
    Move.REVIVE: Arc(frozenset({S.EXPIRED}), S.PENDING),
    # The telephony platform's own agents did it: what rings here is withdrawn first (rules §6.8).
    Move.COMPLETE_THERE: Arc(EDITABLE, S.COMPLETED),
    Move.FAIL_THERE: Arc(EDITABLE, S.FAILED),
}


def permits(move: Move, status: str) -> bool:
    """Whether a callback of this status can make this move."""
    return status in MOVES[move].before


def status_after(move: Move, status: str) -> Status:
    """The status that the move leads to from this one."""
    return MOVES[move].after or Status(status)
