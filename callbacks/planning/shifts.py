"""Import of planned schedules from CSV: all of it or nothing, every problem with its line.

The rows go line by line into a table of this transaction's own, and are looked at there against each
other and against what is planned already: a file of any size takes the same memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.db import connection, transaction

from callbacks.models import Agent
from callbacks.models.keys import new_key
from callbacks.planning.reading import Row, ShiftsRefused, rows


@dataclass(frozen=True)
class Import:
    """What came of a file."""

    added: int
    known: int
    """Rows that were there already, or stand in the file twice."""
    removed: int = 0


@transaction.atomic
def import_shifts(
    file: BinaryIO, *, time_zone: str = "", replaces: bool = False, dry_run: bool = False
) -> Import:
    """Add the shifts of a file; the same file again adds nothing.

    ``time_zone``: of times without an offset. ``replaces``: the named agents' shifts that begin in
    the span of the file give way to it, and so does work that began before and overlaps the file's.
    Raises ``ShiftsRefused`` with every problem. In this order:

    1. One import at a time: two of the same file would both find nothing there.
    2. All rows are read; the good ones are put by.
    3. What the file replaces goes, save what it only repeats.
    4. Work that overlaps is looked for, in the file and with what is there.
    5. What is new is added, if nothing was wrong with any row.
    """
    agents = {name.lower(): key for key, name in Agent.objects.values_list("pk", "user__username")}
    problems: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME)
        count = _put_by(cursor, rows(file, agents, time_zone, problems))
        removed = _affected(cursor, GIVE_WAY) if replaces else 0
        cursor.execute(MARK_KNOWN)
        cursor.execute(OVERLAPS)
        problems += [_overlap(line, other) for line, other in cursor.fetchall()]
        if problems or not count:
            raise ShiftsRefused(problems or ["The file has no rows under its header."])
        added = _affected(cursor, ADD)
    if dry_run:
        transaction.set_rollback(True)
    return Import(added, count - added, removed)


def _put_by(cursor: Any, read: Iterable[Row]) -> int:
    """How many good rows the file has; they wait in ``read_shift``."""
    cursor.execute(MAKE_ROOM)
    count = 0
    with cursor.copy(PUT_BY) as copy:
        for row in read:
            values = (row.line, new_key(), row.agent_id, row.activity, row.starts_at, row.ends_at)
            copy.write_row(values)
            count += 1
    cursor.execute("ANALYZE pg_temp.read_shift")
    return count


def _affected(cursor: Any, statement: str) -> int:
    cursor.execute(statement)
    return int(cursor.rowcount)


def _overlap(line: int, other: int) -> str:
    first, second = sorted((line, other))
    if first:
        return f"Lines {first} and {second}: two shifts at the same time."
    return (
        f"Line {second}: overlaps a shift that is there already. Use --replace to put the file in "
        "its place."
    )


ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('import of shifts', 1947))"
MAKE_ROOM = """
    DROP TABLE IF EXISTS pg_temp.read_shift;
    CREATE TEMPORARY TABLE read_shift (
        line bigint, id uuid, agent_id uuid, activity text, starts_at timestamptz,
        ends_at timestamptz, is_known boolean NOT NULL DEFAULT false
    ) ON COMMIT DROP
"""
PUT_BY = "COPY pg_temp.read_shift (line, id, agent_id, activity, starts_at, ends_at) FROM STDIN"
GIVE_WAY = """
    DELETE FROM callbacks_shift AS there
    USING (SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at FROM pg_temp.read_shift) span
    WHERE there.agent_id IN (SELECT agent_id FROM pg_temp.read_shift)
      AND there.starts_at < span.ends_at AND there.ends_at > span.starts_at
      AND (there.starts_at >= span.starts_at OR there.activity = 'on_queue' AND EXISTS (
          SELECT FROM pg_temp.read_shift AS ours
          WHERE ours.agent_id = there.agent_id AND ours.activity = 'on_queue'
            AND ours.starts_at < there.ends_at AND ours.ends_at > there.starts_at))
      AND NOT EXISTS (
          SELECT FROM pg_temp.read_shift AS ours
          WHERE (ours.agent_id, ours.activity, ours.starts_at, ours.ends_at)
              = (there.agent_id, there.activity, there.starts_at, there.ends_at))
"""
MARK_KNOWN = """
    UPDATE pg_temp.read_shift AS ours SET is_known = true
    FROM callbacks_shift AS there
    WHERE (ours.agent_id, ours.activity, ours.starts_at, ours.ends_at)
        = (there.agent_id, there.activity, there.starts_at, there.ends_at)
"""
# Work in the order of its start, and beside each piece the one before it that reaches furthest: who
# starts before that one's end overlaps it. Line 0 is what was there; what the file only repeats
# may overlap that, as it did before.
OVERLAPS = """
    WITH ours AS (
        SELECT min(line) AS line, agent_id, starts_at, ends_at, is_known FROM pg_temp.read_shift
        WHERE activity = 'on_queue' GROUP BY agent_id, starts_at, ends_at, is_known
    ), planned AS (
        SELECT * FROM ours
        UNION ALL
        SELECT 0, there.agent_id, there.starts_at, there.ends_at, true
        FROM callbacks_shift AS there,
             (SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at FROM ours) AS span
        WHERE there.activity = 'on_queue' AND there.agent_id IN (SELECT agent_id FROM ours)
          AND there.starts_at < span.ends_at AND there.ends_at > span.starts_at
          AND NOT EXISTS (
              SELECT FROM ours WHERE (ours.agent_id, ours.starts_at, ours.ends_at)
                                   = (there.agent_id, there.starts_at, there.ends_at))
    ), swept AS (
        SELECT line, starts_at, is_known,
               max(ARRAY[extract(epoch FROM ends_at), line, is_known::int]) OVER (
                   PARTITION BY agent_id ORDER BY starts_at, ends_at, line
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS furthest
        FROM planned
    )
    SELECT line, furthest[2]::bigint FROM swept
    WHERE furthest[1] > extract(epoch FROM starts_at)
      AND (line > 0 AND furthest[2] > 0 OR NOT is_known OR furthest[3] = 0)
    ORDER BY greatest(line, furthest[2])
"""
ADD = """
    INSERT INTO callbacks_shift (id, agent_id, activity, starts_at, ends_at)
    SELECT DISTINCT ON (agent_id, activity, starts_at, ends_at)
           id, agent_id, activity, starts_at, ends_at
    FROM pg_temp.read_shift WHERE NOT is_known
    ORDER BY agent_id, activity, starts_at, ends_at, line
"""
