"""Which agents could take a callback: at this moment, and by what is planned (guide, edge case 2)."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, Subquery

from callbacks import access
from callbacks.access import Actor
from callbacks.errors import Problem, Refused
from callbacks.models import Callback, Presence, Queue, Skill
from callbacks.models.callback import ENGAGED
from callbacks.planning.availability import Availability, availability
from callbacks.planning.intervals import require_interval
from callbacks.rules.moments import quoted
from callbacks.rules.routing import Candidate


@dataclass(frozen=True)
class AgentAvailability:
    """One agent: what they are doing now, and when they are free."""

    agent_id: uuid.UUID
    name: str
    presence: str
    """One of ``Presence``."""
    why_not: str
    """What keeps them from a callback at this moment, in words; empty while nothing does."""
    planned: Availability

    @property
    def is_available(self) -> bool:
        """Whether a callback would be offered to them now: On Queue, answering, nothing at hand."""
        return not self.why_not


def availability_of(
    *,
    queue_id: uuid.UUID | None = None,
    skills: Sequence[str] = (),
    agent_id: uuid.UUID | None = None,
    starts_at: datetime,
    ends_at: datetime,
    by: Actor,
    at: datetime,
) -> list[AgentAvailability]:
    """The agents who could take a callback, by name, and when they are free in an interval.

    Of a queue its active members with all skills that it requires; ``skills``: who has these, too;
    without a queue, of all agents known to the actor. ``agent_id``: this one alone, also one who
    could not take it, and why. The interval (aware) has 31 days at most; of what is past nothing is
    told. Six statements at most. Raises ``Refused``.
    """
    require_interval(starts_at, ends_at)
    if queue_id is None and not skills:
        raise Refused([Problem("invalid.value", "queue", "Name a queue, or skills.")])
    wanted = _known_skills(skills)
    queue = _known_queue(queue_id, by) if queue_id else None
    rows = _rows(queue, wanted, agent_id, by)
    if agent_id and not rows:
        raise Refused([Problem("invalid.value", "agent", "There is no such agent.")])
    plans = availability([row.pk for row in rows], starts_at, ends_at, at)
    return [
        AgentAvailability(row.pk, row.user.name, row.presence, _why_not(row, queue), plans[row.pk])
        for row in rows
    ]


def _known_skills(names: Sequence[str]) -> list[str]:
    """These skills as they are called, whatever case they were asked in. A statement for any."""
    if not names:
        return []
    known = {name.lower(): name for name in Skill.objects.values_list("name", flat=True)}
    if unknown := [name for name in names if name.lower() not in known]:
        named = ", ".join(quoted(name) for name in unknown[:5])
        raise Refused([Problem("invalid.value", "skills", f"There is no skill called {named}.")])
    return [known[name.lower()] for name in names]


def _known_queue(queue_id: uuid.UUID, by: Actor) -> Queue:
    queue = access.queues_known(by).filter(pk=queue_id).first()
    if queue is None:
        raise Refused([Problem("invalid.value", "queue", "Choose one of your queues.")])
    return queue


def _rows(
    queue: Queue | None, skills: Collection[str], agent_id: uuid.UUID | None, by: Actor
) -> Sequence[Any]:
    """The agents with all that is needed of them. One statement."""
    required = Q(name__in=skills)
    if queue:
        required |= Q(required_by=queue.pk)
    lacking = Skill.objects.filter(required).exclude(agents=OuterRef("pk")).order_by().distinct()
    members = Queue.objects.filter(pk__in=[queue.pk] if queue else [], members=OuterRef("pk"))
    agents = access.agents_known(by).select_related("user").order_by("user__name", "pk")
    if agent_id:
        agents = agents.filter(pk=agent_id)
    else:
        agents = agents.filter(~Exists(lacking), user__is_active=True)
        agents = agents.filter(queues=queue.pk) if queue else agents
    return list(
        agents.annotate(
            is_member=Exists(members),
            lacking=ArraySubquery(lacking.values("name")),
            at_hand=Subquery(Callback.objects.filter(agent=OuterRef("pk")).values("status")[:1]),
        )
    )


def _why_not(row: Any, queue: Queue | None) -> str:
    """As routing says it: no member, then skills, then what they are doing."""
    if queue and not row.is_member:
        return f"no member of {queue.name}"
    if row.lacking:
        return f"lacks the skill {', '.join(sorted(row.lacking))}"
    return Candidate(
        id=row.pk,
        name=row.user.name,
        is_on_queue=row.presence == Presence.ON_QUEUE,
        presence=row.get_presence_display(),
        is_active=row.user.is_active,
        is_responding=row.not_responding_since is None,
        engaged_in=ENGAGED.get(row.at_hand, ""),
    ).why_unavailable
