"""Callbacks in the guide's dialect: create, change, find, many at once."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from callbacks.practice.guide.portrait import portray
from callbacks.practice.guide.reading import read
from callbacks.practice.moments import instant
from callbacks.practice.platform import GUIDE, Platform
from callbacks.practice.refusals import Refusal, not_found
from callbacks.practice.store import LOCKED_FOR, Callback, digits, new_id
from callbacks.practice.web import Answer, Request, objects

DUPLICATE_WITHIN = timedelta(hours=48)
STATUSES = {
    "pending", "waiting", "offered", "in_progress", "completed", "cancelled", "expired", "failed",
    "converted",
}  # fmt: skip


def create(platform: Platform, request: Request) -> Answer:
    """``POST /api/v2/callbacks``: 201, or what was answered before under the same key."""
    key = (request.client, request.headers.get("idempotency-key", ""))
    heeds = bool(key[1]) and not platform.options.forgets_keys
    digest = hashlib.sha256(request.body).digest()
    if heeds and key in platform.answered:
        before, known = platform.answered[key]
        if before != digest:
            raise Refusal(422, "idempotency.mismatch", "This key came with another body before.")
        return known
    made = _made(platform, objects(request.body), by=request.client)
    shown = portray(made, platform.people, platform.now)
    answer = Answer(201, shown, (("Location", shown["selfUri"]), ("ETag", f'"{made.version}"')))
    if heeds:
        platform.answered[key] = digest, answer
    return answer


def create_many(platform: Platform, request: Request) -> Answer:
    """``POST /api/v2/callbacks/batch``: every item stands alone."""
    body = objects(request.body)
    if body is None or body.keys() != {"callbacks"} or not isinstance(body["callbacks"], list):
        raise Refusal(400, "invalid.value", "The body is {“callbacks”: [payload, …]}.")
    wanted = body["callbacks"]
    if not wanted:
        raise Refusal(400, "invalid.value", "A batch has at least one callback.")
    if len(wanted) > platform.options.batch:
        raise Refusal(413, "request.too.large", f"A batch has at most {platform.options.batch}.")
    results = [
        _item(platform, index, item, by=request.client, is_spoilt=index in request.spoilt)
        for index, item in enumerate(wanted)
    ]
    created = sum(result["status"] == 201 for result in results)
    return Answer(200, {"created": created, "failed": len(results) - created, "results": results})


def _item(platform: Platform, index: int, item: Any, *, by: str, is_spoilt: bool) -> dict[str, Any]:
    if is_spoilt:
        return _failed(index, Refusal(500, "internal", "This item failed; others did not."))
    try:
        made = _made(platform, item if isinstance(item, dict) else None, by=by)
    except Refusal as refused:
        return _failed(index, refused)
    shown = portray(made, platform.people, platform.now)
    return {"index": index, "status": 201, "callback": shown}


def _failed(index: int, refused: Refusal) -> dict[str, Any]:
    return {"index": index, "status": refused.status, "error": refused.body(is_genesys=False)}


def _made(platform: Platform, body: dict[str, Any] | None, *, by: str) -> Callback:
    now = platform.now
    wanted = read(body, platform.people, now, is_change=False)
    at = instant(wanted["requestedTime"]) if "requestedTime" in wanted else None
    callback = Callback(
        id=new_id(),
        conversation_id=wanted.get("conversationId") or new_id(),
        number=_number(wanted["target"]["id"]),
        requested_at=at or now,
        created_at=now,
        updated_at=now,
        queue_id=wanted.get("queueId") or platform.people.default_queue.id,
        dialect=GUIDE,
        agent_id=wanted.get("agentId"),
        is_owned="agentId" in wanted and not wanted.get("routeToMe", False),
        name=wanted.get("contact", {}).get("name", ""),
        data=wanted.get("externalData", {}),
        priority=wanted.get("priority", 0),
        extra={name: value for name, value in wanted.items() if name not in _OWN_FIELDS},
    )
    _refuse_duplicate(platform, callback, now)
    return platform.store.put("create", callback, by=by, at=now)


_OWN_FIELDS = {
    "target", "requestedTime", "queueId", "agentId", "externalData", "priority", "conversationId",
    "status",
}  # fmt: skip


def _number(told: str) -> str:
    return told if told.startswith("+") else f"+{told}"


def _refuse_duplicate(platform: Platform, wanted: Callback, now: datetime) -> None:
    if platform.options.allows_duplicates:
        return
    for other in platform.store.live_for(wanted.number):
        is_near = abs(other.requested_at - wanted.requested_at) <= DUPLICATE_WITHIN
        is_soon = other.requested_at <= now + DUPLICATE_WITHIN
        if other.id != wanted.id and (is_near or is_soon):
            shown = portray(other, platform.people, now)
            names = ("id", "requestedTime", "status", "agentId")
            raise Refusal(
                409, "callback.exists", "There is a callback for this number already.",
                existing={name: shown[name] for name in names},
            )  # fmt: skip


def get(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /api/v2/callbacks/{id}``: as it is, whatever the search lags."""
    callback = _known(platform, key)
    return Answer(
        200, portray(callback, platform.people, platform.now), (("ETag", f'"{callback.version}"'),)
    )


def change(platform: Platform, request: Request, key: str) -> Answer:
    """``PATCH /api/v2/callbacks/{id}``."""
    callback, now = _known(platform, key), platform.now
    expected = request.headers.get("if-match")
    if expected not in {None, "*", f'"{callback.version}"'}:
        raise Refusal(412, "version.stale", "Somebody changed it in between.")
    wanted = read(objects(request.body), platform.people, now, is_change=True)
    if not callback.is_live:
        raise Refusal(409, "callback.ended", f"It is {callback.status}.")
    if "status" in wanted:
        changed = platform.store.end(callback, "cancelled", by=request.client, at=now)
    else:
        changed = _changed(platform, callback, wanted, by=request.client)
    return Answer(200, portray(changed, platform.people, now), (("ETag", f'"{changed.version}"'),))


def _changed(
    platform: Platform, callback: Callback, wanted: dict[str, Any], *, by: str
) -> Callback:
    now = platform.now
    if callback.is_owned and now > callback.requested_at - LOCKED_FOR:
        raise Refusal(409, "callback.locked", "It is owned, and due within 15 minutes.")
    changes: dict[str, Any] = {
        field: wanted[name] for name, field in _CHANGED_AS.items() if name in wanted
    }
    if "target" in wanted:
        changes["number"] = _number(wanted["target"]["id"])
    if "requestedTime" in wanted:
        changes["requested_at"] = instant(wanted["requestedTime"])
    if "agentId" in wanted:
        changes["is_owned"] = wanted["agentId"] is not None and not wanted.get("routeToMe", False)
    extra = {name: wanted[name] for name in ("callbackWindow", "routeToMe") if name in wanted}
    changes["extra"] = {**callback.extra, **extra}
    if {"number", "requested_at"} & changes.keys():
        _refuse_duplicate(platform, replace(callback, **changes), now)
    return platform.store.change(callback, effect="update", by=by, at=now, **changes)


_CHANGED_AS = {
    "queueId": "queue_id", "agentId": "agent_id", "priority": "priority", "externalData": "data",
}  # fmt: skip


def search(platform: Platform, request: Request) -> Answer:
    """``GET /api/v2/callbacks``: what is found lags behind what is."""
    size = _page_size(request)
    offset = _whole(request, "cursor", "0")
    now = platform.now
    number = request.one("phoneNumber")
    keys = platform.store.ever_with(number=number) if number else None
    found = [one for one in platform.searched(keys) if _fits(one, request, now)]
    found.sort(key=lambda one: (one.requested_at, one.id))
    page = found[offset : offset + size]
    more = offset + size < len(found)
    return Answer(200, {
        "entities": [portray(one, platform.people, now) for one in page],
        "pageSize": size,
        "total": len(found),
        "nextCursor": str(offset + size) if more else None,
    })  # fmt: skip


def _page_size(request: Request) -> int:
    size = _whole(request, "pageSize", "25")
    if not 1 <= size <= 200:
        raise Refusal(400, "invalid.value", "pageSize is from 1 to 200.")
    unknown = request.query.keys() - _FILTERS
    if unknown:
        raise Refusal(400, "invalid.value", f"Unknown: {', '.join(sorted(unknown))}.")
    if wrong := set(request.query.get("status", [])) - STATUSES:
        raise Refusal(400, "invalid.value", f"There is no status {', '.join(sorted(wrong))}.")
    return size


_FILTERS = {
    "phoneNumber", "status", "queueId", "agentId", "conversationId", "from", "to", "pageSize", "cursor",
}  # fmt: skip


def _whole(request: Request, name: str, default: str) -> int:
    told = request.one(name, default)
    if not (told.isascii() and told.isdigit() and len(told) < 10):
        raise Refusal(400, "invalid.value", f"{name} is a whole number.")
    return int(told)


def _fits(callback: Callback, request: Request, now: datetime) -> bool:
    exact = {
        "queueId": callback.queue_id,
        "agentId": callback.agent_id,
        "conversationId": callback.conversation_id,
    }
    if any(name in request.query and request.one(name) != held for name, held in exact.items()):
        return False
    number = request.one("phoneNumber")
    if number and digits(number) != digits(callback.number):
        return False
    return _has_status(callback, request, now) and _is_between(callback, request)


def _has_status(callback: Callback, request: Request, now: datetime) -> bool:
    wanted = request.query.get("status")
    if wanted is None:
        return True
    # In a question, pending means every open state, as the guide uses the word.
    return callback.status_at(now) in wanted or ("pending" in wanted and callback.is_live)


def _is_between(callback: Callback, request: Request) -> bool:
    bounds = {name: request.one(name) for name in ("from", "to") if name in request.query}
    moments = {name: instant(told) for name, told in bounds.items()}
    if None in moments.values():
        raise Refusal(400, "invalid.value", "from and to are UTC with Z.")
    start, end = moments.get("from"), moments.get("to")
    return (start is None or callback.requested_at >= start) and (
        end is None or callback.requested_at < end
    )


def _known(platform: Platform, key: str) -> Callback:
    found = platform.store.callbacks.get(key)
    if found is None:
        raise not_found("such callback")
    return found
