"""One tick: everything that is to happen because a moment came."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from callbacks import calls, routing
from callbacks.clock.looking import look
from callbacks.models import Heartbeat


@dataclass(frozen=True)
class Ticked:
    """What one tick did."""

    looked_at: int
    offered: int
    set_away: int


def tick(at: datetime | None = None) -> Ticked:
    """Look at what is due, match what waits, set away who left; harmless when run twice.

    ``at`` is now (aware UTC); by default the database's own now, so that the clocks of many
    machines need not agree. Six statements when there is nothing to do.
    """
    now = at or database_now()
    looked_at = 0
    while found := look(now):
        looked_at += found
    offered = routing.match(now)
    set_away = calls.set_away_who_left(now)
    # Only a whole tick is a sign of life: where each one fails, the red strip says so.
    Heartbeat.beat("clock", now)
    return Ticked(looked_at, offered, set_away)


def database_now() -> datetime:
    """The database's clock (aware UTC)."""
    return _now_and_whether_due()[0]


def _now_and_whether_due() -> tuple[datetime, bool]:
    with connection.cursor() as cursor:
        # The first of the index, never "is there one": that may read everything to find none.
        cursor.execute(
            "SELECT statement_timestamp(), coalesce((SELECT next_action_at FROM callbacks_callback "
            "WHERE ended_at IS NULL ORDER BY next_action_at LIMIT 1) <= statement_timestamp(), false)"
        )
        now, is_due = cursor.fetchone()
        return now, is_due
