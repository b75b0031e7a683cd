"""Queues: where callbacks wait; each with its limits, hours, skills and members."""

import datetime
from datetime import timedelta
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from callbacks.models.keys import Keyed
from callbacks.models.people import Agent, Skill, User
from callbacks.models.service_level import ServiceLevel
from callbacks.rules import limits


class QueueQuerySet(models.QuerySet["Queue"]):
    """Questions about many queues."""

    def active(self) -> Self:
        """Those that take new callbacks."""
        return self.filter(is_active=True)


class Queue(Keyed):
    """A queue and everything that an admin promises on its behalf."""

    class OwnerCannot(models.TextChoices):
        """When the owner cannot take it in the window (rules §3.5)."""

        KEEP_WAITING = "keep_waiting", "Keep waiting for the owner"
        REASSIGN = "reassign", "Reassign to a peer, else the team lead, else the queue"

    class OnExpiry(models.TextChoices):
        """When the ownership period ends and the owner was never available (rules §3.4)."""

        DISCONNECT = "disconnect", "Disconnect: the promise expires"
        RETURN_TO_QUEUE = "return_to_queue", "Return it to the queue"

    class RoutingMode(models.TextChoices):
        """Whether waiting callbacks of this queue are offered to agents."""

        LONGEST_IDLE = "longest_idle", "To the agent idle for longest"
        PLATFORM = "platform", "By the telephony platform, which is connected"
        NONE = "none", "Not at all: no active routing"

    name = models.CharField(max_length=100, unique=True)
    is_active = models.BooleanField("active", default=True, help_text="Takes new callbacks.")
    is_default = models.BooleanField(
        "default queue",
        default=False,
        help_text="Gets what programs schedule without naming a queue.",
    )
    default_region = models.CharField(
        max_length=2,
        default="US",
        help_text="Country whose numbers may be typed without + (ISO code, such as US or GB).",
    )
    window_duration = models.DurationField(
        "callback window",
        default=timedelta(hours=1),
        help_text="How long after the requested time the call may still be made.",
    )
    service_level = models.ForeignKey(
        ServiceLevel,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="queues",
        help_text="Empty: the service level for all callbacks.",
    )
    required_skills = models.ManyToManyField(Skill, blank=True, related_name="required_by")
    members = models.ManyToManyField(Agent, blank=True, related_name="queues")
    supervisors = models.ManyToManyField(
        User, blank=True, related_name="supervised_queues", limit_choices_to={"role": "supervisor"}
    )
    routing_mode = models.CharField(
        max_length=16, choices=RoutingMode, default=RoutingMode.LONGEST_IDLE
    )
    alerting_timeout = models.DurationField(
        default=timedelta(seconds=30), help_text="How long an agent may take to accept an offer."
    )
    stuck_after = models.DurationField(
        default=timedelta(hours=4), help_text="Due and nothing happened for this long: stuck."
    )
    retry_delay = models.DurationField(default=timedelta(minutes=30))
    maximum_attempts = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    slot_capacity = models.PositiveSmallIntegerField(
        "callbacks per half hour",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text="How many promises fit into each half hour. Empty: any number.",
    )
    consent_required = models.BooleanField(
        default=False, help_text="Programs, too, must say that the contact agreed to be called."
    )
    ownership_enabled = models.BooleanField("owned callbacks", default=False)
    schedule_ahead_limit = models.DurationField(
        default=timedelta(days=30),
        help_text="How far ahead an owned callback may lie: 1 hour to 30 days.",
    )
    ownership_period = models.DurationField(
        default=timedelta(days=1),
        help_text="How long a due callback waits for its owner: 1 hour to 7 days.",
    )
    when_owner_cannot = models.CharField(
        "when the owner cannot take it in the window",
        max_length=16,
        choices=OwnerCannot,
        default=OwnerCannot.KEEP_WAITING,
    )
    on_expiry = models.CharField(
        "when the ownership period is over",
        max_length=16,
        choices=OnExpiry,
        default=OnExpiry.DISCONNECT,
    )

    objects = QueueQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="queue_one_default",
                violation_error_message="Another queue is the default one. Untick it there first.",
            ),
            models.CheckConstraint(
                condition=Q(slot_capacity__isnull=True) | Q(slot_capacity__range=(1, 10_000)),
                name="queue_slot_capacity_in_range",
                violation_error_message="Between 1 and 10,000 callbacks per half hour.",
            ),
            models.CheckConstraint(
                condition=Q(schedule_ahead_limit__range=limits.SCHEDULE_AHEAD_RANGE),
                name="queue_schedule_ahead_in_range",
                violation_error_message="The schedule-ahead limit must be 1 hour to 30 days.",
            ),
            models.CheckConstraint(
                condition=Q(ownership_period__range=limits.OWNERSHIP_PERIOD_RANGE),
                name="queue_ownership_period_in_range",
                violation_error_message="The ownership period must be 1 hour to 7 days.",
            ),
            models.CheckConstraint(
                condition=Q(window_duration__range=limits.WINDOW_RANGE),
                name="queue_window_in_range",
                violation_error_message="The callback window must be 1 minute to 30 days.",
            ),
            models.CheckConstraint(
                condition=Q(alerting_timeout__range=limits.ALERTING_RANGE),
                name="queue_alerting_in_range",
                violation_error_message="The alerting timeout must be 5 seconds to 10 minutes.",
            ),
            models.CheckConstraint(
                condition=Q(stuck_after__gt=timedelta(0), retry_delay__gte=timedelta(0)),
                name="queue_delays_positive",
                violation_error_message="Stuck limit and retry delay cannot be negative.",
            ),
            models.CheckConstraint(
                condition=Q(maximum_attempts__range=(1, 20)),
                name="queue_attempts_in_range",
                violation_error_message="Between 1 and 20 attempts.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_routed_by_platform(self) -> bool:
        """Whether the platform offers its callbacks to agents, and Ringback only watches."""
        return self.routing_mode == self.RoutingMode.PLATFORM

    def clean(self) -> None:
        """Refuse a window beyond the service level's threshold (rules §2.5)."""
        level = self.service_level or ServiceLevel.objects.for_all_callbacks().first()
        if level and self.window_duration and self.window_duration > level.threshold:
            raise ValidationError(
                {
                    "window_duration": (
                        f"The window ({limits.in_words(self.window_duration)}) is longer than the "
                        f"threshold of the service level “{level}” "
                        f"({limits.in_words(level.threshold)}). Shorten it, or choose another level."
                    )
                }
            )


class Weekday(models.IntegerChoices):
    """Days as Python counts them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class CallingHours(Keyed):
    """When a queue's contacts may be called, on a weekday in the contact's own zone (rules §2.10).

    A queue without any uses 08:00–21:00 every day. Midnight as the end is the end of that day.
    """

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="calling_hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday)
    opens = models.TimeField(default=datetime.time(8))
    closes = models.TimeField(
        default=datetime.time(21), help_text="00:00 means the end of the day."
    )

    class Meta:
        ordering = ["weekday", "opens"]
        verbose_name_plural = "calling hours"
        constraints = [
            models.CheckConstraint(
                condition=Q(closes__gt=F("opens")) | Q(closes=datetime.time(0)),
                name="calling_hours_not_empty",
                violation_error_message="Calling hours must close after they open.",
            ),
            models.CheckConstraint(
                condition=Q(weekday__range=(0, 6)), name="calling_hours_weekday"
            ),
            models.UniqueConstraint(
                fields=["queue", "weekday", "opens"],
                name="calling_hours_once",
                violation_error_message="These hours are there already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens:%H:%M}–{self.closes:%H:%M}"


class Holiday(Keyed):
    """A day, in the contact's own zone, on which nobody is called: in one queue, or in all."""

    queue = models.ForeignKey(
        Queue,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="holidays",
        help_text="Empty: all queues.",
    )
    date = models.DateField()
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(
                fields=["queue", "date"],
                name="holiday_once",
                nulls_distinct=False,
                violation_error_message="This day is a holiday there already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.date}"
