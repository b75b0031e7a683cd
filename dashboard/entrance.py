"""Who may enter which view: every view says so, the middleware keeps to it, a check proves it.

Which *callbacks* a person may see is not decided here but in ``callbacks.access``.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from callbacks.access import Actor
from callbacks.errors import NotAllowed
from callbacks.models import Callback, Role
from dashboard import errors

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from callbacks.models import User

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
EVERYONE = frozenset({"everyone"})
PROGRAMS = frozenset({"programs"})
"""A route of the API, which lets in by token or session, and says so itself (``api/entrance.py``)."""
DRAFT = "draft"


class Request(HttpRequest):
    """A request of a logged-in person, as the views see it."""

    user: "User"
    htmx: "HtmxDetails"
    actor: Actor
    arrived_at: str
    """Seconds since 1970: all that changed before is on the page, see ``static/live.js``."""


def admits(*roles: Role, keeps_draft: bool = False) -> Callable[[View], View]:
    """Let in logged-in people of these roles.

    ``keeps_draft``: what somebody typed is kept when their session ended meanwhile, and is there
    again after they logged in.
    """

    def mark(view: View) -> View:
        view.admits = frozenset(roles)  # type: ignore[attr-defined]
        view.keeps_draft = keeps_draft  # type: ignore[attr-defined]
        return view

    return mark


def admits_everyone(view: View) -> View:
    """Let in anybody, logged in or not."""
    view.admits = EVERYONE  # type: ignore[attr-defined]
    return view


Urls = tuple[list[Any], str, str]


def letting_programs_in(urls: Urls) -> Urls:
    """The API's routes, declared: each call asks for its scope."""
    for route in urls[0]:
        if declaration(route.callback) is None:
            route.callback.admits = PROGRAMS
    return urls


PEOPLE = (Role.AGENT, Role.SUPERVISOR, Role.ADMIN)


def declaration(view: Callable[..., Any]) -> frozenset[str] | None:
    """Whom a view admits; ``None`` where it does not say."""
    return getattr(view, "admits", None)


def belongs_to_admin(view: Callable[..., Any]) -> bool:
    """Whether it is a view of Django's admin, which asks for staff by itself."""
    return hasattr(view, "model_admin") or hasattr(view, "admin_site")


class Entrance:
    """Middleware that keeps to the declarations; a view without one admits nobody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: Any, exception: Exception) -> HttpResponse | None:
        """What the domain refuses to everybody who asks, in a page's words.

        A callback may stop being somebody's to see between two lines of a view.
        """
        if isinstance(exception, NotAllowed):
            return errors.not_allowed(request, exception.message)
        if isinstance(exception, Callback.DoesNotExist):
            return errors.not_found(request)
        return None

    def process_view(
        self, request: Any, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponse | None:
        """Turn away who may not enter, before the view runs."""
        if belongs_to_admin(view):
            return None
        admitted = declaration(view)
        if admitted in (EVERYONE, PROGRAMS):
            return None
        if not request.user.is_authenticated:
            return _to_log_in(request, keeps_draft=getattr(view, "keeps_draft", False))
        if admitted is None or request.user.role not in admitted:
            raise PermissionDenied("Your role does not open this page.")
        request.actor = Actor.person(request.user)
        request.arrived_at = f"{time.time():.3f}"
        return None


def _to_log_in(request: Any, *, keeps_draft: bool) -> HttpResponse:
    """To the log-in and back; a fragment asks the whole page to go, never shows it inside."""
    if keeps_draft and request.method == "POST":
        request.session[DRAFT] = {
            "path": request.path,
            "fields": {
                name: value[:10_000]
                for name, value in request.POST.items()
                if name != "csrfmiddlewaretoken"
            },
        }
    if request.htmx:
        back = urlsplit(request.htmx.current_url_abs_path or "/")
        next_url = back.path + (f"?{back.query}" if back.query else "")
        return HttpResponseClientRedirect(
            redirect_to_login(next_url, resolve_url(settings.LOGIN_URL)).url
        )
    return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))


def draft_for(request: Request) -> dict[str, str]:
    """What this person typed here before their session ended; once, then it is forgotten."""
    draft = request.session.get(DRAFT)
    if not draft or draft["path"] != request.path:
        return {}
    del request.session[DRAFT]
    fields: dict[str, str] = draft["fields"]
    return fields
