"""Who has a window of Ringback open: told by the web, asked by the clock.

The moment is always the database's, so that machines need not agree on theirs.
"""

import uuid
from collections.abc import Collection
from datetime import timedelta

from django.db import connection, transaction

from callbacks.models import Presence

WEB = "web"
"""The part that beats while a web process runs, see ``Heartbeat``."""
WEB_SILENT_AFTER = timedelta(seconds=30)
"""From then on nobody could be seen, so nobody may be held to be away for it. It beats twice as often."""

SEEN = """
INSERT INTO callbacks_attendance (agent_id, seen_at)
SELECT user_id, now() FROM callbacks_agent WHERE user_id = ANY(%s) ORDER BY user_id
ON CONFLICT (agent_id) DO UPDATE SET seen_at = EXCLUDED.seen_at
"""
FORGIVEN = """
UPDATE callbacks_attendance SET seen_at = now()
WHERE agent_id IN (
    SELECT attendance.agent_id
    FROM callbacks_attendance AS attendance JOIN callbacks_agent ON user_id = agent_id
    WHERE presence = %s
    ORDER BY attendance.agent_id FOR UPDATE OF attendance
) AND NOT EXISTS (
    SELECT FROM callbacks_heartbeat WHERE part = %s AND at >= now() - make_interval(secs => %s)
)
"""
BEATEN = """
INSERT INTO callbacks_heartbeat (part, at) VALUES (%s, now())
ON CONFLICT (part) DO UPDATE SET at = EXCLUDED.at
"""


def seen(agent_ids: Collection[uuid.UUID]) -> None:
    """Note that these agents have a window open at this moment; people who are no agents are let be."""
    if agent_ids:
        with connection.cursor() as cursor:
            cursor.execute(SEEN, [list(agent_ids)])


def web_beats(agent_ids: Collection[uuid.UUID]) -> None:
    """The web is there, and these agents have a window open.

    1. Where the web was silent, whoever is On Queue counts as seen just now: their browsers had
       nobody to tell, and get as long as ever to come back.
    2. Those with a window open are seen.
    3. Only with these does the web count as heard again.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORGIVEN, [Presence.ON_QUEUE, WEB, WEB_SILENT_AFTER.total_seconds()])
        seen(agent_ids)
        cursor.execute(BEATEN, [WEB])
