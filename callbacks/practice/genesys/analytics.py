"""The details query: the only search there is, and it lags behind what was written."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from callbacks.practice.genesys.conversations import communication_of, part
from callbacks.practice.genesys.reading import OBJECT, TEXT, WHOLE, body_of, invalid, shaped
from callbacks.practice.moments import instant, stamp
from callbacks.practice.platform import Platform
from callbacks.practice.refusals import not_found
from callbacks.practice.store import Callback, Leg, digits
from callbacks.practice.web import Answer, Request

LARGEST_PAGE = 100
LISTS = "Object[]"
QUERY = {
    "interval": TEXT, "order": TEXT, "orderBy": TEXT, "paging": OBJECT,
    "conversationFilters": LISTS, "segmentFilters": LISTS,
}  # fmt: skip
FILTER = {"type": TEXT, "predicates": LISTS, "clauses": LISTS}
PREDICATE = {"type": TEXT, "dimension": TEXT, "operator": TEXT, "value": TEXT}
Row = dict[str, list[str]]
"""The values that a dimension has."""

CONVERSATION = {
    "conversationId", "conversationStart", "conversationEnd", "externalTag", "originatingDirection",
    "divisionId",
}  # fmt: skip
SEGMENT = {
    "mediaType", "callbackNumber", "callbackScheduledTime", "agentOwned", "queueId", "userId",
    "scoredAgentId", "purpose", "segmentType", "disconnectType", "wrapUpCode", "participantName",
    "direction", "requestedRouting", "usedRouting",
}  # fmt: skip


def query(platform: Platform, request: Request) -> Answer:
    """``POST /analytics/conversations/details/query``."""
    wanted = body_of(request, QUERY, ("interval",))
    start, end = _interval(platform, wanted["interval"])
    size, number = _paging(wanted.get("paging", {"pageSize": 25, "pageNumber": 1}))
    fits_conversation = _filters(wanted.get("conversationFilters", []), CONVERSATION)
    fits_segment = _filters(wanted.get("segmentFilters", []), SEGMENT)
    found = [
        group
        for group in _groups(platform.searched(_candidates(platform, wanted)))
        if start <= group[0].created_at.date() <= end
        and fits_conversation(_conversation_row(group))
        and any(fits_segment(row) for one in group for row in _segment_rows(one, platform))
    ]
    found.sort(key=_sorting(wanted), reverse=_is_descending(wanted))
    page = found[(number - 1) * size : number * size]
    told = {"totalHits": len(found), "conversations": [_details(one, platform) for one in page]}
    return Answer(200, told)


def details(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /analytics/conversations/{id}/details``: lags, too."""
    found = [one for one in _groups(platform.searched()) if one[0].conversation_id == key]
    if not found:
        raise not_found(f"conversation {key}")
    return Answer(200, _details(found[0], platform))


def details_of(platform: Platform, request: Request) -> Answer:
    """``GET /analytics/conversations/details?id=a,b``."""
    wanted = set(request.one("id").split(","))
    if len(wanted) > LARGEST_PAGE:
        raise invalid(f"At most {LARGEST_PAGE} ids.")
    found = [one for one in _groups(platform.searched()) if one[0].conversation_id in wanted]
    return Answer(200, {"conversations": [_details(one, platform) for one in found]})


def _candidates(platform: Platform, wanted: dict[str, Any]) -> list[str] | None:
    """A short cut to the few that can fit; ``None`` where all have to be looked at."""
    numbers = _matched(wanted.get("segmentFilters", []), "callbackNumber")
    tags = _matched(wanted.get("conversationFilters", []), "externalTag")
    if numbers:
        return platform.store.ever_with(number=numbers[0])
    return platform.store.ever_with(tag=tags[0]) if tags else None


def _matched(filters: list[dict[str, Any]], dimension: str) -> list[str]:
    """The values that this dimension must have, or one of which."""
    return [
        one["value"]
        for told in filters
        if told["type"] == "and" or _is_only(told, dimension)
        for one in told.get("predicates", [])
        if one["dimension"] == dimension and one.get("operator", "matches") == "matches"
    ]


def _is_only(told: dict[str, Any], dimension: str) -> bool:
    """Whether an *or* is about this number alone, in one form or the other."""
    values = {digits(str(one.get("value", ""))) for one in told.get("predicates", [])}
    is_alone = all(one["dimension"] == dimension for one in told.get("predicates", []))
    return dimension == "callbackNumber" and is_alone and len(values) == 1 and "clauses" not in told


def _groups(found: list[Callback]) -> list[list[Callback]]:
    groups: dict[str, list[Callback]] = {}
    for callback in found:
        groups.setdefault(callback.conversation_id, []).append(callback)
    return list(groups.values())


def _interval(platform: Platform, told: str) -> tuple[Any, Any]:
    """The days that the interval touches: it is about when conversations began."""
    start, _, end = told.partition("/")
    first, last = instant(start), instant(end)
    if first is None or last is None or last <= first:
        raise invalid("interval is start/end, both UTC with Z.", "invalid.date")
    if last - first > timedelta(days=platform.options.interval_days):
        raise invalid(f"The interval is over {platform.options.interval_days} days.")
    return first.date(), (last - timedelta(milliseconds=1)).date()


def _paging(told: dict[str, Any]) -> tuple[int, int]:
    both = ("pageSize", "pageNumber")
    wanted = shaped(told, {"pageSize": WHOLE, "pageNumber": WHOLE}, both)
    size, number = wanted["pageSize"], wanted["pageNumber"]
    if not 1 <= size <= LARGEST_PAGE or number < 1:
        raise invalid(f"pageSize is from 1 to {LARGEST_PAGE}, pageNumber from 1.")
    return size, number


def _sorting(wanted: dict[str, Any]) -> Callable[[list[Callback]], tuple[Any, str]]:
    by = wanted.get("orderBy", "conversationStart")
    if by not in {"conversationStart", "conversationEnd"}:
        raise invalid(f"Value [{by}] is not valid for field type [OrderBy].")

    def place(group: list[Callback]) -> tuple[Any, str]:
        moment: datetime | None = group[0].created_at if by == "conversationStart" else _end(group)
        return (moment.timestamp() if moment else float("inf")), group[0].conversation_id

    return place


def _is_descending(wanted: dict[str, Any]) -> bool:
    order = wanted.get("order", "asc")
    if order not in {"asc", "desc"}:
        raise invalid(f"Value [{order}] is not valid for field type [Order].")
    return bool(order == "desc")


def _end(group: list[Callback]) -> datetime | None:
    ends = [one.ended_at for one in group if one.ended_at]
    return max(ends) if len(ends) == len(group) else None


Fits = Callable[[Row], bool]


def _filters(told: list[Any], dimensions: set[str]) -> Fits:
    """All of the filters of a query hold."""
    every = [_filter(one, dimensions) for one in told]
    return lambda row: all(fits(row) for fits in every)


def _filter(told: Any, dimensions: set[str]) -> Fits:
    wanted = shaped(told, FILTER, ("type",))
    if wanted["type"] not in {"and", "or"}:
        raise invalid(f"Value [{wanted['type']}] is not valid for field type [Type].")
    parts = [_filter(clause, dimensions) for clause in wanted.get("clauses", [])]
    parts += [_predicate(one, dimensions) for one in wanted.get("predicates", [])]
    if not parts:
        raise invalid("A filter has clauses or predicates.")
    joined = all if wanted["type"] == "and" else any
    return lambda row: joined(fits(row) for fits in parts)


def _predicate(told: Any, dimensions: set[str]) -> Fits:
    wanted = shaped(told, PREDICATE, ("dimension",))
    dimension, operator = wanted["dimension"], wanted.get("operator", "matches")
    if dimension not in dimensions:
        raise invalid(f"Value [{dimension}] is not valid for field type [Dimension].")
    if operator not in {"matches", "exists", "notExists"}:
        raise invalid(f"Value [{operator}] is not valid for field type [Operator].")
    if operator == "matches":
        if "value" not in wanted:
            raise invalid("A predicate that matches has a value.")
        return lambda row: wanted["value"] in row.get(dimension, [])
    return lambda row: bool(row.get(dimension)) is (operator == "exists")


def _conversation_row(group: list[Callback]) -> Row:
    end = _end(group)
    return {
        "conversationId": [group[0].conversation_id],
        "conversationStart": [stamp(group[0].created_at) or ""],
        "conversationEnd": [stamp(end) or ""] if end else [],
        "externalTag": [one.tag for one in group if one.tag],
        "originatingDirection": ["outbound"],
    }


def _segment_rows(callback: Callback, platform: Platform) -> Iterator[Row]:
    for participant in _participants(callback, platform):
        session = participant["sessions"][0]
        for segment in session["segments"]:
            yield {
                "mediaType": ["callback"],
                "direction": ["outbound"],
                "callbackNumber": session["callbackNumbers"],
                "callbackScheduledTime": [session["callbackScheduledTime"]],
                "agentOwned": [str(session["agentOwned"]).lower()],
                "purpose": [participant["purpose"]],
                "participantName": _some(participant["participantName"]),
                "userId": _some(participant.get("userId")),
                "queueId": _some(segment.get("queueId")),
                "segmentType": [segment["segmentType"]],
                "disconnectType": _some(segment.get("disconnectType")),
                "wrapUpCode": _some(segment.get("wrapUpCode")),
                "scoredAgentId": [one["scoredAgentId"] for one in segment.get("scoredAgents", [])],
                "requestedRouting": session["requestedRoutings"],
                "usedRouting": _some(session.get("usedRouting")),
            }


def _some(value: Any) -> list[str]:
    return [str(value)] if value else []


def _details(group: list[Callback], platform: Platform) -> dict[str, Any]:
    end = _end(group)
    told = {
        "conversationId": group[0].conversation_id,
        "conversationStart": stamp(group[0].created_at),
        "originatingDirection": "outbound",
        "participants": [told for one in group for told in _participants(one, platform)],
    }
    # What is not there is not null, but left out.
    if end:
        told["conversationEnd"] = stamp(end)
    if tag := group[-1].tag:
        told["externalTag"] = tag
    return told


def _participants(callback: Callback, platform: Platform) -> Iterator[dict[str, Any]]:
    for purpose in ("customer", "acd"):
        key, segments = part(callback, purpose), _segments(callback, platform)
        one = _participant(callback, platform, key, purpose, segments)
        yield one | ({"participantName": callback.name} if purpose == "customer" else {})
    for leg in callback.legs:
        one = _participant(callback, platform, leg.id, "agent", _leg_segments(callback, leg))
        yield {**one, "userId": leg.agent_id}


def _participant(
    callback: Callback, platform: Platform, key: str, purpose: str, segments: list[dict[str, Any]]
) -> dict[str, Any]:
    prefix = "tel:" if platform.options.numbers == "tel" else ""
    owned = callback.is_owned
    return {
        "participantId": key,
        "participantName": "",
        "purpose": purpose,
        "attributes": callback.data if purpose == "customer" else {},
        "sessions": [{
            "sessionId": communication_of(key),
            "mediaType": "callback",
            "direction": "outbound",
            "agentOwned": owned,
            "callbackNumbers": [prefix + callback.number],
            "callbackScheduledTime": stamp(callback.requested_at),
            "callbackUserName": callback.name,
            "requestedRoutings": ["Preferred" if callback.agent_id else "Standard"],
            "metrics": [],
            "segments": segments,
        }],
    }  # fmt: skip


def _segments(callback: Callback, platform: Platform) -> list[dict[str, Any]]:
    now = platform.now
    due = callback.requested_at
    scored = [{"scoredAgentId": callback.agent_id, "agentScore": 100}] if callback.agent_id else []
    common = {"queueId": callback.queue_id, "scoredAgents": scored}
    ended = callback.ended_at
    told = [{**common, "segmentType": "scheduled", "segmentStart": stamp(callback.created_at)}]
    if due <= (ended or now):
        told[0]["segmentEnd"] = stamp(due)
        told.append({**common, "segmentType": "interact", "segmentStart": stamp(due)})
    if ended:
        told[-1] |= {"segmentEnd": stamp(ended), "disconnectType": callback.disconnect_type}
    return told


def _leg_segments(callback: Callback, leg: Leg) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {
            "queueId": callback.queue_id,
            "segmentType": "alert",
            "segmentStart": stamp(leg.offered_at),
        }
    ]
    if leg.connected_at:
        told[0]["segmentEnd"] = stamp(leg.connected_at)
        start = {"segmentType": "interact", "segmentStart": stamp(leg.connected_at)}
        told.append({"queueId": callback.queue_id, **start})
    if leg.ended_at:
        told[-1] |= {
            "segmentEnd": stamp(leg.ended_at),
            "disconnectType": leg.disconnect_type or "client",
        }
    if leg.wrap_up:
        end = {"segmentType": "wrapup", "wrapUpCode": leg.wrap_up, "wrapUpNote": leg.notes}
        told.append({"queueId": callback.queue_id, "segmentStart": stamp(leg.ended_at), **end})
    return told
