"""Zone search: by city, country, IANA or other name, abbreviation, CLDR name, offset (rules §2.1)."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global

from callbacks.rules import moments, numbers

LONGEST = 80
_OFFSET = re.compile(r"(?:utc|gmt)? ?([+-]) ?(\d{1,2})(?::?(\d{2}))?")
_FOLK = {
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "CET": "Europe/Paris",
    "MET": "Europe/Berlin",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}
"""Names of rules rather than places, and the place that people mean by them."""
_FIXED = {"EST", "MST", "HST", "GMT"}
_FIRST = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "Europe/London", "Europe/Paris", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata",
    "Asia/Tokyo", "Asia/Shanghai", "Australia/Sydney",
)  # fmt: skip
"""Shown before anything is typed, and first among equals."""


@dataclass(frozen=True)
class ZoneChoice:
    """A zone as people know it."""

    name: str
    city: str
    country: str
    known_as: str
    """CLDR's generic name, such as *Eastern Time*."""


@dataclass(frozen=True)
class _Entry:
    choice: ZoneChoice
    names: frozenset[str]
    """The name and its aliases, folded."""
    abbreviations: frozenset[str]
    words: tuple[str, ...]
    """Everything that is searched in, folded; the city first."""
    rank: int
    golden: bool = field(default=False)


def search(
    text: str, at: datetime, *, limit: int = 12, preferred: Sequence[str] = ()
) -> list[ZoneChoice]:
    """The zones that a text may mean at this moment, the likeliest first. Never raises."""
    wanted = _folded(text[:LONGEST])
    if not wanted:
        first = dict.fromkeys((*map(moments.canonical, preferred), *_FIRST))
        return [describe(name) for name in first if name in moments.ZONES][:limit]
    if (offset := _offset(text)) is not None:
        return [e.choice for e in _ranked() if _at(e.choice.name, at) == offset][:limit]
    scored = [(_score(entry, wanted), entry) for entry in _ranked()]
    hits = [
        (score, entry.choice.name not in preferred, place, entry.choice)
        for place, (score, entry) in enumerate(scored)
        if score is not None
    ]
    return [choice for *_, choice in sorted(hits, key=lambda hit: hit[:3])][:limit]


def describe(name: str) -> ZoneChoice:
    """A zone of the zone data, also one of an old name."""
    if entry := _index().get(name):
        return entry.choice
    known = _index().get(moments.canonical(name))
    city = name.rsplit("/", 1)[-1].replace("_", " ")
    if known is None:
        return ZoneChoice(name, city, "", "")
    return ZoneChoice(name, city, known.choice.country, known.choice.known_as)


def _score(entry: _Entry, wanted: str) -> int | None:
    """How well an entry fits: the less, the better; ``None`` when it does not."""
    everything = " ".join((*entry.words, *entry.names, *entry.abbreviations))
    fits = (
        wanted in entry.names,
        wanted in entry.abbreviations,
        entry.words[0].startswith(wanted),
        any(name.startswith(wanted) for name in entry.names),
        any(f" {wanted}" in f" {word}" for word in entry.words),
        wanted in everything,
        all(part in everything for part in wanted.split()),
    )
    return fits.index(True) if True in fits else None


def _offset(text: str) -> timedelta | None:
    plain = text[:LONGEST].strip().lower().replace("−", "-")
    found = _OFFSET.fullmatch(plain) if plain.isascii() else None
    if not found:
        return None
    sign, hours, minutes = found.groups()
    span = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -span if sign == "-" else span


def _at(name: str, at: datetime) -> timedelta | None:
    return at.astimezone(ZoneInfo(name)).utcoffset()


def _folded(text: str) -> str:
    """Lower case, without accents, underscores and slashes as spaces."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).lower()
    return " ".join(re.sub(r"[_/,.\-]+", " ", plain).split())


@cache
def _ranked() -> list[_Entry]:
    return sorted(_index().values(), key=lambda e: (e.rank, not e.golden, e.choice.name))


@cache
def _index() -> dict[str, _Entry]:
    windows = get_global("windows_zone_mapping")
    golden = {moments.canonical(name) for name in windows.values() if name in moments.ZONES}
    other_names = _other_names(windows)
    return {
        name: _entry(name, country, other_names.get(name, set()), name in golden)
        for name, country in {**moments.city_zones(), "UTC": ""}.items()
    }


def _other_names(windows: Mapping[str, str]) -> dict[str, set[str]]:
    """For each zone all that it is also called: links, old names, Windows' names."""
    found: dict[str, set[str]] = {}
    pairs: Iterable[tuple[str, str]] = [
        *moments.aliases().items(),
        *_FOLK.items(),
        *get_global("zone_aliases").items(),
        *windows.items(),
    ]
    for alias, name in pairs:
        # EST is what many zones' time is called; as a zone of its own it is a fixed offset.
        if name in moments.ZONES and alias not in moments.city_zones() and alias not in _FIXED:
            found.setdefault(moments.canonical(name), set()).add(alias)
    return found


def _entry(name: str, country: str, other_names: set[str], golden: bool) -> _Entry:
    city = "UTC" if name == "UTC" else _city(name)
    known_as, long_names = _cldr_names(name)
    place = numbers.country(country) if country else ""
    words = [city, place, known_as, *long_names]
    return _Entry(
        ZoneChoice(name, city, place, known_as),
        frozenset(map(_folded, (name, *other_names))),
        frozenset(_folded(a) for a in _abbreviations(name)),
        tuple(_folded(word) for word in words if word),
        _FIRST.index(name) if name in _FIRST else len(_FIRST),
        golden,
    )


def _city(name: str) -> str:
    exemplar = Locale("en").time_zones.get(name, {}).get("city")
    return str(exemplar or name.rsplit("/", 1)[-1].replace("_", " "))


def _cldr_names(name: str) -> tuple[str, list[str]]:
    """CLDR's generic name of a zone's time, and those of its seasons."""
    locale = Locale("en")
    meta_zone = get_global("meta_zones").get(name) or get_global("meta_zones").get(_old_name(name))
    own = locale.time_zones.get(name, {}).get("long", {})
    general = locale.meta_zones.get(meta_zone, {}).get("long", {}) if meta_zone else {}
    names = {**general, **own}
    known_as = names.get("generic") or names.get("standard") or ""
    return str(known_as), [str(n) for n in names.values()]


def _old_name(name: str) -> str:
    """The name under which CLDR still keeps a renamed zone."""
    return next(
        (
            old
            for old, new in moments.aliases().items()
            if new == name and old in get_global("meta_zones")
        ),
        name,
    )


def _abbreviations(name: str) -> set[str]:
    """What the zone's time is called in either season of these years."""
    seasons = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 7))
    texts = (season.astimezone(ZoneInfo(name)).tzname() or "" for season in seasons)
    return {text for text in texts if text.isalpha()}
