"""Rules §2.1: the zone is found by whatever people call it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from babel.core import get_global
from hypothesis import given, settings
from hypothesis import strategies as st

from callbacks.rules import moments, zones

WINTER = datetime(2026, 12, 1, tzinfo=UTC)
SUMMER = datetime(2027, 7, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 1, tzinfo=UTC)


def names(text: str, at: datetime = WINTER, **how: object) -> list[str]:
    return [choice.name for choice in zones.search(text, at, **how)]  # type: ignore[arg-type]


def first(text: str, at: datetime = WINTER) -> str:
    return names(text, at)[0]


@pytest.mark.parametrize(
    "text",
    ["york", "new_york", "America/New", "EST5EDT", "new york", "NEW YORK", "  york ", "EST", "EDT",
     "US/Eastern", "Eastern Time", "Eastern Standard Time", "America/New_York", "york, united states",
     "new-york", "usa"],
)  # fmt: skip
@pytest.mark.parametrize("own", [(), ("America/Detroit",), ("US/Central", "Asia/Tokyo")])
def test_new_york_is_found_by_all_its_names(text: str, own: tuple[str, ...]) -> None:
    assert names(text, preferred=own)[0] == "America/New_York"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # cities
        ("london", "Europe/London"), ("sao p", "America/Sao_Paulo"), ("São Paulo", "America/Sao_Paulo"),
        ("oslo", "Europe/Oslo"), ("zürich", "Europe/Zurich"), ("St. John's", "America/St_Johns"),
        ("st johns", "America/St_Johns"), ("los an", "America/Los_Angeles"), ("ho chi", "Asia/Ho_Chi_Minh"),
        # countries
        ("germany", "Europe/Berlin"), ("nepal", "Asia/Kathmandu"), ("spain", "Europe/Madrid"),
        ("canada", "America/Toronto"), ("russia", "Europe/Moscow"), ("england", "Europe/London"),
        ("new zealand", "Pacific/Auckland"), ("mexico", "America/Mexico_City"),
        # links and old names
        ("Calcutta", "Asia/Kolkata"), ("kiev", "Europe/Kyiv"), ("Iceland", "Atlantic/Reykjavik"),
        ("GB", "Europe/London"), ("PST8PDT", "America/Los_Angeles"), ("Yellowknife", "America/Edmonton"),
        ("Asia/Katmandu", "Asia/Kathmandu"), ("W-SU", "Europe/Moscow"), ("EET", "Europe/Athens"),
        # abbreviations
        ("BST", "Europe/London"), ("IST", "Asia/Kolkata"), ("CET", "Europe/Paris"), ("CEST", "Europe/Paris"),
        ("pst", "America/Los_Angeles"), ("CST", "America/Chicago"), ("MST", "America/Denver"),
        ("HST", "Pacific/Honolulu"), ("KST", "Asia/Seoul"), ("AEST", "Australia/Sydney"),
        ("WEST", "Europe/Lisbon"), ("AKDT", "America/Anchorage"), ("JST", "Asia/Tokyo"),
        # CLDR's and Windows' names
        ("Pacific Standard Time", "America/Los_Angeles"), ("Greenwich Mean Time", "Europe/London"),
        ("W. Europe Standard Time", "Europe/Berlin"), ("India Standard Time", "Asia/Kolkata"),
        # offsets and UTC
        ("+5:30", "Asia/Kolkata"), ("UTC-5", "America/New_York"), ("UTC−05:00", "America/New_York"),
        ("gmt+9", "Asia/Tokyo"), ("+0545", "Asia/Kathmandu"), ("utc", "UTC"), ("Etc/UTC", "UTC"),
        ("zulu", "UTC"), ("GMT", "Europe/London"),
    ],
)  # fmt: skip
def test_zones_are_found(text: str, name: str) -> None:
    assert first(text) == name


def test_every_zone_is_found_by_its_own_name_and_by_its_city() -> None:
    for name in moments.city_zones():
        assert first(name) == name
        assert name in names(zones.describe(name).city, limit=500)


def test_every_name_of_the_zone_data_and_of_windows_leads_to_a_zone_of_the_same_time() -> None:
    """But for what people call the time of many a place."""
    for name in moments.ZONES - {"EST", "MST", "HST", "GMT", "Greenwich"}:
        for at in (WINTER, SUMMER):
            assert zones.offset_at(first(name, at), at) == zones.offset_at(name, at)
    for windows, name in get_global("windows_zone_mapping").items():
        if moments.canonical(name) in moments.city_zones():
            assert zones.offset_at(first(windows), WINTER) == zones.offset_at(name, WINTER)


@pytest.mark.parametrize("at", [WINTER, SUMMER, AUTUMN])
def test_what_the_time_is_called_in_either_season_is_known_in_both(at: datetime) -> None:
    cities = {
        "EST": "New York",
        "GMT": "London",
        "BST": "London",
        "AEST": "Sydney",
        "AEDT": "Sydney",
    }
    for text, city in cities.items():
        assert zones.describe(first(text, at)).city == city


def test_what_the_time_was_called_before_the_law_changed_is_forgotten() -> None:
    """British Columbia keeps UTC−07:00 from 2026 on; the zone data calls that MST."""
    called = [c.name for c in zones.search("PDT", datetime(2027, 1, 2, tzinfo=UTC), limit=50)]
    assert "America/Vancouver" not in called
    assert "America/Vancouver" in names("MST", datetime(2027, 1, 2, tzinfo=UTC), limit=50)


def test_all_words_may_be_anywhere() -> None:
    assert names("france paris") == ["Europe/Paris"]
    assert names("york america") == ["America/New_York"]


def test_better_matches_come_before_worse_ones() -> None:
    found = names("port", limit=500)
    cities = [zones.describe(name).city.lower() for name in found]
    starts = [city.startswith("port") for city in cities]
    assert starts == sorted(starts, reverse=True)
    assert {True, False} == set(starts)


def test_nothing_stands_twice_and_only_known_names_stand_there() -> None:
    listed = {*moments.city_zones(), "UTC"}
    for text in ("a", "time", "us", "", "+0", "standard time"):
        found = names(text, limit=1000, preferred=("US/Eastern", "UTC", "Asia/Calcutta"))
        assert len(found) == len(set(found))
        assert set(found) <= listed


def test_a_zone_without_a_place_is_found_by_its_exact_name_only() -> None:
    assert names("Etc/GMT+5") == ["Etc/GMT+5"]
    assert zones.describe("Etc/GMT+5").city == "UTC−05:00"
    assert "Etc/GMT+5" not in names("etc", limit=500)


def test_an_offset_means_the_zones_that_have_it_now() -> None:
    for at in (WINTER, SUMMER):
        found = zones.search("UTC-4", at, limit=50)
        assert all(zones.offset_at(choice, at) == timedelta(hours=-4) for choice in found)
        assert ("America/New_York" in {choice.name for choice in found}) == (at == SUMMER)


def test_without_a_word_the_preferred_zones_come_first() -> None:
    found = names("", preferred=("Asia/Tokyo", "US/Central", "nonsense"))
    assert found[:3] == ["Asia/Tokyo", "America/Chicago", "America/New_York"]
    assert names("_ ") == names("")


def test_among_equals_the_best_known_come_first_and_then_ones_own() -> None:
    found = names("united states", limit=50, preferred=("America/Boise",))
    assert found.index("America/New_York") < found.index("America/Boise")
    assert found.index("America/Boise") < found.index("America/Detroit")
    assert names("united states", limit=50).index("America/Boise") > found.index("America/Boise")


def test_no_more_than_the_limit_is_found() -> None:
    assert len(names("time")) == 12
    assert len(names("", limit=3)) == 3


@pytest.mark.parametrize(
    "text",
    ["\0", "x" * 10_000_000, "🙂", "٣:٣٠", "+99", "+5:99", "%s", "'; --", "[", "\ud800", "²", "+²", "İ",
     "ﷺ" * 100, "a " * 60, "\n", "()"],
)  # fmt: skip
def test_no_text_breaks_the_search(text: str) -> None:
    assert isinstance(zones.search(text, WINTER), list)


def test_only_the_start_of_an_endless_text_is_looked_at() -> None:
    assert names("york" + " " * zones.LONGEST + "nowhere") == ["America/New_York"]


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=30), at=st.datetimes(datetime(2026, 1, 1), datetime(2040, 1, 1)))
def test_whatever_is_typed_only_zones_are_found(text: str, at: datetime) -> None:
    assert set(names(text, at.replace(tzinfo=UTC), preferred=(text,))) <= moments.ZONES


@pytest.mark.parametrize(
    ("name", "city", "country", "known_as"),
    [
        ("America/New_York", "New York", "United States", "Eastern Time"),
        ("US/Eastern", "New York", "United States", "Eastern Time"),
        ("Asia/Calcutta", "Calcutta", "India", "India Standard Time"),
        ("Asia/Kolkata", "Kolkata", "India", "India Standard Time"),
        ("America/Yellowknife", "Yellowknife", "Canada", "Mountain Time"),
        ("CET", "CET", "", "Central European Time"),
        ("EST", "EST", "", "UTC−05:00"),
        ("UTC", "UTC", "", "Coordinated Universal Time"),
        ("Etc/UTC", "UTC", "", "Coordinated Universal Time"),
        ("Iceland", "Reykjavik", "Iceland", "Greenwich Mean Time"),
    ],
)
def test_zones_are_described_as_people_know_them(
    name: str, city: str, country: str, known_as: str
) -> None:
    assert zones.describe(name) == zones.ZoneChoice(name, city, country, known_as)


def test_every_zone_and_nothing_else_can_be_described() -> None:
    for name in moments.ZONES:
        assert zones.describe(name).city
    with pytest.raises(moments.UnknownZone):
        zones.describe("Mars/Olympus_Mons")


def test_a_search_takes_milliseconds() -> None:
    texts = ["york", "a", "EST", "+5:30", "united states", "nothing at all", "time zone of a city"]
    for text in texts:
        zones.search(text, WINTER)
    started = time.perf_counter()
    for text in texts * 5:
        zones.search(text, WINTER)
    assert (time.perf_counter() - started) / (len(texts) * 5) < 0.02  # five here; a CI may be slow
