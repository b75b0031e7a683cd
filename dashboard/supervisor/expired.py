"""Expired promises, latest first, each with a way to revive it."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from callbacks import access, rescue
from callbacks.errors import CallbackError, Refused, Stale
from callbacks.lifecycle import Status
from callbacks.models import Callback, Queue, Role
from callbacks.models.callback import CallbackQuerySet
from callbacks.rules import moments
from callbacks.scheduling import Changes
from callbacks.scheduling.changing import time_as_typed
from dashboard.callback.views import by_field, version_of
from dashboard.entrance import PEOPLE, Request, admits
from dashboard.rows import rows
from dashboard.schedule.preview import Preview
from dashboard.schedule.views import suggestion_taken
from dashboard.visible import visible

PAGE = 50
SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "all": None}


@require_safe
@admits(Role.SUPERVISOR, Role.ADMIN)
def index(request: Request) -> HttpResponse:
    """The expired promises of the supervisor's queues."""
    at = timezone.now()
    span = request.GET.get("span", "week")
    span = span if span in SPANS else "week"
    queue = _key(request.GET.get("queue", ""))
    found = _filtered(request, at, span, queue).filter(_before(request.GET.get("before", "")))
    page = list(found.for_display().order_by("-ended_at", "-id")[: PAGE + 1])
    context = {
        "rows": rows(page[:PAGE], request, at),
        "span": span,
        "spans": {"day": "Last 24 hours", "week": "Last 7 days", "all": "All"},
        "queue": queue,
        "queues": _queues(request),
        "next_page": _next_page(request, page) if len(page) > PAGE else "",
    }
    return render(request, "supervisor/expired.html", context)


def _filtered(
    request: Request, at: datetime, span: str, queue: uuid.UUID | None
) -> CallbackQuerySet:
    found = access.expired(request.actor)
    if longest := SPANS[span]:
        found = found.filter(ended_at__gt=at - longest)
    return found.filter(queue=queue) if queue else found


def _queues(request: Request) -> list[Queue]:
    queues = Queue.objects.all()
    if not request.actor.is_admin:
        queues = queues.filter(pk__in=request.actor.supervises)
    return list(queues)


def _before(cursor: str) -> Q:
    moment, _, key = cursor.partition("_")
    try:
        ended, found = datetime.fromisoformat(moment), uuid.UUID(key)
    except ValueError:
        return Q()
    if ended.tzinfo is None:
        return Q()
    return Q(ended_at__lt=ended) | Q(ended_at=ended, pk__lt=found)


def _next_page(request: Request, page: list[Callback]) -> str:
    last = page[PAGE - 1]
    asked = QueryDict(mutable=True)
    asked.update({name: request.GET[name] for name in ("span", "queue") if name in request.GET})
    asked["before"] = f"{last.ended_at.isoformat() if last.ended_at else ''}_{last.pk}"
    return f"?{asked.urlencode()}"


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE, keeps_draft=True)
def revival(request: Request, key: uuid.UUID) -> HttpResponse:
    """Promise it again: now, or at another time."""
    callback = visible(request, key)
    access.require(
        access.may_revive(request.actor, callback), "Only supervisors of the queue revive it."
    )
    if request.method == "GET":
        if callback.status != Status.EXPIRED:
            messages.info(request, "Only an expired promise can be revived; this one is not.")
            return redirect(callback)
        return _show(request, callback, _present(callback))
    if put := suggestion_taken(request.POST):
        typed = {name: request.POST.get(name, "") for name in request.POST}
        return _show(request, callback, {**typed, **put, "when": "then"})
    return _revive(request, callback)


def _revive(request: Request, callback: Callback) -> HttpResponse:
    at = timezone.now()
    to = _moment(request.POST, at)
    try:
        revived = rescue.revive(
            callback.pk,
            to,
            by=request.actor,
            at=at,
            version=version_of(request),
            reason=request.POST.get("reason", ""),
        )
    except CallbackError as refusal:
        return _show(request, visible(request, callback.pk), request.POST, to, refusal)
    whose = f"{revived.owner} owns it" if revived.owner else f"for {revived.queue}"
    messages.success(request, f"The promise is revived: {whose}.")
    return redirect(revived)


def _moment(fields: QueryDict, at: datetime) -> Changes:
    """What the form asks for."""
    allows = fields.get("allow_outside_hours") == "on"
    if fields.get("when") != "then":
        return rescue.for_now(at, allow_outside_calling_hours=allows)
    fold = fields.get("fold", "")
    return Changes(
        date=fields.get("date", "").strip(),
        time=fields.get("time", "").strip(),
        time_zone=fields.get("time_zone", "").strip(),
        fold=int(fold) if fold in ("0", "1") else None,
        allow_outside_calling_hours=allows,
    )


def _present(callback: Callback) -> dict[str, str]:
    """Now; or the next day at the promised time, on the clocks of the promise."""
    tomorrow = timezone.now().astimezone(moments.zone(callback.time_zone)) + timedelta(days=1)
    return {
        "when": "now",
        "date": tomorrow.date().isoformat(),
        "time": time_as_typed(callback),
        "time_zone": callback.time_zone,
    }


def _show(
    request: Request,
    callback: Callback,
    fields: Mapping[str, Any],
    to: Changes | None = None,
    refusal: CallbackError | None = None,
) -> HttpResponse:
    problems = by_field(refusal)
    context = {
        "row": rows([callback], request, timezone.now())[0],
        "callback": callback,
        "fields": fields,
        # As the schedule panel's choices read it.
        "form": {"fold": {"value": fields.get("fold", "")}},
        "preview": _preview(request, callback, to, refusal) if to else None,
        "problems": problems,
        "others": [message for name, message in problems.items() if name not in FIELDS],
        "stale": refusal if isinstance(refusal, Stale) else None,
        "version": callback.version,
    }
    return render(request, "supervisor/revival.html", context, status=422 if refusal else 200)


FIELDS = ("date", "time", "time_zone", "reason", "top")
"""Those with a place of their own for what is wrong with them."""


def _preview(
    request: Request, callback: Callback, to: Changes, refusal: CallbackError | None
) -> Preview:
    """The times to choose from beside what was refused, and what it would double."""
    found = rescue.examine_revival(callback, to, by=request.actor, at=timezone.now())
    if isinstance(refusal, Refused):
        found.problems[:] = refusal.problems
    return Preview(found, request.actor, is_submitted=True)
