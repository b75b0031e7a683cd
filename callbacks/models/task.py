"""Tasks: what a callback became when no call is needed any more (rules §7, Task > Manage)."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from callbacks.models.callback import Callback
from callbacks.models.keys import Keyed
from callbacks.models.people import Agent, User


class Task(Keyed):
    """Something to do for a contact other than calling."""

    callback = models.OneToOneField(Callback, on_delete=models.PROTECT, related_name="task")
    description = models.TextField()
    assignee = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(done_at__isnull=True, done_by__isnull=True)
                | Q(done_at__isnull=False, done_by__isnull=False),
                name="task_done_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["assignee", "created_at"],
                condition=Q(done_at__isnull=True),
                name="task_to_do",
            ),
        ]

    def __str__(self) -> str:
        return self.description[:80]
