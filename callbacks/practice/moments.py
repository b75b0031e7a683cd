"""Moments as both dialects write them: UTC, milliseconds, ``Z``."""

import re
from datetime import UTC, datetime

STRICT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
NAIVE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)


def stamp(moment: datetime | None) -> str | None:
    """``2026-12-01T14:00:00.000Z``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def instant(text: str) -> datetime | None:
    """The moment, where the text is UTC with ``Z`` in full; else ``None``."""
    if not STRICT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def is_naive(text: str) -> bool:
    """Whether this is a time that does not say where."""
    return NAIVE.fullmatch(text) is not None
