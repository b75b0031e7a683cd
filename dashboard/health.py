"""Signs of life: for machines, and for whoever looks at a screen."""

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from callbacks.models import OutboxMessage
from dashboard.celery import broker_answers
from dashboard.entrance import PEOPLE, Request, admits, admits_everyone
from dashboard.shell import engine_silence, engine_warning, platform_warnings


@require_safe
@admits_everyone
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process answers: starting it anew would mend nothing that it waits for."""
    return JsonResponse({"status": "ok"})


@require_safe
@admits_everyone
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether people can be served here, and what is wrong behind it.

    503 without the database. Without broker or clock, pages still serve and nothing is lost, so it
    is 200 then, with ``degraded``: a balancer must not turn people away because calls are late.
    """
    at, began = timezone.now(), time.perf_counter()
    try:
        behind = {"clock": _clock(), "outbox": _outbox(at)}
    except DatabaseError:
        connection.close()
        return JsonResponse({"status": "not ready", "database": {"ok": False}}, status=503)
    took = round((time.perf_counter() - began) * 1000, 1)
    told: dict[str, dict[str, Any]] = {
        "database": {"ok": True, "milliseconds": took},
        "broker": {"ok": broker_answers()},
        **behind,
    }
    is_well = all(part["ok"] for part in told.values())
    return JsonResponse({"status": "ready" if is_well else "degraded", **told})


def _clock() -> dict[str, Any]:
    silence = engine_silence()
    is_heard = silence <= settings.ENGINE_SILENT_AFTER
    return {"ok": is_heard, "lagSeconds": round(silence.total_seconds(), 1)}


def _outbox(at: datetime) -> dict[str, Any]:
    """How long the oldest message waits for the platform."""
    waiting = OutboxMessage.objects.filter(settled_at__isnull=True).order_by("id")
    oldest = waiting.values_list("created_at", flat=True).first()
    age = round((at - oldest).total_seconds(), 1) if oldest else None
    return {"ok": True, "oldestSeconds": age}


@require_safe
@admits(*PEOPLE)
def engine(request: Request) -> HttpResponse:
    """The strip that says what is wrong with the whole, for screens that are open already."""
    context = {
        "engine_warning": engine_warning(),
        "platform_warnings": platform_warnings(request.actor),
    }
    return render(request, "components/strip.html", context)
