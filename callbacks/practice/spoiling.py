"""What faults do: answers in place of the effect, and answers that tell it wrongly or not at all."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from callbacks.practice.faults import Faults
from callbacks.practice.platform import Platform
from callbacks.practice.refusals import Refusal
from callbacks.practice.store import new_id
from callbacks.practice.web import Answer, Header, Request, Send, objects, start

HTML = b"<!DOCTYPE html><html><body><h1>We are doing maintenance</h1></body></html>"
ELSEWHERE = "http://elsewhere.invalid/"
NEVER_HEARD = "hibernating"
ENUMS = {"state", "status", "disconnectType", "systemPresence", "segmentType"}
CHUNK = b" " * 2**20
PROXY_STATUSES = {"502_after": 502, "html_after": 200}


# Instead of the effect.


def instead(fault: str, platform: Platform, request: Request, *, is_genesys: bool) -> Answer | None:
    """The answer that comes in place of the effect, where the fault is of that sort."""
    if fault.startswith("429_"):
        return _too_many(fault, platform, request, is_genesys=is_genesys)
    if fault == "503_before":
        headers = (_wait_seconds(platform, request),)
        return unavailable(503, headers).answer(is_genesys=is_genesys)
    if fault in {"502_before", "html_before"}:
        return _html(502 if fault == "502_before" else 200)
    if fault == "redirect":
        return Answer(307, None, (("Location", ELSEWHERE + request.path.lstrip("/")),))
    if fault == "token_dies":
        platform.tokens.kill(request.client)
    refused = _REFUSED.get(fault)
    return refused().answer(is_genesys=is_genesys) if refused else None


def unauthenticated() -> Refusal:
    """401."""
    return Refusal(
        401, "authentication.required", "No authentication bearer token specified or it is dead.",
        headers=(("WWW-Authenticate", "Bearer"),),
    )  # fmt: skip


def unavailable(status: int, headers: tuple[Header, ...] = ()) -> Refusal:
    """5xx."""
    code = {503: "service.unavailable", 504: "request.timeout"}.get(status, "internal")
    return Refusal(status, code, "The service is not available.", headers=headers)


def too_many(seconds: int | None, headers: tuple[Header, ...], *, is_genesys: bool) -> Answer:
    """429, in the words of the dialect."""
    if is_genesys:
        told = f"Rate limit exceeded the maximum. Retry the request in [{seconds or 1}] seconds"
        refused = Refusal(429, "too.many.requests.retry.after", told, headers=headers)
    else:
        refused = Refusal(429, "too.many.requests", "Too many requests.", headers=headers)
    return refused.answer(is_genesys=is_genesys)


def _too_many(fault: str, platform: Platform, request: Request, *, is_genesys: bool) -> Answer:
    seconds = platform.faults.retry_after
    headers: tuple[Header, ...] = ()
    if fault == "429_seconds":
        headers = (_wait_seconds(platform, request),)
    elif fault == "429_date":
        _wait_seconds(platform, request)
        until = platform.now + timedelta(seconds=seconds + platform.faults.skew)
        headers = (("Retry-After", format_datetime(until, usegmt=True)),)
    elif fault == "429_odd":
        odd = platform.faults.odd_retry_after()
        headers = tuple(("Retry-After", value) for value in odd)
    return too_many(seconds, headers, is_genesys=is_genesys)


def _wait_seconds(platform: Platform, request: Request) -> Header:
    seconds = platform.faults.retry_after
    platform.turnstile.bar(request.client, platform.ticks + seconds)
    return ("Retry-After", str(seconds))


def _html(status: int) -> Answer:
    return Answer(status, None, (("Content-Type", "text/html; charset=utf-8"),), raw=HTML)


_REFUSED: dict[str, Callable[[], Refusal]] = {
    "500_before": lambda: unavailable(500),
    "504_before": lambda: unavailable(504),
    "403_before": lambda: Refusal(403, "missing.permissions", "You are not authorized."),
    "413_before": lambda: Refusal(413, "request.too.large", "The request is too large."),
    "token_dies": unauthenticated,
    "conflict_bare": lambda: Refusal(409, "callback.exists", "There is a callback already."),
    "conflict_foreign": lambda: Refusal(
        409, "callback.exists", "There is a callback for this number already.",
        existing={"id": new_id(), "requestedTime": None, "status": "pending", "agentId": None},
    ),
}  # fmt: skip


# Some items of a batch.


def spoil_items(fault: str, faults: Faults, request: Request) -> Request:
    """The request, with the items that shall fail: a third, or all behind the middle."""
    count = _items(request)
    if fault == "token_dies_midway":
        return replace(request, spoilt=frozenset(range(-(-count // 2), count)))
    if fault == "partial" and count:
        picked = faults.dice().sample(range(count), max(1, count // 3))
        return replace(request, spoilt=frozenset(picked))
    return request


def is_batch(request: Request) -> bool:
    """Whether this is about many."""
    return "/bulk/" in request.path or request.path.endswith("/batch")


def _items(request: Request) -> int:
    lists = [value for value in (objects(request.body) or {}).values() if isinstance(value, list)]
    return len(lists[0]) if lists else 0


# Done, but told wrongly.


def distorted(fault: str, answer: Answer, *, is_genesys: bool) -> Answer:
    """The answer as the fault leaves it, where only its content is wrong."""
    if fault in PROXY_STATUSES:
        return _html(PROXY_STATUSES[fault])
    if fault in {"500_after", "503_after", "504_after"}:
        return unavailable(int(fault[:3])).answer(is_genesys=is_genesys)
    if fault == "token_dies_midway":
        return unauthenticated().answer(is_genesys=is_genesys)
    if fault in _CUT:
        return replace(answer, raw=_CUT[fault](answer.content))
    if fault == "accepted" and answer.status in {200, 201}:
        return replace(answer, status=202)
    twist = _TWISTED.get(fault)
    return replace(answer, body=twist(answer.body)) if twist else answer


_CUT: dict[str, Callable[[bytes], bytes]] = {
    "invalid_json": lambda content: b"{'id': None, " + content,
    "cut_json": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
}


def _without_id(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    gone = {"id", "selfUri", "conversation", "callbackIdentifiers"}
    return {name: value for name, value in body.items() if name not in gone}


def _unheard_of(body: Any) -> Any:
    if isinstance(body, list):
        return [_unheard_of(one) for one in body]
    if not isinstance(body, dict):
        return body
    return {
        name: NEVER_HEARD if name in ENUMS and isinstance(value, str) else _unheard_of(value)
        for name, value in body.items()
    }


def _with_results(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    def changed(body: Any) -> Any:
        if not isinstance(body, dict) or "results" not in body:
            return body
        return {**body, "results": change(body["results"])}

    return changed


_TWISTED: dict[str, Callable[[Any], Any]] = {
    "no_id": _without_id,
    "unknown_enum": _unheard_of,
    "batch_reordered": _with_results(lambda told: told[::-1]),
    "batch_missing": _with_results(lambda told: told[:-1]),
    "batch_extra": _with_results(
        lambda told: [*told, {"index": len(told) + 7, "status": 201, "callback": {"id": new_id()}}]
    ),
}


# Done, but delivered wrongly.


async def deliver(
    fault: str, answer: Answer, send: Send, headers: list[Header], line: "Line", faults: Faults
) -> None:
    """Send the answer in the way of the fault."""
    if fault == "truncated":
        await _truncated(answer, send, headers, line)
    elif fault == "huge":
        await _huge(answer, send, headers, faults.huge)
    else:
        await _dripping(answer, send, headers, line, faults.drip)


async def _truncated(answer: Answer, send: Send, headers: list[Header], line: "Line") -> None:
    content = answer.content or json.dumps(None).encode()
    await start(send, answer.status, [*headers, *answer.headers], len(content))
    await send({
        "type": "http.response.body", "body": content[: len(content) // 2], "more_body": True,
    })  # fmt: skip
    await line.hang_up()


async def _huge(answer: Answer, send: Send, headers: list[Header], size: int) -> None:
    content = answer.content
    size = max(size, len(content))
    await start(send, answer.status, [*headers, *answer.headers], size)
    await send({"type": "http.response.body", "body": content, "more_body": True})
    left = size - len(content)
    while left > 0:
        await send({"type": "http.response.body", "body": CHUNK[:left], "more_body": True})
        left -= min(left, len(CHUNK))
    await send({"type": "http.response.body", "body": b""})


async def _dripping(
    answer: Answer, send: Send, headers: list[Header], line: "Line", seconds: float
) -> None:
    content = answer.content
    await start(send, answer.status, [*headers, *answer.headers], len(content))
    for place in range(len(content)):
        if line.is_cut:
            return
        byte = content[place : place + 1]
        await send({"type": "http.response.body", "body": byte, "more_body": True})
        await asyncio.sleep(seconds)
    await send({"type": "http.response.body", "body": b""})


class Line:
    """The connection that a request came on."""

    def __init__(self, transport: asyncio.Transport, receive: Any) -> None:
        self._transport, self._receive = transport, receive

    @property
    def is_cut(self) -> bool:
        """Whether nobody hears any more."""
        return self._transport.is_closing()

    async def hang_up(self) -> None:
        """Close it, and wait until it is: the server would else answer by itself."""
        self._transport.close()
        while (await self._receive())["type"] != "http.disconnect":
            pass
