"""Phone numbers: any customary notation in, E.164 stored (rules §2.6).

The extension is kept apart: two notations of one line are one key, whatever the extension.
"""

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from babel import Locale
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, shortnumberinfo
from phonenumbers import timezone as number_zones

from callbacks.rules import moments

LONGEST = 60
"""Characters of a number with its extension, as typed."""
SATELLITE = frozenset({870, 881, 882, 883})
_ALLOWED = re.compile(r"[0-9A-Za-z+()\[\]\-–—./,;=#*:~ ]+")
_JUNK_START = re.compile(r"[^0-9+(\[A-Za-z*#]")
_COUNTRY_CODES = re.compile(r"[1-9][0-9]{7,14}")


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
    national: str
    international: str
    region: str
    warning: str = ""


def parse(text: str, region: str | None) -> PhoneNumber:
    """The number meant by a text; ``region`` is the country of numbers without ``+``.

    Raises ``NumberRefused`` for what is none, is impossible, or is an emergency, premium-rate or
    satellite number.
    """
    typed = _cleaned(text)
    _refuse_emergency(typed, region)
    number = _parsed(typed, region)
    _refuse_kind(number, typed)
    return PhoneNumber(
        e164=phonenumbers.format_number(_bare(number), PhoneNumberFormat.E164),
        extension=number.extension or "",
        national=phonenumbers.format_number(_bare(number), PhoneNumberFormat.NATIONAL),
        international=phonenumbers.format_number(_bare(number), PhoneNumberFormat.INTERNATIONAL),
        region=phonenumbers.region_code_for_number(number) or "",
        warning="" if phonenumbers.is_valid_number(number) else _UNUSUAL,
    )


_UNUSUAL = "No such number is in use that we know of. Read it back to the contact."


def _cleaned(text: str) -> str:
    """Full-width and other digits as ASCII, without invisible characters."""
    if len(text) > LONGEST * 4:
        raise NumberRefused(f"This is too long for a phone number ({len(text):,} characters).")
    folded = unicodedata.normalize("NFKC", text)
    visible = "".join(c for c in folded if unicodedata.category(c) not in {"Cf", "Cc"})
    typed = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in visible).strip()
    if not typed:
        raise NumberRefused("Enter the number to call.")
    if len(typed) > LONGEST or not _ALLOWED.fullmatch(typed) or _JUNK_START.match(typed):
        raise NumberRefused(
            f"“{typed[:40]}” is not a phone number. Type digits, with + and the country code where "
            "it is abroad."
        )
    return typed


def _refuse_emergency(typed: str, region: str | None) -> None:
    digits = "".join(c for c in typed if c.isdigit())
    if len(digits) > 6 or typed.startswith("+"):
        return
    regions = {region or "US", "US", "GB", "DE", "AU", "IN", "CN", "JP", "BR"}
    if any(shortnumberinfo.is_emergency_number(digits, r) for r in regions):
        raise NumberRefused(f"{digits} is an emergency number, which is never called back.")


def _parsed(typed: str, region: str | None) -> phonenumbers.PhoneNumber:
    try:
        number = phonenumbers.parse(typed, region)
    except NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        number = _as_international(typed) or number
    if number is None:
        raise NumberRefused(
            f"“{typed[:40]}” is not a phone number. Type it with the area code, or start with + "
            "and the country code."
        )
    _refuse_impossible(number, typed, region)
    return number


def _as_international(typed: str) -> phonenumbers.PhoneNumber | None:
    """Digits that form a full international number, typed without the ``+``."""
    digits = re.sub(r"[()\-./ ]", "", typed)
    if not _COUNTRY_CODES.fullmatch(digits):
        return None
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _refuse_impossible(number: phonenumbers.PhoneNumber, typed: str, region: str | None) -> None:
    why = phonenumbers.is_possible_number_with_reason(number)
    if why == phonenumbers.ValidationResult.IS_POSSIBLE:
        return
    what = {
        phonenumbers.ValidationResult.TOO_SHORT: "too short",
        phonenumbers.ValidationResult.TOO_LONG: "too long",
        phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too short without its area code",
    }.get(why, "of no possible length")
    code = phonenumbers.region_code_for_country_code(number.country_code or 0)
    raise NumberRefused(
        f"“{typed[:40]}” is {what} for a number in {country(code)}. Type it with the area code, or "
        "start with + and the country code."
    )


def _refuse_kind(number: phonenumbers.PhoneNumber, typed: str) -> None:
    if number.country_code in SATELLITE:
        raise NumberRefused(
            "Satellite and global network numbers are not called back. Ask for another number."
        )
    if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE:
        raise NumberRefused(
            f"“{typed[:40]}” is a premium-rate number, which is never called back. Ask for another."
        )


def _bare(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """The number without its extension."""
    bare = phonenumbers.PhoneNumber()
    bare.merge_from(number)
    bare.extension = None
    return bare


def country(region: str) -> str:
    """The English name of a country by its ISO code; ``this country`` for what is none."""
    return str(Locale("en").territories.get(region) or "this country")


def regions() -> list[tuple[str, str]]:
    """All countries with numbers, as code and English name, by name."""
    return sorted(
        ((code, country(code)) for code in phonenumbers.SUPPORTED_REGIONS), key=lambda pair: pair[1]
    )


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


def display(e164: str, home: str) -> str:
    """The number as people at home write it: nationally there, else internationally."""
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    is_home = phonenumbers.region_code_for_number(number) == home
    style = PhoneNumberFormat.NATIONAL if is_home else PhoneNumberFormat.INTERNATIONAL
    return str(phonenumbers.format_number(number, style))


def mask(e164: str) -> str:
    """The number for those who are not to call it: country code and last two digits."""
    try:
        code = phonenumbers.parse(e164, None).country_code
    except NumberParseException:
        return "•••"
    return f"+{code} ••• ••{e164[-2:]}"
