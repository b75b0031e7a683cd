"""The schedule panel: a page, a dialog over any screen, and a frame in another application."""

import uuid
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from callbacks.access import queues_for_creating
from callbacks.errors import CallbackError, Problem, Refused
from callbacks.models import Callback, Queue, Role
from callbacks.portrait import portray
from callbacks.rules import limits, moments, zones
from callbacks.scheduling import Scheduled, examine, reschedule, schedule
from dashboard.clocks import when
from dashboard.entrance import PEOPLE, Request, admits, draft_for
from dashboard.framing import may_be_framed
from dashboard.schedule.forms import ScheduleForm
from dashboard.schedule.preview import Preview
from dashboard.schedule.strip import day_of_slots
from dashboard.visible import visible

FROM_INTERACTION = {
    "phone": "phone_number",
    "name": "contact_name",
    "conversationId": "conversation_id",
    "timeZone": "contact_time_zone",
    "reason": "reason",
    "ticketId": "ticket_id",
    "embed": "embed",
}
"""What a softphone or CRM may put into the address, and the field that it fills."""


@may_be_framed
@require_http_methods(["GET", "POST"])
@admits(*PEOPLE, keeps_draft=True)
def panel(request: Request) -> HttpResponse:
    """Show the panel, and schedule what is sent."""
    if request.method == "POST":
        return _submitted(request)
    form = _form(request, _initial(request))
    return _show(request, form, is_submitted=False)


@require_POST
@admits(*PEOPLE)
def preview(request: Request) -> HttpResponse:
    """The moment, its limits and problems, while somebody types. Changes nothing."""
    form = _form(request, request.POST)
    return render(request, "schedule/panel.html#live", _context(request, form, is_submitted=False))


@require_GET
@admits(*PEOPLE)
def time_zones(request: Request) -> HttpResponse:
    """The options of the zone picker for what was typed."""
    typed = (
        request.GET.get("q") or request.GET.get("time_zone") or request.GET.get("contact_time_zone")
    )
    at = timezone.now()
    found = zones.search(typed or "", at, preferred=(request.user.time_zone,))
    options = [(choice, moments.at_instant(at, choice.name)) for choice in found]
    return render(request, "schedule/time_zones.html", {"options": options})


def _initial(request: Request) -> QueryDict:
    """The panel as it opens: from the interaction, else now + 30 minutes in one's own zone."""
    fields = QueryDict(mutable=True)
    for parameter, name in FROM_INTERACTION.items():
        if value := request.GET.get(parameter):
            fields[name] = value
    zone = fields.get("contact_time_zone", "")
    zone = zone if zone in moments.ZONES else request.user.time_zone
    start = limits.proposed_start(timezone.now().astimezone(moments.zone(zone)))
    fields.update({"date": f"{start:%Y-%m-%d}", "time": f"{start:%H:%M}", "time_zone": zone})
    fields["request_key"] = str(uuid4())
    fields["queue"] = request.GET.get("queue", "")
    fields.update(draft_for(request))
    return fields


def _form(request: Request, fields: QueryDict) -> ScheduleForm:
    queues = queues_for_creating(request.actor)
    chosen = _queue_named(queues, fields.get("queue", ""))
    if chosen is not None and str(chosen) != fields.get("queue"):
        fields = fields.copy()
        fields["queue"] = str(chosen)
    return ScheduleForm(fields, queues=queues)


def _queue_named(queues: Any, said: str) -> uuid.UUID | None:
    """The queue that an application named by key or by name; the first one when it named none."""
    rows: list[Queue] = list(queues)
    for queue in rows:
        if said in (str(queue.pk), queue.name):
            return queue.pk
    return rows[0].pk if rows and not said else None


def _submitted(request: Request) -> HttpResponse:
    form = _form(request, request.POST)
    if put := suggestion_taken(request.POST):
        form.put(**put)
        return _show(request, form, is_submitted=False)
    if "move" in request.POST:
        return _move_existing(request, form)
    if "check" in request.POST:
        return _show(request, form, is_submitted=True)
    return _schedule(request, form)


def suggestion_taken(fields: QueryDict) -> dict[str, str]:
    """What the button of a suggestion puts into the form; nothing for any other button."""
    if moment := fields.get("use_time"):
        day, _, rest = moment.partition("T")
        time, _, fold = rest.partition("/")
        return {"date": day, "time": time, "fold": fold}
    if zone := fields.get("use_zone"):
        return {"time_zone": zone, "fold": ""}
    return {}


def _schedule(request: Request, form: ScheduleForm) -> HttpResponse:
    try:
        made = schedule(form.request(request.actor), by=request.actor, at=timezone.now())
    except Refused:
        return _show(request, form, is_submitted=True, status=422)
    return _done(request, made.callback, _confirmation(request, made))


def _confirmation(request: Request, made: Scheduled) -> str:
    said = when(made.callback, request.user.time_zone)
    if not made.is_new:
        return f"This callback was scheduled already: {said}."
    return f"Callback scheduled: {said}. {made.assignment.reason}".strip()


def _move_existing(request: Request, form: ScheduleForm) -> HttpResponse:
    """*Move it to this time*: the existing callback takes the time of the form."""
    key, _, version = request.POST["move"].partition(":")
    try:
        moved = reschedule(
            uuid.UUID(key),
            form.request(request.actor),
            by=request.actor,
            at=timezone.now(),
            version=int(version),
        )
    except CallbackError as refused:
        problems = [*refused.problems] if isinstance(refused, Refused) else []
        top = [] if problems else [Problem(refused.code, "", refused.message)]
        return _show(request, form, is_submitted=True, status=422, extra=[*problems, *top])
    except (Callback.DoesNotExist, ValueError):
        gone = Problem("not.found", "", "The existing callback is not yours to move.")
        return _show(request, form, is_submitted=True, status=422, extra=[gone])
    return _done(request, moved, f"Callback moved: {when(moved, request.user.time_zone)}.")


def _done(request: Request, callback: Callback, said: str) -> HttpResponse:
    """Leave the panel: back to the list; the frame stays in itself; a dialog's screen reloads."""
    if request.POST.get("embed"):
        url = f"{reverse('scheduled', args=[callback.pk])}?embed=1"
        return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
    messages.success(request, said, extra_tags=callback.get_absolute_url())
    if request.htmx and request.POST.get("dialog"):
        return HttpResponseClientRefresh()
    url = reverse("home") if request.user.role == Role.AGENT else callback.get_absolute_url()
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


@may_be_framed
@require_GET
@admits(*PEOPLE)
def scheduled(request: Request, key: uuid.UUID) -> HttpResponse:
    """The confirmation inside a frame, where there is no list to go back to."""
    callback = visible(request, key)
    context = {"callback": callback, "portrait": portray(callback), "embed": True}
    return render(request, "schedule/scheduled.html", context)


def _show(
    request: Request,
    form: ScheduleForm,
    *,
    is_submitted: bool,
    status: int = 200,
    extra: list[Problem] | None = None,
) -> HttpResponse:
    context = _context(request, form, is_submitted=is_submitted)
    context["preview"].found.problems[:0] = extra or []
    is_dialog = bool(request.GET.get("dialog") or request.POST.get("dialog"))
    context |= {"dialog": is_dialog, "embed": bool(form.cleaned_data.get("embed"))}
    part = "#panel" if request.htmx and not request.htmx.boosted else ""
    return render(request, f"schedule/panel.html{part}", context, status=status)


def _context(request: Request, form: ScheduleForm, *, is_submitted: bool) -> dict[str, Any]:
    found = examine(form.request(request.actor), by=request.actor, at=timezone.now())
    return {
        "form": form,
        "preview": Preview(
            found, request.actor, is_submitted=is_submitted, strip=day_of_slots(found)
        ),
        "agent": request.actor.agent,
        "queue_choice": settings.QUEUE_CHOICE,
        "action": reverse("schedule"),
        "preview_url": reverse("schedule-preview"),
    }
