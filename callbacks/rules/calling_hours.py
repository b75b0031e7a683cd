"""When contacts may be called: weekday hours and holidays in the contact's own zone (rules §2.10)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from callbacks.rules import moments

MIDNIGHT = time(0)
DAY = timedelta(days=1)
LAST_CALL = timedelta(minutes=30)
"""How long before closing the last suggested time lies."""


@dataclass(frozen=True, order=True)
class Opening:
    """One stretch of one weekday (Monday is 0); closing at midnight is the end of that day."""

    weekday: int
    opens: time
    closes: time


EVERY_DAY = tuple(Opening(weekday, time(8), time(21)) for weekday in range(7))
"""The default, a federal rule of the United States: 08:00–21:00."""


@dataclass(frozen=True)
class CallingHours:
    """A queue's calling hours and holidays."""

    openings: tuple[Opening, ...] = EVERY_DAY
    holidays: Mapping[date, str] = field(default_factory=dict)

    def why_closed(self, instant: datetime, zone: str) -> str:
        """Why the contact must not be called at this instant, in words; empty when allowed."""
        local = instant.astimezone(moments.zone(zone))
        if any(starts <= instant < ends for starts, ends in self._stretches_of(local.date(), zone)):
            return ""
        if local.date() in self.holidays:
            return self.of_day(local.date())
        if not self._openings_on(local.date()):
            return f"it will be {local:%A} there, a day without calls"
        return f"it will be {local:%H:%M} there, and {self.of_day(local.date())}"

    def of_day(self, day: date) -> str:
        """What holds for a whole day of the contact's calendar, in words."""
        if name := self.holidays.get(day):
            return f"{day:%-d %B} is a holiday there ({name})"
        hours = " and ".join(f"{o.opens:%H:%M}–{o.closes:%H:%M}" for o in self._openings_on(day))
        return f"calls are made {hours}" if hours else f"no calls are made on a {day:%A} there"

    def stretches_from(self, instant: datetime, zone: str) -> Iterator[tuple[datetime, datetime]]:
        """The open stretches (UTC) from this instant on, in order; at most a year of them."""
        first_day = instant.astimezone(moments.zone(zone)).date() - DAY
        for days in range(367):
            for starts, ends in self._stretches_of(first_day + days * DAY, zone):
                if ends > instant:
                    yield max(starts, instant), ends

    def opens_after(self, instant: datetime, zone: str) -> datetime:
        """When calls may be made again, from this instant on (UTC); a year hence if never."""
        stretches = self.stretches_from(instant, zone)
        return next((starts for starts, _ in stretches), instant + 365 * DAY)

    def closes_after(self, instant: datetime, zone: str) -> datetime | None:
        """When the open stretch that holds this instant ends (UTC); ``None`` outside of any."""
        if self.why_closed(instant, zone):
            return None
        return next((ends for _, ends in self.stretches_from(instant, zone)), None)

    def nearby(self, instant: datetime, zone: str, not_before: datetime) -> list[datetime]:
        """Up to three allowed moments (UTC) near a forbidden one: one before, two after."""
        earlier = [
            ends - LAST_CALL
            for starts, ends in self._stretches_of_days(instant, zone, range(-3, 1))
            if ends <= instant and max(starts, not_before) <= ends - LAST_CALL
        ]
        later = [starts for starts, _ in islice(self.stretches_from(instant, zone), 3)]
        return (earlier[-1:] + [moment for moment in later if moment >= not_before])[:3]

    def after_open_time(self, start: datetime, span: timedelta, zone: str) -> datetime:
        """The moment at which ``span`` of open time has passed since ``start`` (both UTC)."""
        left = span
        for starts, ends in self.stretches_from(start, zone):
            if ends - starts >= left:
                return starts + left
            left -= ends - starts
        return start + span

    def _stretches_of_days(
        self, instant: datetime, zone: str, days: range
    ) -> list[tuple[datetime, datetime]]:
        today = instant.astimezone(moments.zone(zone)).date()
        return [s for day in days for s in self._stretches_of(today + day * DAY, zone)]

    def _stretches_of(self, day: date, zone: str) -> list[tuple[datetime, datetime]]:
        if day in self.holidays:
            return []
        tz = moments.zone(zone)
        return [
            (_instant(day, o.opens, tz), _instant(day + DAY * (o.closes == MIDNIGHT), o.closes, tz))
            for o in self._openings_on(day)
        ]

    def _openings_on(self, day: date) -> list[Opening]:
        return sorted(opening for opening in self.openings if opening.weekday == day.weekday())


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """UTC of a boundary of opening hours; in a gap the moment after the change serves."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
