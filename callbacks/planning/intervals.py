"""The intervals that people and programs may ask about: clear, and of a size that can be answered."""

from datetime import datetime, timedelta

from callbacks.errors import Problem, Refused
from callbacks.rules import moments

LONGEST = timedelta(days=31)
"""So long an interval may be asked about."""


def require_interval(starts_at: datetime, ends_at: datetime) -> None:
    """Raise ``Refused`` unless it is an interval of at most 31 days, with offsets (rules §6.6)."""
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        said = "A time without Z or an offset could mean any zone. Send it with one."
        raise Refused([Problem("time.naive", "interval", said)])
    if not {starts_at.year, ends_at.year} <= set(moments.YEARS):
        raise Refused([Problem("time.invalid", "interval", "This year is out of reach.")])
    if not starts_at < ends_at <= starts_at + LONGEST:
        said = f"Ask about an interval that ends after it starts, at most {LONGEST.days} days long."
        raise Refused([Problem("invalid.value", "interval", said)])
