"""Phone numbers: any customary notation in, E.164 stored (rules §2.6).

The extension is kept apart: two notations of one line are one key, whatever the extension.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

import phonenumbers
from babel import Locale
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, shortnumberinfo
from phonenumbers import timezone as number_zones

from callbacks.rules import moments
from callbacks.rules.moments import quoted

LONGEST = 60
"""Characters of a number with its extension, as typed."""
SATELLITE = frozenset({870, 881, 882, 883})
_KNOWN_TO_ALL = frozenset({"000", "110", "112", "119", "911", "999"})
"""Emergency numbers that are named as such also where they are none."""
_ALLOWED = re.compile(r"[0-9A-Za-zóÓдобДОБ+()\[\]\-./,;=#*:~ ]+")
"""The letters are those of vanity numbers and of the words for an extension."""
_START = re.compile(r"tel:|[0-9(\[*#]|\+ ?[0-9(\[]", re.IGNORECASE)
"""A sentence, and what a spreadsheet would calculate, start otherwise."""
_DOTS = dict.fromkeys("·•∙⋅・", ".")
_DASHES = dict.fromkeys("−ー", "-")
_WITH_ARTICLE = re.compile(
    r"United |Netherlands|Philippines|Bahamas|Maldives|Comoros|.* (Islands|Republic)"
)
"""Countries with an article."""
_HOW = "Type it with the area code, or start with + and the country code."


class NumberRefused(ValueError):
    """A text that is no number which could, or may, be called back."""

    def __init__(self, message: str, code: str = "number.invalid") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True)
class PhoneNumber:
    """A number that can be called."""

    e164: str
    extension: str
    warning: str = ""

    @cached_property
    def _parsed(self) -> phonenumbers.PhoneNumber:
        return phonenumbers.parse(self.e164, None)

    @cached_property
    def national(self) -> str:
        """As people in its country write it."""
        return str(phonenumbers.format_number(self._parsed, PhoneNumberFormat.NATIONAL))

    @cached_property
    def international(self) -> str:
        """As people abroad write it."""
        return str(phonenumbers.format_number(self._parsed, PhoneNumberFormat.INTERNATIONAL))

    @cached_property
    def region(self) -> str:
        """Its country; of a number that is not in use, the first with its country code."""
        return _region(self._parsed)


def parse(text: str, region: str | None) -> PhoneNumber:
    """The number meant by a text; ``region`` is the country of numbers without ``+``.

    Raises ``NumberRefused`` for what is none, is impossible, or is an emergency, premium-rate or
    satellite number.
    """
    typed = _cleaned(text)
    number, kind = _parsed(typed, region)
    is_in_use = kind != PhoneNumberType.UNKNOWN
    if not is_in_use:
        _refuse_emergency(typed, number, region)
        _refuse_impossible(number, typed)
    _refuse_kind(number, kind, typed)
    return PhoneNumber(
        e164=phonenumbers.format_number(_bare(number), PhoneNumberFormat.E164),
        extension=number.extension or "",
        warning="" if is_in_use else _UNUSUAL,
    )


_UNUSUAL = "No such number is in use that we know of. Read it back to the contact."


def _cleaned(text: str) -> str:
    """Digits, dashes and dots of all scripts in ASCII, without invisible characters."""
    if len(text) > LONGEST * 4:
        raise NumberRefused(f"This is too long for a phone number ({len(text):,} characters).")
    typed = "".join(map(_plain, unicodedata.normalize("NFKC", text))).strip()
    if not typed:
        raise NumberRefused("Enter the number to call.")
    if len(typed) > LONGEST or not _ALLOWED.fullmatch(typed) or not _START.match(typed):
        raise NumberRefused(
            f"{quoted(typed)} is not a phone number. Type digits, with + and the country code where "
            "it is abroad."
        )
    return typed


def _plain(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in {"Cf", "Cc"}:
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    if kind == "Pd":
        return "-"
    return _DOTS.get(character) or _DASHES.get(character) or character


def _parsed(typed: str, region: str | None) -> tuple[phonenumbers.PhoneNumber, int]:
    """The likeliest reading: a number in use at home, else one in use abroad, else any; its kind."""
    try:
        number = phonenumbers.parse(typed, region)
    except NumberParseException as failed:
        if international := _as_international(typed):
            return international
        _refuse_emergency(typed, None, region)
        raise NumberRefused(_why_unreadable(failed, typed)) from None
    kind = phonenumbers.number_type(number)
    if kind != PhoneNumberType.UNKNOWN:
        return number, kind
    return _as_international(typed) or (number, kind)


def _as_international(typed: str) -> tuple[phonenumbers.PhoneNumber, int] | None:
    """Digits that form a full international number, typed without the ``+``."""
    if not typed[0].isdigit():
        return None
    try:
        number = phonenumbers.parse(f"+{typed}", None)
    except NumberParseException:
        return None
    kind = phonenumbers.number_type(number)
    return (number, kind) if kind != PhoneNumberType.UNKNOWN else None


def _why_unreadable(failed: NumberParseException, typed: str) -> str:
    match failed.error_type:
        case NumberParseException.TOO_LONG:
            return f"{quoted(typed)} is too long for a phone number. Check it with the contact."
        case NumberParseException.INVALID_COUNTRY_CODE if typed.startswith("+"):
            return f"{quoted(typed)} starts with a country code that does not exist. Check it."
        case NumberParseException.INVALID_COUNTRY_CODE:
            return f"{quoted(typed)} could be in any country. Start with + and the country code."
        case _:
            return f"{quoted(typed)} is not a phone number. {_HOW}"


def _refuse_emergency(
    typed: str, number: phonenumbers.PhoneNumber | None, region: str | None
) -> None:
    """Refuse what calls for help in the region, in the number's country, or in any country.

    Asked only about numbers that are not in use: 112 starts many a landline of Delhi. Of what is
    too short to be called anyway, that is said instead: people type 555 on their way to a number.
    """
    digits = "".join(filter(str.isdigit, typed))
    calls_for_help = shortnumberinfo.connects_to_emergency_number(digits, region or "ZZ")
    if number is not None:
        dialled = phonenumbers.format_number(_bare(number), PhoneNumberFormat.NATIONAL)
        at_home = phonenumbers.region_code_for_country_code(number.country_code or 0)
        calls_for_help |= shortnumberinfo.connects_to_emergency_number(dialled, at_home)
    if calls_for_help:
        raise NumberRefused(
            f"{quoted(typed)} would reach an emergency service, which is never called back."
        )
    is_possible = number is not None and phonenumbers.is_possible_number(number)
    if digits in _KNOWN_TO_ALL or (is_possible and _calls_for_help_anywhere(digits)):
        raise NumberRefused(
            f"{quoted(typed)} is an emergency number in some countries, and never called back."
        )


def _calls_for_help_anywhere(digits: str) -> bool:
    """With or without the 0 for an outside line or another city."""
    return any(
        shortnumberinfo.is_emergency_number(short, region)
        for short in {digits, digits.removeprefix("0")}
        if 3 <= len(short) <= 6
        for region in phonenumbers.SUPPORTED_SHORT_REGIONS
    )


def _refuse_impossible(number: phonenumbers.PhoneNumber, typed: str) -> None:
    why = phonenumbers.is_possible_number_with_reason(number)
    if why == phonenumbers.ValidationResult.IS_POSSIBLE:
        return
    what = {
        phonenumbers.ValidationResult.TOO_SHORT: "too short",
        phonenumbers.ValidationResult.TOO_LONG: "too long",
        phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too short without its area code",
    }.get(why, "of no possible length")
    raise NumberRefused(f"{quoted(typed)} is {what} for {_a_number_of(number)}. {_HOW}")


def _a_number_of(number: phonenumbers.PhoneNumber) -> str:
    """``a phone number in the United States``"""
    name = country(phonenumbers.region_code_for_country_code(number.country_code or 0))
    if name in {"world", _NO_COUNTRY}:
        return "an international number"
    return f"a phone number in {'the ' if _WITH_ARTICLE.match(name) else ''}{name}"


def _refuse_kind(number: phonenumbers.PhoneNumber, kind: int, typed: str) -> None:
    if number.country_code in SATELLITE:
        raise NumberRefused(
            "Satellite and global network numbers are not called back. Ask for another number."
        )
    # In North America all of 900 is premium-rate, also what is not given out yet.
    is_900 = number.country_code == 1 and str(number.national_number).startswith("900")
    if is_900 or kind == PhoneNumberType.PREMIUM_RATE:
        raise NumberRefused(
            f"{quoted(typed)} is a premium-rate number, which is never called back. Ask for another."
        )


def _bare(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """The number without its extension."""
    if number.extension is None:
        return number
    bare = phonenumbers.PhoneNumber()
    bare.merge_from(number)
    bare.extension = None
    return bare


def _region(number: phonenumbers.PhoneNumber) -> str:
    """The country of a number; of one that is not in use, the first with its country code."""
    found = phonenumbers.region_code_for_number(number)
    return str(found or phonenumbers.region_code_for_country_code(number.country_code or 0))


_NO_COUNTRY = "this country"


def country(region: str) -> str:
    """The English name of a country by its ISO code; ``this country`` for what is none."""
    return str(Locale("en").territories.get(region) or _NO_COUNTRY)


def regions() -> list[tuple[str, str]]:
    """All countries with numbers, as code and English name, by name (Åland among the As)."""
    pairs = [(code, country(code)) for code in phonenumbers.SUPPORTED_REGIONS]
    return sorted(pairs, key=lambda pair: unicodedata.normalize("NFKD", pair[1]))


def time_zones(e164: str) -> tuple[str, ...]:
    """The zones in which this number may be, by the names that people know."""
    try:
        found = number_zones.time_zones_for_number(phonenumbers.parse(e164, None))
    except NumberParseException:
        return ()
    known = (moments.canonical(name) for name in found if name in moments.ZONES)
    return tuple(dict.fromkeys(known))


def suggested_zone(e164: str) -> str | None:
    """The zone of the number, where it leaves no doubt."""
    found = time_zones(e164)
    return found[0] if len(found) == 1 else None


def display(e164: str, home: str, extension: str = "") -> str:
    """The number as people at home write it: nationally there, else internationally."""
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    style = (
        PhoneNumberFormat.NATIONAL if _region(number) == home else PhoneNumberFormat.INTERNATIONAL
    )
    shown = str(phonenumbers.format_number(number, style))
    return f"{shown} ext. {extension}" if extension else shown


def mask(e164: str) -> str:
    """The number for those who are not to call it: country code and last two digits."""
    try:
        code = phonenumbers.parse(e164, None).country_code
    except NumberParseException:
        return "•••"
    return f"+{code} ••• ••{e164[-2:]}"
