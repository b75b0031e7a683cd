"""The day line: one local day with its hours, shift, breaks and promises, as shares of its width."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Self

from callbacks.models import Shift, User
from callbacks.rules import moments
from dashboard.rows import Row

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Stretch:
    """A piece of the line: where it starts and how wide it is, in percent."""

    start: str
    width: str
    kind: str
    label: str


@dataclass(frozen=True)
class Mark:
    """A point on the line."""

    place: str
    label: str
    row: Row | None = None


@dataclass(frozen=True)
class Day:
    """One day of one person. 23 or 25 hours long where clocks change, as it really is."""

    starts: datetime
    ends: datetime
    at: datetime
    zone: str
    hours: Sequence[Mark]
    stretches: Sequence[Stretch]
    promises: Sequence[Mark] = ()

    @classmethod
    def of(cls, user: User, at: datetime) -> Self:
        """Today of this person, with their shifts. One statement."""
        zone = moments.zone(user.time_zone)
        today = at.astimezone(zone).date()
        starts, ends = (
            datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)
            for day in (today, today + timedelta(days=1))
        )
        day = cls(starts, ends, at, user.time_zone, (), ())
        shifts = Shift.objects.filter(agent=user.pk, ends_at__gt=starts, starts_at__lt=ends)
        return replace(day, hours=day._hours(), stretches=[day._stretch(s) for s in shifts])

    def with_promises(self, rows: Iterable[Row]) -> Self:
        """With a mark for each promise of today."""
        marks = [
            Mark(self._place(row.requested_at), row.label, row)
            for row in rows
            if self.starts <= row.requested_at < self.ends
        ]
        return replace(self, promises=marks)

    @property
    def now(self) -> str:
        """Where now is."""
        return self._place(self.at)

    def _place(self, instant: datetime) -> str:
        share = (instant - self.starts) / (self.ends - self.starts)
        return f"{min(max(share, 0.0), 1.0) * 100:.3f}%"

    def _hours(self) -> list[Mark]:
        zone, marks = moments.zone(self.zone), []
        instant = self.starts
        while instant < self.ends:
            local = instant.astimezone(zone)
            label = f"{local:%H}" if local.hour % 3 == 0 and local.minute == 0 else ""
            marks.append(Mark(self._place(instant), label))
            instant += HOUR
        return marks

    def _stretch(self, shift: Shift) -> Stretch:
        starts, ends = max(shift.starts_at, self.starts), min(shift.ends_at, self.ends)
        width = (ends - starts) / (self.ends - self.starts)
        zone = moments.zone(self.zone)
        span = f"{starts.astimezone(zone):%H:%M}–{ends.astimezone(zone):%H:%M}"
        kind = "work" if shift.activity == Shift.Activity.ON_QUEUE else "absent"
        label = f"{shift.get_activity_display()} {span}"
        return Stretch(self._place(starts), f"{width * 100:.3f}%", kind, label)
