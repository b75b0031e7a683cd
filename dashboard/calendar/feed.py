"""An agent's promises as iCalendar: moments in UTC, which every calendar shows on its owner's clock.

A wall time with a zone would ask the calendar to know the zone's newest rules; UTC asks nothing, and
each fetch brings moments that follow from the zone data of this installation.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from icalendar import Alarm, Calendar, Event, vText

from callbacks.lifecycle import Status
from callbacks.models import Agent, CalendarFeed, Callback
from callbacks.rules import limits, moments, numbers
from dashboard.clocks import city, day_and_time

KEPT = timedelta(days=7)
"""For so long what is over stays in the feed as cancelled, so that calendars remove it."""
READ_EVERY = timedelta(minutes=1)
AT_MOST = 1000
ASK_AGAIN = "PT5M"
FORM = 2
"""Counted up when events are written in another way, so that calendars fetch them anew."""
OFF = frozenset({Status.CANCELLED, Status.EXPIRED, Status.CONVERTED, Status.FAILED})
"""What will not take place. A completed call did: it stays where it was, without its alarm."""


def make(agent: Agent, at: datetime) -> str:
    """A new secret for the agent's feed; an older one stops to work. It is told only now."""
    secret = secrets.token_urlsafe(32)
    CalendarFeed.objects.update_or_create(
        agent=agent, defaults={"digest": _digest(secret), "created_at": at, "read_at": None}
    )
    return secret


def remove(agent: Agent) -> None:
    """The agent's feed is there no more."""
    CalendarFeed.objects.filter(agent=agent).delete()


def find(secret: str, at: datetime) -> CalendarFeed | None:
    """The feed of this secret, noted as read; ``None`` for a wrong one, or a deactivated agent."""
    feeds = CalendarFeed.objects.select_related("agent__user")
    feed = feeds.filter(digest=_digest(secret), agent__user__is_active=True).first()
    if feed and (feed.read_at is None or at - feed.read_at >= READ_EVERY):
        CalendarFeed.objects.filter(pk=feed.pk).update(read_at=at)
    return feed


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def promises_of(agent: Agent, at: datetime) -> Iterable[Callback]:
    """What the agent owns or is preferred for, and what of it ended lately. One statement.

    Where there are more than a calendar can hold, the open ones are in it, the next first.
    """
    mine = Callback.objects.filter(Q(owner=agent.pk) | Q(preferred_agent=agent.pk))
    lately = Q(ended_at__isnull=True) | Q(ended_at__gt=at - KEPT)
    order = F("ended_at").desc(nulls_first=True), "requested_at", "id"
    return mine.filter(lately).select_related("queue").order_by(*order)[:AT_MOST]


def tag(callbacks: Iterable[Callback], agent: Agent, base: str) -> str:
    """The entity tag of what would be written: quicker than to write it.

    There is no Last-Modified beside it. What is handed over leaves the feed, and the newest change
    of what remains would then lie further back than before.
    """
    told = [
        (
            c.pk,
            c.version,
            c.status,
            c.requested_at,
            c.updated_at,
            c.queue.name,
            c.queue.default_region,
        )
        for c in callbacks
    ]
    frame = (FORM, moments.TZDATA_VERSION, agent.user.time_zone, settings.REMIND_BEFORE, base)
    return f'"{hashlib.sha256(repr((frame, told)).encode()).hexdigest()[:32]}"'


def written(callbacks: Iterable[Callback], agent: Agent, base: str) -> bytes:
    """The callbacks as a calendar; ``base`` is the address of this installation."""
    calendar = Calendar()
    calendar.add("prodid", "-//Ringback//Callbacks//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "Callbacks")
    calendar.add("refresh-interval;value=duration", ASK_AGAIN)
    calendar.add("x-published-ttl", ASK_AGAIN)
    for callback in callbacks:
        calendar.add_component(_event(callback, agent, base))
    text: bytes = calendar.to_ical()
    return text


def _event(callback: Callback, agent: Agent, base: str) -> Event:
    event = Event()
    contact = callback.contact_name or "Unnamed contact"
    address = f"{base}{callback.get_absolute_url()}"
    event.add("uid", f"{callback.pk}@ringback")
    event.add("sequence", callback.version)
    event.add("dtstamp", callback.updated_at)
    event.add("last-modified", callback.updated_at)
    event.add("dtstart", callback.requested_at)
    event.add("dtend", callback.requested_at + limits.HANDLING_TIME)
    event.add("summary", f"Callback: {contact}")
    event.add("description", f"{_about(callback, agent)}\n{address}")
    event.add("url", address)
    event.add("status", "CANCELLED" if callback.status in OFF else "CONFIRMED")
    if callback.is_open:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", -settings.REMIND_BEFORE)
        alarm.add("description", vText(f"Callback: {contact}"))
        event.add_component(alarm)
    return event


def _about(callback: Callback, agent: Agent) -> str:
    mine, theirs = agent.user.time_zone, callback.contact_time_zone
    number = numbers.display(callback.phone_number, callback.queue.default_region)
    extension = f" ext. {callback.phone_extension}" if callback.phone_extension else ""
    lines = [
        f"{_clock(callback.requested_at, theirs)} (contact)",
        f"{_clock(callback.requested_at, mine)} (you)",
        f"{number}{extension}",
        callback.reason,
        f"Queue: {callback.queue}",
        callback.get_status_display(),
    ]
    return "\n".join(line for line in lines if line)


def _clock(instant: datetime, zone: str) -> str:
    """With the name of the time: an hour that clocks show twice must say which it is."""
    name = moments.abbreviation(moments.at_instant(instant, zone))
    return f"{day_and_time(instant, zone)} {name} in {city(zone)}"
