"""The platform as an ASGI application: what happens to a request, from the line to the dialect."""

import asyncio
import math
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from callbacks.practice import console, genesys, guide, spoiling
from callbacks.practice.faults import BATCH
from callbacks.practice.hooks import Courier
from callbacks.practice.platform import GENESYS, GUIDE, Platform, Seen
from callbacks.practice.play import Players
from callbacks.practice.refusals import Refusal, not_found
from callbacks.practice.routes import Found, Route, find, methods
from callbacks.practice.spoiling import Line
from callbacks.practice.web import (
    JSON_TYPE,
    Answer,
    Header,
    Receive,
    Request,
    Send,
    TooLarge,
    answer,
    read,
)  # fmt: skip

BODY, BATCH_BODY = 2**20, 5 * 2**20
TOKEN = "/oauth/token"  # noqa: S105 (a path)
ROUTES: dict[str, list[Route]] = {GUIDE: guide.ROUTES, GENESYS: genesys.ROUTES}
OF_GENESYS = tuple(
    f"/api/v2/{room}"
    for room in (
        "conversations", "analytics", "routing", "users", "presence", "systempresences", "organizations",
    )
)  # fmt: skip
BY_DELIVERY = {"truncated", "huge", "drip"}


@dataclass
class Exchange:
    """A request, where it came on, and what happened to it so far."""

    request: Request
    send: Send
    line: Line
    is_genesys: bool
    fault: str | None = None


class Application:
    """The ASGI application of one platform."""

    def __init__(self, platform: Platform, players: Players, courier: Courier) -> None:
        self.platform, self.players, self.courier = platform, players, courier
        served = platform.options.dialects
        self._routes = [
            route for name, routes in ROUTES.items() if name in served for route in routes
        ]
        self._landing: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, or don't."""
        is_genesys = scope["path"].startswith(OF_GENESYS) or not self._speaks(GUIDE)
        line = Line(scope["state"]["transport"], receive)
        is_batch = scope["path"].endswith(("/batch", "/update", "/disconnect"))
        try:
            request = await read(scope, receive, BATCH_BODY if is_batch else BODY)
        except TooLarge:
            refused = Refusal(413, "request.too.large", "The body is too large.")
            gone = refused.answer(is_genesys=is_genesys)
            # What is still on the way is not read, so the connection cannot be used again.
            await answer(send, gone, [*self._head(gone), ("Connection", "close")])
            return
        exchange = Exchange(request, send, line, is_genesys)
        if request.path.startswith("/practice/"):
            await self._told(exchange, console.answer(self, request))
        elif request.endpoint == f"POST {TOKEN}":
            await self._with_faults(exchange)
        else:
            await self._guarded(exchange)

    def _speaks(self, dialect: str) -> bool:
        return dialect in self.platform.options.dialects

    async def _guarded(self, exchange: Exchange) -> None:
        """Who sends, and not too fast."""
        platform, request = self.platform, exchange.request
        token = platform.tokens.owner(request, platform.now)
        if token is None:
            refused = spoiling.unauthenticated().answer(is_genesys=exchange.is_genesys)
            await self._told(exchange, refused)
            return
        exchange.request = replace(request, client=token.client, scopes=token.scopes)
        wait = platform.turnstile.enter(token.client, self._endpoint(request), platform.ticks)
        if wait:
            seconds = max(1, math.ceil(wait))
            headers = (("Retry-After", str(seconds)),)
            told = spoiling.too_many(seconds, headers, is_genesys=exchange.is_genesys)
            await self._told(exchange, told)
            return
        await self._with_faults(exchange)

    async def _with_faults(self, exchange: Exchange) -> None:
        """What is ordered for this request happens, before, with or after its effect."""
        platform, request = self.platform, exchange.request
        fault = platform.faults.next_for(request.endpoint)
        if fault in BATCH and not spoiling.is_batch(request):
            fault = None
        exchange.fault = fault
        if fault is None:
            await self._told(exchange, self._effect(exchange))
            return
        platform.turnstile.meter(request.client).faults[fault] += 1
        if fault in {"drop_before", "late"}:
            await self._lost(exchange, lands=fault == "late")
            return
        told = spoiling.instead(fault, platform, request, is_genesys=exchange.is_genesys)
        if told is not None:
            await self._told(exchange, told)
            return
        await self._spoilt(exchange, fault)

    async def _spoilt(self, exchange: Exchange, fault: str) -> None:
        """Faults that come with the effect, or after it."""
        faults = self.platform.faults
        exchange.request = spoiling.spoil_items(fault, faults, exchange.request)
        if fault == "slow_before":
            await asyncio.sleep(faults.slow)
        told = self._effect(exchange)
        if fault == "slow_after":
            await asyncio.sleep(faults.slow)
        if fault == "token_dies_midway":
            self.platform.tokens.kill(exchange.request.client)
        if fault == "drop_after":
            self._saw(exchange, 0)
            await exchange.line.hang_up()
        elif fault in BY_DELIVERY:
            self._saw(exchange, told.status)
            head = self._head(told)
            await spoiling.deliver(fault, told, exchange.send, head, exchange.line, faults)
        else:
            await self._told(
                exchange, spoiling.distorted(fault, told, is_genesys=exchange.is_genesys)
            )

    async def _lost(self, exchange: Exchange, *, lands: bool) -> None:
        self._saw(exchange, 0)
        if lands:
            landing = asyncio.create_task(self._later(exchange))
            self._landing.add(landing)
            landing.add_done_callback(self._landing.discard)
        await exchange.line.hang_up()

    async def _later(self, exchange: Exchange) -> None:
        await asyncio.sleep(self.platform.faults.slow)
        self._effect(exchange)

    def _effect(self, exchange: Exchange) -> Answer:
        """What the dialect does and answers; here nothing waits, so nothing comes in between."""
        request = exchange.request
        if request.path == TOKEN:
            return self.platform.tokens.issue(request, self.platform.now)
        try:
            return self._route(request).answer(self.platform, request)
        except Refusal as refused:
            return refused.answer(is_genesys=exchange.is_genesys)

    def _route(self, request: Request) -> Found:
        found = find(self._routes, request.method, request.path)
        if found is None:
            if allowed := methods(self._routes, request.path):
                headers = (("Allow", ", ".join(allowed)),)
                raise Refusal(405, "method.not.allowed", "Not with this method.", headers=headers)
            raise not_found(f"resource {request.path}")
        scope = found.route.scope
        if scope and scope not in request.scopes:
            raise Refusal(403, "missing.permissions", f"The scope {scope} is missing.")
        kind = request.headers.get("content-type", "")
        if request.body and kind.partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "unsupported.media.type", "Send application/json.")
        return found

    async def _told(self, exchange: Exchange, told: Answer) -> None:
        self._saw(exchange, told.status)
        await answer(exchange.send, told, self._head(told, exchange.request.client))

    def _head(self, told: Answer, client: str = "") -> list[Header]:
        """Headers of every answer; the date is of the platform's own clock."""
        moment = self.platform.now + timedelta(seconds=self.platform.faults.skew)
        head = [("Date", format_datetime(moment, usegmt=True))]
        if not any(name == "Content-Type" for name, _ in told.headers):
            head.append(("Content-Type", JSON_TYPE))
        rate = self.platform.options.rate
        if self.platform.options.ratelimit_headers and rate and client:
            used = self.platform.turnstile.in_window(client, self.platform.ticks)
            head += [
                ("inin-ratelimit-count", str(used)),
                ("inin-ratelimit-allowed", str(rate.requests)),
                ("inin-ratelimit-reset", str(int(rate.seconds))),
            ]
        return head

    def _saw(self, exchange: Exchange, status: int) -> None:
        """Remember the request; a status of 0 means that nobody got an answer."""
        request = exchange.request
        if request.path.startswith("/practice/"):
            return
        seen = Seen(self.platform.ticks, request.client, request.endpoint, status, exchange.fault)
        self.platform.seen.append(seen)
        if request.client:
            self.platform.turnstile.meter(request.client).answers[status] += 1

    def _endpoint(self, request: Request) -> str:
        """The route's form, so that figures do not stand apart for each id."""
        found = find(self._routes, request.method, request.path)
        return f"{request.method} {found.route.path}" if found else request.endpoint
