"""Programs: what calls the HTTP API, with which rights, how fast, and what it was answered."""

from datetime import timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from callbacks.models.keys import Keyed
from callbacks.models.queue import Queue


class Scope(models.TextChoices):
    """What a program may be allowed to do (rules §7); the values are the guide's."""

    READ = "callback:read", "Callback > Read"
    WRITE = "callback:write", "Callback > Create, Edit"
    TASKS = "task:manage", "Task > Manage"
    WEBHOOKS = "webhook:manage", "Webhook > Manage"


class ApiClient(Keyed):
    """A flow, a CRM, a script: a program that calls the HTTP API in its own name.

    Of its secret only a digest is kept. It is random and long, so a plain digest suffices.
    """

    name = models.CharField(
        max_length=100, unique=True, help_text="As history calls it, such as IVR or CRM."
    )
    client_id = models.CharField(max_length=64, unique=True, editable=False)
    secret_digest = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope), default=list)
    queues = models.ManyToManyField(
        Queue, blank=True, related_name="+", help_text="None chosen: all queues."
    )
    rate = models.PositiveIntegerField(
        "requests per second",
        null=True,
        blank=True,
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text="Empty: no limit.",
    )
    burst = models.PositiveIntegerField(
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text="So many requests may come at once.",
    )
    may_call_outside_hours = models.BooleanField(
        "may schedule outside calling hours",
        default=True,
        help_text="When it says so with each callback.",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Untick, and its tokens are worth nothing at once."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "API client"
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values), name="api_client_scopes_known"
            ),
            models.CheckConstraint(
                condition=(Q(rate__isnull=True) | Q(rate__range=(1, 10_000)))
                & Q(burst__range=(1, 10_000)),
                name="api_client_rate_in_range",
                violation_error_message="Between 1 and 10,000 requests.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccessToken(models.Model):
    """A bearer token of a program for an hour; only its digest is kept."""

    digest = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="tokens")
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"Token of {self.client_id} until {self.expires_at:%Y-%m-%d %H:%M} UTC"


class KeptAnswer(models.Model):
    """What a caller was answered under an ``Idempotency-Key``: the same again, for 24 hours."""

    KEPT_FOR = timedelta(hours=24)

    caller = models.UUIDField()
    """The key of the API client or of the person."""
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    """Of method, path and body."""
    status = models.PositiveSmallIntegerField(null=True)
    headers: Any = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="kept_answer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.status} of {self.created_at:%Y-%m-%d %H:%M} UTC"


class Pace(models.Model):
    """How far ahead of its pace a caller is: one row each, in a table that a crash may empty."""

    key = models.CharField(max_length=100, primary_key=True)
    due_at = models.DateTimeField()
    """When the caller would be exactly at its pace again (UTC)."""

    def __str__(self) -> str:
        return f"{self.key} until {self.due_at:%H:%M:%S.%f} UTC"
