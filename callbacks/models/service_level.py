"""Service levels: how soon a callback must be made, and for what share of them (rules §5.2)."""

from datetime import timedelta
from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from callbacks.models.keys import Keyed


class ServiceLevelQuerySet(models.QuerySet["ServiceLevel"]):
    """Questions about service levels."""

    def for_all_callbacks(self) -> Self:
        """The one assigned to the callback type at large."""
        return self.filter(is_for_all_callbacks=True)


class ServiceLevel(Keyed):
    """A named definition. ``Callback Response`` exists from the start (G §3)."""

    class Metric(models.TextChoices):
        """What is measured."""

        TIME_TO_CALLBACK = "time_to_callback", "Time to Callback"

    class ClockStart(models.TextChoices):
        """From when the time counts."""

        REQUESTED = "requested", "Requested time"
        CREATED = "created", "Creation"

    class ClockRun(models.TextChoices):
        """While what the time counts."""

        ALWAYS = "always", "Always"
        BUSINESS_HOURS = "business_hours", "Business hours only"

    name = models.CharField(max_length=100, unique=True)
    metric = models.CharField(max_length=32, choices=Metric, default=Metric.TIME_TO_CALLBACK)
    threshold = models.DurationField(
        default=timedelta(hours=24), help_text="No callback window may be longer than this."
    )
    target_percent = models.PositiveSmallIntegerField(
        default=90, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    clock_starts = models.CharField(max_length=16, choices=ClockStart, default=ClockStart.REQUESTED)
    clock_runs = models.CharField(max_length=16, choices=ClockRun, default=ClockRun.ALWAYS)
    is_for_all_callbacks = models.BooleanField(
        "for all callbacks",
        default=False,
        help_text="Holds for every queue that has no service level of its own.",
    )

    objects = ServiceLevelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(threshold__gt=timedelta(0)),
                name="service_level_threshold_positive",
                violation_error_message="The threshold must be longer than nothing.",
            ),
            models.CheckConstraint(
                condition=Q(target_percent__range=(1, 100)),
                name="service_level_target_is_a_share",
                violation_error_message="The target must lie between 1 and 100 percent.",
            ),
            models.UniqueConstraint(
                fields=["is_for_all_callbacks"],
                condition=Q(is_for_all_callbacks=True),
                name="service_level_one_for_all",
                violation_error_message="Another service level is for all callbacks already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
