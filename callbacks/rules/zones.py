"""Zone search: by city, country, IANA or other name, abbreviation, CLDR name, offset (rules §2.1)."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache

from babel import Locale
from babel.core import get_global

from callbacks.rules import moments, numbers

LONGEST = 80
"""Characters of a search that are looked at."""
_OFFSET = re.compile(r"(?:utc|gmt)? ?([+-]) ?(\d{1,2})(?::?(\d{2}))?")
_RULES = {
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
"""What the time of many zones is called; as zones of their own they are fixed offsets."""
_UTC = (
    "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu", "Z",
    "Etc/GMT", "Etc/GMT0", "Etc/GMT+0", "Etc/GMT-0", "GMT0", "GMT+0", "GMT-0",
)  # fmt: skip
_AREAS = {
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Europe", "Indian", "Pacific",
}  # fmt: skip
"""First parts of names whose last part is a city; US/Eastern has none."""
_ALSO_COUNTRIES = {
    "AE": "UAE Emirates", "CI": "Ivory Coast", "CZ": "Czech Republic", "GB": "UK Great Britain England",
    "MM": "Burma", "NL": "Holland", "TR": "Turkey", "US": "USA",
}  # fmt: skip
_FIRST = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "Europe/London", "Europe/Paris", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata",
    "Asia/Tokyo", "Asia/Shanghai", "Australia/Sydney",
)  # fmt: skip
"""Shown before anything is typed, and first among equals."""
_NEXT = (
    "UTC", "America/Toronto", "America/Phoenix", "America/Anchorage", "Pacific/Honolulu", "Europe/Lisbon",
    "Europe/Athens", "Europe/Moscow", "Africa/Johannesburg", "Africa/Maputo", "Asia/Seoul",
    "Pacific/Pago_Pago",
)  # fmt: skip
"""The best known of their country, or of those that share an abbreviation."""


@dataclass(frozen=True)
class ZoneChoice:
    """A zone as people know it."""

    name: str
    city: str
    country: str
    known_as: str
    """CLDR's generic name, such as *Eastern Time*; the offset of a zone that is in no place."""


@dataclass(frozen=True)
class _Entry:
    choice: ZoneChoice
    names: frozenset[str]
    """The name and its aliases, folded."""
    spoken: frozenset[str]
    """What its time is called in full, folded."""
    city: str
    text: str
    """Everything that is searched in, folded: each part after two spaces, each word after one."""
    place: tuple[int, bool]
    """How well it is known: among the first, then whether it is the reference of its time."""


def search(
    text: str, at: datetime, *, limit: int = 12, preferred: Sequence[str] = ()
) -> list[ZoneChoice]:
    """The zones that a text may mean at this aware moment, the likeliest first. Never raises.

    All cities of the zone data and UTC are searched; a zone stands once, whatever its names. Among
    equals the best known comes first, then the ``preferred``; without a text, these come first.
    """
    typed = text[:LONGEST].strip()
    own = {moments.canonical(name): None for name in preferred if name in moments.ZONES}
    if not (wanted := _folded(typed)):
        return [describe(name) for name in {**own, **dict.fromkeys(_FIRST)}][:limit]
    hits = [
        (score, entry.place, entry.choice.name not in own, order, entry.choice)
        for order, (score, entry) in enumerate(_scored(typed, wanted, at))
        if score is not None
    ]
    found = [choice for *_, choice in sorted(hits, key=lambda hit: hit[:4])][:limit]
    # Such as Etc/GMT+5: a zone that is in no place, and only found by its exact name.
    return found or [describe(name) for name in (typed,) if name in moments.ZONES]


def describe(name: str) -> ZoneChoice:
    """Any zone of the zone data, also one of an old name; raises ``UnknownZone``."""
    if entry := _index().get(name):
        return entry.choice
    area, _, last = name.rpartition("/")
    known = _index().get("UTC" if name in _UTC else moments.canonical(name))
    if known is None:
        fixed = moments.offset_text(offset_at(name, datetime(2026, 1, 1, tzinfo=UTC)))
        return ZoneChoice(name, fixed if area else last, "", fixed)
    if name in _RULES:
        return ZoneChoice(name, name, "", known.choice.known_as)
    has_city = area.partition("/")[0] in _AREAS
    city = last.replace("_", " ") if has_city else known.choice.city
    return ZoneChoice(name, city, known.choice.country, known.choice.known_as)


def offset_at(zone: ZoneChoice | str, instant: datetime) -> timedelta:
    """How far a zone's clocks are ahead of UTC at an aware instant; raises ``UnknownZone``."""
    name = zone if isinstance(zone, str) else zone.name
    return moments.at_instant(instant, name).utc_offset


def _scored(typed: str, wanted: str, at: datetime) -> Iterator[tuple[int | None, _Entry]]:
    """Every zone with how well it fits, in the order of the zone data: by country, largest first."""
    if (offset := _offset(typed)) is not None:
        for entry in _index().values():
            yield 0 if offset_at(entry.choice, at) == offset else None, entry
        return
    called = _abbreviations(at.date())
    for entry in _index().values():
        yield _score(entry, wanted, called[entry.choice.name]), entry


def _score(entry: _Entry, wanted: str, called: frozenset[str]) -> int | None:
    """How well an entry fits: the less, the better; ``None`` when it does not."""
    if wanted in entry.names:
        return 0
    if wanted in called or wanted in entry.spoken:
        return 1
    if entry.city.startswith(wanted):
        return 2
    if f" {wanted}" in entry.text:
        return 3
    words = wanted.split()
    if all(f" {word}" in entry.text for word in words):
        return 4
    return 5 if all(word in entry.text for word in words) else None


def _offset(typed: str) -> timedelta | None:
    plain = typed.lower().replace("−", "-").replace("±", "+")
    found = _OFFSET.fullmatch(plain) if plain.isascii() else None
    if not found:
        return None
    sign, hours, minutes = found.groups()
    span = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -span if sign == "-" else span


def _folded(text: str) -> str:
    """Lower case, without accents and apostrophes; what else joins words as spaces."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return " ".join(re.sub(r"[_/,.()\-\s]+", " ", re.sub(r"['’‘ʻ`´]", "", plain)).split())


@cache
def _index() -> dict[str, _Entry]:
    windows = get_global("windows_zone_mapping")
    references = {moments.canonical(name) for name in windows.values() if name in moments.ZONES}
    other_names = _other_names(windows)
    return {
        name: _entry(name, country, other_names.get(name, set()), name in references)
        for name, country in {"UTC": "", **moments.city_zones()}.items()
    }


def _other_names(windows: Mapping[str, str]) -> dict[str, set[str]]:
    """For each zone all that it is also called: links, old names, Windows' names."""
    found: dict[str, set[str]] = {"UTC": set(_UTC)}
    meant = {**get_global("zone_aliases"), **windows, **moments.aliases(), **_RULES}
    for alias, name in meant.items():
        if name in moments.ZONES and alias not in moments.city_zones() and alias not in _FIXED:
            found.setdefault(moments.canonical(name), set()).add(alias)
    return found


def _entry(name: str, country: str, other_names: set[str], is_reference: bool) -> _Entry:
    city = "UTC" if name == "UTC" else _city(name)
    known_as, long_names = _cldr_names(name)
    land = numbers.country(country) if country else ""
    names = frozenset(map(_folded, (name, *other_names)))
    spoken = [_folded(long_name) for long_name in long_names]
    places = [_folded(place) for place in (city, land, _ALSO_COUNTRIES.get(country, ""))]
    # UTC is found by its other names in full only: "et" is on its way to Ethiopia, not to Etc.
    parts = (*places, *spoken, *(() if name == "UTC" else names))
    known = (*_FIRST, *_NEXT)
    return _Entry(
        ZoneChoice(name, city, land, known_as),
        names,
        frozenset(spoken),
        places[0],
        "".join(f"  {part}" for part in parts),
        (known.index(name) if name in known else len(known), not is_reference),
    )


def _city(name: str) -> str:
    exemplar = Locale("en").time_zones.get(name, {}).get("city")
    return str(exemplar or name.rsplit("/", 1)[-1].replace("_", " "))


def _cldr_names(name: str) -> tuple[str, list[str]]:
    """CLDR's generic name of a zone's time, and those of its seasons."""
    locale = Locale("en")
    old_name = _names_in_cldr().get(name, name)
    meta_zone = get_global("meta_zones").get(old_name)
    own = locale.time_zones.get(old_name, {}).get("long", {})
    general = locale.meta_zones.get(meta_zone, {}).get("long", {}) if meta_zone else {}
    names = {**general, **own}
    known_as = names.get("generic") or names.get("standard") or ""
    return str(known_as), [str(n) for n in names.values()]


@cache
def _names_in_cldr() -> dict[str, str]:
    """The names under which CLDR still keeps renamed zones."""
    kept = get_global("meta_zones")
    old = {new: old for old, new in moments.aliases().items() if old in kept and new not in kept}
    return {"UTC": "Etc/UTC", **old}


@lru_cache(maxsize=4)
def _abbreviations(day: date) -> dict[str, frozenset[str]]:
    """What each zone's time is called on this day and in the next of either season, folded."""
    days = (day, date(day.year + 1, 1, 15), date(day.year + (day.month > 7), 7, 15))
    noons = [datetime(d.year, d.month, d.day, 12, tzinfo=UTC) for d in days]
    return {
        name: frozenset(
            text.casefold()
            for noon in noons
            if (text := noon.astimezone(moments.zone(name)).tzname() or "").isalpha()
        )
        for name in _index()
    }
