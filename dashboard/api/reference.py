"""Reference data: queues, agents, service levels, as far as the caller may know them."""

import uuid
from typing import Annotated, Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.http import HttpResponse
from ninja import Query, Router

from callbacks.access import agents_known, queues_known
from callbacks.models import Queue, ServiceLevel, Skill
from callbacks.models.program import Scope
from dashboard.api.answers import Order, as_json, page
from dashboard.api.documents import refusals
from dashboard.api.entrance import ApiRequest, OAuth2
from dashboard.api.listing import Paging
from dashboard.api.reading import refuse_strangers
from dashboard.api.schemas import AgentPage, QueuePage, ServiceLevelPage

router = Router(tags=["Reference"])
Asked = Annotated[Paging, Query()]
BY_NAME: Order[Any] = Order("name", "id", lambda name, key: (name, uuid.UUID(key)))
AGENTS_BY_NAME: Order[Any] = Order("user__name", "pk", lambda name, key: (name, uuid.UUID(key)))


@router.get(
    "/queues",
    auth=OAuth2(Scope.READ),
    response={200: QueuePage, **refusals(400)},
    summary="Queues and their limits",
)
def queues(request: ApiRequest, asked: Asked) -> HttpResponse:
    """By name."""
    refuse_strangers(request, asked)
    required = Skill.objects.filter(required_by=OuterRef("pk")).order_by("name")
    rows = queues_known(request.actor).annotate(skill_names=ArraySubquery(required.values("name")))
    return as_json(page(rows, BY_NAME, _queue, size=asked.pageSize, cursor=asked.cursor))


def _queue(queue: Any) -> dict[str, Any]:
    return {
        "id": str(queue.pk),
        "name": queue.name,
        "isActive": queue.is_active,
        "isDefault": queue.is_default,
        "ownershipEnabled": queue.ownership_enabled,
        "scheduleAheadLimit": int(queue.schedule_ahead_limit.total_seconds()),
        "ownershipPeriod": int(queue.ownership_period.total_seconds()),
        "callbackWindow": int(queue.window_duration.total_seconds()),
        "capacityPerHalfHour": queue.slot_capacity,
        "consentRequired": queue.consent_required,
        "defaultRegion": queue.default_region,
        "skills": queue.skill_names,
        "serviceLevelId": str(queue.service_level_id) if queue.service_level_id else None,
    }


@router.get(
    "/agents",
    auth=OAuth2(Scope.READ),
    response={200: AgentPage, **refusals(400)},
    summary="Agents",
)
def agents(request: ApiRequest, asked: Asked) -> HttpResponse:
    """By name."""
    refuse_strangers(request, asked)
    skills = Skill.objects.filter(agents=OuterRef("pk")).order_by("name")
    of_agent = Queue.objects.filter(members=OuterRef("pk")).order_by("name")
    rows = (
        agents_known(request.actor)
        .select_related("user", "team")
        .annotate(
            skill_names=ArraySubquery(skills.values("name")),
            queue_keys=ArraySubquery(of_agent.values("pk")),
        )
    )
    return as_json(page(rows, AGENTS_BY_NAME, _agent, size=asked.pageSize, cursor=asked.cursor))


def _agent(agent: Any) -> dict[str, Any]:
    return {
        "id": str(agent.pk),
        "name": agent.user.name,
        "userName": agent.user.username,
        "platformId": agent.platform_id or None,
        "timeZone": agent.user.time_zone,
        "teamName": agent.team.name if agent.team else None,
        "presence": agent.presence,
        "isActive": agent.user.is_active,
        "skills": agent.skill_names,
        "queueIds": [str(key) for key in agent.queue_keys],
    }


@router.get(
    "/service-levels",
    auth=OAuth2(Scope.READ),
    response={200: ServiceLevelPage, **refusals(400)},
    summary="Service levels",
)
def service_levels(request: ApiRequest, asked: Asked) -> HttpResponse:
    """By name."""
    refuse_strangers(request, asked)
    rows = ServiceLevel.objects.all()
    return as_json(page(rows, BY_NAME, _level, size=asked.pageSize, cursor=asked.cursor))


def _level(level: ServiceLevel) -> dict[str, Any]:
    return {
        "id": str(level.pk),
        "name": level.name,
        "metric": level.metric,
        "threshold": int(level.threshold.total_seconds()),
        "targetPercent": level.target_percent,
        "clockStarts": level.clock_starts,
        "clockRuns": level.clock_runs,
        "isForAllCallbacks": level.is_for_all_callbacks,
    }
