"""What the examination needs from the database, fetched in few statements as plain values."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Extract, JSONObject

from callbacks.models import (
    Agent,
    Callback,
    CallingHours,
    ContactListEntry,
    Holiday,
    Queue,
    ServiceLevel,
    Shift,
    Skill,
)
from callbacks.rules import calling_hours as hours_rules
from callbacks.rules.availability import Stretch
from callbacks.rules.terms import DEFAULT_LEVEL, OwnerFacts, QueueTerms, ServiceLevelTerms


@dataclass(frozen=True)
class PromiseFacts:
    """What speaks against one more promise to a number."""

    existing: Callback | None
    """The open callback that this one would double, earliest first (rules §2.8)."""
    is_same_number: bool
    """Whether it doubles by its number, not only by its interaction."""
    barred_by: str | None
    """The contact list that makes the number uncallable (rules §2.9)."""


@dataclass(frozen=True)
class QueueFacts:
    """A queue's terms with what must be known of two people in it."""

    terms: QueueTerms
    owner: OwnerFacts | None
    is_member: bool
    """Whether the actor takes callbacks in the queue."""
    taken: int = 0
    """How many open callbacks the queue has in the half hour that was asked about."""


LOOK_AHEAD = timedelta(days=31)
"""How far shifts and holidays are read: no callback lies further ahead."""


def of_queue(
    queue_id: uuid.UUID,
    owner_id: uuid.UUID | None,
    by_id: uuid.UUID | None,
    at: datetime,
    *,
    half_hour: Stretch | None = None,
    leaving_out: uuid.UUID | None = None,
) -> QueueFacts | None:
    """The queue's terms, and what decides whether the agent can own there. One statement.

    ``half_hour``: the one of which to tell how full it is, without the callback ``leaving_out``.
    """
    row = (
        _with_terms(Queue.objects.filter(pk=queue_id), at)
        .annotate(
            owner_facts=Subquery(
                owner_facts(Agent.objects.filter(pk=owner_id), at, queue_id).values("row")
            ),
            is_member=Exists(Agent.objects.filter(pk=by_id, queues=OuterRef("pk"))),
            taken=_taken(queue_id, half_hour, leaving_out),
        )
        .first()
    )
    if row is None:
        return None
    found: Any = row
    owner = OwnerFacts.from_row(found.owner_facts) if found.owner_facts else None
    return QueueFacts(_terms(found), owner, found.is_member, found.taken)


def _taken(queue_id: uuid.UUID, half_hour: Stretch | None, leaving_out: uuid.UUID | None) -> Any:
    if half_hour is None:
        return Value(0)
    promised = Callback.objects.promised_in(queue_id, half_hour, leaving_out)
    counted = promised.order_by().values("queue").annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), 0)


def of_queues(queue_ids: Iterable[uuid.UUID], at: datetime) -> dict[uuid.UUID, QueueTerms]:
    """The terms of many queues. One statement."""
    rows: Any = _with_terms(Queue.objects.filter(pk__in=set(queue_ids)), at)
    return {row.pk: _terms(row) for row in rows}


def _with_terms(queues: Any, at: datetime) -> Any:
    return queues.annotate(
        own_level=_level(ServiceLevel.objects.filter(pk=OuterRef("service_level"))),
        general_level=_level(ServiceLevel.objects.for_all_callbacks()),
        openings=ArraySubquery(
            CallingHours.objects.filter(queue=OuterRef("pk")).values(
                row=JSONObject(weekday="weekday", opens="opens", closes="closes")
            )
        ),
        days_off=ArraySubquery(
            Holiday.objects.filter(
                Q(queue=OuterRef("pk")) | Q(queue__isnull=True),
                date__range=(at - timedelta(days=4), at + LOOK_AHEAD * 2),
            ).values(row=JSONObject(date="date", name="name"))
        ),
    )


def _level(levels: Any) -> Subquery:
    return Subquery(
        levels.values(
            row=JSONObject(
                name="name",
                seconds=Extract("threshold", "epoch"),
                starts="clock_starts",
                runs="clock_runs",
            )
        )[:1]
    )


def owner_facts(agents: Any, at: datetime, queue_id: Any) -> Any:
    """The agents with ``row``: what ``OwnerFacts.from_row`` reads, about a queue or a reference to one."""
    lacking = Skill.objects.filter(required_by=queue_id).exclude(agents=OuterRef("pk"))
    absences = Shift.objects.filter(
        agent=OuterRef("pk"), ends_at__gt=at - timedelta(days=1), starts_at__lt=at + LOOK_AHEAD
    ).exclude(activity=Shift.Activity.ON_QUEUE)
    return agents.annotate(
        is_member=Exists(Queue.objects.filter(pk=queue_id, members=OuterRef("pk"))),
        lacking=ArraySubquery(lacking.values("name")),
        absences=ArraySubquery(
            absences.values(
                row=JSONObject(**{"from": "starts_at", "to": "ends_at", "what": "activity"})
            )
        ),
        row=JSONObject(
            id="user_id",
            name="user__name",
            is_active="user__is_active",
            is_member="is_member",
            lacking_skills="lacking",
            absences="absences",
            team_lead_id="team__lead_id",
        ),
    )


def of_owners(
    queue_id: uuid.UUID, agent_ids: Iterable[uuid.UUID], at: datetime
) -> dict[uuid.UUID, OwnerFacts]:
    """What decides whether these agents can own a callback of the queue. One statement."""
    agents = owner_facts(Agent.objects.filter(pk__in=set(agent_ids)), at, queue_id)
    return {key: OwnerFacts.from_row(row) for key, row in agents.values_list("pk", "row")}


def _terms(row: Any) -> QueueTerms:
    level = row.own_level or row.general_level
    return QueueTerms(
        id=row.pk,
        name=row.name,
        is_active=row.is_active,
        default_region=row.default_region,
        window_duration=row.window_duration,
        consent_required=row.consent_required,
        ownership_enabled=row.ownership_enabled,
        schedule_ahead_limit=row.schedule_ahead_limit,
        ownership_period=row.ownership_period,
        level=_level_terms(level) if level else DEFAULT_LEVEL,
        hours=_hours(row),
        slot_capacity=row.slot_capacity,
    )


def _level_terms(level: dict[str, Any]) -> ServiceLevelTerms:
    return ServiceLevelTerms(
        name=level["name"],
        threshold=timedelta(seconds=float(level["seconds"])),
        starts_at_creation=level["starts"] == ServiceLevel.ClockStart.CREATED,
        business_hours_only=level["runs"] == ServiceLevel.ClockRun.BUSINESS_HOURS,
    )


def _hours(row: Any) -> hours_rules.CallingHours:
    openings = tuple(
        hours_rules.Opening(
            o["weekday"], time.fromisoformat(o["opens"]), time.fromisoformat(o["closes"])
        )
        for o in row.openings
    )
    return hours_rules.CallingHours(
        openings or hours_rules.EVERY_DAY,
        {date.fromisoformat(day["date"]): day["name"] for day in row.days_off},
    )


def of_promise(
    terms_id: uuid.UUID,
    phone_number: str,
    conversation_id: str,
    requested_at: datetime,
    at: datetime,
    leaving_out: uuid.UUID | None,
) -> PromiseFacts:
    """What speaks against one more promise to this number. One statement, two for a duplicate."""
    others = Callback.objects.order_by("requested_at")
    if leaving_out:
        others = others.exclude(pk=leaving_out)
    row: Any = (
        Queue.objects.filter(pk=terms_id)
        .values(
            for_number=_first(others.duplicates_of(phone_number, requested_at, at)),
            for_conversation=_first(
                others.open().filter(conversation_id=conversation_id).exclude(conversation_id="")
            ),
            barred_by=Subquery(
                ContactListEntry.objects.uncallable()
                .filter(phone_number=phone_number)
                .values("contact_list__name")[:1]
            ),
        )
        .first()
    )
    twin = row["for_number"] or row["for_conversation"]
    existing = Callback.objects.for_display().filter(pk=twin).first() if twin else None
    return PromiseFacts(
        existing, is_same_number=bool(row["for_number"]), barred_by=row["barred_by"]
    )


def _first(callbacks: Any) -> Subquery:
    return Subquery(callbacks.values("pk")[:1])


def lock_promises(*keys: str) -> None:
    """Let nobody else decide about these numbers and conversations until this transaction ends.

    Taken in one order by everyone, so that two requests can never wait for each other; 64 requests
    for one number are decided one after the other (rules §2.8).
    """
    names = sorted({key for key in keys if key})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(name, 1947)) "
            "FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(name, place) ORDER BY place",
            [names],
        )
