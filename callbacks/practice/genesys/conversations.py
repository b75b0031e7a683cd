"""A callback as the platform shows it: a conversation with participants, in two different forms."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from callbacks.practice.moments import stamp
from callbacks.practice.people import People
from callbacks.practice.store import Callback, Leg

STATES = {
    "pending": "scheduled", "waiting": "none", "offered": "alerting", "in_progress": "connected",
}  # fmt: skip


def part(callback: Callback, purpose: str) -> str:
    """The id of a participant of this callback."""
    return str(uuid.uuid5(uuid.UUID(callback.id), purpose))


def owner_of(found: Sequence[Callback], participant: str) -> tuple[Callback, str] | None:
    """Which callback a participant belongs to, and its purpose (or the id of its leg)."""
    for callback in found:
        for purpose in ("customer", "acd"):
            if part(callback, purpose) == participant:
                return callback, purpose
        if any(leg.id == participant for leg in callback.legs):
            return callback, participant
    return None


def as_callbacks(found: Sequence[Callback], people: People, now: datetime) -> dict[str, Any]:
    """``GET /conversations/callbacks/{id}``: states stand with the participants."""
    return _conversation(found, "callbacks/") | {
        "participants": [
            {**common, **media} for _, common, media in _participants(found, people, now)
        ]
    }


def as_conversation(found: Sequence[Callback], people: People, now: datetime) -> dict[str, Any]:
    """``GET /conversations/{id}``: states stand in the participants' ``callbacks``."""
    ended = [one.ended_at for one in found]
    return _conversation(found, "") | {
        "startTime": stamp(found[0].created_at),
        "endTime": None if None in ended else stamp(max(filter(None, ended))),
        "externalTag": found[-1].tag or None,
        "participants": [
            {**common, "callbacks": [_communication(callback, common["id"], media)]}
            for callback, common, media in _participants(found, people, now)
        ],
    }


def communication_of(participant: str) -> str:
    """The id of a participant's communication."""
    return str(uuid.uuid5(uuid.UUID(participant), "communication"))


def _conversation(found: Sequence[Callback], below: str) -> dict[str, Any]:
    key = found[0].conversation_id
    return {"id": key, "divisions": [], "selfUri": f"/api/v2/conversations/{below}{key}"}


def _communication(callback: Callback, participant: str, media: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in media.items() if name != "conversationRoutingData"}
    # This form has its own word for an end by time.
    if callback.status == "expired":
        told["disconnectType"] = "timeout"
    return {"id": communication_of(participant), **told}


def _participants(
    found: Sequence[Callback], people: People, now: datetime
) -> list[tuple[Callback, dict[str, Any], dict[str, Any]]]:
    told = []
    for callback in found:
        told.append((callback, *_customer(callback, now)))
        told.append((callback, *_acd(callback, now)))
        told.extend((callback, *_agent(callback, leg, people)) for leg in callback.legs)
    return told


def _customer(callback: Callback, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    common = _common(callback, "customer", callback.name)
    return common, _media(callback, _state(callback, now, ended="terminated"))


def _acd(callback: Callback, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    common = _common(callback, "acd", "") | {"queue": {"id": callback.queue_id}}
    # An ACD participant stays disconnected, where others are terminated.
    media = _media(callback, _state(callback, now, ended="disconnected"))
    scored = [{"agent": {"id": callback.agent_id}, "score": 100}] if callback.agent_id else []
    media["conversationRoutingData"] = {
        "queue": {"id": callback.queue_id},
        "priority": callback.priority,
        "skills": [{"id": key} for key in callback.extra.get("skillIds", [])],
        "scoredAgents": scored,
    }
    return common, media


def _agent(callback: Callback, leg: Leg, people: People) -> tuple[dict[str, Any], dict[str, Any]]:
    person = people.agents.get(leg.agent_id)
    common = _common(callback, "agent", person.name if person else "") | {
        "id": leg.id,
        "user": {"id": leg.agent_id},
        "startTime": stamp(leg.offered_at),
        "connectedTime": stamp(leg.connected_at),
        "endTime": stamp(leg.ended_at),
        "wrapup": {"code": leg.wrap_up, "notes": leg.notes} if leg.wrap_up else None,
    }
    return common, _media(callback, leg.state) | {"disconnectType": leg.disconnect_type or None}


def _common(callback: Callback, purpose: str, name: str) -> dict[str, Any]:
    return {
        "id": part(callback, purpose),
        "name": name,
        "purpose": purpose,
        "startTime": stamp(callback.created_at),
        "endTime": stamp(callback.ended_at),
        "attributes": callback.data if purpose == "customer" else {},
    }


def _media(callback: Callback, state: str) -> dict[str, Any]:
    return {
        "state": state,
        "disconnectType": callback.disconnect_type or None,
        "callbackNumbers": [callback.number],
        "callbackUserName": callback.name,
        "callbackScheduledTime": stamp(callback.requested_at),
    }


def _state(callback: Callback, now: datetime, *, ended: str) -> str:
    return STATES.get(callback.status_at(now), ended)
