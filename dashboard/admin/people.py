"""People, teams, skills and shifts."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from callbacks import calls
from callbacks.access import Actor
from callbacks.models import Agent, Callback, Role, Shift, Skill, Team, User
from callbacks.rules import moments
from dashboard.admin.impact import ImpactForm, listed, tell
from dashboard.admin.records import looked_up


def zone_choices() -> list[tuple[str, str]]:
    """Zones by the names that people know, and the old names after them."""
    known = [*sorted(moments.city_zones()), "UTC"]
    return [(name, name) for name in (*known, *sorted(moments.ZONES - set(known)))]


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """A new person with a password."""

    time_zone = forms.ChoiceField(choices=zone_choices, initial=settings.DEPLOYMENT_TIME_ZONE)

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
        key, found = self.instance.pk, []
        if count := Callback.objects.open().filter(owner=key).count():
            remark = "Each goes at once to a peer of the team, else the team lead, else its queue."
            address = looked_up(owner__user__id__exact=key, ended_at__isnull=1)
            found.append(listed("Open callbacks of this person", count, remark, address))
        if count := Callback.objects.open().filter(owner=None, preferred_agent=key).count():
            address = looked_up(
                preferred_agent__user__id__exact=key, owner__isnull=1, ended_at__isnull=1
            )
            remark = "Others of the queue get them."
            found.append(listed("Open callbacks that prefer this person", count, remark, address))
        return found

    def clean(self) -> dict[str, Any]:
        """An admin stays: nobody takes their own role, and the last one cannot go.

        1. Lock the active admins: of two who go at once, the second sees that the first went.
        2. Look whether another is left.
        """
        cleaned = super().clean()
        was_admin = self.initial.get("role") == Role.ADMIN and self.initial.get("is_active")
        stays = cleaned.get("role") == Role.ADMIN and cleaned.get("is_active")
        if not was_admin or stays:
            return cleaned
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk")
        if not {admin.pk for admin in admins.select_for_update()} - {self.instance.pk}:
            raise ValidationError(
                "This is the last active admin. Make somebody else an admin first."
            )
        return cleaned


class AgentForm(ImpactForm):
    """A person's side as an agent."""

    class Meta:
        model = Agent
        fields = ("team", "skills", "presence", "default_queue", "platform_id")

    def clean(self) -> dict[str, Any]:
        """A lead stays in the team."""
        cleaned = super().clean()
        if "team" in self.changed_data and not self.instance._state.adding:
            led = Team.objects.filter(lead=self.instance.pk)
            if names := ", ".join(str(team) for team in led if team != cleaned.get("team")):
                self.add_error("team", f"Leads {names}. Choose another lead there first.")
        return cleaned

    def impacts(self) -> list[SafeString]:
        """The promises for which skills are required that the agent is to lose."""
        kept = {skill.pk for skill in self.cleaned_data["skills"]}
        lost = {skill.pk for skill in self.initial.get("skills", ())} - kept
        owned = Callback.objects.open().filter(owner=self.instance.pk)
        count = owned.filter(queue__required_skills__in=lost).distinct().count() if lost else 0
        if not count:
            return []
        address = looked_up(owner__user__id__exact=self.instance.pk, ended_at__isnull=1)
        what = "Open callbacks that this agent no longer could own"
        remark = "At their time they go to a peer, else the team lead, else the queue."
        return [listed(what, count, remark, address)]


def follow_presence(request: HttpRequest, form: Any) -> None:
    """A presence that an admin changed has the effects of one that the agent did."""
    if "presence" in form.changed_data and form.instance.pk:
        calls.set_presence(
            form.instance.pk,
            form.instance.presence,
            by=Actor.person(cast("User", request.user)),
            at=timezone.now(),
            because=f"{request.user} changed your presence.",
        )


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    """A team, whose lead is one of its agents."""

    class Meta:
        model = Team
        fields = ("name", "lead")

    def clean_lead(self) -> Agent | None:
        """The lead, when new, must be in the team (rules §3.5)."""
        lead: Agent | None = self.cleaned_data["lead"]
        if lead and "lead" in self.changed_data and lead.team_id != self.instance.pk:
            raise ValidationError(
                f"{lead} is not in this team. Put them into it on their own page first."
            )
        return lead


class AgentInline(admin.StackedInline):  # type: ignore[type-arg]
    """The person's side as an agent; none for those who take no callbacks."""

    model = Agent
    form = AgentForm
    extra = 0
    can_delete = False
    filter_horizontal = ("skills",)
    fields = ("confirm_impact", "team", "skills", "presence", "default_queue", "platform_id")


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

    def get_urls(self) -> list[Any]:
        """All marked as the admin's, also the page of the password, which Django leaves unmarked.

        The site's own wrapper asks for an admin there as everywhere; the entrance needs the mark.
        """
        patterns: list[Any] = super().get_urls()
        for pattern in patterns:
            pattern.callback.model_admin = self
        return patterns

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Nobody changes their own role, or locks themselves out."""
        own = ("role", "is_active") if obj is not None and obj.pk == request.user.pk else ()
        return (*self.readonly_fields, *own)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """A new person is saved first."""
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and say again what it affects; who is deactivated leaves no promise (rules §4.7)."""
        super().save_model(request, obj, form, change)
        tell(request, getattr(form, "found_impacts", ()))
        if change and "is_active" in form.changed_data and not obj.is_active:
            by = Actor.person(cast("User", request.user))
            calls.depart(obj.pk, by=by, at=timezone.now())

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """The same for the person's side as an agent."""
        super().save_formset(request, form, formset, change)
        for each in formset.forms:
            tell(request, getattr(each, "found_impacts", ()))
            follow_presence(request, each)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deactivate instead."""
        return False


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Agents, to look through and to choose from; each is edited with the person."""

    list_display = ("__str__", "team", "presence")
    list_filter = ("presence", "team")
    search_fields = ("user__name", "user__username")
    form = AgentForm
    filter_horizontal = ("skills",)
    fields = ("confirm_impact", "team", "skills", "presence", "default_queue", "platform_id")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        """With their names: those who are offered while somebody types have them, too."""
        return super().get_queryset(request).select_related("user", "team")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and say again what it affects."""
        super().save_model(request, obj, form, change)
        tell(request, form.found_impacts)
        follow_presence(request, form)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Made on the person's page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deactivate the person instead."""
        return False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Teams and their leads."""

    form = TeamForm
    list_display = ("name", "lead")
    list_select_related = ("lead__user",)
    search_fields = ("name",)
    autocomplete_fields = ("lead",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The lead with the name, in one query."""
        return super().formfield_for_foreignkey(
            db_field, request, queryset=Agent.objects.select_related("user"), **kwargs
        )

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        """An empty one alone: agents would lose their peers unseen."""
        return obj is not None and not obj.agents.exists()


@admin.register(Skill)
class SkillAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Skills."""

    search_fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Skill | None = None) -> bool:
        """One that nobody has or requires: queues would ask for less unseen."""
        return obj is not None and not (obj.agents.exists() or obj.required_by.exists())


@admin.register(Shift)
class ShiftAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Planned schedules. Times are UTC."""

    list_display = ("agent", "activity", "starts_at", "ends_at")
    list_filter = ("activity",)
    list_select_related = ("agent__user",)
    date_hierarchy = "starts_at"
    autocomplete_fields = ("agent",)
    fieldsets = (
        (
            None,
            {
                "description": "Times are UTC.",
                "fields": ("agent", "activity", "starts_at", "ends_at"),
            },
        ),
    )
    show_full_result_count = False
