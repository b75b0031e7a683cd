"""A callback as the guide's contract shows it."""

from datetime import datetime, timedelta
from typing import Any

from callbacks.practice.moments import stamp
from callbacks.practice.people import People
from callbacks.practice.store import LOCKED_FOR, Callback

EXTRA = ("callbackWindow", "contact", "skills", "routeToMe", "consent", "allowOutsideCallingHours")


def portray(callback: Callback, people: People, now: datetime) -> dict[str, Any]:
    """What the contract promises of it."""
    owner = people.agents.get(callback.agent_id or "")
    start = stamp(callback.requested_at)
    shown: dict[str, Any] = {
        "id": callback.id,
        "status": callback.status_at(now),
        "target": {"id": callback.number, "type": "phoneNumber"},
        "requestedTime": start,
        "callbackWindow": {"duration": 3600, "startTime": start},
        "contact": {"name": callback.name},
        "queueId": callback.queue_id,
        "skills": [],
        "priority": callback.priority,
        "agentId": callback.agent_id,
        "owner": {"id": owner.id, "name": owner.name} if owner else None,
        "ownershipExpiresAt": stamp(_expiry(callback, people)),
        "editableUntil": stamp(callback.requested_at - LOCKED_FOR) if callback.is_owned else None,
        "routeToMe": False,
        "consent": True,
        "conversationId": callback.conversation_id,
        "externalData": callback.data,
        "allowOutsideCallingHours": False,
        "dueBy": stamp(callback.requested_at + timedelta(hours=24)),
        "attempts": len(callback.legs),
        "sync": {"state": "off", "externalId": None, "lastError": None},
        "createdAt": stamp(callback.created_at),
        "updatedAt": stamp(callback.updated_at),
        "endedAt": stamp(callback.ended_at),
        "version": callback.version,
        "selfUri": f"/api/v2/callbacks/{callback.id}",
    }
    return {**shown, **{name: callback.extra[name] for name in EXTRA if name in callback.extra}}


def _expiry(callback: Callback, people: People) -> datetime | None:
    queue = people.queues.get(callback.queue_id)
    if not callback.is_owned or queue is None:
        return None
    return callback.requested_at + timedelta(hours=queue.owned_hours)
