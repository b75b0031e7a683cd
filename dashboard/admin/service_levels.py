"""Service levels and outcomes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest

from callbacks.models import Outcome, Queue, ServiceLevel
from callbacks.rules.limits import in_words
from dashboard.admin.durations import WithDurations


class ServiceLevelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A definition, whose threshold no queue's window may exceed (rules §2.5)."""

    class Meta:
        model = ServiceLevel
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        """Name the queues that stand in the way."""
        cleaned: dict[str, Any] = super().clean() or {}
        threshold = cleaned.get("threshold")
        if not threshold:
            return cleaned
        users = Q(service_level=self.instance.pk)
        if cleaned.get("is_for_all_callbacks"):
            users |= Q(service_level__isnull=True)
        if wider := list(Queue.objects.filter(users, window_duration__gt=threshold)):
            named = ", ".join(f"{queue} ({in_words(queue.window_duration)})" for queue in wider)
            message = f"The callback window is longer than this threshold in: {named}. Shorten it there first."
            self.add_error("threshold", ValidationError(message))
        return cleaned


@admin.register(ServiceLevel)
class ServiceLevelAdmin(WithDurations):
    """Service levels. ``Callback Response`` is there from the start."""

    form = ServiceLevelForm
    list_display = ("name", "metric", "within", "target_percent", "is_for_all_callbacks")

    @admin.display(description="threshold")
    def within(self, level: ServiceLevel) -> str:
        """The threshold in words."""
        return in_words(level.threshold)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """See ``QueueAdmin.changeform_view``: both take the same locks."""
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with transaction.atomic():
            list(ServiceLevel.objects.select_for_update().order_by("pk").values_list("pk"))
            return super().changeform_view(request, *args, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: ServiceLevel | None = None) -> bool:
        """The one for all callbacks stays."""
        return obj is None or not obj.is_for_all_callbacks


@admin.register(Outcome)
class OutcomeAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Outcomes of attempts."""

    list_display = ("name", "effect", "is_active")
    list_filter = ("effect", "is_active")

    def has_delete_permission(self, request: HttpRequest, obj: Outcome | None = None) -> bool:
        """One that was ever used is switched off, not deleted."""
        return obj is not None and not obj.attempts.exists()
