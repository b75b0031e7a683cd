"""What waits to be told: the line of each callback, its messages in order, folded into one request.

A message says *that* its callback changed. What is sent is the callback as it stands when it is sent,
so a line with ten messages is one request, and what was told already is none.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import Q

from callbacks.models import Callback, Connection, Counterpart, OutboxMessage

WAITING = """
SELECT message.callback_id, max(message.id)
FROM callbacks_outboxmessage AS message
JOIN callbacks_callback AS callback ON callback.id = message.callback_id
LEFT JOIN callbacks_connectedqueue AS place ON place.queue_id = callback.queue_id
LEFT JOIN callbacks_counterpart AS there
    ON there.callback_id = message.callback_id AND there.connection_id = %(connection)s
WHERE message.settled_at IS NULL
    AND (place.connection_id = %(connection)s OR there.state IN ('sending', 'there', 'parked'))
    AND message.id > coalesce(there.synced_message, 0)
    AND (
        there.id IS NULL
        OR (there.state IN ('absent', 'there') AND there.next_attempt_at <= %(at)s)
        OR (there.state IN ('parked', 'conflict') AND message.id > there.tried_message)
        OR (there.state = 'over' AND callback.ended_at IS NULL)
    )
    AND NOT message.callback_id = ANY(%(but)s)
GROUP BY message.callback_id
ORDER BY min(message.id)
LIMIT %(at_most)s
"""


@dataclass(frozen=True)
class Line:
    """A callback that waits to be told, and the last message that a request now would cover."""

    callback_id: uuid.UUID
    last_message: int


def waiting(
    connection: Connection, at: datetime, *, at_most: int, but: Collection[uuid.UUID] = ()
) -> Sequence[Line]:
    """The lines whose turn it is, the longest waiting first. One statement.

    A parked line waits for a person, or for the next change of its callback, which may mend it.
    """
    given: dict[str, Any] = {
        "connection": connection.pk, "at": at, "at_most": at_most, "but": list(but),
    }  # fmt: skip
    with database.cursor() as cursor:
        cursor.execute(WAITING, given)
        return [Line(*row) for row in cursor.fetchall()]


def settle(told: Sequence[tuple[Counterpart, int]], at: datetime) -> None:
    """The platform knows everything up to these messages: they are done. Two statements.

    A message that another platform must still be told stays: a callback that was moved between them.
    """
    keys = [counterpart.callback_id for counterpart, _ in told]
    with database.cursor() as cursor:
        cursor.execute(
            SETTLE,
            {
                "keys": keys,
                "lasts": [last for _, last in told],
                "at": at,
                "connections": [counterpart.connection_id for counterpart, _ in told],
            },
        )


@transaction.atomic
def settle_told(told: Sequence[tuple[Counterpart, int]], at: datetime) -> None:
    """What the platform knows already, or need not know: its messages are done. Three statements."""
    if not told:
        return
    for counterpart, last in told:
        counterpart.synced_message = max(counterpart.synced_message, last)
        if counterpart.state == Counterpart.State.ABSENT:
            # Over before it was ever told, or in a queue that is not connected any more.
            counterpart.state = Counterpart.State.OVER
    Counterpart.objects.bulk_update([one for one, _ in told], ["synced_message", "state"])
    settle(told, at)


SETTLE = """
UPDATE callbacks_outboxmessage AS message SET state = 'sent', settled_at = %(at)s
FROM unnest(%(keys)s::uuid[], %(lasts)s::bigint[], %(connections)s::uuid[])
    AS told(callback_id, last, connection_id)
WHERE message.callback_id = told.callback_id AND message.id <= told.last
    AND message.settled_at IS NULL
    AND NOT EXISTS (
        SELECT FROM callbacks_counterpart AS other
        WHERE other.callback_id = told.callback_id AND other.connection_id <> told.connection_id
            AND other.state IN ('sending', 'there', 'parked') AND other.synced_message < message.id
    )
    AND NOT EXISTS (
        SELECT FROM callbacks_callback AS callback
        JOIN callbacks_connectedqueue AS place ON place.queue_id = callback.queue_id
        LEFT JOIN callbacks_counterpart AS other ON other.callback_id = callback.id
            AND other.connection_id = place.connection_id
        WHERE callback.id = told.callback_id AND place.connection_id <> told.connection_id
            AND coalesce(other.synced_message, 0) < message.id
    )
"""


def forget_the_unconnected() -> int:
    """Drop the messages of callbacks that no platform is to know; how many.

    Only of queues without a connection, and of callbacks that no platform holds: when a queue is
    connected, its open callbacks are announced whatever lies here. Nobody connects one meanwhile:
    what they believe to lie here would be gone.
    """
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute("LOCK TABLE callbacks_connectedqueue IN SHARE MODE")
        cursor.execute(FORGET)
        return int(cursor.rowcount)


FORGET = """
DELETE FROM callbacks_outboxmessage WHERE id IN (
    SELECT message.id FROM callbacks_outboxmessage AS message
    JOIN callbacks_callback AS callback ON callback.id = message.callback_id
    WHERE message.settled_at IS NULL
        AND NOT EXISTS (
            SELECT FROM callbacks_connectedqueue AS place WHERE place.queue_id = callback.queue_id
        )
        AND NOT EXISTS (
            SELECT FROM callbacks_counterpart AS there
            WHERE there.callback_id = callback.id AND there.state IN ('sending', 'there', 'parked')
        )
    LIMIT 10000
)
"""


def oldest(connection: Connection) -> datetime | None:
    """Since when the longest waiting change of a callback of this connection waits."""
    concerned = Q(callback__queue__connected__connection=connection)
    waiting_ones = OutboxMessage.objects.filter(concerned, settled_at__isnull=True)
    found: datetime | None = (
        waiting_ones.order_by("id").values_list("created_at", flat=True).first()
    )
    return found


def backlog(connection: Connection) -> int:
    """How many callbacks wait to be told."""
    return (
        Callback.objects.filter(
            queue__connected__connection=connection, outbox__settled_at__isnull=True
        )
        .distinct()
        .count()
    )
