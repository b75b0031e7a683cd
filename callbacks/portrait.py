"""A callback as programs see it: one plain value, in answers of the API and in webhooks alike.

Names are the guide's. Moments are UTC, in milliseconds, with ``Z``.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from callbacks.models import Callback
from callbacks.rules.standing import Standing

PATH = "/api/v2/callbacks/"


def portray(callback: Callback) -> dict[str, Any]:
    """The callback with everything that the contract promises; relations should be loaded.

    Without a statement for what was asked ``for_display``.
    """
    return {
        "id": str(callback.pk),
        "status": str(callback.status),
        "target": _target(callback),
        "requestedTime": stamp(callback.requested_at),
        "callbackWindow": {
            "duration": int(callback.window_duration.total_seconds()),
            "startTime": stamp(callback.window_starts_at),
        },
        "contact": {"name": callback.contact_name, "timeZone": callback.contact_time_zone},
        "queueId": str(callback.queue_id),
        "skills": list(callback.skills),
        "priority": callback.priority,
        "agentId": _key(callback.owner_id),
        "owner": _person(callback.owner),
        "ownershipExpiresAt": stamp(callback.ownership_expires_at),
        "editableUntil": stamp(callback.editable_until),
        "routeToMe": callback.preferred_agent_id is not None,
        "preferredAgent": _person(callback.preferred_agent),
        "consent": callback.consent,
        "conversationId": callback.conversation_id,
        "externalData": external_data(callback),
        "allowOutsideCallingHours": callback.is_outside_hours_agreed,
        "dueBy": stamp(callback.due_by),
        "attempts": callback.attempts_made,
        "sync": _sync(callback.standing),
        "createdAt": stamp(callback.created_at),
        "updatedAt": stamp(callback.updated_at),
        "endedAt": stamp(callback.ended_at),
        "version": callback.version,
        "selfUri": f"{PATH}{callback.pk}",
    }


def stamp(moment: datetime | None) -> str | None:
    """A moment as programs read it: ``2026-12-01T14:00:00.000Z``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def external_data(callback: Callback) -> Mapping[str, Any]:
    """What programs attached, with reason and ticket as they are now, whoever changed them."""
    shown = {"reason": callback.reason, "ticketId": callback.ticket_id}
    return {**callback.external_data, **{name: value for name, value in shown.items() if value}}


def _sync(standing: Standing) -> dict[str, str | None]:
    return {
        "state": str(standing.word),
        "externalId": standing.external_id or None,
        "lastError": standing.error or None,
    }


def _target(callback: Callback) -> dict[str, str]:
    extension = {"extension": callback.phone_extension} if callback.phone_extension else {}
    return {"id": callback.phone_number, "type": "phoneNumber", **extension}


def _person(agent: Any) -> dict[str, str] | None:
    return {"id": str(agent.pk), "name": str(agent)} if agent else None


def _key(key: object) -> str | None:
    return None if key is None else str(key)
