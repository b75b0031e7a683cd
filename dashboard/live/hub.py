"""All streams of one web process: who is let in, what they hear, and that they are seen.

Everything here runs in the event loop, save what asks the database: that runs in one thread, with
one of Django's connections, for all streams together.
"""

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections, connections

from callbacks import attendance
from dashboard.live.admission import hearers
from dashboard.live.hearer import Hearer
from dashboard.live.listening import listen
from dashboard.live.stream import PING, RESYNC, Stream, event
from dashboard.shell import engine_warning

logger = logging.getLogger(__name__)
PING_EVERY = 10.0
RECHECK_EVERY = 10.0
"""Who is logged out or deactivated hears nothing any more after at most so many seconds."""
ATTENDANCE_EVERY = 15.0
WATCH_EVERY = 5.0
"""How often it is looked whether clock and worker are heard."""
ENGINE = "engine"
"""Told to everybody when clock and worker fall silent, or are heard again."""
GATHERED_WITHIN = 0.02
"""Seconds for which changes are gathered before they are told."""
MOST_AT_ONCE = 200
"""Changes told one by one; with more at once, everybody asks for everything anew."""
REMEMBERED_FOR = 30.0
"""Seconds for which a browser that comes back is told what it missed."""
MOST_REMEMBERED = 2000
CLOCKS_DIFFER = 0.01
"""Seconds by which the clocks of web machines may differ: one served the page, one the stream."""
MOST_OF_ONE_SESSION = 30
"""Streams of one browser: one for all tabs, or one for each tab where tabs cannot share."""
Answer = TypeVar("Answer")


class Hub:
    """The streams of this process. Started once, in the loop that serves them."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self._told: dict[str, float] = {}
        """What was heard and is not told yet, and when it was heard."""
        self._recent: deque[tuple[float, dict[str, Any]]] = deque()
        self._complete_since = float("inf")
        """From this moment on (seconds since 1970), nothing that was told is missing in _recent."""
        self._arriving: dict[str, asyncio.Future[Hearer | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._is_engine_silent = False
        self.has_ended = False

    # --- life ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to listen, to ping, to re-check and to beat; does nothing the second time."""
        if self._tasks or self.has_ended:
            return
        self._keep(listen(self._hear, self._after_gap))
        self._keep(_every(PING_EVERY, self._ping))
        self._keep(_every(RECHECK_EVERY, self._recheck))
        self._keep(_every(ATTENDANCE_EVERY, self._beat))
        self._keep(_every(WATCH_EVERY, self._watch))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end_streams(self) -> None:
        """Let all browsers go, so that the server can stop; nobody is let in any more."""
        self.has_ended = True
        for stream in self.streams:
            stream.end()

    async def stop(self) -> None:
        """End everything, and give the connections back."""
        self.end_streams()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self._in_thread(connections.close_all)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, ask: Callable[..., Answer], *given: Any) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, ask, *given)

    # --- letting in ----------------------------------------------------------------------

    async def admit(self, session: str) -> Hearer | None:
        """Who comes with this session key, noted as seen; ``None`` for strangers.

        All who come while the database is being asked are asked about together: after a restart
        everybody comes at once. Raises what the database raises.
        """
        if not (asked := self._arriving.get(session)):
            asked = asyncio.get_running_loop().create_future()
            self._arriving[session] = asked
            if len(self._arriving) == 1:
                self._keep(self._let_in())
        return await asyncio.shield(asked)

    async def _let_in(self) -> None:
        # A moment for the others: the first of many would be asked about alone.
        await asyncio.sleep(0.005)
        arriving, self._arriving = self._arriving, {}
        try:
            found = await self._in_thread(_with_connection, _admitted, list(arriving))
        except Exception as broken:
            for asked in arriving.values():
                asked.set_exception(broken)
                asked.exception()
            return
        for session, asked in arriving.items():
            asked.set_result(found.get(session))

    def has_room(self, session: str) -> bool:
        """Whether this browser may have one more stream here."""
        return sum(stream.session == session for stream in self.streams) < MOST_OF_ONE_SESSION

    def open(self, session: str, hearer: Hearer, since: float) -> Stream:
        """A stream that begins with what it missed since this moment (seconds since 1970)."""
        self._tell_all()
        stream = Stream(session, hearer)
        self.streams.add(stream)
        stream.put(PING, None, event(PING, time.time()))
        if since < self._complete_since:
            stream.put(RESYNC, None, event(RESYNC, time.time()))
            return stream
        for at, told in self._recent:
            if at >= since - CLOCKS_DIFFER:
                _tell([stream], at, told)
        return stream

    # --- hearing -------------------------------------------------------------------------

    def _hear(self, payload: str) -> None:
        if not self._told:
            asyncio.get_running_loop().call_later(GATHERED_WITHIN, self._tell_all)
        self._told[payload] = time.time()

    def _tell_all(self) -> None:
        told, self._told = self._told, {}
        if len(told) > MOST_AT_ONCE:
            self._after_gap()
            return
        for payload, at in told.items():
            try:
                said: dict[str, Any] = json.loads(payload)
            except ValueError:
                logger.warning("Something else than a change was told to the live screens.")
                continue
            self._recent.append((at, said))
            _tell(self.streams, at, said)
        self._forget()

    def _forget(self) -> None:
        recent, now = self._recent, time.time()
        while recent and (recent[0][0] < now - REMEMBERED_FOR or len(recent) > MOST_REMEMBERED):
            self._complete_since = max(self._complete_since, recent.popleft()[0] + 0.001)

    def _after_gap(self) -> None:
        """Something may have been missed: everybody asks for everything anew."""
        self._recent.clear()
        self._complete_since = time.time()
        self._to_all(RESYNC)

    def _to_all(self, name: str) -> None:
        # First what was heard before: an event's id promises that everything until then was told.
        self._tell_all()
        text = event(name, time.time())
        for stream in self.streams:
            stream.put(name, None, text)

    # --- what goes on all the time -------------------------------------------------------

    async def _ping(self) -> None:
        self._to_all(PING)

    async def _recheck(self) -> None:
        """End the streams of who may not have one any more; the others hear by their rights now."""
        asked = {stream.session for stream in self.streams}
        if not asked:
            return
        found = await self._in_thread(_with_connection, hearers, list(asked))
        for stream in self.streams:
            if stream.session not in asked:
                continue
            if hearer := found.get(stream.session):
                stream.hearer = hearer
            else:
                stream.end()

    async def _watch(self) -> None:
        """The red strip comes and goes by itself, also on screens that nothing else changes."""
        is_silent = bool(await self._in_thread(_with_connection, engine_warning))
        if is_silent != self._is_engine_silent:
            self._is_engine_silent = is_silent
            self._to_all(ENGINE)

    async def _beat(self) -> None:
        present = {uuid.UUID(stream.hearer.user) for stream in self.streams}
        await self._in_thread(_with_connection, attendance.web_beats, present)


def _tell(streams: Collection[Stream], at: float, told: dict[str, Any]) -> None:
    """Tell those whom it concerns; the words are put together once for all of them."""
    data: dict[str, Any] = {
        name: told[name] for name in ("callback", "version", "agent") if name in told
    }
    about = told.get("callback") or told.get("agent")
    words: dict[str, bytes] = {}
    for stream in streams:
        for name in stream.hearer.hears(told):
            if name not in words:
                words[name] = event(name, at, data)
            stream.put(name, about, words[name])


def _admitted(sessions: Collection[str]) -> dict[str, Hearer]:
    found = hearers(sessions)
    attendance.seen({uuid.UUID(hearer.user) for hearer in found.values()})
    return found


def _with_connection(ask: Callable[..., Answer], *given: Any) -> Answer:
    """As around a request: a connection that died is noticed before it is used, and let go."""
    close_old_connections()
    try:
        return ask(*given)
    finally:
        close_old_connections()


async def _every(seconds: float, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do it again and again; a time that fails is logged, and the next one comes all the same."""
    while True:
        try:
            await do()
        except Exception as failed:
            logger.warning("Live screens: %s", str(failed).strip() or repr(failed))
        await asyncio.sleep(seconds)
