"""Queues with their ownership limits, hours and holidays."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from callbacks import clock
from callbacks.models import Agent, Callback, CallingHours, Holiday, Queue, ServiceLevel
from callbacks.models.callback import CallbackQuerySet
from callbacks.rules import limits, numbers
from callbacks.rules.limits import in_words
from dashboard.admin.durations import WithDurations, exactly
from dashboard.admin.impact import ImpactForm, listed, tell
from dashboard.admin.records import looked_up

BEYOND = "Open callbacks beyond the new limit"
STAYS = "They stay as promised."
LIMITS = {"ownership_enabled", "schedule_ahead_limit", "ownership_period", "window_duration"}


RANGES = {
    "schedule_ahead_limit": (*limits.SCHEDULE_AHEAD_RANGE, "The schedule-ahead limit"),
    "ownership_period": (*limits.OWNERSHIP_PERIOD_RANGE, "The ownership period"),
    "window_duration": (*limits.WINDOW_RANGE, "The callback window"),
    "alerting_timeout": (*limits.ALERTING_RANGE, "The alerting timeout"),
}
"""What the database refuses, too; here it is said beside the field (rules §3.1)."""


class QueueForm(ImpactForm):
    """A queue; limits that lie below promises are shown before they are saved (rules §3.6)."""

    default_region = forms.ChoiceField(choices=numbers.regions)

    class Meta:
        model = Queue
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        """Name the range beside the field that left it, before any effect is looked at."""
        for name, (least, most, what) in RANGES.items():
            value = self.cleaned_data.get(name)
            if value is not None and not least <= value <= most:
                span = f"{exactly(least)} to {exactly(most)}"
                self.add_error(name, ValidationError(f"{what} must be {span}."))
        return super().clean()

    def impacts(self) -> list[SafeString]:
        """What open callbacks would feel of it."""
        return [
            *self._beyond_limit(),
            *self._longer_promises(),
            *self._ownership_off(),
            *self._owners_unable(),
            *self._closed(),
        ]

    @property
    def _open(self) -> CallbackQuerySet:
        return Callback.objects.open().filter(queue=self.instance.pk)

    @property
    def _owned(self) -> CallbackQuerySet:
        return self._open.filter(owner__isnull=False)

    @property
    def _address(self) -> str:
        return f"{reverse('callbacks')}?queue={self.instance.pk}"

    def _is_lowered(self, name: str) -> bool:
        return bool(self.cleaned_data[name] < self.initial[name])

    def _is_switched_off(self, name: str) -> bool:
        return name in self.changed_data and not self.cleaned_data[name]

    def _beyond_limit(self) -> list[SafeString]:
        limit = self.cleaned_data["schedule_ahead_limit"]
        if not self._is_lowered("schedule_ahead_limit") or not (
            count := beyond(self.instance, limit)
        ):
            return []
        # The list of all callbacks knows the saved limit alone, so it has them only afterwards.
        now = looked_up(
            queue__id__exact=self.instance.pk,
            owner__isnull=0,
            ended_at__isnull=1,
            requested_at__gt=(timezone.now() + limit).isoformat(),
        )
        after = format_html(
            ' Once it is saved, they stand in <a href="{}">the list</a>.',
            f"{self._address}&beyond=1",
        )
        return [format_html("{}{}", listed(BEYOND, count, STAYS, now), after)]

    def _longer_promises(self) -> list[SafeString]:
        found = []
        if self._is_lowered("window_duration"):
            longest = self.cleaned_data["window_duration"]
            count = self._open.filter(window_ends_at__gt=F("window_starts_at") + longest).count()
            found.append(("Open callbacks with a longer window", count))
        if self._is_lowered("ownership_period"):
            period = self.cleaned_data["ownership_period"]
            count = self._owned.filter(ownership_expires_at__gt=F("requested_at") + period).count()
            found.append(("Open callbacks with a longer ownership period", count))
        return [listed(what, count, STAYS, self._address) for what, count in found if count]

    def _ownership_off(self) -> list[SafeString]:
        if not self._is_switched_off("ownership_enabled") or not (count := self._owned.count()):
            return []
        return [listed("Owned callbacks here", count, "They stay owned.", self._address)]

    def _owners_unable(self) -> list[SafeString]:
        if not {"required_skills", "members"} & set(self.changed_data):
            return []
        count = self._owned.filter(owner__in=self._newly_unable()).count()
        what = "Open callbacks of owners who no longer could own them"
        remark = "At their time they go to a peer, else the team lead, else the queue."
        return [listed(what, count, remark, self._address)] if count else []

    def _newly_unable(self) -> list[Any]:
        members = {agent.pk for agent in self.cleaned_data["members"]}
        skills = {skill.pk for skill in self.cleaned_data["required_skills"]}
        owners = Agent.objects.able_to_own_in(self.instance.pk).filter(
            pk__in=self._owned.values("owner")
        )
        return [
            agent.pk
            for agent in owners.prefetch_related("skills")
            if agent.pk not in members or not skills <= {skill.pk for skill in agent.skills.all()}
        ]

    def _closed(self) -> list[SafeString]:
        if not self._is_switched_off("is_active") or not (count := self._open.count()):
            return []
        return [
            listed("Open callbacks here", count, "They stay; new ones are refused.", self._address)
        ]


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
        (
            None,
            {"fields": ("confirm_impact", "name", "is_active", "is_default", "default_region")},
        ),
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
        (
            "Time",
            {"fields": ("window_duration", "slot_capacity", "service_level", "stuck_after")},
        ),
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
        if not change:
            return
        if "routing_mode" in form.changed_data:
            clock.look_again(obj.pk, timezone.now())
        tell(request, [one for one in form.found_impacts if BEYOND not in one])
        if set(form.changed_data) & LIMITS:
            count = beyond(obj, obj.schedule_ahead_limit)
            address = f"{reverse('callbacks')}?queue={obj.pk}&beyond=1"
            messages.info(request, listed(BEYOND, count, STAYS, address))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Members with their names in one query, however many they are."""
        if db_field.name == "members":
            kwargs["queryset"] = Agent.objects.select_related("user")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Queue | None = None) -> bool:
        """A queue that ever had a callback is switched off, not deleted."""
        return obj is not None and not Callback.objects.filter(queue=obj.pk).exists()


@admin.register(Holiday)
class HolidayAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Holidays of all queues, and of single ones."""

    list_display = ("date", "name", "queue")
    list_select_related = ("queue",)
    date_hierarchy = "date"
