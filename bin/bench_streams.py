"""What 500 open browsers cost one web process, and how soon they hear of a change.

    measure(base_url, session_keys, seconds, pid=…, database_url=…) -> figures

Raw sockets, so that the measuring costs less than what is measured. One session may hold 30 streams.
"""

import asyncio
import os
import statistics
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

STREAMS = 500
CHANGES = 50
BETWEEN = 0.2
"""Seconds from one change to the next."""
WITHIN = 5.0
"""Seconds after which a change counts as lost."""
TICKS = os.sysconf("SC_CLK_TCK")


class Ear:
    """One stream, and when it heard of what."""

    def __init__(self) -> None:
        self.heard: dict[bytes, float] = {}
        self.is_open = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def listen(self, host: str, port: int, cookie: str) -> None:
        """Until the stream ends; the keys of callbacks with the moment when they arrived."""
        reader, self._writer = await asyncio.open_connection(host, port)
        asked = f"GET /events?since={time.time():.3f} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n"
        self._writer.write(asked.encode())
        while line := await reader.readline():
            if line.startswith(b"event: ping"):
                self.is_open.set()
            elif line.startswith(b"data: ") and b'"callback":"' in line:
                self.heard.setdefault(line.split(b'"')[3], time.perf_counter())

    def close(self) -> None:
        """As a browser whose window is closed."""
        if self._writer:
            self._writer.close()


def measure(
    base_url: str,
    session_keys: Sequence[str],
    seconds: float,
    *,
    pid: int,
    database_url: str,
    cookie: str = "sessionid",
    streams: int = STREAMS,
) -> dict[str, float]:
    """Open the streams, rest for so many seconds, then make changes; the figures of it all.

    ``*_mb`` are megabytes of the process, ``idle_share`` its part of one core while nothing
    changes, ``p50_ms`` and ``p95_ms`` from the change to its arrival in a browser, ``lost`` how many
    were not heard within five seconds. The people behind the sessions must be admins, who hear of
    everything.
    """
    return asyncio.run(
        _measure(base_url, session_keys, seconds, pid, database_url, cookie, streams)
    )


async def _measure(
    base_url: str,
    session_keys: Sequence[str],
    seconds: float,
    pid: int,
    database_url: str,
    cookie: str,
    streams: int,
) -> dict[str, float]:
    place = urlsplit(base_url)
    before = _memory(pid)
    ears = [Ear() for _ in range(streams)]
    started = time.perf_counter()
    tasks = [
        asyncio.create_task(
            ear.listen(
                place.hostname or "",
                place.port or 80,
                f"{cookie}={session_keys[n % len(session_keys)]}",
            )
        )
        for n, ear in enumerate(ears)
    ]
    async with asyncio.timeout(60):
        await asyncio.gather(*(ear.is_open.wait() for ear in ears))
    opened = time.perf_counter() - started
    busy = _processor_seconds(pid)
    await asyncio.sleep(seconds)
    idle_share = (_processor_seconds(pid) - busy) / seconds
    busy, began = _processor_seconds(pid), time.perf_counter()
    delays = await _changes(database_url, ears)
    told_share = (_processor_seconds(pid) - busy) / (time.perf_counter() - began)
    figures = {
        "streams": float(streams),
        "before_mb": before,
        "with_streams_mb": _memory(pid),
        "opened_within_s": opened,
        "idle_share": idle_share,
        "told_share": told_share,
        "lost": float(CHANGES * streams - len(delays)),
        "p50_ms": statistics.median(delays) * 1000,
        "p95_ms": statistics.quantiles(delays, n=20)[-1] * 1000,
        "slowest_ms": max(delays) * 1000,
    }
    for ear in ears:
        ear.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return figures


async def _changes(database_url: str, ears: Sequence[Ear]) -> list[float]:
    """The seconds from each change to each browser."""
    made: dict[bytes, float] = {}
    telling = (
        "SELECT pg_notify('ringback', json_build_object('callback', %s::text, 'version', 1)::text)"
    )
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as database:
        for _ in range(CHANGES):
            key = str(uuid.uuid4())
            made[key.encode()] = time.perf_counter()
            await database.execute(telling, [key])
            await asyncio.sleep(BETWEEN)
    deadline = time.perf_counter() + WITHIN
    while time.perf_counter() < deadline and any(len(ear.heard) < CHANGES for ear in ears):
        await asyncio.sleep(0.05)
    return [at - made[key] for ear in ears for key, at in ear.heard.items() if key in made]


def _memory(pid: int) -> float:
    """The resident megabytes of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith("VmRSS"))
    return int(found.split()[1]) / 1024


def _processor_seconds(pid: int) -> float:
    """What a process has used of the processors, in seconds."""
    fields: list[Any] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
