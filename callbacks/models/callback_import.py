"""Imports: a file of callbacks, how it is read, how far it is, and which rows cannot come in."""

from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from callbacks.models.keys import Keyed
from callbacks.models.people import TimeZoneField, User
from callbacks.models.queue import Queue


class CallbackImportQuerySet(models.QuerySet["CallbackImport"]):
    """Questions about many imports."""

    def under_way(self) -> Self:
        """Those that a worker has to go on with, the oldest first."""
        return self.filter(state__in=UNDER_WAY).order_by("created_at", "id")


class CallbackImport(Keyed):
    """One file of callbacks, from its upload until it is in.

    State, counts and what was written are committed together, chunk by chunk: whoever goes on after
    a crash begins behind ``rows_done``.
    """

    class State(models.TextChoices):
        """What happens with it."""

        UPLOADED = "uploaded", "Uploaded"
        CHECKING = "checking", "Being checked"
        CHECKED = "checked", "Checked"
        IMPORTING = "importing", "Being imported"
        DONE = "done", "Imported"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    class DateFormat(models.TextChoices):
        """In which order the file writes its dates; ``2026-04-03`` is read in any case."""

        YEAR_FIRST = "", "2026-04-03: year, month, day"
        DAY_FIRST = "dmy", "03/04/2026: day, month, year"
        MONTH_FIRST = "mdy", "04/03/2026: month, day, year"

    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="imports")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    name = models.CharField(max_length=200)
    """What the file was called."""
    file = models.FileField(upload_to="imports", max_length=200, blank=True)
    """Private; deleted a day after the import ended."""

    encoding = models.CharField(max_length=16)
    delimiter = models.CharField(max_length=1)
    header_line = models.PositiveIntegerField()
    header = ArrayField(models.TextField())
    columns = ArrayField(models.CharField(max_length=24))
    """For each column of the file, which field of a callback it is."""
    date_format = models.CharField(max_length=3, choices=DateFormat, blank=True)
    queue = models.ForeignKey(
        Queue, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Of rows that name none."""
    time_zone = TimeZoneField(blank=True)
    """Of rows that name none."""
    is_consent_given = models.BooleanField(default=False)
    """Somebody says that all contacts of the file agreed to be called."""

    state = models.CharField(max_length=12, choices=State, default=State.UPLOADED)
    rows = models.PositiveIntegerField()
    rows_done = models.PositiveIntegerField(default=0)
    rows_good = models.PositiveIntegerField(default=0)
    """Of those that are done: without a problem, or imported."""
    failure = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = CallbackImportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rows_good__lte=models.F("rows_done")), name="import_counts"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("done", "cancelled", "failed"), ended_at__isnull=False)
                | Q(
                    state__in=("uploaded", "checking", "checked", "importing"),
                    ended_at__isnull=True,
                ),
                name="import_ended_when_over",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at", "id"],
                condition=Q(state__in=("checking", "importing")),
                name="import_under_way",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rows_bad(self) -> int:
        """Of those that are done: rejected."""
        return self.rows_done - self.rows_good

    @property
    def is_under_way(self) -> bool:
        """Whether a worker is at it, or will be."""
        return self.state in UNDER_WAY

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens."""
        return self.ended_at is not None

    @property
    def percent(self) -> int:
        """How much is done."""
        return 100 * self.rows_done // self.rows if self.rows else 100


State = CallbackImport.State
UNDER_WAY = (State.CHECKING, State.IMPORTING)


class ImportReject(models.Model):
    """A row that cannot come in, as it was, with what is wrong with it."""

    job = models.ForeignKey(CallbackImport, on_delete=models.CASCADE, related_name="rejects")
    line = models.PositiveIntegerField()
    """On which line of the file it begins."""
    values = ArrayField(models.TextField())
    problems = models.JSONField()
    """Each with field, code and message."""

    class Meta:
        ordering = ["line", "id"]

    def __str__(self) -> str:
        return f"Line {self.line}: {self.reasons}"

    @property
    def reasons(self) -> str:
        """What is wrong, in words."""
        found: list[dict[str, Any]] = self.problems
        return " ".join(str(problem["message"]) for problem in found)


class RehearsedPromise(models.Model):
    """What a row would promise, while its file is checked: a later row must not double it."""

    job = models.ForeignKey(
        CallbackImport, on_delete=models.CASCADE, related_name="rehearsed", db_index=False
    )
    line = models.PositiveIntegerField()
    phone_number = models.CharField(max_length=16)
    conversation_id = models.CharField(max_length=100, blank=True)
    requested_at = models.DateTimeField()
    time_zone = TimeZoneField()

    class Meta:
        indexes = [
            models.Index(fields=["job", "phone_number"], name="rehearsed_number"),
            models.Index(
                fields=["job", "conversation_id"],
                condition=~Q(conversation_id=""),
                name="rehearsed_conversation",
            ),
        ]

    def __str__(self) -> str:
        return f"Line {self.line}: {self.phone_number}"
