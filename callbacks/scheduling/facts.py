"""What the examination needs from the database, fetched in few statements as plain values."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Extract, JSONObject

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
    Team,
)
from callbacks.models.compiled import Compiled
from callbacks.rules import calling_hours as hours_rules
from callbacks.rules import limits
from callbacks.rules.terms import DEFAULT_LEVEL, OwnerFacts, QueueTerms, ServiceLevelTerms


@dataclass(frozen=True)
class Wanted:
    """A promise that is asked for, as far as others can speak against it."""

    queue_id: uuid.UUID
    phone_number: str
    conversation_id: str
    requested_at: datetime
    leaving_out: uuid.UUID | None = None
    """The callback being edited, which is not its own duplicate."""


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


LOOK_AHEAD = timedelta(days=31)
"""How far shifts and holidays are read: no callback lies further ahead."""


@dataclass(frozen=True)
class Reach:
    """Which holidays and shifts are read."""

    holidays_from: date
    holidays_until: date
    shifts_from: datetime
    shifts_until: datetime

    @classmethod
    def around(cls, at: datetime) -> "Reach":
        """All that a decision of this moment (UTC) may need."""
        first, last = at - timedelta(days=4), at + LOOK_AHEAD * 2
        return cls(first.date(), last.date(), at - timedelta(days=1), at + LOOK_AHEAD)


def of_queue(
    queue_id: uuid.UUID, owner_id: uuid.UUID | None, by_id: uuid.UUID | None, at: datetime
) -> QueueFacts | None:
    """The queue's terms, and what decides whether the agent can own there. One statement."""
    row = _SHEET.first(queue_id=queue_id, owner_id=owner_id, by_id=by_id, **vars(Reach.around(at)))
    if row is None:
        return None
    found = SimpleNamespace(**row)
    owner = OwnerFacts.from_row(found.owner_facts) if found.owner_facts else None
    return QueueFacts(_terms(found), owner, found.is_member)


def _sheet(
    queue_id: uuid.UUID,
    owner_id: uuid.UUID,
    by_id: uuid.UUID,
    holidays_from: date,
    holidays_until: date,
    shifts_from: datetime,
    shifts_until: datetime,
) -> Any:
    reach = Reach(holidays_from, holidays_until, shifts_from, shifts_until)
    owner = owner_facts(Agent.objects.filter(pk=owner_id), reach, queue_id)
    return (
        _with_terms(Queue.objects.filter(pk=queue_id), reach)
        .annotate(
            owner_facts=Subquery(owner.values("row")),
            is_member=Exists(Agent.objects.filter(pk=by_id, queues=OuterRef("pk"))),
        )
        .values(*TERMS, "owner_facts", "is_member")
    )


TERMS = (
    "id", "name", "is_active", "default_region", "window_duration", "consent_required",
    "ownership_enabled", "schedule_ahead_limit", "ownership_period", "slot_capacity", "own_level",
    "general_level", "openings", "days_off", "platform",
)  # fmt: skip
"""What ``_terms`` reads: columns first, annotations after them, as ``Compiled`` names them."""
_SHEET = Compiled(_sheet)


def of_queues(queue_ids: Iterable[uuid.UUID], at: datetime) -> dict[uuid.UUID, QueueTerms]:
    """The terms of many queues. One statement."""
    rows: Any = _with_terms(Queue.objects.filter(pk__in=set(queue_ids)), Reach.around(at))
    return {row.pk: _terms(row) for row in rows}


def _with_terms(queues: Any, reach: Reach) -> Any:
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
                date__range=(reach.holidays_from, reach.holidays_until),
            ).values(row=JSONObject(date="date", name="name"))
        ),
        platform=F("connected__connection__name"),
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


def absences(reach: Reach) -> Any:
    """Planned stretches off the queue, as far as callbacks may lie."""
    return Shift.objects.filter(
        ends_at__gt=reach.shifts_from, starts_at__lt=reach.shifts_until
    ).exclude(activity=Shift.Activity.ON_QUEUE)


def owner_facts(agents: Any, reach: Reach, queue_id: Any) -> Any:
    """The agents with ``row``: what ``OwnerFacts.from_row`` reads, about a queue or a reference to one."""
    lacking = Skill.objects.filter(required_by=queue_id).exclude(agents=OuterRef("pk"))
    planned = absences(reach).filter(agent=OuterRef("pk"))
    return agents.annotate(
        is_member=Exists(Queue.objects.filter(pk=queue_id, members=OuterRef("pk"))),
        lacking=ArraySubquery(lacking.values("name")),
        absences=ArraySubquery(
            planned.values(
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


def with_skills(owner: OwnerFacts, skills: Sequence[str]) -> OwnerFacts:
    """The agent, held to a callback's own skills, too. One statement where it has any."""
    if not skills:
        return owner
    has = set(Skill.objects.filter(agents=owner.id).values_list("name", flat=True))
    return lacking_also(owner, skills, has)


def lacking_also(owner: OwnerFacts, skills: Sequence[str], has: Collection[str]) -> OwnerFacts:
    """The agent, who has these skills, held to those of a callback, too."""
    lacking = dict.fromkeys((*owner.lacking_skills, *(s for s in skills if s not in has)))
    return replace(owner, lacking_skills=tuple(lacking))


@dataclass
class Staff:
    """Many agents and queues: who takes callbacks where, with which skills, and when not."""

    agents: dict[uuid.UUID, Agent]
    members: set[tuple[uuid.UUID, uuid.UUID]]
    """Pairs of agent and queue."""
    skills: dict[uuid.UUID, set[str]]
    required: dict[uuid.UUID, list[str]]
    absences: dict[uuid.UUID, list[tuple[datetime, datetime, str]]]

    @classmethod
    def of(
        cls,
        queue_ids: Collection[uuid.UUID],
        owner_ids: Collection[uuid.UUID],
        other_ids: Collection[uuid.UUID],
        at: datetime,
    ) -> Self:
        """These agents, the owners with their team leads, in these queues. Five statements."""
        agents = {
            agent.pk: agent
            for agent in Agent.objects.filter(
                Q(pk__in={*owner_ids, *other_ids})
                | Q(pk__in=Team.objects.filter(agents__in=owner_ids).values("lead"))
            ).select_related("user", "team")
        }
        staff = cls(agents, set(), defaultdict(set), defaultdict(list), defaultdict(list))
        memberships = Queue.members.through.objects.filter(queue__in=queue_ids, agent__in=agents)
        staff.members = set(memberships.values_list("agent_id", "queue_id"))
        for agent_id, name in Skill.objects.filter(agents__in=agents).values_list("agents", "name"):
            staff.skills[agent_id].add(name)
        needed = Skill.objects.filter(required_by__in=queue_ids)
        for queue_id, name in needed.values_list("required_by", "name"):
            staff.required[queue_id].append(name)
        for shift in absences(Reach.around(at)).filter(agent__in=agents):
            staff.absences[shift.agent_id].append((shift.starts_at, shift.ends_at, shift.activity))
        return staff

    def is_member(self, agent_id: uuid.UUID, queue_id: uuid.UUID) -> bool:
        """Whether the agent takes callbacks in the queue."""
        return (agent_id, queue_id) in self.members

    def skills_of(self, agent_id: uuid.UUID) -> Collection[str]:
        """What the agent can do."""
        return self.skills.get(agent_id, set())

    def owner(self, agent_id: uuid.UUID, queue_id: uuid.UUID) -> OwnerFacts | None:
        """What decides whether the agent can own there; ``None`` for who is no agent."""
        agent = self.agents.get(agent_id)
        if agent is None:
            return None
        has = self.skills_of(agent_id)
        return OwnerFacts(
            id=agent.pk,
            name=agent.user.name,
            is_active=agent.user.is_active,
            is_member=self.is_member(agent_id, queue_id),
            lacking_skills=tuple(s for s in self.required.get(queue_id, ()) if s not in has),
            absences=tuple(self.absences.get(agent_id, ())),
            team_lead_id=agent.team.lead_id if agent.team else None,
        )


def of_owners(
    queue_id: uuid.UUID, agent_ids: Iterable[uuid.UUID], at: datetime
) -> dict[uuid.UUID, OwnerFacts]:
    """What decides whether these agents can own a callback of the queue. One statement."""
    agents = owner_facts(Agent.objects.filter(pk__in=set(agent_ids)), Reach.around(at), queue_id)
    return {key: OwnerFacts.from_row(row) for key, row in agents.values_list("pk", "row")}


def _terms(row: Any) -> QueueTerms:
    level = row.own_level or row.general_level
    return QueueTerms(
        id=row.id,
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
        platform=row.platform or "",
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


def of_promise(wanted: Wanted, at: datetime) -> PromiseFacts:
    """What speaks against one more promise to this number. One statement, two for a duplicate."""
    soon, around = limits.duplicate_spans(wanted.requested_at, at)
    row: Any = _ABOUT.first(
        queue_id=wanted.queue_id,
        phone_number=wanted.phone_number,
        conversation_id=wanted.conversation_id,
        soon=soon.ends_at,
        earliest=around.starts_at,
        latest=around.ends_at,
        leaving_out=wanted.leaving_out or NOBODY,
    )
    twin = row["for_number"] or row["for_conversation"]
    existing = Callback.objects.for_display().filter(pk=twin).first() if twin else None
    return PromiseFacts(
        existing, is_same_number=bool(row["for_number"]), barred_by=row["barred_by"]
    )


def open_promises(numbers: Collection[str], conversations: Collection[str]) -> Iterable[Callback]:
    """The open callbacks to any of these numbers, or of any of these interactions. One statement."""
    return (
        Callback.objects.open()
        .filter(
            Q(phone_number__in=list(numbers))
            | Q(conversation_id__in=[name for name in conversations if name])
        )
        .for_display()
        .order_by("requested_at")
    )


NOBODY = uuid.UUID(int=0)
"""The key of no row."""


def _about(
    queue_id: uuid.UUID,
    phone_number: str,
    conversation_id: str,
    soon: datetime,
    earliest: datetime,
    latest: datetime,
    leaving_out: uuid.UUID,
) -> Any:
    others = Callback.objects.order_by("requested_at").exclude(pk=leaving_out)
    barred = ContactListEntry.objects.uncallable().filter(phone_number=phone_number)
    in_conversation = others.open().filter(conversation_id=conversation_id)
    return Queue.objects.filter(pk=queue_id).values(
        for_number=_first(others.near(phone_number, soon, earliest, latest)),
        for_conversation=_first(in_conversation.exclude(conversation_id="")),
        barred_by=Subquery(barred.values("contact_list__name")[:1]),
    )


_ABOUT = Compiled(_about)


def _first(callbacks: Any) -> Subquery:
    return Subquery(callbacks.values("pk")[:1])


def lock_promises(keys: Iterable[str]) -> None:
    """Let nobody else decide about these numbers and conversations until this transaction ends.

    Taken in one order by everyone, so that two requests can never wait for each other; 64 requests
    for one number are decided one after the other (rules §2.8).
    """
    names = sorted({key for key in keys if key})
    if not names:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(name, 1947)) "
            "FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(name, place) ORDER BY place",
            [names],
        )
