"""An agent's promises as iCalendar: moments in UTC, which every calendar shows on its owner's clock.

A wall time with a zone would ask the calendar to know the zone's newest rules; UTC asks nothing, and
each fetch brings moments that follow from the zone data of this installation.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q
from icalendar import Alarm, Calendar, Event, vText

from callbacks.lifecycle import Status
from callbacks.models import Agent, CalendarFeed, Callback
from callbacks.rules import limits, numbers
from dashboard.clocks import city, day_and_time

KEPT = timedelta(days=7)
"""For so long what is over stays in the feed as cancelled, so that calendars remove it."""
READ_EVERY = timedelta(minutes=1)
AT_MOST = 1000
REMIND_BEFORE = timedelta(minutes=10)


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
    """What the agent owns or is preferred for, and lately did. One statement."""
    mine = Callback.objects.filter(Q(owner=agent.pk) | Q(preferred_agent=agent.pk))
    lately = Q(ended_at__isnull=True) | Q(ended_at__gt=at - KEPT)
    return mine.filter(lately).select_related("queue").order_by("requested_at", "id")[:AT_MOST]


def written(callbacks: Iterable[Callback], agent: Agent, base: str) -> bytes:
    """The callbacks as a calendar; ``base`` is the address of this installation."""
    calendar = Calendar()
    calendar.add("prodid", "-//Ringback//Callbacks//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Callbacks")
    calendar.add("refresh-interval;value=duration", "PT5M")
    for callback in callbacks:
        calendar.add_component(_event(callback, agent, base))
    text: bytes = calendar.to_ical()
    return text


def _event(callback: Callback, agent: Agent, base: str) -> Event:
    event = Event()
    contact = callback.contact_name or "Unnamed contact"
    is_off = callback.status in (Status.CANCELLED, Status.EXPIRED, Status.CONVERTED, Status.FAILED)
    event.add("uid", f"{callback.pk}@ringback")
    event.add("sequence", callback.version)
    event.add("dtstamp", callback.updated_at)
    event.add("last-modified", callback.updated_at)
    event.add("dtstart", callback.requested_at)
    event.add("dtend", callback.requested_at + limits.HANDLING_TIME)
    event.add("summary", f"Callback: {contact}")
    event.add("description", _about(callback, agent))
    event.add("url", f"{base}{callback.get_absolute_url()}")
    event.add("status", "CANCELLED" if is_off else "CONFIRMED")
    if callback.is_open:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", -REMIND_BEFORE)
        alarm.add("description", vText(f"Callback: {contact}"))
        event.add_component(alarm)
    return event


def _about(callback: Callback, agent: Agent) -> str:
    mine, theirs = agent.user.time_zone, callback.contact_time_zone
    number = numbers.display(callback.phone_number, callback.queue.default_region)
    extension = f" ext. {callback.phone_extension}" if callback.phone_extension else ""
    lines = [
        f"{day_and_time(callback.requested_at, theirs)} in {city(theirs)} (contact)",
        f"{day_and_time(callback.requested_at, mine)} in {city(mine)} (you)",
        f"{number}{extension}",
        callback.reason,
        f"Queue: {callback.queue}",
        callback.get_status_display(),
    ]
    return "\n".join(line for line in lines if line)
