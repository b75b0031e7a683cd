"""How moments are written on screens: always with the zone that they are meant in."""

from datetime import datetime

from callbacks.models import Callback
from callbacks.rules import moments, zones


def local(instant: datetime, zone: str) -> datetime:
    """The instant on the wall clocks of this zone."""
    return instant.astimezone(moments.zone(zone if zone in moments.ZONES else "UTC"))


def day_and_time(instant: datetime, zone: str) -> str:
    """``Sun 20 Dec, 14:05``"""
    return f"{local(instant, zone):%a %-d %b, %H:%M}"


def city(zone: str) -> str:
    """The city that a zone is named after: ``New York``; the name itself where it has none."""
    return zones.describe(zone).city if zone in moments.ZONES else zone


def when(callback: Callback, zone: str) -> str:
    """Both clocks in one line: the contact's, and that of the person who reads."""
    theirs = f"{day_and_time(callback.requested_at, callback.contact_time_zone)} in {city(callback.contact_time_zone)}"
    if callback.contact_time_zone == zone:
        return theirs
    return f"{theirs} ({day_and_time(callback.requested_at, zone)} in {city(zone)})"
