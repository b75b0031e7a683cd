"""When the engine looks at a callback again: each open one has such a moment (rules §4.8)."""

from datetime import datetime, timedelta

WAITING_AGAIN = timedelta(hours=1)
"""A waiting callback is looked at once an hour, whatever else is to come."""
BARRED_AGAIN = timedelta(hours=1)
"""One whose number is uncallable; a change to the list looks at once."""
CALL_AGAIN = timedelta(hours=4)
"""One that somebody is on the phone about."""


def earliest(at: datetime, longest: timedelta, *moments: datetime | None) -> datetime:
    """The first of these moments that is still to come, at most ``longest`` from now (UTC)."""
    coming = [moment for moment in moments if moment is not None and moment > at]
    return min([at + longest, *coming])
