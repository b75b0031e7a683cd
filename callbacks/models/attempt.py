"""Attempts: one call placed for a callback each."""

from django.db import models
from django.db.models import F, Q

from callbacks.models.callback import Callback
from callbacks.models.keys import Keyed
from callbacks.models.outcome import Outcome
from callbacks.models.people import Agent


class Attempt(Keyed):
    """One call: who placed it, from accept to wrap-up, and how it ended."""

    callback = models.ForeignKey(Callback, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="attempts")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.ForeignKey(
        Outcome, null=True, blank=True, on_delete=models.PROTECT, related_name="attempts"
    )
    notes = models.TextField(blank=True)
    was_interrupted = models.BooleanField(default=False)
    """Ended without a wrap-up: its agent was deactivated, or a supervisor took the callback back."""

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["callback", "number"], name="attempt_numbered_once"),
            models.UniqueConstraint(
                fields=["callback"],
                condition=Q(ended_at__isnull=True),
                name="attempt_one_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["agent"],
                condition=Q(ended_at__isnull=True),
                name="attempt_one_an_agent",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="attempt_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, outcome__isnull=True, was_interrupted=False)
                | Q(ended_at__isnull=False, outcome__isnull=False, was_interrupted=False)
                | Q(ended_at__isnull=False, outcome__isnull=True, was_interrupted=True),
                name="attempt_ended_has_an_outcome",
            ),
        ]
        indexes = [models.Index(fields=["agent", "ended_at"], name="attempt_of_agent")]

    def __str__(self) -> str:
        return f"Attempt {self.number} by {self.agent}"
