"""Rules §2.6: any customary notation in, one number out."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from callbacks.rules import moments, numbers


@pytest.mark.parametrize(
    "text",
    ["+1 212 555 0100", "(212) 555-0100", "212.555.0100", "212-555-0100", "2125550100", "12125550100",
     "+１２１２５５５０１００", "（２１２）５５５－０１００", "+١٢١٢٥٥٥٠١٠٠", "۲۱۲۵۵۵۰۱۰۰", "२१२५५५०१००",
     "2125550100\u200b", "\u202a+12125550100\u202c", "\ufeff+12125550100", "212\u00a0555\u00a00100",
     "212\u2011555\u20110100", "212–555–0100", "212−555−0100", "212·555·0100", " +1-212-555-0100\n",
     "+1 (212) 555-0100", "tel:+1-212-555-0100", "212-555-0100 ext. 42", "1/212/555/0100"],
)  # fmt: skip
def test_all_notations_of_a_line_are_one_number(text: str) -> None:
    assert numbers.parse(text, "US").e164 == "+12125550100"


@pytest.mark.parametrize(
    "text",
    ["212-555-0100 ext. 42", "212-555-0100 x42", "212-555-0100 ext 42", "212-555-0100 #42",
     "+12125550100;ext=42", "(212) 555-0100, extension 42", "+12125550100,,42#", "+12125550100 доб. 42",
     "+12125550100 extensión 42", "+１２１２５５５０１００ ｘ４２"],
)  # fmt: skip
def test_the_extension_is_kept_apart(text: str) -> None:
    number = numbers.parse(text, "US")
    assert (number.e164, number.extension) == ("+12125550100", "42")
    assert "42" not in number.national + number.international


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [("12345678901", "US", "+12345678901"), ("442079460123", "US", "+442079460123"),
     ("44 20 7946 0123", "US", "+442079460123"), ("020 7946 0123", "GB", "+442079460123"),
     ("+44 (0)20 7946 0123", "US", "+442079460123"), ("00 1 212 555 0100", "GB", "+12125550100"),
     ("011 44 20 7946 0123", "US", "+442079460123"), ("12125550100", None, "+12125550100"),
     ("8 926 123-45-67", "RU", "+79261234567"), ("06 4991 0000", "IT", "+390649910000"),
     ("1123456789", "IN", "+911123456789"), ("442079460123 ext 5", "US", "+442079460123")],
)  # fmt: skip
def test_numbers_without_a_plus(text: str, region: str | None, e164: str) -> None:
    assert numbers.parse(text, region).e164 == e164


@pytest.mark.parametrize(
    ("text", "e164"),
    [("1-800-FLOWERS", "+18003569377"), ("1800FLOWERS", "+18003569377"), ("212-555-CALL", "+12125552255")],
)  # fmt: skip
def test_letters_of_vanity_numbers_are_dialled(text: str, e164: str) -> None:
    assert numbers.parse(text, "US").e164 == e164


@pytest.mark.parametrize(
    "text",
    ["", " ", "\u200b", "12", "abc", "FLOWERS", "=+12125550100", "@SUM(1)", "-2125550100", "+-12125550100",
     "++12125550100", "+", "+1", "+0", "+0 123", "9" * 200, "\0", "2125550100\r\nX: y", "<script>",
     "212555010🙂", "+1 212 555 01000000", "1" * 10_000_000, "call me 2125550100", "'2125550100",
     "2125550100 or 2125550101", "2125550100.0", "2.12555E+9", "sip:ana@example.com", "*31#",
     "+999 123456789", "555 0100", "020 7946 0123", "\ud800", "１" * 61],
)  # fmt: skip
def test_what_is_no_number_is_refused_in_words(text: str) -> None:
    with pytest.raises(numbers.NumberRefused) as refused:
        numbers.parse(text, "US")
    assert refused.value.code == "number.invalid"
    assert len(refused.value.message) > 10
    assert refused.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "region", "sentence"),
    [
        ("12", "US", "“12” is too short for a phone number in the United States. Type it with the area "
         "code, or start with + and the country code."),
        ("555 0100", "US", "“555 0100” is too short without its area code for a phone number in the "
         "United States. Type it with the area code, or start with + and the country code."),
        ("+49 1", "US", "“+49 1” is not a phone number. Type it with the area code, or start with + and "
         "the country code."),
        ("12345678901234567890", "US", "“12345678901234567890” is too long for a phone number. Check it "
         "with the contact."),
        ("2125550100", None, "“2125550100” could be in any country. Start with + and the country code."),
        ("+999 1234567", "US", "“+999 1234567” starts with a country code that does not exist. Check it."),
        ("555", "US", "“555” is too short for a phone number in the United States. Type it with the "
         "area code, or start with + and the country code."),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(text: str, region: str | None, sentence: str) -> None:
    with pytest.raises(numbers.NumberRefused) as refused:
        numbers.parse(text, region)
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    ("text", "word"),
    [("911", "emergency"), ("112", "emergency"), ("999", "emergency"), ("110", "emergency"),
     ("000", "emergency"), ("119", "emergency"), ("9 1 1", "emergency"), ("٩١١", "emergency"),
     ("911 ext. 4", "emergency"), ("+1 911", "emergency"), ("911 234 5678", "emergency"),
     ("+1 911 234 5678", "emergency"), ("+44 999", "emergency"), ("+49 112", "emergency"),
     ("+1 900 555 1234", "premium"), ("900-011-1234", "premium"), ("+44 909 8790000", "premium"),
     ("+49 900 1234567", "premium"), ("+33 899 123456", "premium"), ("+979 123456789", "premium"),
     ("+870 773 111 632", "Satellite"), ("+881612345678", "Satellite"), ("881612345678", "Satellite"),
     ("+88216 12345678", "Satellite"), ("+883510001234567", "Satellite")],
)  # fmt: skip
def test_emergency_premium_and_satellite_numbers_are_refused(text: str, word: str) -> None:
    with pytest.raises(numbers.NumberRefused, match=word):
        numbers.parse(text, "US")


def test_no_emergency_number_of_any_country_gets_through() -> None:
    """Typed there, or in a queue of another country; with 0 for an outside line, too."""
    three = [f"{n:03}" for n in range(1000)] + [f"{n:02}" for n in range(100)]
    for region in phonenumbers.SUPPORTED_SHORT_REGIONS:
        for short in (s for s in three if shortnumberinfo.is_emergency_number(s, region)):
            for home in (region, "US", "DE", None):
                with pytest.raises(numbers.NumberRefused):
                    numbers.parse(short, home)


@pytest.mark.parametrize(
    ("text", "e164"),
    [("+1 800 555 0199", "+18005550199"), ("+18005550199,,42#", "+18005550199"),
     ("+44 20 7946 0123", "+442079460123"), ("+44 808 157 0192", "+448081570192"),
     ("+44 70 1234 5678", "+447012345678"), ("+800 1234 5678", "+80012345678")],
)  # fmt: skip
def test_toll_free_and_personal_numbers_may_be_called(text: str, e164: str) -> None:
    assert numbers.parse(text, "US").e164 == e164


KINDS = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE)
STYLES = (
    PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL,
    PhoneNumberFormat.RFC3966,
)  # fmt: skip


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_numbers_of_every_country_are_read_as_they_are_written_there(region: str) -> None:
    for kind in KINDS:
        example = phonenumbers.example_number_for_type(region, kind)
        for style in STYLES if example else ():
            found = numbers.parse(phonenumbers.format_number(example, style), region)
            assert found.e164 == phonenumbers.format_number(example, PhoneNumberFormat.E164)
            assert not found.warning


def test_a_possible_number_that_is_not_in_use_is_warned_about() -> None:
    number = numbers.parse("(555) 123-4567", "US")
    assert (number.region, bool(number.warning)) == ("US", True)
    assert not numbers.parse("+12125550100", "US").warning


@settings(max_examples=500, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=80), st.text(alphabet="+0123456789()-. x#,;*٣１－", max_size=30)
    ),
    region=st.sampled_from(["US", "GB", "DE", "IT", "BR", "", "ZZ", None]),
)
def test_any_text_is_a_number_that_reads_back_the_same_or_is_refused(
    text: str, region: str | None
) -> None:
    try:
        number = numbers.parse(text, region)
    except numbers.NumberRefused:
        return
    written = number.e164 + (f" ext. {number.extension}" if number.extension else "")
    again = numbers.parse(written, "US")
    assert (again.e164, again.extension) == (number.e164, number.extension)
    assert numbers.parse(number.international, "US").e164 == number.e164


def test_the_zone_is_suggested_only_without_doubt() -> None:
    assert numbers.suggested_zone("+442079460123") == "Europe/London"
    assert numbers.suggested_zone("+12125550100") == "America/New_York"
    assert numbers.suggested_zone("+18005550199") is None
    assert numbers.suggested_zone("+911123456789") == "Asia/Kolkata"
    assert numbers.suggested_zone("no number") is None


def test_the_zones_of_a_number_have_the_names_that_people_know() -> None:
    found = numbers.time_zones("+18005550199")
    assert len(found) > 10
    assert "Etc/Unknown" not in found
    assert all(moments.canonical(name) == name for name in found)
    assert numbers.time_zones("+881612345678") == ()


def test_numbers_are_shown_nationally_at_home_and_masked_to_others() -> None:
    assert numbers.display("+12125550100", "US") == "(212) 555-0100"
    assert numbers.display("+12125550100", "GB") == "+1 212-555-0100"
    assert numbers.display("+15551234567", "US") == "(555) 123-4567"
    assert numbers.display("+12125550100", "US", "42") == "(212) 555-0100 ext. 42"
    assert numbers.display("withheld", "US") == "withheld"
    assert numbers.mask("+12125550134") == "+1 ••• ••34"


def test_the_countries_stand_in_the_order_of_their_names() -> None:
    found = numbers.regions()
    assert ("US", "United States") in found
    names = [name for _, name in found]
    assert names.index("Azerbaijan") < names.index("Åland Islands") < names.index("Bahamas")
    assert len(found) == len(dict(found)) > 200
