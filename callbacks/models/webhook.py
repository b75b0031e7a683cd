"""Webhooks: programs that are told what happens to callbacks, and every telling with its fate."""

from datetime import datetime, timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from callbacks.models.callback import Callback
from callbacks.models.encrypted import EncryptedTextField
from callbacks.models.keys import Keyed
from callbacks.models.program import ApiClient

FAILING_AFTER = timedelta(hours=24)
"""So long without a success, and a webhook is shown red."""


class EventType(models.TextChoices):
    """What a webhook can be told of."""

    CREATED = "callback.created", "Created"
    CHANGED = "callback.changed", "Changed"
    DUE = "callback.due", "Due"
    OFFERED = "callback.offered", "Offered to an agent"
    COMPLETED = "callback.completed", "Completed"
    EXPIRED = "callback.expired", "Expired"
    CANCELLED = "callback.cancelled", "Cancelled"
    OVERDUE = "callback.overdue", "Overdue"
    STUCK = "callback.stuck", "Stuck"
    SLA_BREACHED = "callback.sla_breached", "Service level breached"


TEST = "webhook.test"
"""The type of an event that somebody sends to see whether it arrives."""


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """Questions about webhooks."""

    def active(self) -> Self:
        """Those that are told anything: a program that was switched off is not."""
        return self.filter(Q(client__isnull=True) | Q(client__is_active=True), is_active=True)

    def awake(self, at: datetime) -> Self:
        """Active ones that are not left alone for a while because they failed."""
        return self.active().filter(Q(rests_until__isnull=True) | Q(rests_until__lte=at))


class Webhook(Keyed):
    """One address, what it is told of, and how it is doing."""

    name = models.CharField(max_length=100)
    url = models.TextField()
    events = ArrayField(models.CharField(max_length=32, choices=EventType))
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(null=True)
    """Signs beside the new one for as long as the receiver may need to change over."""
    previous_secret_until = models.DateTimeField(null=True)

    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    client = models.ForeignKey(ApiClient, null=True, on_delete=models.CASCADE, related_name="+")
    """The program that made it and may manage it, and whose queues limit what is told; of a person's
    webhook there is none."""
    created_by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    told_since = models.DateTimeField(default=timezone.now)
    """What time made happen before is not told: when it was made, or last resumed."""

    last_success_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    """Failures since the last success."""
    rests_until = models.DateTimeField(null=True)
    """After many failures in a row: nothing is tried before."""

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["url", "client"], nulls_distinct=False, name="webhook_address_once"
            ),
            models.CheckConstraint(
                condition=Q(events__len__gte=1) & Q(events__contained_by=sorted(EventType.values)),
                name="webhook_events_known",
            ),
            models.CheckConstraint(
                condition=Q(is_active=True, disabled_reason="")
                | (Q(is_active=False) & ~Q(disabled_reason="")),
                name="webhook_disabled_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(previous_secret__isnull=True, previous_secret_until__isnull=True)
                | Q(previous_secret__isnull=False, previous_secret_until__isnull=False),
                name="webhook_previous_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_failing(self, at: datetime) -> bool:
        """Whether it is active, and nothing has arrived for a day."""
        since = self.failing_since
        return self.is_active and since is not None and since <= at - FAILING_AFTER


class WebhookDelivery(models.Model):
    """One event on its way to one webhook. The key is the order."""

    class State(models.TextChoices):
        """How far it got."""

        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        PARKED = "parked", "Parked: needs a person"
        DISCARDED = "discarded", "Discarded"

    webhook = models.ForeignKey(
        Webhook,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,  # the constraint below begins with it
    )
    callback = models.ForeignKey(
        Callback,
        null=True,
        on_delete=models.PROTECT,
        related_name="webhook_deliveries",
        db_index=False,  # asked for together with the webhook only
    )
    """``None`` for a test."""
    event = models.UUIDField()
    """The key of the history event, or one derived from what time made happen: the same each time."""
    type = models.CharField(max_length=32)
    created_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    """A failure from this moment on is the last one."""
    body = models.TextField(blank=True)
    """What is sent, from the first attempt on: every retry has the same bytes."""
    response_status = models.PositiveSmallIntegerField(null=True)
    response_text = models.TextField(blank=True)
    error = models.TextField(blank=True)
    attempted_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="webhook_told_once"),
            models.CheckConstraint(
                condition=Q(state="waiting", settled_at__isnull=True)
                | Q(state__in=["delivered", "parked", "discarded"], settled_at__isnull=False),
                name="webhook_delivery_settled_when_done",
            ),
        ]
        indexes = [
            # What is due of a webhook; the line of a callback; the page; what is old.
            models.Index(
                fields=["webhook", "next_attempt_at", "id"],
                condition=Q(state="waiting"),
                name="webhook_delivery_due",
            ),
            models.Index(
                fields=["webhook", "callback", "id"],
                condition=Q(state="waiting"),
                name="webhook_delivery_line",
            ),
            models.Index(fields=["webhook", "id"], name="webhook_delivery_shown"),
            models.Index(
                fields=["webhook", "state", "id"],
                condition=~Q(state="delivered"),
                name="webhook_delivery_undelivered",
            ),
            models.Index(
                fields=["settled_at"],
                condition=Q(settled_at__isnull=False),
                name="webhook_delivery_settled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event}"


class WebhookWatch(models.Model):
    """How far the watch over time has seen, on the axis of each question."""

    question = models.CharField(primary_key=True, max_length=64)
    """``overdue``, ``sla_breached``, and ``stuck:<key of the queue>``."""
    seen_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.question} until {self.seen_until:%Y-%m-%d %H:%M:%S} UTC"
