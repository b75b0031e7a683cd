"""Rules §2.6: any customary notation in, one number out."""

import pytest

from callbacks.rules import numbers


@pytest.mark.parametrize(
    "text",
    ["+1 212 555 0100", "(212) 555-0100", "212.555.0100", "+１２１２５５５０１００", "+1\u200b2125550100",
     "+١٢١٢٥٥٥٠١٠٠", "212-555-0100 ext. 42", "12125550100", "tel:+1-212-555-0100", "001 212 555 0100"],
)  # fmt: skip
def test_all_notations_of_a_line_are_one_number(text: str) -> None:
    region = "GB" if text.startswith("00") else "US"
    assert numbers.parse(text, region).e164 == "+12125550100"


def test_the_extension_is_kept_apart() -> None:
    for text in ("212-555-0100 ext. 42", "212-555-0100 x42", "+12125550100;ext=42"):
        assert numbers.parse(text, "US").extension == "42"


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [("12345678901", "US", "+12345678901"), ("442079460123", "US", "+442079460123"),
     ("020 7946 0123", "GB", "+442079460123"), ("1-800-FLOWERS", "US", "+18003569377")],
)  # fmt: skip
def test_numbers_without_a_plus(text: str, region: str, e164: str) -> None:
    assert numbers.parse(text, region).e164 == e164


@pytest.mark.parametrize(
    "text",
    ["", " ", "12", "abc", "=+12125550100", "@SUM(1)", "-2125550100", "+", "+0", "9" * 200, "\0",
     "2125550100\r\nX: y", "<script>", "212555010🙂", "+1 212 555 01000000", "1" * 10_000_000],
)  # fmt: skip
def test_what_is_no_number_is_refused_in_words(text: str) -> None:
    with pytest.raises(numbers.NumberRefused) as refused:
        numbers.parse(text, "US")
    assert len(refused.value.message) > 10


@pytest.mark.parametrize(
    ("text", "word"),
    [("911", "emergency"), ("112", "emergency"), ("999", "emergency"),
     ("+1 900 555 1234", "premium"), ("+44 909 8790000", "premium"),
     ("+881612345678", "Satellite"), ("+883510001234567", "Satellite")],
)  # fmt: skip
def test_emergency_premium_and_satellite_numbers_are_refused(text: str, word: str) -> None:
    with pytest.raises(numbers.NumberRefused, match=word):
        numbers.parse(text, "US")


def test_a_possible_number_that_is_not_in_use_is_warned_about() -> None:
    assert numbers.parse("(555) 123-4567", "US").warning
    assert not numbers.parse("+12125550100", "US").warning


def test_the_zone_is_suggested_only_without_doubt() -> None:
    assert numbers.suggested_zone("+442079460123") == "Europe/London"
    assert numbers.suggested_zone("+12125550100") == "America/New_York"
    assert numbers.suggested_zone("+18005550199") is None
    assert numbers.suggested_zone("+911123456789") == "Asia/Kolkata"


def test_numbers_are_shown_nationally_at_home_and_masked_to_others() -> None:
    assert numbers.display("+12125550100", "US") == "(212) 555-0100"
    assert numbers.display("+12125550100", "GB") == "+1 212-555-0100"
    assert numbers.mask("+12125550134") == "+1 ••• ••34"
