"""The living cast of the tests, and builders with sensible defaults.

Ana owns, Ben is her peer in London, Lena leads their team, Sam supervises their queue, Ada is admin,
and Otto, an agent of another queue, may see nothing of it.
"""

import importlib
import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.apps import apps

from callbacks.access import Actor
from callbacks.models import Agent, Callback, CallingHours, Queue, Role, Team, User
from callbacks.rules import moments
from callbacks.scheduling import CallbackRequest, schedule

ground_rules = importlib.import_module("callbacks.migrations.0002_ground_rules")
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""A Monday, 10:00 in New York and 15:00 in London."""
PASSWORD = "correct horse battery"
_numbers = itertools.count(100)


@dataclass
class Cast:
    """Everybody, and the two queues."""

    support: Queue
    billing: Queue
    ana: User
    ben: User
    lena: User
    sam: User
    ada: User
    otto: User


def person(username: str, name: str, zone: str, role: str = Role.AGENT) -> User:
    """A user who can log in."""
    return User.objects.create_user(username, PASSWORD, name=name, time_zone=zone, role=role)


def agent(user: User, team: Team | None, *queues: Queue) -> Agent:
    """The user as an agent of these queues."""
    made = Agent.objects.create(user=user, team=team)
    made.queues.set(queues)
    return made


def make_cast() -> Cast:
    """Everybody at their places, with what migrations bring: some tests empty every table."""
    ground_rules.add_first_rows(apps, None)
    support = make_queue("Support")
    billing = make_queue("Billing")
    team = Team.objects.create(name="Support")
    ana = person("ana", "Ana Reyes", "America/New_York")
    ben = person("ben", "Ben Hughes", "Europe/London")
    lena = person("lena", "Lena Vogt", "Europe/Berlin")
    otto = person("otto", "Otto Berg", "Europe/Oslo")
    sam = person("sam", "Sam Okoro", "America/Chicago", Role.SUPERVISOR)
    ada = person("ada", "Ada Lund", "UTC", Role.ADMIN)
    for user in (ana, ben, lena):
        agent(user, team, support)
    agent(otto, None, billing)
    team.lead_id = lena.pk
    team.save()
    support.supervisors.add(sam)
    return Cast(support, billing, ana, ben, lena, sam, ada, otto)


def make_queue(name: str, **changes: Any) -> Queue:
    """A queue with owned callbacks, at most 7 days ahead."""
    values = {"ownership_enabled": True, "schedule_ahead_limit": timedelta(days=7)}
    return Queue.objects.create(name=name, **{**values, **changes})


def open_day_and_night(queue: Queue) -> None:
    """Contacts of the queue may be called at any hour: for tests that run by the real clock."""
    midnight = time(0)
    CallingHours.objects.bulk_create(
        CallingHours(queue=queue, weekday=day, opens=midnight, closes=midnight) for day in range(7)
    )


def by(user: User) -> Actor:
    """The person as an actor."""
    return Actor.person(user)


def fresh_number() -> str:
    """A London number that nobody has: from the range kept for fiction, and beyond it."""
    return f"+44207946{next(_numbers):04d}"


def wish(queue: Queue, **changes: Any) -> CallbackRequest:
    """A request without a problem: tomorrow at 12:00 in New York, to London."""
    values: dict[str, Any] = {
        "queue_id": queue.pk,
        "phone_number": fresh_number(),
        "date": "2026-11-24",
        "time": "12:00",
        "time_zone": "America/New_York",
        "contact_name": "Liam Byrne",
        "reason": "Router",
        "consent": True,
        "allow_outside_calling_hours": True,
    }
    return CallbackRequest(**{**values, **changes})


def wish_at(queue: Queue, instant: datetime, **changes: Any) -> CallbackRequest:
    """A request for an instant, as New York's clocks show it."""
    moment = moments.at_instant(instant, "America/New_York")
    day: date = moment.local.date()
    values = {
        "date": day.isoformat(),
        "time": f"{moment.local:%H:%M:%S}",
        "fold": moment.fold,
    }
    return wish(queue, **{**values, **changes})


def make_callback(queue: Queue, user: User, *, at: datetime = NOW, **changes: Any) -> Callback:
    """A callback that this person scheduled."""
    return schedule(wish(queue, **changes), by=by(user), at=at).callback


def form_fields(queue: Queue, **changes: Any) -> dict[str, Any]:
    """The panel filled in without a problem, relative to the real clock."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    values = {
        "date": f"{tomorrow:%Y-%m-%d}",
        "time": "14:00",
        "time_zone": "America/New_York",
        "phone_number": fresh_number(),
        "contact_name": "Liam Byrne",
        "queue": str(queue.pk),
        "consent": "on",
        "reason": "Router",
    }
    return {name: v for name, v in {**values, **changes}.items() if v is not None}
