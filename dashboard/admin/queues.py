"""Queues with their ownership limits, hours and holidays."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from callbacks.models import Agent, Callback, CallingHours, Holiday, Queue, ServiceLevel
from callbacks.rules import numbers
from callbacks.rules.limits import in_words
from dashboard.admin.durations import WithDurations
from dashboard.admin.impact import ImpactForm, listed

BEYOND = "Open callbacks beyond the new limit"


class QueueForm(ImpactForm):
    """A queue; limits that lie below promises are shown before they are saved (rules §3.6)."""

    default_region = forms.ChoiceField(choices=numbers.regions)

    class Meta:
        model = Queue
        fields = "__all__"

    def impacts(self) -> list[SafeString]:
        """What open callbacks would feel of it."""
        found = []
        address = f"{reverse('callbacks')}?queue={self.instance.pk}"
        changed = set(self.changed_data)
        limit = self.cleaned_data["schedule_ahead_limit"]
        if "schedule_ahead_limit" in changed and (count := beyond(self.instance, limit)):
            found.append(listed(BEYOND, count, "They stay as promised.", f"{address}&beyond=1"))
        owned = Callback.objects.open().filter(queue=self.instance.pk, owner__isnull=False)
        is_off = not self.cleaned_data["ownership_enabled"]
        if "ownership_enabled" in changed and is_off and (count := owned.count()):
            found.append(listed("Owned here", count, "They stay so until they end.", address))
        if changed & {"required_skills", "members"} and (count := self._owners_left_out(owned)):
            found.append(
                listed("Owned by somebody who no longer could", count, "Hand them over.", address)
            )
        is_closed = "is_active" in changed and not self.cleaned_data["is_active"]
        if is_closed and (count := Callback.objects.open().filter(queue=self.instance.pk).count()):
            found.append(
                listed("Open callbacks here", count, "They stay; new ones are refused.", address)
            )
        return found

    def _owners_left_out(self, owned: Any) -> int:
        members = {agent.pk for agent in self.cleaned_data["members"]}
        skills = {skill.pk for skill in self.cleaned_data["required_skills"]}
        owners = Agent.objects.filter(pk__in=owned.values("owner")).prefetch_related("skills")
        unable = [
            agent.pk
            for agent in owners
            if agent.pk not in members or not skills <= {skill.pk for skill in agent.skills.all()}
        ]
        return int(owned.filter(owner__in=unable).count())


def beyond(queue: Queue, limit: timedelta) -> int:
    """How many owned open callbacks of the queue lie further ahead than this limit."""
    return Callback.objects.beyond_limit_of(queue.pk, limit, timezone.now()).count()


class CallingHoursInline(admin.TabularInline):  # type: ignore[type-arg]
    """Weekday hours in the contact's own time zone."""

    model = CallingHours
    extra = 0
    verbose_name_plural = "calling hours (none: 08:00–21:00 every day), in the contact's time zone"


class HolidayInline(admin.TabularInline):  # type: ignore[type-arg]
    """Days without calls in this queue."""

    model = Holiday
    extra = 0


@admin.register(Queue)
class QueueAdmin(WithDurations):
    """Queues. The ownership limits stand together: they are one promise."""

    form = QueueForm
    list_display = ("name", "is_active", "ownership_enabled", "ahead", "period", "service_level")
    list_filter = ("is_active", "ownership_enabled")
    list_select_related = ("service_level",)
    search_fields = ("name",)
    filter_horizontal = ("required_skills",)
    autocomplete_fields = ("members", "supervisors")
    inlines = (CallingHoursInline, HolidayInline)
    fieldsets = (
        (None, {"fields": ("confirm_impact", "name", "is_active", "default_region")}),
        (
            "Ownership limits",
            {
                "description": "What an agent promises by taking ownership. The last two settings "
                "belong together: when the owner cannot take it in the window it may go to a peer "
                "or keep waiting; when the whole period is over it ends, or returns to the queue.",
                "fields": (
                    "ownership_enabled",
                    "schedule_ahead_limit",
                    "ownership_period",
                    ("when_owner_cannot", "on_expiry"),
                ),
            },
        ),
        ("Time", {"fields": ("window_duration", "service_level", "stuck_after")}),
        ("People", {"fields": ("required_skills", "members", "supervisors")}),
        (
            "Routing",
            {"fields": ("routing_mode", "alerting_timeout", "retry_delay", "maximum_attempts")},
        ),
        ("Consent", {"fields": ("consent_required",)}),
    )

    @admin.display(description="schedule ahead")
    def ahead(self, queue: Queue) -> str:
        """The limit in words."""
        return in_words(queue.schedule_ahead_limit) if queue.ownership_enabled else "–"

    @admin.display(description="ownership period")
    def period(self, queue: Queue) -> str:
        """The period in words."""
        return in_words(queue.ownership_period) if queue.ownership_enabled else "–"

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Two admins at once: who saves a window waits for who saves a threshold (rules §2.5)."""
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with transaction.atomic():
            list(ServiceLevel.objects.select_for_update().order_by("pk").values_list("pk"))
            return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Queue, form: Any, change: bool) -> None:
        """Save, and say how many promises lie beyond the limit, also when none do."""
        super().save_model(request, obj, form, change)
        if change and {"schedule_ahead_limit", "ownership_period"} & set(form.changed_data):
            count = beyond(obj, obj.schedule_ahead_limit)
            address = f"{reverse('callbacks')}?queue={obj.pk}&beyond=1"
            messages.info(request, listed(BEYOND, count, "They stay as promised.", address))

    def has_delete_permission(self, request: HttpRequest, obj: Queue | None = None) -> bool:
        """A queue that ever had a callback is switched off, not deleted."""
        return obj is not None and not Callback.objects.filter(queue=obj.pk).exists()


@admin.register(Holiday)
class HolidayAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Holidays of all queues, and of single ones."""

    list_display = ("date", "name", "queue")
    list_select_related = ("queue",)
    date_hierarchy = "date"
