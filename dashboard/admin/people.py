"""People, teams, skills and shifts."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from callbacks.models import Agent, Callback, Role, Shift, Skill, Team, User
from callbacks.rules import moments
from dashboard.admin.impact import ImpactForm, listed


def zone_choices() -> list[tuple[str, str]]:
    """Zones by the names that people know, and the old names after them."""
    known = [*sorted(moments.city_zones()), "UTC"]
    return [(name, name) for name in (*known, *sorted(moments.ZONES - set(known)))]


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """A new person with a password."""

    time_zone = forms.ChoiceField(choices=zone_choices, initial="UTC")

    class Meta:
        model = User
        fields = ("username", "name", "email", "role", "time_zone")


class UserForm(ImpactForm, UserChangeForm):  # type: ignore[type-arg]
    """A person. Whoever is deactivated must not leave promises behind unseen."""

    time_zone = forms.ChoiceField(choices=zone_choices)

    class Meta:
        model = User
        fields = "__all__"

    def impacts(self) -> list[SafeString]:
        """The promises of somebody who is to be deactivated."""
        if "is_active" not in self.changed_data or self.cleaned_data["is_active"]:
            return []
        count = Callback.objects.open().filter(owner=self.instance.pk).count()
        address = f"{reverse('admin:callbacks_callback_changelist')}?owner__user__id__exact={self.instance.pk}"
        remark = "They will be seen by no owner any more: hand them over."
        return [listed("Open callbacks of this person", count, remark, address)] if count else []

    def clean(self) -> dict[str, Any]:
        """An admin stays: nobody takes their own role, and the last one cannot go."""
        cleaned = super().clean()
        was_admin = self.initial.get("role") == Role.ADMIN and self.initial.get("is_active")
        stays = cleaned.get("role") == Role.ADMIN and cleaned.get("is_active")
        others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=self.instance.pk)
        if was_admin and not stays and not others.exists():
            raise ValidationError(
                "This is the last active admin. Make somebody else an admin first."
            )
        return cleaned


class AgentInline(admin.StackedInline):  # type: ignore[type-arg]
    """The person's side as an agent; none for those who take no callbacks."""

    model = Agent
    extra = 0
    can_delete = False
    filter_horizontal = ("skills",)
    fields = ("team", "skills", "presence")


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """People and their roles. Nobody is deleted: history keeps its people."""

    form = UserForm
    add_form = NewUserForm
    inlines = (AgentInline,)
    list_display = ("name", "username", "role", "time_zone", "is_active")
    list_filter = ("role", "is_active")
    search_fields = ("name", "username", "email")
    ordering = ("name",)
    filter_horizontal = ()
    readonly_fields = ("last_login",)
    fieldsets = (
        (None, {"fields": ("confirm_impact", "username", "password", "name", "email")}),
        ("Here as", {"fields": ("role", "is_active", "time_zone", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username", "name", "email", "role", "time_zone", "usable_password",
                    "password1", "password2",
                ),
            },
        ),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Nobody changes their own role, or locks themselves out."""
        own = ("role", "is_active") if obj is not None and obj.pk == request.user.pk else ()
        return (*self.readonly_fields, *own)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """A new person is saved first."""
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deactivate instead."""
        return False


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Agents, to look through and to choose from; each is edited with the person."""

    list_display = ("__str__", "team", "presence")
    list_filter = ("presence", "team")
    list_select_related = ("user", "team")
    search_fields = ("user__name", "user__username")
    filter_horizontal = ("skills",)
    fields = ("team", "skills", "presence")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Made on the person's page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deactivate the person instead."""
        return False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Teams and their leads."""

    list_display = ("name", "lead")
    list_select_related = ("lead__user",)
    search_fields = ("name",)
    autocomplete_fields = ("lead",)


@admin.register(Skill)
class SkillAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Skills."""

    search_fields = ("name",)


@admin.register(Shift)
class ShiftAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Planned schedules. Times are UTC."""

    list_display = ("agent", "activity", "starts_at", "ends_at")
    list_filter = ("activity",)
    list_select_related = ("agent__user",)
    date_hierarchy = "starts_at"
    autocomplete_fields = ("agent",)
    show_full_result_count = False
