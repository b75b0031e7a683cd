"""Connections: telephony platforms that Ringback keeps in step with, and how each callback stands there."""

from datetime import datetime, timedelta
from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from callbacks.models.callback import Callback
from callbacks.models.encrypted import EncryptedTextField
from callbacks.models.keys import Keyed
from callbacks.models.queue import Queue


class Dialect(models.TextChoices):
    """Which API the platform speaks."""

    GUIDE = "guide", "The guide's (also another Ringback)"
    GENESYS_CLOUD = "genesys-cloud", "Genesys Cloud"


class Connection(Keyed):
    """One platform: where it is, how fast it may be asked, and how it is doing."""

    name = models.CharField(max_length=100, unique=True)
    dialect = models.CharField(max_length=16, choices=Dialect)
    base_url = models.TextField(help_text="Such as https://api.mypurecloud.de.")
    token_url = models.TextField(help_text="Where tokens are given out (OAuth 2).")
    client_id = models.CharField(max_length=255)
    client_secret = EncryptedTextField()
    webhook_secret = EncryptedTextField(null=True)
    """What the platform's own webhooks are signed with, where it sends any."""

    requests = models.PositiveIntegerField(
        "requests",
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text="So many in each stretch of time, of all workers together.",
    )
    per_seconds = models.PositiveIntegerField(
        "in so many seconds",
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(3600)],
    )
    batch_size = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(500)],
        help_text="So many new callbacks in one request, where the platform takes many.",
    )
    settle_seconds = models.PositiveIntegerField(
        default=10,
        validators=[MaxValueValidator(3600)],
        help_text="How long after a lost answer the platform is asked what it has: longer than it "
        "takes to show what it was told.",
    )
    poll_seconds = models.PositiveIntegerField(
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3600)],
        help_text="How often it is asked what happened there.",
    )

    paused_reason = models.CharField(max_length=200, blank=True)
    """Why nothing is sent: somebody paused it. Empty: it works."""
    refused_reason = models.TextField(blank=True)
    """What the platform said when it refused us altogether (401, 403); empty while it does not."""
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    """Failures of the platform as a whole since the last answer that made sense."""
    busies = models.PositiveIntegerField(default=0)
    """How often in a row it said that it was asked too fast, and not for how long."""
    rests_until = models.DateTimeField(null=True)
    """Nothing is asked before: it failed again and again, or said 429."""
    last_error = models.TextField(blank=True)
    last_success_at = models.DateTimeField(null=True)
    polled_at = models.DateTimeField(null=True)
    """When the last look at all that happened there began; all of it has come back."""
    poll_at = models.DateTimeField(null=True)
    """When to look again."""
    poll_began_at = models.DateTimeField(null=True)
    """When the look began that is under way; empty: none is."""
    poll_cursor = models.TextField(blank=True)
    """Where the look goes on; empty: at its beginning."""
    token = EncryptedTextField(null=True)
    token_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(requests__gte=1, per_seconds__gte=1, batch_size__range=(1, 500)),
                name="connection_pace_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def settle(self) -> timedelta:
        """How long after a lost answer it is asked what it has."""
        return timedelta(seconds=self.settle_seconds)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.per_seconds

    def is_resting(self, at: datetime) -> bool:
        """Whether nothing is asked at this moment."""
        return self.rests_until is not None and self.rests_until > at


class ConnectedQueue(models.Model):
    """A queue that is kept in step with a connection, and what it is called there."""

    queue = models.OneToOneField(
        Queue, primary_key=True, on_delete=models.CASCADE, related_name="connected"
    )
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="queues")
    remote_id = models.CharField(
        "the platform's id", max_length=255, blank=True, help_text="What it calls this queue."
    )

    def __str__(self) -> str:
        return f"{self.queue} on {self.connection}"


class CounterpartQuerySet(models.QuerySet["Counterpart"]):
    """Questions about many counterparts."""

    def live(self) -> Self:
        """Those that the platform holds open, as far as we know."""
        return self.filter(state__in=Counterpart.LIVE)

    def in_need(self) -> Self:
        """Those that a person must look at."""
        return self.filter(state__in=Counterpart.IN_NEED)


class Counterpart(Keyed):
    """A callback as one platform has it, as far as we know."""

    class State(models.TextChoices):
        """How it stands there."""

        ABSENT = "absent", "Not sent yet"
        SENDING = "sending", "Being sent"
        THERE = "there", "In step"
        CONFLICT = "conflict", "Conflict"
        PARKED = "parked", "Parked: needs a person"
        OVER = "over", "Over"

    LIVE = (State.SENDING, State.THERE, State.PARKED)
    IN_NEED = (State.CONFLICT, State.PARKED)

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="counterparts"
    )
    callback = models.ForeignKey(Callback, on_delete=models.PROTECT, related_name="counterparts")
    state = models.CharField(max_length=10, choices=State, default=State.ABSENT)
    external_id = models.CharField(max_length=255, blank=True)
    handle = models.JSONField(default=dict)
    """What the platform's API needs besides its id, such as ids of parts."""
    generation = models.PositiveIntegerField(default=1)
    """Counts up when it must be cancelled there and made anew: what cannot be patched."""
    content = models.JSONField(null=True)
    """What the platform confirmed last."""

    sending = models.JSONField(null=True)
    """The request that is under way, or whose answer was lost: written before it leaves."""
    sent_at = models.DateTimeField(null=True)
    """When that was; it is looked up after the settle time, before anything is sent again."""
    check_at = models.DateTimeField(null=True)
    """When to look for doubles: it was sent again after a look that found nothing."""
    checks_left = models.PositiveSmallIntegerField(default=0)
    synced_message = models.BigIntegerField(default=0)
    """Every message up to this one is told to the platform."""
    tried_message = models.BigIntegerField(default=0)
    """Every message up to this one was in the last request."""

    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    give_up_at = models.DateTimeField(null=True)
    """A failure after this moment parks it; set by the first failure."""
    last_request = models.TextField(blank=True)
    last_answer = models.TextField(blank=True)
    last_error = models.TextField(blank=True)
    existing_id = models.CharField(max_length=255, blank=True)
    """In conflict: the platform's callback that is in the way."""
    seen_at = models.DateTimeField(null=True)
    """When the platform was last seen to hold it."""
    remote_changed_at = models.DateTimeField(null=True)
    """When it last changed there, by the platform's own account."""
    standing = models.CharField(max_length=16, blank=True)
    """How it stands there, in ``sync``'s words, by the last look or event."""
    shown = models.JSONField(null=True)
    """What the platform showed last, where that is not what it confirmed: a drift."""
    lost_at = models.DateTimeField(null=True)
    """When the platform was found to have it no more, though it never said that it ended."""
    times_lost = models.PositiveSmallIntegerField(default=0)
    synced_at = models.DateTimeField(null=True)

    objects = CounterpartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["callback", "connection"], name="counterpart_once_per_connection"
            ),
            models.UniqueConstraint(
                fields=["connection", "external_id"],
                condition=~Q(external_id=""),
                name="counterpart_external_id_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="sending") | Q(sending__isnull=False, sent_at__isnull=False),
                name="counterpart_sending_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["connection", "sent_at"],
                condition=Q(state="sending"),
                name="counterpart_sending",
            ),
            models.Index(
                fields=["connection", "check_at"],
                condition=Q(check_at__isnull=False),
                name="counterpart_check",
            ),
            models.Index(
                fields=["connection", "state", "id"],
                condition=Q(state__in=["conflict", "parked"]),
                name="counterpart_in_need",
            ),
            models.Index(
                fields=["connection", "seen_at"],
                condition=Q(state__in=["sending", "there", "parked"]),
                name="counterpart_live",
            ),
            models.Index(
                fields=["connection", "lost_at"],
                condition=Q(lost_at__isnull=False),
                name="counterpart_lost",
            ),
            models.Index(
                fields=["connection", "id"],
                condition=Q(shown__isnull=False),
                name="counterpart_shown_otherwise",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.callback_id} on {self.connection_id}: {self.state}"

    @property
    def reference(self) -> str:
        """Our reference, by which the platform's callback is found again: never used twice."""
        return f"{self.callback_id}.{self.generation}"


class Newcomer(Keyed):
    """A callback that only the platform has, and that cannot simply be taken over: a person decides."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="newcomers")
    external_id = models.CharField(max_length=255)
    content = models.JSONField()
    """As the platform shows it."""
    why = models.TextField()
    """Why it is not taken over, for a person."""
    existing = models.ForeignKey(Callback, null=True, on_delete=models.SET_NULL, related_name="+")
    """Our callback that it would double."""
    is_welcome = models.BooleanField(default=False)
    """A person said: take it over although the contact has a callback already."""
    found_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["found_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="newcomer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} on {self.connection_id}"


class PlatformEvent(models.Model):
    """An event that a platform sent us, so that it counts once; with its callback until applied."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    event = models.CharField(max_length=255)
    received_at = models.DateTimeField(default=timezone.now)
    external_id = models.CharField(max_length=255, blank=True)
    body = models.JSONField(null=True)
    """The callback as the event showed it; forgotten once applied."""
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "event"], name="platform_event_once"),
        ]
        indexes = [
            models.Index(F("received_at"), name="platform_event_age"),
            models.Index(
                fields=["connection", "id"],
                condition=Q(applied_at__isnull=True),
                name="platform_event_to_apply",
            ),
            models.Index(
                fields=["connection", "external_id"],
                condition=Q(applied_at__isnull=True),
                name="platform_event_of_callback",
            ),
        ]

    def __str__(self) -> str:
        return self.event
