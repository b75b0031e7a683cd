"""The pace of a connection: one budget for all workers and machines, smooth rather than in bursts.

The row in the database says when the next request may leave; whoever takes that moment moves it on.
A worker that dies with a permit in hand takes no more than that one along.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from callbacks.sync.platforms.base import Postponed

SLACK = 0.1
"""So much earlier than its turn, in parts of an interval, a request may leave: who comes late once
does not make all that follow late."""
CARE = 0.985
"""A little below what is permitted: no platform counts from our clock, and networks jitter."""
TAKE = """
INSERT INTO callbacks_pace AS pace (key, due_at)
VALUES (%(key)s, clock_timestamp() + %(each)s * interval '1 second')
ON CONFLICT (key) DO UPDATE
SET due_at = greatest(pace.due_at, clock_timestamp() - %(slack)s * interval '1 second')
    + %(each)s * interval '1 second'
WHERE pace.due_at <= clock_timestamp() + %(slack)s * interval '1 second'
"""
LEFT = """
SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM callbacks_pace WHERE key = %s
"""


class Pacer:
    """Permits for the requests of one connection, for any number of threads of this process.

    It has a connection to the database of its own: threads ask for permits while another one writes.
    """

    def __init__(
        self, key: str, rate: float, connect: Callable[[], psycopg.Connection[Any]]
    ) -> None:
        self._key, self._each = key, 1 / (rate * CARE)
        self._database = connect()
        self._turn, self._stopped = threading.Lock(), threading.Event()

    def close(self) -> None:
        """Nobody gets another permit."""
        self._stopped.set()
        with self._turn:
            self._database.close()

    def execute(self, statement: str, values: Sequence[object]) -> None:
        """Another statement on this connection, from whatever thread."""
        with self._turn:
            self._database.execute(statement, values)

    def stop(self) -> None:
        """From now on requests that have no permit yet do not leave: the platform wants a rest."""
        self._stopped.set()

    def left(self) -> float:
        """Seconds until the next request may leave; 0 or less: now."""
        with self._turn:
            row = self._database.execute(LEFT, [self._key]).fetchone()
        return (row[0] if row else 0.0) - self._each * SLACK

    def take(self) -> bool:
        """A permit for one request that leaves now, if there is one."""
        with self._turn:
            return self._take()

    def wait(self) -> None:
        """Wait for a permit, one thread after the other. Raises ``Postponed`` once it is stopped."""
        with self._turn:
            while not self._stopped.is_set():
                if self._take():
                    return
                row = self._database.execute(LEFT, [self._key]).fetchone()
                left = (row[0] if row else 0.0) - self._each * SLACK
                time.sleep(min(max(left, 0.001), 0.25))
        raise Postponed("It was not sent: the connection rests.")

    def _take(self) -> bool:
        given = {"key": self._key, "each": self._each, "slack": self._each * SLACK}
        return self._database.execute(TAKE, given).rowcount == 1
