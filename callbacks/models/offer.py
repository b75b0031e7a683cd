"""Offers: a due callback shown to one agent, with the decision that led there (rules §4.4, §4.6)."""

from django.db import models
from django.db.models import F, Q

from callbacks.models.callback import Callback
from callbacks.models.keys import Keyed
from callbacks.models.people import Agent

RESULTS = ("accepted", "declined", "missed", "withdrawn")


class Offer(Keyed):
    """One callback to one agent, for the alerting timeout.

    At most one stands for a callback, and at most one for an agent: the database says so.
    """

    class Result(models.TextChoices):
        """How it ended."""

        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        MISSED = "missed", "Missed"
        WITHDRAWN = "withdrawn", "Withdrawn"

    callback = models.ForeignKey(Callback, on_delete=models.PROTECT, related_name="offers")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="offers")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=12, choices=Result, blank=True)
    reason = models.TextField()
    """The decision in one sentence."""
    candidates = models.JSONField(default=list)
    """Who could have had it, best first: ``[name, verdict, is_let_in]``; see ``routing.deciding``."""

    class Meta:
        ordering = ["made_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["callback"], condition=Q(ended_at__isnull=True), name="offer_one_each"
            ),
            models.UniqueConstraint(
                fields=["agent"], condition=Q(ended_at__isnull=True), name="offer_one_an_agent"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, result="")
                | Q(ended_at__isnull=False, result__in=RESULTS),
                name="offer_ended_has_a_result",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at")), name="offer_lasts_a_while"
            ),
        ]
        indexes = [
            models.Index(fields=["callback", "made_at"], name="offer_of_callback"),
            models.Index(fields=["agent", "ended_at"], name="offer_of_agent"),
        ]

    def __str__(self) -> str:
        return f"Offer to {self.agent}"
