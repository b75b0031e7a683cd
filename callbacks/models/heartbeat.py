"""Heartbeats: when each part of the engine was last heard of."""

from datetime import datetime

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a part, such as the clock with a worker."""

    part = models.CharField(primary_key=True, max_length=32)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.part} at {self.at:%Y-%m-%d %H:%M:%S} UTC"

    @classmethod
    def beat(cls, part: str, at: datetime) -> None:
        """Note that the part is alive at this moment (aware UTC)."""
        cls.objects.update_or_create(part=part, defaults={"at": at})
