"""My callbacks: what an agent promised, what there is to take, and what is done today."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from callbacks.lifecycle import EDITABLE
from callbacks.models import Attempt, Callback, Outcome
from dashboard.agent.day import Day
from dashboard.agent.now import now_of
from dashboard.entrance import PEOPLE, Request, admits
from dashboard.rows import rows

NEXT_AT_MOST = 100
TO_TAKE_AT_MOST = 10
MADE_AT_MOST = 5


@require_safe
@admits(*PEOPLE)
def home(request: Request) -> HttpResponse:
    """My callbacks; somebody who takes none is led to all callbacks.

    The lists alone, without what concerns this moment, for a refresh.
    """
    if request.actor.agent is None:
        return redirect("callbacks")
    at = timezone.now()
    if request.htmx and not request.htmx.boosted:
        return render(request, "agent/home.html#lists", _lists(request, at))
    now = now_of(request.actor, request.user.time_zone, at, is_large=True)
    return render(request, "agent/home.html", {"now": now, **_lists(request, at)})


def _lists(request: Request, at: datetime) -> dict[str, Any]:
    day = Day.of(request.user, at)
    promised = rows(_promised(request), request, at)
    done = list(_done(request, day.starts, day.ends))
    return {
        "at": at,
        "day": day.with_promises(promised),
        "promised": promised,
        "made": rows(_made(request), request, at),
        "to_take": rows(_to_take(request), request, at),
        "done": done,
        "tasks_completed": len({a.callback_id for a in done if _completed(a)}),
    }


def _promised(request: Request) -> QuerySet[Callback]:
    mine = Callback.objects.promised_by(request.user.pk)
    return mine.for_display().order_by("requested_at", "id")[:NEXT_AT_MOST]


def _made(request: Request) -> QuerySet[Callback]:
    """What one promised on behalf of others, the latest first: somebody may still ask about it."""
    return (
        Callback.objects.open()
        .filter(created_by=request.user.pk)
        .exclude(owner=request.user.pk)
        .exclude(preferred_agent=request.user.pk)
        .for_display()
        .order_by("-id")[:MADE_AT_MOST]
    )


def _to_take(request: Request) -> QuerySet[Callback]:
    """Unowned ones in own queues, the next first; one's own preferred ones stand above already."""
    return (
        Callback.objects.unowned()
        .filter(queue__in=request.actor.member_of, status__in=EDITABLE)
        .exclude(preferred_agent=request.user.pk)
        .for_display()
        .order_by("requested_at", "id")[:TO_TAKE_AT_MOST]
    )


def _done(request: Request, since: datetime, until: datetime) -> QuerySet[Attempt]:
    return (
        Attempt.objects.filter(
            agent=request.user.pk, ended_at__range=(since, until - timedelta(microseconds=1))
        )
        .select_related("callback__queue", "outcome")
        .order_by("-ended_at")
    )


def _completed(attempt: Attempt) -> bool:
    return bool(attempt.outcome and attempt.outcome.effect == Outcome.Effect.COMPLETED)
