"""The streams as an ASGI application, beside the pages: ``GET /events``.

Plain coroutines, not Django views: a thousand open streams need no thread.
"""

import asyncio
import contextlib
import logging
import random
import signal
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.http import parse_cookie

from dashboard.live.hub import Hub
from dashboard.live.stream import Stream

logger = logging.getLogger(__name__)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PATH = "/events"
HEADERS = [
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
]
OF_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    # Proxies that gather answers would keep what should arrive at once.
    (b"x-accel-buffering", b"no"),
]
REFUSALS = {
    401: "Log in first.",
    403: "Only Ringback's own pages listen here.",
    405: "Only GET listens here.",
    429: "This browser has too many streams.",
    503: "Not now.",
}
hub = Hub()


async def events(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """One browser's stream, until it leaves, may not hear any more, or the server stops."""
    hub.start()
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    if status := _refusal(scope, headers):
        await _refuse(send, status)
        return
    session = parse_cookie(headers.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
    try:
        hearer = await hub.admit(session) if session else None
    except Exception as broken:
        logger.warning("Nobody can be let in to the live screens: %s", str(broken).strip())
        await _refuse(send, 503)
        return
    if hearer is None or hub.has_ended or not hub.has_room(session):
        await _refuse(send, 401 if hearer is None else 503 if hub.has_ended else 429)
        return
    stream = hub.open(session, hearer, _since(scope, headers))
    try:
        await _carry(stream, receive, send)
    except asyncio.CancelledError:
        # The server's last means when it stops; there is nothing to tidy up and nobody to tell.
        logger.debug("A stream was cut off.")
    finally:
        hub.streams.discard(stream)


async def _carry(stream: Stream, receive: Receive, send: Send) -> None:
    leaving = asyncio.create_task(_until_gone(stream, receive))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS + OF_STREAM})
        # Not all at once, when the server is back.
        pause = f"retry: {random.randint(1000, 3000)}\n\n".encode()  # noqa: S311 (no secret)
        await send({"type": "http.response.body", "body": pause, "more_body": True})
        async for chunk in stream.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})
    finally:
        leaving.cancel()


async def _until_gone(stream: Stream, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


def _refusal(scope: MutableMapping[str, Any], headers: dict[bytes, str]) -> int | None:
    """Whoever listens is seen as present, so no other site may let them listen."""
    if scope["method"] != "GET":
        return 405
    if headers.get(b"sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return 403
    return 503 if hub.has_ended else None


def _since(scope: MutableMapping[str, Any], headers: dict[bytes, str]) -> float:
    """Up to when the browser has heard or seen everything; the beginning of time where it says not."""
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("since", [""])[0]
    for said in (headers.get(b"last-event-id", ""), asked):
        with contextlib.suppress(ValueError):
            return float(said)
    return 0.0


async def _refuse(send: Send, status: int) -> None:
    plain = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": HEADERS + plain})
    await send({"type": "http.response.body", "body": REFUSALS[status].encode()})


# --- the life of the process -----------------------------------------------------------------


async def lifespan(receive: Receive, send: Send) -> None:
    """Listen from the start, so that nothing is missed; end with the server."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _end_streams_on_signal()
            hub.start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await hub.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _end_streams_on_signal() -> None:
    """A server that stops waits for its answers to end, and tells them nothing of it."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _ends_streams(loop, before))


def _ends_streams(loop: asyncio.AbstractEventLoop, then: Callable[..., Any]) -> Callable[..., None]:
    def handle(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(hub.end_streams)
        then(number, frame)

    return handle
