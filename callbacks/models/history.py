"""History: every change to a callback, who made it, when and why. Append-only.

A trigger in the database refuses updates and deletions; only erasure of a contact's personal data
may pass it, by name (``SET LOCAL ringback.erasing = 'on'``).
"""

from django.db import models
from django.db.models import Q

from callbacks.models.callback import Callback
from callbacks.models.keys import Keyed
from callbacks.models.people import User


class HistoryEvent(Keyed):
    """One thing that happened to one callback."""

    class What(models.TextChoices):
        """The kinds of events, as a person reads them."""

        SCHEDULED = "scheduled", "Scheduled"
        RESCHEDULED = "rescheduled", "Rescheduled"
        CHANGED = "changed", "Changed"
        OWNERSHIP_TAKEN = "ownership_taken", "Ownership taken"
        OWNERSHIP_GIVEN_UP = "ownership_given_up", "Ownership given up"
        HANDED_OVER = "handed_over", "Handed over"
        CANCELLED = "cancelled", "Cancelled"
        DUPLICATE_PREVENTED = "duplicate_prevented", "Duplicate prevented"
        FELL_DUE = "fell_due", "Fell due"
        HELD = "held", "Held back"
        REASSIGNED = "reassigned", "Reassigned"
        RETURNED = "returned", "Returned to the queue"
        OFFERED = "offered", "Offered"
        DECLINED = "declined", "Declined"
        MISSED = "missed", "Missed"
        WITHDRAWN = "withdrawn", "Offer withdrawn"
        ACCEPTED = "accepted", "Accepted"
        INTERRUPTED = "interrupted", "Call interrupted"
        RETRY = "retry", "To be tried again"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"
        CONVERTED = "converted", "Converted to a task"
        REVIVED = "revived", "Revived"
        SYNCHRONISED = "synchronised", "Synchronisation"

    class ActorKind(models.TextChoices):
        """Who can change a callback."""

        PERSON = "person", "Person"
        PROGRAM = "program", "Program"
        CLOCK = "clock", "Clock"
        PLATFORM = "platform", "Telephony platform"

    callback = models.ForeignKey(Callback, on_delete=models.PROTECT, related_name="history")
    what = models.CharField(max_length=24, choices=What)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16, choices=ActorKind)
    actor = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    actor_name = models.CharField(max_length=150)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    version = models.PositiveIntegerField()
    """The callback's version after this event."""

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(actor_kind__in=["person", "program", "clock", "platform"]),
                name="history_actor_kind_known",
            ),
        ]
        indexes = [
            models.Index(fields=["callback", "at", "id"], name="history_of_callback"),
            models.Index(fields=["what", "at"], name="history_what"),
        ]

    def __str__(self) -> str:
        return f"{self.get_what_display()} by {self.actor_name}"
