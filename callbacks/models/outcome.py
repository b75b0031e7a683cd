"""Outcomes (wrap-up codes): how an attempt ended, and what follows from it (rules §4.5)."""

from django.db import models
from django.db.models import Q

from callbacks.models.keys import Keyed


class Outcome(Keyed):
    """Defined by admins: reached, no answer, busy, voicemail left, wrong number, …"""

    class Effect(models.TextChoices):
        """What becomes of the callback."""

        COMPLETED = "completed", "The callback is completed"
        RETRY = "retry", "Try again after the queue's delay"
        FAILED = "failed", "The callback has failed"

    name = models.CharField(max_length=100, unique=True)
    effect = models.CharField(max_length=16, choices=Effect, default=Effect.COMPLETED)
    is_active = models.BooleanField("active", default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(effect__in=["completed", "retry", "failed"]),
                name="outcome_effect_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name
