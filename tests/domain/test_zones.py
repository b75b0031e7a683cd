"""Rules §2.1: the zone is found by whatever people call it."""

from datetime import UTC, datetime, timedelta

import pytest

from callbacks.rules import moments, zones

WINTER = datetime(2026, 12, 1, tzinfo=UTC)


def first(text: str) -> str:
    return zones.search(text, WINTER)[0].name


@pytest.mark.parametrize("text", ["york", "new_york", "America/New", "EST5EDT", "new york", "EST",
                                  "EDT", "US/Eastern", "Eastern Time", "NEW YORK", "  york "])  # fmt: skip
def test_new_york_is_found_by_all_its_names(text: str) -> None:
    assert first(text) == "America/New_York"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("london", "Europe/London"), ("BST", "Europe/London"), ("Greenwich Mean Time", "Europe/London"),
        ("sao p", "America/Sao_Paulo"), ("São Paulo", "America/Sao_Paulo"),
        ("germany", "Europe/Berlin"), ("Calcutta", "Asia/Kolkata"), ("IST", "Asia/Kolkata"),
        ("kiev", "Europe/Kyiv"), ("Pacific Standard Time", "America/Los_Angeles"),
        ("W. Europe Standard Time", "Europe/Berlin"), ("+5:30", "Asia/Kolkata"),
        ("UTC-5", "America/New_York"), ("utc", "UTC"), ("oslo", "Europe/Oslo"), ("nepal", "Asia/Kathmandu"),
    ],
)  # fmt: skip
def test_zones_are_found(text: str, name: str) -> None:
    assert first(text) == name


def test_nothing_stands_twice_and_everything_is_a_zone() -> None:
    for text in ("a", "time", "us", ""):
        names = [choice.name for choice in zones.search(text, WINTER, limit=500)]
        assert len(names) == len(set(names))
        assert set(names) <= moments.ZONES


def test_an_offset_means_the_zones_that_have_it_now() -> None:
    for choice in zones.search("UTC-4", WINTER, limit=50):
        assert moments.at_instant(WINTER, choice.name).utc_offset == timedelta(hours=-4)


def test_without_a_word_the_preferred_zones_come_first() -> None:
    assert zones.search("", WINTER, preferred=("Asia/Tokyo",))[0].name == "Asia/Tokyo"


@pytest.mark.parametrize("text", ["\0", "x" * 10_000_000, "🙂", "٣:٣٠", "+99", "%s", "'; --", "["])
def test_no_text_breaks_the_search(text: str) -> None:
    assert isinstance(zones.search(text, WINTER), list)


def test_every_zone_can_be_described() -> None:
    for name in moments.ZONES:
        assert zones.describe(name).city
