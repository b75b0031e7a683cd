"""Pace: so many requests a second and so many at once, counted for all processes together.

The generic cell rate algorithm over one row for each caller: the row says when the caller would be
at its pace again. The table is unlogged, so that counting waits for no disk; a crash forgives.
"""

import math

from django.db import connection

# Whoever would run further ahead than the burst allows changes nothing and is told how long to wait.
TAKE = """
INSERT INTO callbacks_pace AS pace (key, due_at)
VALUES (%(key)s, clock_timestamp() + %(each)s * interval '1 second')
ON CONFLICT (key) DO UPDATE
SET due_at = greatest(pace.due_at, clock_timestamp()) + %(each)s * interval '1 second'
WHERE greatest(pace.due_at, clock_timestamp()) + %(each)s * interval '1 second'
    <= clock_timestamp() + %(ahead)s * interval '1 second'
"""
LEFT = """
SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM callbacks_pace WHERE key = %s
"""
SLACK = 0.001


def wait_for(key: str, *, rate: float, burst: int) -> int:
    """Take one step at ``rate`` a second; 0, or after how many whole seconds it would succeed.

    One statement, two for whoever is too fast. Never below one second (http-api, errors).
    """
    each, ahead = 1 / rate, burst / rate + SLACK
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"key": key, "each": each, "ahead": ahead})
        if cursor.rowcount == 1:
            return 0
        cursor.execute(LEFT, [key])
        row = cursor.fetchone()
    left = (row[0] if row else 0) + each - ahead
    return max(1, math.ceil(left))
