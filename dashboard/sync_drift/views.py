"""Drift: ours against theirs, the cause, and the repair that an admin chooses."""

import uuid
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from callbacks.models import Connection, Role
from callbacks.rules.limits import in_words
from callbacks.sync import drift
from dashboard.entrance import Request, admits

SHOWN = 200
"""So many rows of each connection; the command tells of all."""
DOES = {
    drift.Repair.TELL_AGAIN: "Tell it again",
    drift.Repair.TAKE_THEIRS: "Take theirs",
    drift.Repair.MAKE_ANEW: "Make it anew there",
    drift.Repair.CANCEL_THERE: "Cancel it there",
    drift.Repair.TAKE_OVER: "Take it over all the same",
}


@dataclass(frozen=True)
class Compared:
    """A connection with its drift, as the page shows it."""

    report: drift.Report
    rows: list[tuple[drift.Drift, list[tuple[str, str]]]]
    safe: int
    """How many a repair of everything would put right."""
    age: str

    @property
    def more(self) -> int:
        """How many are not shown."""
        return len(self.report.drifts) - len(self.rows)


@require_http_methods(["GET", "POST"])
@admits(Role.ADMIN)
def index(request: Request) -> HttpResponse:
    """Everything that differs, connection by connection, and what can be done about it."""
    if request.method == "POST":
        return _do(request)
    found = [_compared(drift.report(one)) for one in Connection.objects.all()]
    return render(request, "sync_drift/index.html", {"connections": found})


def _compared(report: drift.Report) -> Compared:
    rows = [
        (one, [(str(repair), DOES[repair]) for repair in one.repairs])
        for one in report.drifts[:SHOWN]
    ]
    looked = report.looked_at
    age = f"{in_words(timezone.now() - looked)} ago" if looked else ""
    return Compared(report, rows, sum(1 for one in report.drifts if one.safe_repair), age)


def _do(request: Request) -> HttpResponse:
    """The repair of one, or of all that the person saw."""
    try:
        connection = Connection.objects.get(pk=uuid.UUID(request.POST.get("connection", "")))
    except (ValueError, Connection.DoesNotExist):
        raise Http404 from None
    if request.POST.get("do") == "all":
        _repair_all(request, connection)
    else:
        _repair_one(request, connection)
    return redirect("sync-drift")


def _repair_all(request: Request, connection: Connection) -> None:
    """Only what was on the page: had it grown meanwhile, nobody has said so."""
    report, at = drift.report(connection), timezone.now()
    if request.POST.get("known") != str(len(report.drifts)):
        messages.error(
            request, "More or less differs since you opened this page. Nothing was done."
        )
        return
    done = drift.repair_all(report, by=request.actor, at=at)
    messages.success(request, f"{done} repaired; what the platform must be told is on its way.")


def _repair_one(request: Request, connection: Connection) -> None:
    try:
        key, how = uuid.UUID(request.POST.get("key", "")), drift.Repair(request.POST.get("do", ""))
    except ValueError:
        raise Http404 from None
    found = drift.find(connection, key)
    if found and drift.repair(found, how, connection, by=request.actor, at=timezone.now()):
        messages.success(request, "Done; what the platform must be told is on its way.")
    else:
        messages.error(request, "It is not as it was on this page any more. Nothing was done.")
