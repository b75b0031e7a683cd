"""The agent's answers: accept or decline what rings, wrap up what was called, come back."""

import uuid
from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from callbacks import calls
from callbacks.errors import Ended, OfferGone, Refused
from callbacks.lifecycle import Status
from callbacks.models import Callback, Presence, Role
from dashboard.agent.now import now_of
from dashboard.clocks import day_and_time
from dashboard.entrance import PEOPLE, Request, admits


@require_safe
@admits(*PEOPLE)
def now(request: Request) -> HttpResponse:
    """The agent's present, for whatever screen asks; 204 while it is as the screen shows it."""
    found = now_of(
        request.actor, request.user.time_zone, timezone.now(), is_large=_is_large(request)
    )
    if found is None or found.mark == request.GET.get("seen"):
        return HttpResponse(status=204)
    return render(request, "agent/now.html", {"now": found, "is_fragment": True})


def _is_large(request: HttpRequest) -> bool:
    return request.GET.get("large") == "1"


@require_POST
@admits(*PEOPLE)
def answer(request: Request, key: uuid.UUID) -> HttpResponse:
    """Accept the offer, which leads to the call; or decline it, which leads on."""
    at = timezone.now()
    try:
        if request.POST.get("answer") == "accept":
            calls.accept(key, by=request.actor, at=at)
        else:
            reason = request.POST.get("reason", "")[:200]
            calls.decline(key, by=request.actor, at=at, reason=reason)
    except OfferGone as gone:
        messages.warning(request, gone.message)
    return _to(request, reverse("home"))


@require_POST
@admits(*PEOPLE, keeps_draft=True)
def wrap_up(request: Request, key: uuid.UUID) -> HttpResponse:
    """End the call with its outcome and notes."""
    said = calls.WrapUp(
        outcome_id=_key(request.POST.get("outcome", "")),
        notes=request.POST.get("notes", ""),
        task=request.POST.get("task", ""),
    )
    try:
        callback = calls.finish(key, said, by=request.actor, at=timezone.now())
    except Refused as refused:
        return _refused(request, refused)
    except Ended as over:
        notes = f" Your notes were: “{said.notes[:500]}”." if said.notes.strip() else ""
        messages.warning(request, f"{over.message}{notes}")
        return _to(request, reverse("home"))
    messages.success(request, _told(request, callback), extra_tags=callback.get_absolute_url())
    return _to(request, reverse("home"))


def _told(request: Request, callback: Callback) -> str:
    contact = callback.contact_name or "The contact"
    if callback.status == Status.PENDING and callback.next_action_at:
        when = day_and_time(callback.next_action_at, request.user.time_zone)
        return f"{contact} is to be tried again: {when} ({request.user.time_zone})."
    return f"{contact}: {callback.get_status_display().lower()}."


def _refused(request: Request, refused: Refused) -> HttpResponse:
    found = now_of(request.actor, request.user.time_zone, timezone.now(), is_large=True)
    if found is None:
        return _to(request, reverse("home"))
    problems = {problem.field: problem.message for problem in refused.problems}
    context = {"now": replace(found, fields=request.POST, problems=problems)}
    template = "agent/now.html" if request.htmx else "agent/call.html"
    return render(request, template, {**context, "is_fragment": bool(request.htmx)}, status=422)


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@require_POST
@admits(Role.AGENT, Role.SUPERVISOR, Role.ADMIN)
def presence(request: Request) -> HttpResponse:
    """Set the agent's own presence; choosing the same one again means: I am back."""
    at, agent = timezone.now(), request.actor.agent
    chosen = request.POST.get("presence", "")
    if agent and "back" in request.POST:
        calls.come_back(agent.pk, at=at)
    elif agent and chosen in Presence.values:
        calls.set_presence(agent.pk, chosen, by=request.actor, at=at)
    if request.htmx:
        return trigger_client_event(HttpResponse(status=204), "live:mine")
    return redirect(_back(request))


def _back(request: Request) -> str:
    back = request.POST.get("next", "")
    is_safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return back if is_safe else reverse("home")


def _to(request: Request, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
