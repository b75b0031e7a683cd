"""Signed events to whoever subscribed: in order, at least once, and with faults where ordered.

The signature is ``X-Ringback-Signature: t=<unix>,v1=<hex hmac-sha256 of "t.body">``.
"""

import asyncio
import hashlib
import hmac
import json
from collections import deque
from dataclasses import dataclass
from typing import Any

import httpx

from callbacks.practice.guide.portrait import portray
from callbacks.practice.moments import stamp
from callbacks.practice.platform import Platform
from callbacks.practice.store import Callback, new_id

ATTEMPTS = 5
FIRST_PAUSE = 0.1
TIMEOUT = 5.0
STALE = 600
TYPES = {
    "create": "callback.created", "cancel": "callback.cancelled", "done": "callback.completed",
    "expire": "callback.expired",
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """What happened, for one subscriber."""

    id: str
    type: str
    body: bytes
    hook: str
    fault: str | None


class Courier:
    """Writes events down when they happen, and brings them to their subscribers."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._waiting: asyncio.Queue[Event] = asyncio.Queue()
        self._told = 0
        self.delivered: deque[dict[str, Any]] = deque(maxlen=10_000)
        platform.store.listeners.append(self.happened)

    def happened(self, effect: str, callback: Callback) -> None:
        """Write the event for every hook that wants it."""
        kind = TYPES.get(effect)
        if kind is None:
            kind = "callback.offered" if callback.status == "offered" else "callback.changed"
        for hook in self._platform.hooks.values():
            if kind in hook["events"]:
                self._told += 1
                fault = self._platform.faults.next_for_event(self._told)
                self._waiting.put_nowait(self._event(kind, effect, callback, hook["id"], fault))

    async def run(self) -> None:
        """Deliver for ever, one after another."""
        held: Event | None = None
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
            while True:
                event = await self._next(held)
                if event is not None and event.fault == "event_late" and held is None:
                    held = event
                    continue
                for one in (event, held):
                    if one is not None:
                        await self._deliver(client, one)
                held = None

    async def _next(self, held: Event | None) -> Event | None:
        """The next event; ``None`` where one is held back and no other comes to overtake it."""
        if held is None:
            return await self._waiting.get()
        try:
            return await asyncio.wait_for(self._waiting.get(), 1.0)
        except TimeoutError:
            return None

    def _event(
        self, kind: str, effect: str, callback: Callback, hook: str, fault: str | None
    ) -> Event:
        platform = self._platform
        shown = portray(callback, platform.people, platform.now)
        if fault == "event_unknown":
            shown["id"] = new_id()
        key = new_id()
        body = {
            "id": key, "type": kind, "time": stamp(platform.now), "version": callback.version,
            "what": effect, "reason": "", "callback": shown,
        }  # fmt: skip
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return Event(key, kind, content, hook, fault)

    async def _deliver(self, client: httpx.AsyncClient, event: Event) -> None:
        times = 2 if event.fault == "event_twice" else 1
        for _ in range(times):
            status = await self._attempts(client, event)
            self.delivered.append({
                "id": event.id, "type": event.type, "hook": event.hook, "fault": event.fault,
                "status": status,
            })  # fmt: skip

    async def _attempts(self, client: httpx.AsyncClient, event: Event) -> int:
        """The status of the last attempt; 0 where there was no answer, or no hook any more."""
        status = 0
        for attempt in range(ATTEMPTS):
            hook = self._platform.hooks.get(event.hook)
            if hook is None:
                return status
            try:
                answer = await client.post(
                    hook["url"], content=event.body, headers=self._headers(event, hook["secret"])
                )
                status = answer.status_code
            except httpx.HTTPError:
                status = 0
            if 200 <= status < 300 or 400 <= status < 500:
                return status
            await asyncio.sleep(FIRST_PAUSE * 2**attempt)
        return status

    def _headers(self, event: Event, secret: str) -> dict[str, str]:
        moment = int(self._platform.now.timestamp())
        if event.fault == "event_stale":
            moment -= STALE
        signature = sign(secret, moment, event.body)
        if event.fault == "event_forged":
            signature = sign(f"not {secret}", moment, event.body)
        return {
            "Content-Type": "application/json; charset=utf-8",
            "X-Ringback-Event-Id": event.id,
            "X-Ringback-Event-Type": event.type,
            "X-Ringback-Signature": f"t={moment},v1={signature}",
        }


def sign(secret: str, moment: int, body: bytes) -> str:
    """The proof that a body came from who knows the secret."""
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
