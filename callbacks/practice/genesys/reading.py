"""What Genesys Cloud lets a client send: codes and messages in its own style."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from callbacks.practice.moments import instant
from callbacks.practice.people import People, Queue
from callbacks.practice.refusals import Refusal, not_found
from callbacks.practice.web import Request, objects

AHEAD = timedelta(days=30)
OWNED = "AGENT_OWNED_CALLBACK"
TEXT, TEXTS, TRUTH, WHOLE, OBJECT = "String", "String[]", "Boolean", "Integer", "Object"
DELIVERY = ("UseQueueSetting", "UseAgentReservation", "NoAgentReservation")
Shape = dict[str, str]

CREATE: Shape = {
    "callbackNumbers": TEXTS, "queueId": TEXT, "routingData": OBJECT, "callbackScheduledTime": TEXT,
    "callbackUserName": TEXT, "scriptId": TEXT, "countryCode": TEXT, "data": OBJECT, "callerId": TEXT,
    "validateCallbackNumbers": TRUTH, "callerIdName": TEXT, "customerFirstCallbackDeliveryMode": TEXT,
}  # fmt: skip
PATCH: Shape = {
    "conversationId": TEXT, "agentId": TEXT, "callbackScheduledTime": TEXT, "queueId": TEXT,
    "callbackNumbers": TEXTS, "countryCode": TEXT, "validateCallbackNumbers": TRUTH,
    "customerFirstCallbackDeliveryMode": TEXT,
}  # fmt: skip
ROUTING: Shape = {
    "queueId": TEXT, "languageId": TEXT, "label": TEXT, "priority": WHOLE, "skillIds": TEXTS,
    "skillExpression": TEXT, "preferredAgentIds": TEXTS, "scoredAgents": "Object[]",
    "routingFlags": TEXTS,
}  # fmt: skip


def invalid(message: str, code: str = "invalid.value") -> Refusal:
    """400."""
    return Refusal(400, code, message)


def body_of(request: Request, shape: Shape, required: Iterable[str] = ()) -> dict[str, Any]:
    """The JSON object of a request, of this shape."""
    body = objects(request.body)
    if body is None:
        raise invalid("The request could not be understood by the server.", "bad.request")
    return shaped(body, shape, required)


def shaped(body: Any, shape: Shape, required: Iterable[str] = ()) -> dict[str, Any]:
    """The object, if its fields are known, of their types, and complete. ``null`` is absent."""
    if not isinstance(body, dict):
        raise invalid("Expected an object.", "bad.request")
    for name, value in body.items():
        if name not in shape:
            raise invalid(f'Unrecognized field "{name}".', "bad.request")
        if value is not None and not _is(value, shape[name]):
            raise invalid(f"Value [{value}] is not valid for field type [{shape[name]}].")
    kept = {name: value for name, value in body.items() if value is not None}
    if missing := [name for name in required if name not in kept]:
        raise invalid(f"Missing required field: {', '.join(missing)}.")
    return kept


def _is(value: Any, kind: str) -> bool:
    if kind.endswith("[]"):
        return isinstance(value, list) and all(_is(one, kind[:-2]) for one in value)
    if kind == WHOLE:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {TEXT: str, TRUTH: bool, OBJECT: dict}[kind])


def scheduled(told: str | None, now: datetime) -> datetime | None:
    """The time of a callback; at most 30 days ahead."""
    if told is None:
        return None
    moment = instant(told)
    if moment is None:
        raise invalid(
            "Dates must be specified as ISO-8601 strings. For example: yyyy-MM-ddTHH:mm:ss.SSSZ",
            "invalid.date",
        )
    if moment > now + AHEAD:
        raise invalid(
            "The scheduled time is too far in the future.",
            "callback.error.scheduled.time.too.far.in.future",
        )
    return moment


def number(wanted: dict[str, Any]) -> str:
    """The first of the numbers."""
    numbers = wanted.get("callbackNumbers") or []
    if not numbers:
        raise invalid(
            "At least one callback number is required.", "callback.error.missing.callback.numbers"
        )
    first = str(numbers[0])
    if wanted.get("validateCallbackNumbers") and not _is_e164(first):
        raise invalid(f"Value [{first}] is not a valid phone number.")
    return first


def _is_e164(told: str) -> bool:
    digits = told.removeprefix("+")
    return told.startswith("+") and digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15


def routing(wanted: dict[str, Any]) -> dict[str, Any]:
    """Where it is to go: ``routingData``, else the queue alone."""
    if "routingData" not in wanted and "queueId" not in wanted:
        raise invalid("A queue is required.", "callback.error.missing.queue.id")
    told = shaped(wanted.get("routingData") or {"queueId": wanted["queueId"]}, ROUTING)
    if "queueId" not in told:
        raise invalid("routingData needs a queueId.", "callback.error.missing.queue.id")
    return told


def queue(people: People, key: str) -> Queue:
    """The queue. Raises 404."""
    if key not in people.queues:
        raise not_found(f"queue {key}")
    return people.queues[key]


def scored_agent(people: People, told: dict[str, Any]) -> str | None:
    """The one agent whom ownership wants, with a score of 100; or the best of several preferred."""
    scored = [_score(one) for one in told.get("scoredAgents", [])]
    if OWNED in told.get("routingFlags", []) and [score for _, score in scored] != [100]:
        raise invalid("An agent owned callback needs one scored agent with a score of 100.")
    wanted = [agent for agent, _ in scored] + told.get("preferredAgentIds", [])
    if unknown := [agent for agent in wanted if agent not in people.agents]:
        raise not_found(f"user {unknown[0]}")
    best = sorted(scored, key=lambda one: -one[1])[:1]
    return best[0][0] if best else next(iter(wanted), None)


def _score(told: Any) -> tuple[str, int]:
    one = shaped(told, {"agent": OBJECT, "score": WHOLE}, ("agent", "score"))
    if not isinstance(one["agent"].get("id"), str) or not 0 <= one["score"] <= 100:
        raise invalid("A scored agent has an agent with an id, and a score from 0 to 100.")
    return one["agent"]["id"], one["score"]


def texts_by_name(told: dict[str, Any], what: str) -> dict[str, str]:
    """A map of texts: nothing else may stand in a participant's attributes."""
    for name, value in told.items():
        if not isinstance(value, str):
            raise invalid(f"Value [{value}] is not valid for field type [String] ({what}.{name}).")
    return told


def page(request: Request, largest: int = 100) -> tuple[int, int]:
    """``pageSize`` (25) and ``pageNumber`` (1) of a listing."""
    told = [request.one("pageSize", "25"), request.one("pageNumber", "1")]
    if not all(one.isascii() and one.isdigit() and 0 < int(one) < 10**9 for one in told):
        raise invalid("pageSize and pageNumber are whole numbers from 1.")
    size, number = (int(one) for one in told)
    if size > largest:
        raise invalid(f"pageSize is at most {largest}.")
    return size, number


def listing(entities: list[Any], request: Request, size: int, number: int) -> dict[str, Any]:
    """A page of entities, as listings of the platform look."""
    pages = max(1, -(-len(entities) // size))
    return {
        "entities": entities[(number - 1) * size : number * size],
        "pageSize": size,
        "pageNumber": number,
        "total": len(entities),
        "pageCount": pages,
        "selfUri": f"{request.path}?pageSize={size}&pageNumber={number}",
    }
