"""One browser's stream of server-sent events: what waits for it, bounded, each thing once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping

from dashboard.live.hearer import Hearer

MOST_WAITING = 100
"""Events that wait for a slow browser. Beyond, it is told to ask for everything anew."""
RESYNC = "resync"
PING = "ping"


def event(name: str, at: float, data: Mapping[str, object] | None = None) -> bytes:
    """An event in the words of the protocol.

    Its id is the moment (seconds since 1970) up to which a browser that had it has heard everything.
    """
    text = json.dumps(data or {}, separators=(",", ":"))
    return f"id: {at:.3f}\nevent: {name}\ndata: {text}\n\n".encode()


class Stream:
    """What one browser is still to hear. To be used in the event loop alone."""

    __slots__ = ("_has_ended", "_waiting", "_wake", "hearer", "session")

    def __init__(self, session: str, hearer: Hearer) -> None:
        self.session = session
        self.hearer = hearer
        self._waiting: dict[tuple[str, object], bytes] = {}
        self._wake = asyncio.Event()
        self._has_ended = False

    def put(self, name: str, about: object, text: bytes) -> None:
        """Tell it; an earlier event of this name about the same thing needs not be told any more."""
        self._waiting.pop((name, about), None)
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            name, about, text = RESYNC, None, event(RESYNC, time.time())
        self._waiting[name, about] = text
        self._wake.set()

    def end(self) -> None:
        """Let it end as soon as what waits is sent."""
        self._has_ended = True
        self._wake.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What to send, as it comes, until the stream ends."""
        while not self._has_ended:
            await self._wake.wait()
            self._wake.clear()
            if self._waiting:
                chunk = b"".join(self._waiting.values())
                self._waiting.clear()
                yield chunk
