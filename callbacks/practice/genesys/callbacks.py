"""Callbacks in the dialect of Genesys Cloud: made, moved and ended as conversations."""

from dataclasses import replace
from typing import Any

from callbacks.practice.genesys import conversations
from callbacks.practice.genesys.reading import (
    CREATE,
    OBJECT,
    OWNED,
    PATCH,
    TEXT,
    TRUTH,
    WHOLE,
    body_of,
    invalid,
    number,
    queue,
    routing,
    scheduled,
    scored_agent,
    shaped,
    texts_by_name,
)  # fmt: skip
from callbacks.practice.people import Queue
from callbacks.practice.platform import GENESYS, Platform
from callbacks.practice.refusals import Refusal, not_found
from callbacks.practice.store import LOCKED_FOR, Callback, Leg, new_id
from callbacks.practice.web import Answer, Request

DATA = 16 * 1024
PRIORITY = 25_000_000


def create(platform: Platform, request: Request) -> Answer:
    """``POST /conversations/callbacks``. Nobody looks whether there is one for this number already."""
    return Answer(200, _identified(_made(platform, request, new_id())))


def create_on(platform: Platform, request: Request, key: str, participant: str) -> Answer:
    """``POST …/{id}/participants/{id}/callbacks``: another one in the same conversation; no answer."""
    if _part(platform, key, participant)[1] == "acd":
        raise invalid(
            "Cannot create a callback for an ACD participant",
            "conversation.error.cannot.callback.acd",
        )
    _made(platform, request, key)
    return Answer(202)


def _made(platform: Platform, request: Request, conversation: str) -> Callback:
    now, wanted = platform.now, body_of(request, CREATE)
    told = routing(wanted)
    place = queue(platform.people, told["queueId"])
    agent = scored_agent(platform.people, told)
    data = texts_by_name(wanted.get("data", {}), "data")
    if sum(len(name) + len(value) for name, value in data.items()) > DATA:
        raise invalid("data is too large.")
    callback = Callback(
        id=new_id(),
        conversation_id=conversation,
        number=number(wanted),
        requested_at=scheduled(wanted.get("callbackScheduledTime"), now) or now,
        created_at=now,
        updated_at=now,
        queue_id=place.id,
        dialect=GENESYS,
        agent_id=agent,
        name=wanted.get("callbackUserName", ""),
        data=data,
        priority=told.get("priority", 0),
        extra={"skillIds": told.get("skillIds", [])},
    )
    if OWNED in told.get("routingFlags", []):
        callback = _owned(platform, callback, place)
    return platform.store.put("create", callback, by=request.client, at=now)


def _owned(platform: Platform, callback: Callback, place: Queue) -> Callback:
    hours = (callback.requested_at - platform.now).total_seconds() / 3600
    member = place.id in platform.people.agents[callback.agent_id or ""].queues
    if place.can_own and member and hours <= place.ahead_hours:
        return replace(callback, is_owned=True)
    if platform.options.unowned == "refused":
        raise invalid("The queue does not allow this agent owned callback.")
    return callback


def _identified(callback: Callback) -> dict[str, Any]:
    key = callback.conversation_id
    # Only the ACD identifier is of any use to bulk/disconnect.
    return {
        "conversation": {"id": key, "selfUri": f"/api/v2/conversations/callbacks/{key}"},
        "callbackIdentifiers": [
            {"type": "EXTERNAL", "id": conversations.part(callback, "external")},
            {"type": "ACD", "id": callback.id},
        ],
    }


def patch(platform: Platform, request: Request) -> Answer:
    """``PATCH /conversations/callbacks``: a scheduled one; its id stands in the body."""
    return Answer(200, _patched(platform, body_of(request, PATCH), by=request.client))


def _patched(platform: Platform, told: Any, *, by: str) -> dict[str, Any]:
    wanted = shaped(told, PATCH, ("conversationId", "agentId"))
    callback, now = _live(platform, wanted["conversationId"]), platform.now
    if callback.status_at(now) != "pending":
        raise invalid("Only a scheduled callback can be updated.", "bad.request")
    if callback.is_owned and now > callback.requested_at - LOCKED_FOR:
        raise invalid("An agent owned callback is due within 15 minutes.", "bad.request")
    if wanted["agentId"] not in platform.people.agents:
        raise not_found(f"user {wanted['agentId']}")
    changes: dict[str, Any] = {}
    if moment := scheduled(wanted.get("callbackScheduledTime"), now):
        changes["requested_at"] = moment
    if "queueId" in wanted:
        changes["queue_id"] = queue(platform.people, wanted["queueId"]).id
    if "callbackNumbers" in wanted:
        changes["number"] = number(wanted)
    if platform.options.patch_agent == "sets":
        changes["agent_id"] = wanted["agentId"]
    return _identified(platform.store.change(callback, effect="update", by=by, at=now, **changes))


def bulk_update(platform: Platform, request: Request) -> Answer:
    """``POST …/bulk/update``: every item stands alone, and errors are told by place."""
    wanted = body_of(request, {"patchCallbackRequests": "Object[]"}, ("patchCallbackRequests",))
    items = _few(platform, wanted["patchCallbackRequests"])
    results: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        try:
            _refuse_spoilt(request, index)
            results.append({"entity": _patched(platform, item, by=request.client)})
        except Refusal as refused:
            results.append({"error": {"message": refused.message, "code": refused.code}})
    failed = [index for index, result in enumerate(results) if "error" in result]
    return Answer(200, {"results": results, "errorCount": len(failed), "errorIndexes": failed})


def _refuse_spoilt(request: Request, index: int) -> None:
    if index in request.spoilt:
        raise Refusal(500, "internal.server.error", "This item failed.")


def bulk_disconnect(platform: Platform, request: Request) -> Answer:
    """``POST …/bulk/disconnect``: no answer, also where an identifier fits nothing."""
    name = "callbackDisconnectIdentifiers"
    wanted = body_of(request, {name: "Object[]"}, (name,))
    shape = {"conversationId": TEXT, "callbackId": TEXT}
    for index, told in enumerate(_few(platform, wanted[name])):
        one = shaped(told, shape, shape)
        found = platform.store.callbacks.get(one["callbackId"])
        fits = found is not None and found.conversation_id == one["conversationId"]
        if found and fits and found.is_live and index not in request.spoilt:
            platform.store.end(found, "cancelled", by=request.client, at=platform.now)
    return Answer(202)


def _few(platform: Platform, items: list[Any]) -> list[Any]:
    if len(items) > platform.options.batch:
        raise Refusal(413, "request.entity.too.large", f"At most {platform.options.batch} items.")
    return items


def logged_in(platform: Platform, request: Request) -> Answer:
    """``GET /conversations/callbacks``: the logged-in user's; a client is no user."""
    raise invalid("This request requires a user context.", "bad.request")


def get(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /conversations/callbacks/{id}``."""
    found = _conversation(platform, key)
    return Answer(200, conversations.as_callbacks(found, platform.people, platform.now))


def get_conversation(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /conversations/{id}``."""
    found = _conversation(platform, key)
    return Answer(200, conversations.as_conversation(found, platform.people, platform.now))


def disconnect(platform: Platform, request: Request, key: str) -> Answer:
    """``PATCH /conversations/callbacks/{id}``: only to disconnect, which cancels."""
    wanted = body_of(request, {"state": TEXT}, ("state",))
    if wanted["state"] != "disconnected":
        raise invalid(f"Value [{wanted['state']}] is not valid for field type [State].")
    _end_all(platform, key, by=request.client)
    return get(platform, request, key)


def tear_down(platform: Platform, request: Request, key: str) -> Answer:
    """``DELETE /conversations/{id}`` and ``POST …/{id}/disconnect``."""
    _end_all(platform, key, by=request.client)
    return Answer(202, "disconnected") if request.method == "POST" else Answer(204)


def _end_all(platform: Platform, key: str, *, by: str) -> None:
    for callback in _conversation(platform, key):
        if callback.is_live:
            status = "completed" if any(leg.connected_at for leg in callback.legs) else "cancelled"
            platform.store.end(callback, status, by=by, at=platform.now)


def change_participant(platform: Platform, request: Request, key: str, participant: str) -> Answer:
    """``PATCH …/participants/{id}``: connect, disconnect, wrap up."""
    shape = {"state": TEXT, "wrapup": OBJECT, "wrapupSkipped": TRUTH}
    wanted = body_of(request, shape)
    callback, purpose = _part(platform, key, participant)
    state = wanted.get("state", "")
    if state not in {"", "connected", "disconnected"}:
        raise invalid(f"Value [{state}] is not valid for field type [State].")
    if purpose in {"customer", "acd"}:
        if state == "disconnected" and callback.is_live:
            _end_all(platform, key, by=request.client)
        return Answer(202)
    _change_leg(platform, callback, participant, state, wanted.get("wrapup", {}), request.client)
    return Answer(202)


def _change_leg(
    platform: Platform, callback: Callback, key: str, state: str, wrap_up: dict[str, Any], by: str
) -> None:
    now = platform.now
    changed = []
    for leg in callback.legs:
        if leg.id != key:
            changed.append(leg)
            continue
        connected = now if state == "connected" else leg.connected_at
        ended = now if state == "disconnected" else leg.ended_at
        code, notes = wrap_up.get("code", leg.wrap_up), wrap_up.get("notes", leg.notes)
        said = replace(leg, wrap_up=str(code), notes=str(notes))
        changed.append(replace(said, connected_at=connected, ended_at=ended))
    status = "in_progress" if state == "connected" else callback.status
    callback = platform.store.change(
        callback, effect="update", by=by, at=now, legs=tuple(changed), status=status
    )
    if state == "disconnected" and callback.is_live:
        done = any(leg.connected_at for leg in callback.legs)
        if done:
            platform.store.end(callback, "completed", by=by, at=now)
        else:
            platform.store.change(callback, effect="update", by=by, at=now, status="pending")


def change_communication(
    platform: Platform, request: Request, key: str, participant: str, communication: str
) -> Answer:
    """``PATCH …/communications/{id}``: the participant by another name."""
    if communication != conversations.communication_of(participant):
        raise not_found(f"communication {communication}")
    return change_participant(platform, request, key, participant)


def attributes(platform: Platform, request: Request, key: str, participant: str) -> Answer:
    """``PATCH …/attributes``: adds to what was sent at creation."""
    wanted = body_of(request, {"attributes": OBJECT}, ("attributes",))
    callback, _ = _part(platform, key, participant)
    data = {**callback.data, **texts_by_name(wanted["attributes"], "attributes")}
    platform.store.change(callback, effect="update", by=request.client, at=platform.now, data=data)
    return Answer(200, {"attributes": data})


def transfer(platform: Platform, request: Request, key: str, participant: str) -> Answer:
    """``POST …/replace``: to a user or a queue; a phone number does not do."""
    wanted = body_of(request, {"userId": TEXT, "queueId": TEXT, "address": TEXT})
    callback, _ = _part(platform, key, participant)
    if "address" in wanted or len(wanted) != 1:
        raise invalid("Say userId or queueId; an address cannot be used for callbacks.")
    _send_to(platform, callback, wanted, request.client)
    return Answer(202)


def assign(platform: Platform, request: Request, key: str) -> Answer:
    """``POST /conversations/{id}/assign``: whatever their skills."""
    wanted = body_of(request, {"id": TEXT}, ("id",))
    _send_to(platform, _live(platform, key), {"userId": wanted["id"]}, request.client)
    return Answer(204)


def _send_to(platform: Platform, callback: Callback, told: dict[str, str], by: str) -> None:
    now = platform.now
    changes: dict[str, Any] = {}
    if "queueId" in told:
        changes = {"queue_id": queue(platform.people, told["queueId"]).id, "agent_id": None, "is_owned": False}  # fmt: skip
    elif told["userId"] not in platform.people.agents:
        raise not_found(f"user {told['userId']}")
    else:
        leg = Leg(new_id(), told["userId"], now)
        changes = {"legs": (*_closed(callback, now), leg), "status": "offered"}
    platform.store.change(callback, effect="update", by=by, at=now, **changes)


def _closed(callback: Callback, now: Any) -> list[Leg]:
    return [
        leg if leg.ended_at else replace(leg, ended_at=now, disconnect_type="transfer")
        for leg in callback.legs
    ]


def tag(platform: Platform, request: Request, key: str) -> Answer:
    """``PUT /conversations/{id}/tags``: one free text a conversation."""
    wanted = body_of(request, {"externalTag": TEXT}, ("externalTag",))
    for callback in _conversation(platform, key):
        platform.store.change(
            callback, effect="update", by=request.client, at=platform.now, tag=wanted["externalTag"]
        )
    return Answer(204)


def route(platform: Platform, request: Request, key: str) -> Answer:
    """``PATCH /routing/conversations/{id}``: only of one that waits in its queue."""
    shape = {
        "priority": WHOLE, "skillIds": "String[]", "skillExpression": TEXT, "languageId": TEXT,
        "labelId": TEXT, "requestScoredAgents": "Object[]",
    }  # fmt: skip
    wanted, callback = body_of(request, shape), _live(platform, key)
    if callback.status_at(platform.now) != "waiting":
        raise invalid("The conversation is not in queue.", "bad.request")
    priority = wanted.get("priority", callback.priority)
    if abs(priority) > PRIORITY:
        raise invalid(f"priority is from {-PRIORITY} to {PRIORITY}.")
    extra = {
        **callback.extra,
        "skillIds": wanted.get("skillIds", callback.extra.get("skillIds", [])),
    }
    platform.store.change(
        callback,
        effect="update",
        by=request.client,
        at=platform.now,
        priority=priority,
        extra=extra,
    )
    return Answer(200, {"priority": priority, "skillIds": extra["skillIds"]})


def _conversation(platform: Platform, key: str) -> list[Callback]:
    found = platform.store.in_conversation(key)
    if not found:
        raise not_found(f"conversation {key}")
    return found


def _live(platform: Platform, key: str) -> Callback:
    found = _conversation(platform, key)
    live = [one for one in found if one.is_live]
    if not live:
        raise invalid("The conversation has ended.", "bad.request")
    return live[-1]


def _part(platform: Platform, key: str, participant: str) -> tuple[Callback, str]:
    found = conversations.owner_of(_conversation(platform, key), participant)
    if found is None:
        raise not_found(f"participant {participant}")
    return found
