"""The exchange: what waits is told to a platform, in order per callback, exactly once in effect.

One exchange at a time for each connection, held by a lock that lives as long as its connection to the
database: neither a dead worker nor a frozen one can have a second one beside it. Its threads do
nothing but HTTP; this one alone speaks with the database, and no transaction is open meanwhile.

1. What is to be sent is written down before it leaves, with the state *being sent*.
2. It leaves once. Nothing sends anything again by itself.
3. What came of it is written down, and the messages that it covers are settled, together.

Whoever dies between 1 and 3 leaves *being sent* behind. Then, and after every answer that was lost or
made no sense, the platform is asked what it has, once the settle time is over; and only when it has
nothing is it sent again. Where even that was too early, ``check_at`` finds the double and cancels it.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime

from django.db import connection as database
from django.utils import timezone

from callbacks.models import Connection
from callbacks.models.encrypted import Unreadable
from callbacks.sync import events, lines, outcomes, planning, polling
from callbacks.sync.jobs import Job, Kind, NotThere, Outcome, ToReplace
from callbacks.sync.opening import opened
from callbacks.sync.pace import Pacer
from callbacks.sync.platforms.base import Platform
from callbacks.sync.platforms.regions import NoRegion

THREADS = 24
SLICE_SECONDS = 5.0
"""Then the slice ends, and the process is free; another one goes on."""
LOOK_AGAIN_SECONDS = 0.1
AT_ONCE = 200
LOCK = 4_170_920_050
KEEPALIVES = """
    SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3
"""


def exchange(connection_id: uuid.UUID, *, seconds: float = SLICE_SECONDS) -> int:
    """Tell the platform what waits, for so long at most; how many requests were begun.

    Nothing where another exchange is at it, or the connection is paused or rests.
    """
    with _alone(connection_id) as is_alone:
        connection = Connection.objects.filter(pk=connection_id).first()
        if not is_alone or connection is None or connection.paused_reason:
            return 0
        if connection.is_resting(timezone.now()):
            return 0
        try:
            with opened(connection) as (platform, pacer):
                return Exchange(connection, platform, pacer).run(seconds)
        except (Unreadable, NoRegion) as closed:
            outcomes.refuse(connection, str(closed), timezone.now())
            return 0


def wait_for_the_exchange(connection: Connection) -> None:
    """Until the slice that may be running is over; none begins before this transaction ends.

    For who changes what a slice believes to know: it takes some seconds at most.
    """
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_of(connection.pk)])


def _lock_of(connection_id: uuid.UUID) -> int:
    return LOCK ^ (connection_id.int & 0x7FFFFFFF)


@contextmanager
def _alone(connection_id: uuid.UUID) -> Iterator[bool]:
    key = [_lock_of(connection_id)]
    with database.cursor() as cursor:
        cursor.execute(KEEPALIVES)
        cursor.execute("SELECT pg_try_advisory_lock(%s)", key)
        is_alone = bool(cursor.fetchone()[0])
        try:
            yield is_alone
        finally:
            if is_alone and database.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(%s)", key)


class Exchange:
    """One slice, with what is under way."""

    def __init__(self, connection: Connection, platform: Platform, pacer: Pacer) -> None:
        self.connection, self.platform, self.pacer = connection, platform, pacer
        self.under_way: dict[Future[Sequence[Outcome]], Job] = {}
        self.lines: list[lines.Line] = []
        self.ready: Job | None = None
        self.asked_for_lines_at = 0.0
        self.begun = 0

    def run(self, seconds: float) -> int:
        """Until nothing waits, or the time is over; what is under way is waited for."""
        ends = time.monotonic() + seconds
        with ThreadPoolExecutor(THREADS, "exchange") as pool:
            while True:
                is_on = time.monotonic() < ends and not self._rests()
                pause = self._begin_more(pool) if is_on else None
                if not self.under_way and (pause is None or pause > LOOK_AGAIN_SECONDS):
                    return self.begun
                self._settle(min(pause, LOOK_AGAIN_SECONDS) if pause else LOOK_AGAIN_SECONDS)

    def _rests(self) -> bool:
        rests = bool(self.connection.paused_reason) or self.connection.is_resting(timezone.now())
        if rests:
            self.pacer.stop()
        return rests

    def _begin_more(self, pool: ThreadPoolExecutor) -> float | None:
        """As many as there are permits for; seconds until there may be more, ``None``: nothing waits.

        After some failures in a row one request alone shows whether the platform is back.
        """
        at_most = 1 if self.connection.failures >= outcomes.RESTS_AFTER else THREADS
        while len(self.under_way) < at_most:
            # Made ready before its turn, so that it leaves the moment that comes.
            self.ready = job = self.ready or self._next()
            if job is None:
                return None
            if (left := self.pacer.left()) > 0:
                return left
            if self.pacer.take():
                self._begin(job, pool)
        return LOOK_AGAIN_SECONDS

    def _begin(self, job: Job, pool: ThreadPoolExecutor) -> None:
        self.ready = None
        job.began_at = timezone.now()
        planning.write_down(job, job.began_at)
        self.under_way[pool.submit(job.run, self.platform)] = job
        self.begun += 1

    def _next(self) -> Job | None:
        """What to do next: clear up what is not sure, then tell what waits, then look what happened."""
        at, busy = timezone.now(), self._busy()
        events.apply(self.connection, at)
        unsure = planning.unsure(self.connection, at, but=busy)
        if unsure is not None:
            return unsure
        while self._has_lines(at, busy):
            job, self.lines = planning.plan(self.connection, self.platform, self.lines, at)
            if job is not None:
                return job
        return polling.due(self.connection, at, but=busy, is_under_way=self._is_polling())

    def _has_lines(self, at: datetime, busy: set[uuid.UUID]) -> bool:
        """Fetched many at a time; asked for again at most some times a second."""
        now = time.monotonic()
        if not self.lines and now - self.asked_for_lines_at > LOOK_AGAIN_SECONDS:
            self.asked_for_lines_at = now
            self.lines = list(lines.waiting(self.connection, at, at_most=AT_ONCE, but=busy))
        self.lines = [line for line in self.lines if line.callback_id not in busy]
        return bool(self.lines)

    def _busy(self) -> set[uuid.UUID]:
        return {key for job in self.under_way.values() for key in job.callback_ids}

    def _is_polling(self) -> bool:
        return any(job.kind is Kind.POLL for job in self.under_way.values())

    def _settle(self, seconds: float) -> None:
        if not self.under_way:
            time.sleep(seconds)
            return
        done, _ = wait(self.under_way, seconds, FIRST_COMPLETED)
        for future in done:
            job = self.under_way.pop(future)
            job.outcomes = future.result()
            outcomes.settle(job, self.connection, timezone.now())
            if _is_to_be_told_again(job):
                self.asked_for_lines_at = 0.0


def _is_to_be_told_again(job: Job) -> bool:
    """Whether its callback waits again from this moment on: it is not there, or not known to be so."""
    is_cleared_up = job.kind in (Kind.LOOK_UP, Kind.SEE)
    return is_cleared_up or any(isinstance(one, (ToReplace, NotThere)) for one in job.outcomes)


def connections_at_work() -> Sequence[uuid.UUID]:
    """The connections that may have something to do at this moment."""
    return list(
        Connection.objects.filter(paused_reason="")
        .exclude(rests_until__gt=timezone.now())
        .values_list("pk", flat=True)
    )
