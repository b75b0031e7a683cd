"""The numbers of the product, and how far ahead a callback may lie (rules §2.4, §2.5, §3.1, §3.2).

All spans are elapsed time, so a clock change neither shortens nor lengthens them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

GRACE = timedelta(seconds=60)
"""How far in the past a requested time may lie, for clocks that differ."""
FURTHEST_AHEAD = timedelta(hours=720)
DUPLICATE_WITHIN = timedelta(hours=48)
EDIT_LOCK = timedelta(minutes=15)
SCHEDULE_AHEAD_RANGE = (timedelta(hours=1), timedelta(days=30))
OWNERSHIP_PERIOD_RANGE = (timedelta(hours=1), timedelta(days=7))
WINDOW_RANGE = (timedelta(minutes=1), timedelta(days=30))
ALERTING_RANGE = (timedelta(seconds=5), timedelta(minutes=10))
HANDLING_TIME = timedelta(minutes=10)
"""How long a call with its wrap-up is reckoned to take, when plans are made."""
RECENTLY = timedelta(days=1)
"""How long an expired promise counts as a new one, to whoever should look at it."""
DEFAULT_LEAD = timedelta(minutes=30)
"""The panel proposes now plus this, rounded up to five minutes."""


def is_past(requested_at: datetime, at: datetime) -> bool:
    """Whether the moment lies further back than the grace for clocks that differ."""
    return requested_at < at - GRACE


def is_too_far(requested_at: datetime, at: datetime, limit: timedelta) -> bool:
    """Whether the moment lies beyond the limit; exactly at the limit is allowed."""
    return requested_at - at > limit


@dataclass(frozen=True)
class Span:
    """From a moment to another one, both included; without a beginning: since ever."""

    ends_at: datetime
    starts_at: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies in it."""
        return moment <= self.ends_at and (self.starts_at is None or self.starts_at <= moment)


def duplicate_spans(requested_at: datetime, at: datetime) -> tuple[Span, Span]:
    """Where an open callback to the same number doubles a new one (rules §2.8).

    Within 48 hours of now, or of the new one's time. One whose time is already past counts: it is
    still a promise to the same contact.
    """
    near = DUPLICATE_WITHIN
    return Span(at + near), Span(requested_at + near, requested_at - near)


def is_locked(requested_at: datetime, at: datetime) -> bool:
    """Whether an owned callback can no longer be edited: less than 15 real minutes are left."""
    return requested_at - at < EDIT_LOCK


def editable_until(requested_at: datetime) -> datetime:
    """The last moment at which an owned callback may still be edited."""
    return requested_at - EDIT_LOCK


def proposed_start(at: datetime) -> datetime:
    """Now + 30 minutes, rounded up to five (rules §2.1); whole minutes, in ``at``'s zone."""
    raw = at + DEFAULT_LEAD
    step = 5 * 60
    seconds = -(-raw.timestamp() // step) * step
    return datetime.fromtimestamp(seconds, tz=at.tzinfo)


def in_words(span: timedelta) -> str:
    """A span as people say it: ``7 days``, ``1 hour 30 minutes``."""
    seconds = int(span.total_seconds())
    parts = []
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "no time"


def distance_in_words(moment: datetime, at: datetime) -> str:
    """How far a moment is from now: ``in 2 hours 14 minutes``, ``now``, ``20 minutes ago``."""
    left = moment - at
    minutes = timedelta(minutes=round(abs(left).total_seconds() / 60))
    if minutes < timedelta(minutes=1):
        return "now"
    return f"in {in_words(minutes)}" if left > timedelta(0) else f"{in_words(minutes)} ago"
