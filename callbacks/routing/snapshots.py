"""What decisions look at: waiting callbacks, and the agents of their queues at this moment."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Subquery

from callbacks.lifecycle import Status
from callbacks.models import Agent, Callback, Offer, Presence, Queue, Skill
from callbacks.models.callback import ENGAGED, PICKY
from callbacks.rules.routing import (
    DECLINE_PAUSE,
    Candidate,
    Decision,
    Place,
    Snapshot,
    Waiting,
    decide,
)

AT_ONCE = 500
"""So many offers are made in one transaction; the next ones in the next."""
AT_HAND = Callback.objects.filter(agent=OuterRef("pk"))


def idle_agents() -> Any:
    """Agents who could take a callback now: On Queue, answering, with nothing at hand (rules §4.1).

    ``NOT IN`` rather than ``NOT EXISTS``: PostgreSQL hashes it once whatever its statistics say,
    which right after a rush are wrong by thousands.
    """
    engaged = Callback.objects.filter(agent__isnull=False).values("agent")
    return Agent.objects.exclude(pk__in=engaged).filter(
        user__is_active=True,
        presence=Presence.ON_QUEUE,
        not_responding_since__isnull=True,
    )


@dataclass(frozen=True)
class Work:
    """What there is to match, and how many may take it."""

    queues: Mapping[uuid.UUID, int]
    """Queues in which unowned callbacks wait, each with how many members could take one."""
    owned: Sequence[uuid.UUID]
    """Callbacks that wait for an owner who is idle now."""


def work() -> Work:
    """What could be matched at this moment: two statements when nothing waits, else three."""
    owned = Callback.objects.filter(
        status=Status.WAITING,
        owner__in=idle_agents(),
        queue__routing_mode=Queue.RoutingMode.LONGEST_IDLE,
    ).order_by("-priority", "requested_at", "id")
    return Work(_queues_with_work(), list(owned.values_list("pk", flat=True)[:AT_ONCE]))


def _queues_with_work() -> dict[uuid.UUID, int]:
    first = Callback.objects.filter(
        queue=OuterRef("pk"), status=Status.WAITING, owner__isnull=True
    ).order_by("-priority", "requested_at", "id")
    # One probe of the index for each queue, however much waits in it.
    queues = Queue.objects.filter(routing_mode=Queue.RoutingMode.LONGEST_IDLE).annotate(
        first=Subquery(first.values("pk")[:1])
    )
    waiting = list(queues.filter(first__isnull=False).order_by().values_list("pk", flat=True))
    if not waiting:
        return {}
    members = Queue.members.through.objects.filter(queue__in=waiting, agent__in=idle_agents())
    counts = members.exclude(Exists(_lacking())).values("queue_id").annotate(idle=Count("agent_id"))
    return {row["queue_id"]: row["idle"] for row in counts}


def _lacking() -> Any:
    """The skills that a membership's queue requires and its agent lacks."""
    required = Skill.objects.filter(required_by=OuterRef("queue_id"))
    return required.exclude(agents=OuterRef("agent_id"))


def picky(queue_ids: Iterable[uuid.UUID]) -> Counter[uuid.UUID]:
    """How many unowned callbacks that ask for skills of their own wait in each of these queues."""
    waiting = Callback.objects.filter(
        PICKY, queue__in=list(queue_ids), status=Status.WAITING, owner__isnull=True
    )
    return Counter(dict(waiting.order_by().values_list("queue").annotate(Count("pk"))))


FIRST_OF_EACH = """
SELECT first.id FROM unnest(%s::uuid[], %s::int[]) AS place(queue_id, at_most)
CROSS JOIN LATERAL (
    SELECT c.id FROM callbacks_callback c
    WHERE c.queue_id = place.queue_id AND c.status = 'waiting' AND c.owner_id IS NULL
    ORDER BY c.priority DESC, c.requested_at, c.id LIMIT place.at_most
) AS first
"""


def first_of_each(at_most: Mapping[uuid.UUID, int]) -> list[uuid.UUID]:
    """The first unowned waiting callbacks of each queue, in the queue's order (rules §4.2)."""
    if not at_most:
        return []
    with connection.cursor() as cursor:
        cursor.execute(FIRST_OF_EACH, [list(at_most), list(at_most.values())])
        return [row[0] for row in cursor.fetchall()]


def places(queue_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Place]:
    """The queues with their members, and what skills these lack. Two statements."""
    found = {
        queue.pk: Place(
            queue.pk,
            queue.name,
            is_routed=queue.routing_mode != Queue.RoutingMode.NONE,
            is_routed_by_platform=queue.is_routed_by_platform,
        )
        for queue in Queue.objects.filter(pk__in=set(queue_ids))
    }
    members = Queue.members.through.objects.filter(queue__in=found).values_list(
        "queue_id", "agent_id", ArraySubquery(_lacking().values("name"))
    )
    of: dict[uuid.UUID, dict[uuid.UUID, Sequence[str]]] = {key: {} for key in found}
    for queue_id, agent_id, skills in members:
        of[queue_id][agent_id] = skills
    return {key: replace(place, members=of[key]) for key, place in found.items()}


def candidates(
    agent_ids: Iterable[uuid.UUID], callbacks: Iterable[Callback]
) -> dict[uuid.UUID, Candidate]:
    """These agents as the decision about these callbacks sees them. One statement.

    Their skills are fetched only where a callback asks for skills of its own: few do.
    """
    rows = Agent.objects.filter(pk__in=set(agent_ids)).annotate(
        name=F("user__name"),
        is_active=F("user__is_active"),
        at_hand=Subquery(AT_HAND.values("status")[:1]),
    )
    if any(callback.skills for callback in callbacks):
        known = Skill.objects.filter(agents=OuterRef("pk"))
        rows = rows.annotate(known_skills=ArraySubquery(known.values("name")))
    return {row.pk: _candidate(row) for row in rows}


def _candidate(row: Any) -> Candidate:
    return Candidate(
        id=row.pk,
        name=row.name,
        is_on_queue=row.presence == Presence.ON_QUEUE,
        presence=row.get_presence_display(),
        idle_since=row.idle_since,
        is_active=row.is_active,
        is_responding=row.not_responding_since is None,
        skills=frozenset(getattr(row, "known_skills", ())),
        engaged_in=ENGAGED.get(row.at_hand, ""),
    )


def declines(at: datetime, **of: Any) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Callback and agent of each offer declined within the pause. One statement."""
    recent = Offer.objects.filter(
        result=Offer.Result.DECLINED, ended_at__gt=at - DECLINE_PAUSE, ended_at__lte=at, **of
    )
    return list(recent.values_list("callback_id", "agent_id"))


def as_waiting(
    callbacks: Iterable[Callback], declined: Iterable[tuple[uuid.UUID, uuid.UUID]]
) -> list[Waiting]:
    """The callbacks as the decision sees them."""
    by: dict[uuid.UUID, set[uuid.UUID]] = {}
    for callback_id, agent_id in declined:
        by.setdefault(callback_id, set()).add(agent_id)
    return [
        Waiting(
            id=callback.pk,
            queue_id=callback.queue_id,
            requested_at=callback.requested_at,
            priority=callback.priority,
            owner_id=callback.owner_id,
            preferred_id=callback.preferred_agent_id,
            skills=frozenset(callback.skills),
            declined_by=frozenset(by.get(callback.pk, ())),
        )
        for callback in callbacks
    ]


def explain(callback: Callback, at: datetime) -> Decision:
    """Where the callback would go at this moment, and why: what its page shows while it waits.

    Four statements. Changes nothing.
    """
    around = places([callback.queue_id])
    people = {callback.owner_id, callback.preferred_agent_id} - {None}
    concerned = [*around[callback.queue_id].members, *(key for key in people if key)]
    agents = candidates(concerned, [callback])
    waiting = as_waiting([callback], declines(at, callback=callback.pk))
    return decide(waiting[0], Snapshot(at, around, agents, waiting))
