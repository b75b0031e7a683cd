"""Durations as people write them: ``7 days``, ``1 h 30 min``, ``90 minutes``."""

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dateparse import parse_duration

_PART = re.compile(r"(\d+(?:[.,]\d+)?)\s*([a-z]+)")
_WHOLE = re.compile(r"(?:\s*\d+(?:[.,]\d+)?\s*[a-z]+,?\s*(?:and)?)+")
_THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")
"""Thousands to some and thousandths to others: asked again rather than guessed."""
_UNITS = {
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86400),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
}


def read(text: str) -> timedelta | None:
    """The duration meant; ``None`` when it cannot be read. Units as words or their first letters."""
    plain = text.strip().lower()
    if not plain.isascii() or len(plain) > 80 or _THOUSANDS.search(plain):
        return None
    if _WHOLE.fullmatch(plain):
        parts = _PART.findall(plain)
        if any(unit not in _UNITS for _, unit in parts):
            return None
        seconds = sum(float(count.replace(",", ".")) * _UNITS[unit] for count, unit in parts)
        return timedelta(seconds=seconds) if seconds < 1e9 else None
    return _by_clock(plain) if ":" in plain else None


def _by_clock(plain: str) -> timedelta | None:
    """``7 00:00:00``, as Django and PostgreSQL write it."""
    try:
        return parse_duration(plain)
    except OverflowError:
        return None


HOW = "Write it like “7 days”, “1 h 30 min” or “90 minutes”."


class DurationField(forms.DurationField):
    """A duration in words."""

    widget = forms.TextInput(attrs={"size": 24})

    def to_python(self, value: Any) -> timedelta | None:
        """The duration, or an error that shows how to write it."""
        if value in self.empty_values:
            return None
        if isinstance(value, timedelta):
            return value
        found = read(str(value))
        if found is None:
            raise ValidationError(HOW)
        return found

    def prepare_value(self, value: Any) -> Any:
        """The duration in words."""
        return exactly(value) if isinstance(value, timedelta) else value


def exactly(span: timedelta) -> str:
    """A span in words without rounding: what is read back is the same."""
    seconds, parts = int(span.total_seconds()), []
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {word}{'s' * (count != 1)}")
    return " ".join(parts) or "0 seconds"


class WithDurations(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin whose durations are words."""

    formfield_overrides = {models.DurationField: {"form_class": DurationField}}
