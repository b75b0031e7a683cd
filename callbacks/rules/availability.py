"""When an agent is free: planned time on queue, less absences, less what they promised (rules §2.11)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from callbacks.rules import moments


@dataclass(frozen=True, order=True)
class Stretch:
    """From a start to an end, both UTC; the end does not belong to it."""

    starts_at: datetime
    ends_at: datetime

    def within(self, outer: "Stretch") -> "Stretch":
        """The part that lies in another stretch; empty where none does."""
        return Stretch(max(self.starts_at, outer.starts_at), min(self.ends_at, outer.ends_at))

    @property
    def is_empty(self) -> bool:
        """Whether no moment lies in it."""
        return self.ends_at <= self.starts_at

    @property
    def duration(self) -> timedelta:
        """The length."""
        return self.ends_at - self.starts_at


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same moments in as few stretches as possible, in order."""
    whole: list[Stretch] = []
    for one in sorted(stretch for stretch in stretches if not stretch.is_empty):
        if whole and one.starts_at <= whole[-1].ends_at:
            whole[-1] = Stretch(whole[-1].starts_at, max(whole[-1].ends_at, one.ends_at))
        else:
            whole.append(one)
    return whole


def less(stretches: Iterable[Stretch], taken: Iterable[Stretch]) -> list[Stretch]:
    """The moments of the first that are not among the second."""
    left: list[Stretch] = []
    gone = merged(taken)
    for one in merged(stretches):
        start = one.starts_at
        for hole in gone:
            if hole.ends_at <= start or hole.starts_at >= one.ends_at:
                continue
            left.append(Stretch(start, hole.starts_at))
            start = hole.ends_at
        left.append(Stretch(start, one.ends_at))
    return [stretch for stretch in left if not stretch.is_empty]


def free(
    on_queue: Iterable[Stretch],
    absences: Iterable[Stretch],
    promised: Iterable[Stretch],
    interval: Stretch,
) -> Sequence[Stretch]:
    """What is left of the interval, in order."""
    planned = [stretch.within(interval) for stretch in on_queue]
    return tuple(less(planned, [*absences, *promised]))


def days_around(starts_at: datetime, ends_at: datetime, zone: str) -> Stretch:
    """The whole days, by the calendar of this zone, that an interval (UTC) touches; in UTC."""
    tz = moments.zone(zone)
    first, last = (
        moment.astimezone(tz).date()
        for moment in (starts_at, max(starts_at, ends_at - timedelta(microseconds=1)))
    )
    return whole_days(first, last, zone)


def whole_days(first: date, last: date, zone: str) -> Stretch:
    """From the start of one day to the end of another, by the calendar of this zone; in UTC."""
    # Where clocks change at midnight, a day begins with whichever midnight comes first.
    opens, closes = (
        datetime.combine(day, time(0), tzinfo=moments.zone(zone)).astimezone(UTC)
        for day in (first, last + timedelta(days=1))
    )
    return Stretch(opens, closes)
