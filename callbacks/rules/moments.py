"""Wall time ↔ instant: the one place where zone arithmetic is done (rules §2.3).

A wall time is a promise: date, time and zone, and which of two where clocks go back. The instant
follows from it by the zone data of the pinned ``tzdata`` package, and by no other.
"""

import contextlib
import re
import unicodedata
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata

# An operating system's copy may be years old, and zoneinfo would prefer it.
zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()

TZDATA_VERSION: str = tzdata.IANA_VERSION
"""Such as ``2026f``."""
YEARS = range(1970, 9000)
"""Years that can be promised in any zone without leaving the calendar."""
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII
)
_AS_PEOPLE_KNOW = {
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "UTC": "UTC",
    "GMT": "GMT",
    "Etc/UTC": "UTC",
    "Etc/GMT": "GMT",
    "Africa/Asmera": "Africa/Asmara",
    "Africa/Timbuktu": "Africa/Bamako",
    "America/Coral_Harbour": "America/Atikokan",
    "America/Virgin": "America/St_Thomas",
    "Atlantic/Jan_Mayen": "Arctic/Longyearbyen",
    "Iceland": "Atlantic/Reykjavik",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
    "Pacific/Yap": "Pacific/Chuuk",
}
"""Names that the zone data links to another country's zone of the same time, or to none."""


def _package_lines(*path: str) -> list[str]:
    return resources.files(tzdata).joinpath(*path).read_text("utf-8").splitlines()


ZONES: frozenset[str] = frozenset(_package_lines("zones")) - {"Factory"}
"""Every IANA name that can be promised in. Compared exactly; nothing else is ever looked up."""


class MomentRefused(ValueError):
    """A date, a time or a zone from which no instant follows."""


class UnknownZone(MomentRefused):
    """Not a name of the zone data."""


class UnreadableDate(MomentRefused):
    """Not a date as YYYY-MM-DD, or one that the calendar does not have."""


class UnreadableTime(MomentRefused):
    """Not a time as HH:MM, or one that a day does not have."""


@dataclass(frozen=True)
class WallTime:
    """What a clock on a wall shows; ``fold`` says which, where clocks show it twice."""

    date: date
    time: time
    zone: str
    fold: int | None = None


@dataclass(frozen=True)
class Moment:
    """An instant, and how it reads on the clocks of a zone."""

    instant: datetime
    """Aware, UTC."""
    zone: str
    fold: int = 0

    @property
    def local(self) -> datetime:
        """Aware, on the clocks of the zone."""
        return self.instant.astimezone(zone(self.zone))

    @property
    def utc_offset(self) -> timedelta:
        """How far the clocks of the zone are ahead of UTC."""
        return self.local.utcoffset() or timedelta(0)

    @property
    def is_doubled(self) -> bool:
        """Whether clocks of the zone show this wall time a second time, because they go back."""
        local = self.local
        return local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()


class Gap(MomentRefused):
    """A wall time that does not exist, because clocks go forward over it."""

    def __init__(self, wall: WallTime, before: datetime, after: datetime) -> None:
        self.before = before
        """The last whole minute before the gap, on local clocks."""
        self.after = after
        """The first whole minute after it."""
        super().__init__(
            f"{_clock(wall.time)} does not exist on {_day(wall.date)} in {wall.zone}: clocks go "
            f"forward {_leap(before + _MINUTE, after)}."
        )


class Overlap(MomentRefused):
    """A wall time that exists twice, because clocks go back over it."""

    def __init__(self, wall: WallTime, first: Moment, second: Moment) -> None:
        self.first = first
        self.second = second
        once, again = (
            f"{offset_text(moment.utc_offset)} ({abbreviation(moment)})"
            for moment in (first, second)
        )
        super().__init__(
            f"{_clock(wall.time)} happens twice on {_day(wall.date)} in {wall.zone}: once at {once} "
            f"and again at {again}."
        )


def _day(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _clock(clock: time) -> str:
    return f"{clock:%H:%M:%S}" if clock.second else f"{clock:%H:%M}"


def _leap(start: datetime, end: datetime) -> str:
    """From where to where clocks jump; with the days, where it leads into another one."""
    if start.date() == end.date():
        return f"from {start:%H:%M} to {end:%H:%M}"
    return f"from {start:%H:%M} on {_day(start)} to {end:%H:%M} on {_day(end)}"


def quoted(text: str, longest: int = 40) -> str:
    """The start of what somebody typed, for a message: nothing in it that cannot be shown."""
    shown = (" " if unicodedata.category(c)[0] == "C" else c for c in text[:longest])
    return f"“{''.join(shown)}”"


def zone(name: str) -> ZoneInfo:
    """The zone of this exact name; raises ``UnknownZone``, whatever the text is."""
    if name not in ZONES:
        raise UnknownZone(f"{quoted(name, 64)} is not a time zone.")
    return _loaded(name)


@cache
def _loaded(name: str) -> ZoneInfo:
    """Kept for good: zoneinfo itself keeps eight zones and reads the others from disk each time."""
    return ZoneInfo(name)


def parse_date(text: str) -> date:
    """A date written YYYY-MM-DD in ASCII digits; raises ``UnreadableDate``."""
    if not (found := _DATE.fullmatch(text)):
        raise UnreadableDate(
            f"{quoted(text)} is not a date. Write it as year-month-day: 2026-12-01."
        )
    year, month, day = map(int, found.groups())
    try:
        read = date(year, month, day)
    except ValueError:
        raise UnreadableDate(f"There is no {text}: check day and month.") from None
    if year not in YEARS:
        raise UnreadableDate(f"The year {year} is out of reach.")
    return read


def parse_time(text: str) -> time:
    """A time written HH:MM or HH:MM:SS in ASCII digits; raises ``UnreadableTime``."""
    if not (found := _TIME.fullmatch(text)):
        raise UnreadableTime(f"{quoted(text)} is not a time. Write it with 24 hours: 14:30.")
    hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return time(hour, minute, second)
    except ValueError:
        raise UnreadableTime(f"There is no {text}: a day runs from 00:00 to 23:59.") from None


def parse_moment(text: str) -> datetime:
    """A date with its time as programs write them, naive where no offset is given.

    A date alone is no time: nobody said midnight. Raises ``UnreadableTime``.
    """
    written = text.upper()
    with contextlib.suppress(ValueError):
        if _MOMENT.fullmatch(written):
            return datetime.fromisoformat(written)
    raise UnreadableTime(
        f"{quoted(text)} is no time, such as 2026-12-01T09:00Z or 2026-12-01 09:00."
    )


def resolve(wall: WallTime) -> Moment:
    """The instant of a wall time.

    Raises ``Gap`` where it does not exist, ``Overlap`` where it exists twice and no fold says
    which, ``UnknownZone``, ``UnreadableDate`` out of the calendar. A fold where clocks do not go
    back means nothing and is forgotten.
    """
    tz = zone(wall.zone)
    if wall.date.year not in YEARS:
        raise UnreadableDate(f"The year {wall.date.year} is out of reach.")
    local = datetime.combine(wall.date, wall.time)
    early, late = (_reading(local, tz, fold) for fold in (0, 1))
    if early == late:
        return Moment(early, wall.zone)
    if early > late:
        raise Gap(wall, *_beside_gap(late, early, tz))
    if wall.fold is None:
        raise Overlap(wall, Moment(early, wall.zone), Moment(late, wall.zone, fold=1))
    return Moment(late, wall.zone, fold=1) if wall.fold else Moment(early, wall.zone)


def _reading(local: datetime, tz: ZoneInfo, fold: int) -> datetime:
    return local.replace(tzinfo=tz, fold=fold).astimezone(UTC)


def _beside_gap(earlier: datetime, later: datetime, tz: ZoneInfo) -> tuple[datetime, datetime]:
    """The minutes beside the change that lies between two readings of a missing time."""
    low, high = earlier, later
    old = low.astimezone(tz).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle in (low, high):
            break
        low, high = (middle, high) if middle.astimezone(tz).utcoffset() == old else (low, middle)
    # Changes of the past were not always on the minute; what is offered is.
    last = (high - _SECOND).astimezone(tz).replace(second=0, microsecond=0)
    return last, (high + timedelta(seconds=-high.second % 60)).astimezone(tz)


def at_instant(instant: datetime, name: str) -> Moment:
    """How an aware instant reads in a zone; raises ``ValueError`` for a naive one (rules §6.6)."""
    if instant.tzinfo is None:
        raise ValueError("An instant without an offset is no instant.")
    local = instant.astimezone(zone(name))
    return Moment(instant.astimezone(UTC), name, local.fold)


def offset_text(offset: timedelta) -> str:
    """An offset as people write it: ``UTC−05:00``."""
    minutes = round(offset.total_seconds() / 60)
    sign = "−" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours:02}:{rest:02}"


def abbreviation(moment: Moment) -> str:
    """``EST``; where a zone has only figures for a name, the offset."""
    name = moment.local.tzname() or ""
    return name if name.isalpha() else offset_text(moment.utc_offset)


@cache
def _links() -> dict[str, str]:
    rules = _package_lines("zoneinfo", "tzdata.zi")
    return {name: target for _, target, name in (r.split() for r in rules if r.startswith("L "))}


@cache
def city_zones() -> dict[str, str]:
    """The zones that people know by their cities, with their country's code (``zone.tab``)."""
    rows = (line.split("\t") for line in _package_lines("zoneinfo", "zone.tab") if line[:1] != "#")
    return {row[2]: row[0] for row in rows}


def canonical(name: str) -> str:
    """The name that people know for a link: ``America/New_York`` for ``US/Eastern``.

    It is the same time at every instant since 1970. Names of cities stay themselves, and so do
    fixed offsets (``EST``, ``Etc/GMT+5``) and what is no link.
    """
    if name in city_zones() or name in {"EST", "MST", "HST"} or name.startswith("Etc/"):
        return name
    target = _links().get(name, name)
    known = _AS_PEOPLE_KNOW.get(name) or _AS_PEOPLE_KNOW.get(target)
    return known or (name if target == name else canonical(target))


def aliases() -> dict[str, str]:
    """Every other name of a zone with the one that people know."""
    return {name: canonical(name) for name in sorted(ZONES) if canonical(name) != name}
