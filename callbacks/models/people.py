"""People: users with a role, agents among them, their teams, skills, presence and shifts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from callbacks.models.keys import Keyed
from callbacks.rules import moments

if TYPE_CHECKING:
    _TextField = models.CharField[str, str]
else:
    _TextField = models.CharField


def validate_time_zone(name: str) -> None:
    """Refuse a zone that the pinned zone data does not have (rules §2.3)."""
    if name not in moments.ZONES:
        raise ValidationError(
            "“%(name)s” is not a time zone. Choose one such as Europe/London.",
            params={"name": name[:64]},
        )


class TimeZoneField(_TextField):
    """An IANA zone name from the pinned zone data."""

    default_validators = [validate_time_zone]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 64)
        super().__init__(*args, **kwargs)


class Role(models.TextChoices):
    """What a person is here for; ``callbacks.access`` says what each may do (rules §7)."""

    AGENT = "agent", "Agent"
    SUPERVISOR = "supervisor", "Supervisor"
    ADMIN = "admin", "Admin"


class UserManager(BaseUserManager["User"]):
    """Makes users, also for Django's own commands."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """A user who can log in with this password, or with none until one is set."""
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """An admin, for ``manage.py createsuperuser``."""
        return self.create_user(username, password, **{**fields, "role": Role.ADMIN})

    def get_by_natural_key(self, username: str | None) -> "User":
        """Names are compared without regard to case: *Ana* and *ana* are one person."""
        return self.get(username__iexact=username)


class User(Keyed, AbstractBaseUser):
    """A person who may log in."""

    username = models.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    name = models.CharField(max_length=150, help_text="As colleagues know this person.")
    email = models.EmailField(blank=True)
    role = models.CharField(max_length=16, choices=Role, default=Role.AGENT)
    time_zone = TimeZoneField(default="UTC", help_text="An IANA name, such as Europe/London.")
    is_active = models.BooleanField(
        "active", default=True, help_text="Untick instead of deleting: history keeps its people."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                name="user_username_unique",
                violation_error_message="Somebody has this user name already.",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        """The name that colleagues know."""
        return str(self)

    def get_short_name(self) -> str:
        """The first of the names."""
        return str(self).split(" ")[0]

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin lets this person in."""
        return self.is_active and self.role == Role.ADMIN

    @property
    def is_superuser(self) -> bool:
        """Admins may do everything in Django's admin; nobody else may do anything there."""
        return self.is_staff

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """For Django's admin alone; everything else asks ``callbacks.access``."""
        return self.is_staff

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        """See ``has_perm``."""
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        """See ``has_perm``."""
        return self.is_staff


class Team(Keyed):
    """Agents who stand in for each other; the lead is the fallback assignee (rules §3.5)."""

    name = models.CharField(max_length=100, unique=True)
    lead = models.ForeignKey(
        "Agent",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="leads",
        help_text="Gets a callback whose owner cannot take it, when no peer can.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Skill(Keyed):
    """Something that a queue may require of its agents."""

    name = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Presence(models.TextChoices):
    """What an agent is doing. Only *On Queue* takes callbacks."""

    OFFLINE = "offline", "Offline"
    AVAILABLE = "available", "Available"
    ON_QUEUE = "on_queue", "On Queue"
    BREAK = "break", "Break"
    MEAL = "meal", "Meal"
    MEETING = "meeting", "Meeting"
    TRAINING = "training", "Training"
    AWAY = "away", "Away"
    BUSY = "busy", "Busy"


class AgentQuerySet(models.QuerySet["Agent"]):
    """Questions about many agents."""

    def active(self) -> Self:
        """Those who may log in."""
        return self.filter(user__is_active=True)

    def able_to_own_in(self, queue_id: Any, skills: Sequence[str] = ()) -> Self:
        """Active members of the queue with all skills it requires, and these (rules §2.11)."""
        required = Q(required_by=queue_id) | Q(name__in=skills)
        lacking = Skill.objects.filter(required).exclude(agents=models.OuterRef("pk"))
        return self.active().filter(~models.Exists(lacking), queues=queue_id)


class Agent(models.Model):
    """A user who takes callbacks."""

    PRESENCES = Presence.choices

    user = models.OneToOneField(User, primary_key=True, on_delete=models.PROTECT)
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="agents"
    )
    skills = models.ManyToManyField(Skill, blank=True, related_name="agents")
    platform_id = models.CharField(
        "id on the platform",
        max_length=100,
        blank=True,
        help_text="What the telephony platform calls this agent; programs may use it, too.",
    )
    default_queue = models.ForeignKey(
        "Queue",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Where programs schedule for this agent when they name no queue.",
    )
    presence = models.CharField(max_length=16, choices=Presence, default=Presence.OFFLINE)
    presence_changed_at = models.DateTimeField(default=timezone.now, editable=False)
    presence_reason = models.CharField(max_length=200, blank=True, editable=False)
    """Why somebody else changed it, told on return; empty when it is the agent's own choice."""
    idle_since = models.DateTimeField(default=timezone.now, editable=False)
    """Since when they could have taken a callback: the longest idle is offered first."""
    not_responding_since = models.DateTimeField(null=True, blank=True, editable=False)
    """They missed an offer, and get none until they come back (rules §4.4)."""

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ["user__name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(presence__in=Presence.values), name="agent_presence_known"
            ),
            models.UniqueConstraint(
                fields=["platform_id"],
                condition=~Q(platform_id=""),
                name="agent_platform_id_once",
                violation_error_message="Another agent has this id on the platform.",
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def takes_callbacks(self) -> bool:
        """Whether they are On Queue and answer (rules §1: only On Queue takes callbacks)."""
        return self.presence == Presence.ON_QUEUE and self.not_responding_since is None


class Attendance(models.Model):
    """When an agent last had a window of Ringback open; apart, since it is written so often."""

    agent = models.OneToOneField(Agent, primary_key=True, on_delete=models.CASCADE)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.agent_id} at {self.seen_at:%Y-%m-%d %H:%M:%S} UTC"


class CalendarFeed(models.Model):
    """An agent's secret address of their own promises; only the secret's digest is kept."""

    agent = models.OneToOneField(
        Agent, primary_key=True, on_delete=models.CASCADE, related_name="calendar_feed"
    )
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Calendar feed of {self.agent_id}"


class Shift(Keyed):
    """A stretch of an agent's planned schedule: work, or a planned absence within it."""

    class Activity(models.TextChoices):
        """What is planned. Everything but *On Queue* keeps the agent from callbacks."""

        ON_QUEUE = "on_queue", "On Queue"
        BREAK = "break", "Break"
        MEAL = "meal", "Meal"
        MEETING = "meeting", "Meeting"
        TRAINING = "training", "Training"
        ABSENT = "absent", "Absent"

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="shifts")
    activity = models.CharField(max_length=16, choices=Activity, default=Activity.ON_QUEUE)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="shift_not_empty",
                violation_error_message="A shift must end after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(
                    activity__in=["on_queue", "break", "meal", "meeting", "training", "absent"]
                ),
                name="shift_activity_known",
            ),
        ]
        indexes = [models.Index(fields=["agent", "ends_at"], name="shift_of_agent")]

    def __str__(self) -> str:
        return (
            f"{self.agent}: {self.get_activity_display()} from {self.starts_at:%Y-%m-%d %H:%M} UTC"
        )
