"""The outbox: what the telephony platform must still be told.

Written in the same transaction as every change, so nothing is sent that was rolled back and nothing
lost that was committed (rules §6.1). A message says *that* its callback changed; what is sent is the
callback as it stands when it is sent, so several unsent changes become one request.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from callbacks.models.callback import Callback
from callbacks.models.history import HistoryEvent


class OutboxMessage(models.Model):
    """One change on its way out. The key is the order."""

    class Action(models.TextChoices):
        """What the platform is asked to do."""

        CREATE = "create", "Create"
        UPDATE = "update", "Update"
        CANCEL = "cancel", "Cancel"

    class State(models.TextChoices):
        """The message's own fate, apart from its callback's."""

        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        PARKED = "parked", "Parked: needs a person"
        DISCARDED = "discarded", "Discarded"

    callback = models.ForeignKey(Callback, on_delete=models.PROTECT, related_name="outbox")
    event = models.OneToOneField(HistoryEvent, on_delete=models.PROTECT, related_name="message")
    action = models.CharField(max_length=8, choices=Action)
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(action__in=["create", "update", "cancel"]), name="outbox_action_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "parked"], settled_at__isnull=True)
                | Q(state__in=["sent", "discarded"], settled_at__isnull=False),
                name="outbox_settled_when_done",
            ),
        ]
        indexes = [
            models.Index(
                fields=["callback", "id"],
                condition=Q(settled_at__isnull=True),
                name="outbox_unsettled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.callback_id}"
