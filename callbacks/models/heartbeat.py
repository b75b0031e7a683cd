"""Heartbeats: when each part of the engine was last heard of."""

from datetime import datetime

from django.db import connection, models

WRITTEN_EVERY_SECONDS = 3
BEAT = """
INSERT INTO callbacks_heartbeat (part, at) VALUES (%s, %s)
ON CONFLICT (part) DO UPDATE SET at = EXCLUDED.at WHERE callbacks_heartbeat.at < EXCLUDED.at - make_interval(secs => %s)
"""


class Heartbeat(models.Model):
    """The last sign of life of a part, such as the clock with a worker."""

    part = models.CharField(primary_key=True, max_length=32)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.part} at {self.at:%Y-%m-%d %H:%M:%S} UTC"

    @classmethod
    def beat(cls, part: str, at: datetime) -> None:
        """Note that the part is alive at this moment (aware UTC); written every few seconds only.

        One statement. Whoever beats earlier by their clock changes nothing.
        """
        with connection.cursor() as cursor:
            cursor.execute(BEAT, [part, at, WRITTEN_EVERY_SECONDS])
