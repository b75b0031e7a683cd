"""A request and an answer, as plain values, and the way between them and ASGI."""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
JSON_TYPE = "application/json; charset=utf-8"
Header = tuple[str, str]


class TooLarge(Exception):
    """The body is over the limit."""


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    client: str = ""
    scopes: frozenset[str] = frozenset()
    spoilt: frozenset[int] = frozenset()
    """Items of a batch that are to fail, by a fault."""

    @property
    def endpoint(self) -> str:
        """``POST /api/v2/callbacks``."""
        return f"{self.method} {self.path}"

    def one(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        return self.query.get(name, [default])[-1]


@dataclass(frozen=True)
class Answer:
    """What goes out: JSON, unless ``raw`` says otherwise."""

    status: int
    body: Any = None
    headers: tuple[Header, ...] = field(default=())
    raw: bytes | None = None

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if self.raw is not None:
            return self.raw
        if self.body is None:
            return b""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


async def read(scope: MutableMapping[str, Any], receive: Receive, limit: int) -> Request:
    """The whole request. Raises ``TooLarge``."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise TooLarge
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=bytes(body),
    )  # fmt: skip


async def start(send: Send, status: int, headers: Iterable[Header], length: int | None) -> None:
    """Send the head of an answer, of this length or in chunks."""
    told = [*headers, *([("Content-Length", str(length))] if length is not None else [])]
    await send({
        "type": "http.response.start",
        "status": status,
        "headers": [(name.encode(), value.encode()) for name, value in told],
    })  # fmt: skip


async def answer(send: Send, answer: Answer, headers: Iterable[Header]) -> None:
    """Send all of an answer."""
    content = answer.content
    await start(send, answer.status, [*headers, *answer.headers], len(content))
    await send({"type": "http.response.body", "body": content})


def objects(body: bytes) -> dict[str, Any] | None:
    """The JSON object of a body; ``None`` where it is none, or says something twice."""
    try:
        found = json.loads(body, object_pairs_hook=_once, parse_constant=_nothing)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A name stands twice.")
    return found


def _nothing(constant: str) -> None:
    raise ValueError(constant)
