"""Service levels and outcomes."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest

from callbacks.models import Outcome, Queue, ServiceLevel
from callbacks.rules.limits import in_words
from dashboard.admin.durations import WithDurations

FOR_ALL = "is_for_all_callbacks"


class ServiceLevelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A definition, whose threshold no queue's window may exceed (rules §2.5)."""

    class Meta:
        model = ServiceLevel
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        """Name the queues that stand in the way, and keep one level for all callbacks."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.initial.get(FOR_ALL) and not cleaned.get(FOR_ALL):
            self.add_error(
                FOR_ALL, "One level must be for all callbacks. Tick it in another level instead."
            )
        threshold = cleaned.get("threshold")
        if threshold and (wider := self._wider_than(threshold)):
            named = ", ".join(f"{queue} ({in_words(queue.window_duration)})" for queue in wider)
            message = f"The callback window is longer than this threshold in: {named}. Shorten it there first."
            self.add_error("threshold", ValidationError(message))
        return cleaned

    def _wider_than(self, threshold: timedelta) -> list[Queue]:
        users = Q(pk__in=[])
        if not self.instance._state.adding:
            users |= Q(service_level=self.instance.pk)
        if self.cleaned_data.get(FOR_ALL):
            users |= Q(service_level__isnull=True)
        return list(Queue.objects.filter(users, window_duration__gt=threshold))

    def _get_validation_exclusions(self) -> set[str]:
        """Another one for all callbacks is no obstacle: saving this one takes its place."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded | {FOR_ALL}


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

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Move *for all callbacks* from the level that had it, and say so."""
        if obj.is_for_all_callbacks:
            before = ServiceLevel.objects.for_all_callbacks().exclude(pk=obj.pk)
            for level in before:
                messages.info(
                    request,
                    f"“{obj}” is for all callbacks now, in place of “{level}”. Callbacks that are "
                    "scheduled already keep their deadlines.",
                )
            before.update(is_for_all_callbacks=False)
        super().save_model(request, obj, form, change)

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
