"""Queues, agents and who is available, in the guide's dialect; and who is told of events."""

import secrets
from typing import Any

from callbacks.practice.people import Agent
from callbacks.practice.platform import Platform
from callbacks.practice.refusals import Refusal, not_found
from callbacks.practice.store import new_id
from callbacks.practice.web import Answer, Request, objects

EVENTS = (
    "callback.created", "callback.changed", "callback.due", "callback.offered", "callback.completed",
    "callback.expired", "callback.cancelled", "callback.overdue", "callback.stuck",
    "callback.sla_breached",
)  # fmt: skip


def availability(platform: Platform, request: Request) -> Answer:
    """``GET /api/v2/availability``: who could take a callback now."""
    queue, skills = request.one("queueId"), set(request.query.get("skills", []))
    if not queue and not skills:
        raise Refusal(400, "invalid.value", "Say queueId or skills.")
    wanted = request.one("agentId")
    return _page([
        _portrait(agent) | {"busy": []}
        for agent in platform.people.agents.values()
        if (not queue or queue in agent.queues)
        and skills <= set(agent.skills)
        and wanted in {"", agent.id}
    ])  # fmt: skip


def agents(platform: Platform, request: Request) -> Answer:
    """``GET /api/v2/agents``."""
    return _page([_portrait(agent) for agent in platform.people.agents.values()])


def queues(platform: Platform, request: Request) -> Answer:
    """``GET /api/v2/queues``."""
    return _page([
        {"id": queue.id, "name": queue.name} for queue in platform.people.queues.values()
    ])  # fmt: skip


def hooks(platform: Platform, request: Request) -> Answer:
    """``GET /api/v2/webhooks``: without their secrets."""
    return _page([
        {name: value for name, value in hook.items() if name != "secret"}
        for hook in platform.hooks.values()
    ])  # fmt: skip


def subscribe(platform: Platform, request: Request) -> Answer:
    """``POST /api/v2/webhooks``: the secret is told here, and never again."""
    body = objects(request.body) or {}
    events = body.get("events", list(EVENTS))
    url = body.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Refusal(400, "invalid.value", "url is an address.")
    if not isinstance(events, list) or not set(events) <= set(EVENTS):
        raise Refusal(400, "invalid.value", f"events are of {', '.join(EVENTS)}.")
    if unknown := body.keys() - {"url", "events", "name"}:
        raise Refusal(400, "invalid.value", f"Unknown: {', '.join(sorted(unknown))}.")
    return Answer(201, add_hook(platform, url, events, "whsec_" + secrets.token_hex(32)))


def add_hook(platform: Platform, url: str, events: list[str], secret: str) -> dict[str, Any]:
    """Tell this address of these events from now on."""
    hook = {"id": new_id(), "url": url, "events": events, "secret": secret}
    platform.hooks[str(hook["id"])] = hook
    return hook


def unsubscribe(platform: Platform, request: Request, key: str) -> Answer:
    """``DELETE /api/v2/webhooks/{id}``."""
    if platform.hooks.pop(key, None) is None:
        raise not_found("such webhook")
    return Answer(204)


def _portrait(agent: Agent) -> dict[str, Any]:
    return {
        "id": agent.id, "name": agent.name, "userName": agent.user_name, "skills": agent.skills,
        "queues": agent.queues, "presence": agent.presence, "available": agent.routing == "IDLE",
    }  # fmt: skip


def _page(entities: list[dict[str, Any]]) -> Answer:
    return Answer(200, {
        "entities": entities, "pageSize": 200, "total": len(entities), "nextCursor": None,
    })  # fmt: skip
