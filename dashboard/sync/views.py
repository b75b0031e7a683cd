"""Synchronisation: how platforms are doing, what waits for a person, and what people do about it."""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from callbacks import access, sync
from callbacks.errors import Refused
from callbacks.models import Counterpart, Role
from dashboard.entrance import PEOPLE, Request, admits
from dashboard.sync import reading
from dashboard.sync.reading import Shown

PARTS = {"platforms": "#platforms", "in-need": "#needy"}
"""The parts of the page that are fetched anew by themselves, by the id of what asks."""


@require_safe
@admits(Role.SUPERVISOR, Role.ADMIN)
def index(request: Request) -> HttpResponse:
    """The platforms, and the callbacks that wait for a person."""
    part = PARTS.get(request.htmx.target or "", "") if request.htmx else ""
    context: dict[str, Any] = {}
    if part != "#needy":
        context["connections"] = reading.overview(request.actor, timezone.now())
    if part != "#platforms":
        context |= reading.listed(request.actor, request.GET)
        context["choices"] = access.connections_of(request.actor)
    return render(request, f"sync/index.html{part}", context)


@require_http_methods(["GET", "POST"])
@admits(Role.SUPERVISOR, Role.ADMIN)
def connection(request: Request, key: uuid.UUID) -> HttpResponse:
    """One platform; admins pause, resume and test it here."""
    shown = next(iter(reading.overview(request.actor, timezone.now(), only=key)), None)
    if shown is None:
        raise Http404
    if request.method == "POST":
        access.require(request.actor.is_admin, "Only admins pause, resume and test a connection.")
        return _do(request, shown)
    part = "#facts" if request.htmx else ""
    return render(request, f"sync/connection.html{part}", {"shown": shown})


def _do(request: Request, shown: Shown) -> HttpResponse:
    """The verb of the button that was pressed."""
    held, verb = shown.connection, request.POST.get("do", "")
    if verb == "test":
        tested = sync.test(held, at=timezone.now())
        say = messages.success if tested.is_good else messages.error
        say(request, f"{held}: {' '.join(tested.said)}")
        return redirect("connection", held.pk)
    reason = request.POST.get("reason", "")
    verbs: dict[str, tuple[Callable[[], None], str]] = {
        "pause": (
            lambda: sync.pause(held, reason=reason, by=request.actor),
            f"{held} is paused: what happens from now on is told when it is resumed.",
        ),
        "resume": (lambda: sync.resume(held), f"{held} goes on."),
    }
    if verb not in verbs:
        raise Http404
    do, done = verbs[verb]
    try:
        do()
        messages.success(request, done)
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("connection", held.pk)


@require_POST
@admits(*PEOPLE)
def counterpart(request: Request, key: uuid.UUID) -> HttpResponse:
    """Send a callback again, discard what the platform does not take, or take the one in the way."""
    by, at = request.actor, timezone.now()
    verbs: dict[str, tuple[Callable[[], Counterpart], str]] = {
        "retry": (lambda: sync.retry(key, by=by, at=at), "It is sent again."),
        "adopt": (lambda: sync.adopt(key, by=by, at=at), "The existing one is taken as ours."),
        "discard": (
            lambda: sync.discard(key, reason=request.POST.get("reason", ""), by=by, at=at),
            "It is kept from the platform; its next change is told again.",
        ),
    }
    if request.POST.get("do", "") not in verbs:
        raise Http404
    do, done = verbs[request.POST["do"]]
    problem = ""
    try:
        do()
    except Counterpart.DoesNotExist:
        raise Http404 from None
    except Refused as refused:
        problem = refused.message
    return _answered(request, key, done, problem)


def _answered(request: Request, key: uuid.UUID, done: str, problem: str) -> HttpResponse:
    """The row from fresh state; without JavaScript, the page on which it stood."""
    if request.htmx and request.POST.get("on") == "sync":
        there = Counterpart.objects.select_related("callback__queue", "connection").get(pk=key)
        context = {
            "row": reading.row_of(there, request.actor),
            "done": "" if problem else done,
            "problem": problem,
        }
        status = 422 if problem else 200
        return render(request, "sync/callback.html", context, status=status)
    (messages.error if problem else messages.success)(request, problem or done)
    if request.POST.get("on") != "sync":
        return redirect(
            "callback", Counterpart.objects.values_list("callback", flat=True).get(pk=key)
        )
    shown = {name: request.POST.get(name, "") for name in ("connection", "state", "before")}
    query = urlencode({name: value for name, value in shown.items() if value})
    return redirect(f"{reverse('sync')}?{query}#in-need")
