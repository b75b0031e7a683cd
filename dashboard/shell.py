"""What the frame around every page shows: the screens a role may open, presence, the engine's pulse."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from callbacks import rescue
from callbacks.access import Actor
from callbacks.models import Heartbeat, Role
from callbacks.rules.limits import in_words
from dashboard.agent.now import now_of
from dashboard.sync.reading import refusals

STARTED_AT = timezone.now()
"""When this process began to listen: a clock that starts beside it gets as long to be heard."""


@dataclass(frozen=True)
class Screen:
    """An entry of the navigation."""

    label: str
    url: str
    icon: str
    is_current: bool


SCREENS = (
    ("My callbacks", "home", "phone-call", {Role.AGENT}),
    ("All callbacks", "callbacks", "list", set(Role)),
    ("Tasks", "tasks", "list-checks", {Role.AGENT, Role.SUPERVISOR}),
    ("Expired", "expired", "alarm-clock-off", {Role.SUPERVISOR, Role.ADMIN}),
    ("Contact lists", "contact-lists", "phone-off", {Role.SUPERVISOR, Role.ADMIN}),
    ("Import", "imports", "file-up", {Role.SUPERVISOR, Role.ADMIN}),
    ("Sync", "sync", "refresh-cw", {Role.SUPERVISOR, Role.ADMIN}),
    ("Webhooks", "webhooks", "webhook", {Role.ADMIN}),
    ("Admin", "admin:index", "settings", {Role.ADMIN}),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """The template context of the frame; nothing for strangers and fragments."""
    actor = getattr(request, "actor", None)
    if actor is None or getattr(request, "htmx", False):
        return {}
    return {
        "screens": [
            Screen(label, reverse(name), icon, request.path == reverse(name))
            for label, name, icon, roles in SCREENS
            if actor.role in roles
        ],
        "agent": actor.agent,
        # Only asked where it is shown: My callbacks puts its own, larger one there.
        "now": SimpleLazyObject(lambda: now_of(actor, actor.user.time_zone, timezone.now())),
        "engine_warning": engine_warning(),
        "platform_warnings": platform_warnings(actor),
        "expired_recently": (
            rescue.expired_recently(actor, timezone.now()) if actor.is_supervisor else 0
        ),
    }


def platform_warnings(actor: Actor) -> list[str]:
    """The platforms that let us in no more, for those who watch over them."""
    return list(refusals(actor)) if actor.is_supervisor else []


def engine_silence() -> timedelta:
    """How long clock and worker have not been heard."""
    pulse = Heartbeat.objects.filter(part="clock").first()
    heard_at = max(pulse.at, STARTED_AT) if pulse else STARTED_AT
    return timezone.now() - heard_at


def engine_warning() -> str:
    """What to say when clock and worker are silent; empty while they are heard."""
    silence = engine_silence()
    if silence <= settings.ENGINE_SILENT_AFTER:
        return ""
    return (
        f"The clock or its worker has been silent for {in_words(silence)}: callbacks do not fall "
        "due. Tell your administrator."
    )
