"""The pages of imports: upload, say what the columns are, look at what is wrong, import what is good."""

import logging
import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from callbacks import access, imports
from callbacks.errors import Refused
from callbacks.imports import Choice, FileRefused
from callbacks.models import CallbackImport, Role
from callbacks.rules import moments
from dashboard.entrance import Request, admits
from dashboard.exporting import as_download

IMPORTERS = (Role.SUPERVISOR, Role.ADMIN)
FORMER = 25
SHOWN = 50
"""So many rejected rows stand on the page; all of them are in the file."""
log = logging.getLogger(__name__)


@require_http_methods(["GET", "POST"])
@admits(*IMPORTERS)
def index(request: Request) -> HttpResponse:
    """Upload a file; the imports before it."""
    problem = ""
    if request.method == "POST":
        try:
            return _upload(request)
        except FileRefused as refused:
            problem = refused.message
    former = access.imports_of(request.actor).select_related("created_by")[:FORMER]
    context = {"imports": former, "problem": problem, "largest": imports.LARGEST // (1024 * 1024)}
    return render(request, "imports/index.html", context, status=422 if problem else 200)


def _upload(request: Request) -> HttpResponse:
    file = request.FILES.get("file")
    if file is None or not file.file:
        raise FileRefused("Choose a file first.")
    job = imports.upload(file.file, file.name or "", by=request.actor, at=timezone.now())
    log.info("%s uploaded import %s with %d rows", request.actor.id, job.pk, job.rows)
    return redirect("import", job.pk)


@require_http_methods(["GET", "POST"])
@admits(*IMPORTERS)
def page(request: Request, key: uuid.UUID) -> HttpResponse:
    """One import, whatever it needs next; a choice of columns, which starts the check."""
    job = _visible(request, key)
    if request.method == "GET":
        return _progress(request, job) if "progress" in request.GET else _page(request, job)
    choice = _choice(request.POST)
    try:
        imports.choose(key, choice, by=request.actor, at=timezone.now())
        imports.check(key, by=request.actor, at=timezone.now())
    except Refused as refused:
        return _page(request, job, choice, refused)
    return redirect("import", key)


def _visible(request: Request, key: uuid.UUID) -> CallbackImport:
    jobs = access.imports_of(request.actor).select_related("created_by", "queue")
    job = jobs.filter(pk=key).first()
    if job is None:
        raise Http404
    return job


def _progress(request: Request, job: CallbackImport) -> HttpResponse:
    """How far it is; once that is all, the whole page is to be shown anew."""
    if not job.is_under_way:
        return HttpResponseClientRefresh()
    return render(request, "imports/page.html#progress", {"job": job})


def _page(
    request: Request,
    job: CallbackImport,
    choice: Choice | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {"job": job, "rejects": job.rejects.all()[:SHOWN], "shown": SHOWN}
    if job.state in (CallbackImport.State.UPLOADED, CallbackImport.State.CHECKED):
        context |= _mapping(request, job, choice or _chosen(job))
    context["problems"] = {p.field: p.message for p in refused.problems} if refused else {}
    context["refused"] = refused
    return render(request, "imports/page.html", context, status=422 if refused else 200)


def _mapping(request: Request, job: CallbackImport, choice: Choice) -> dict[str, Any]:
    """The columns with what stands in them, and what may be chosen."""
    first = imports.preview(job)
    samples = [
        [row[place][:60] for row in first if place < len(row) and row[place]][:3]
        for place in range(len(job.header))
    ]
    return {
        "columns": list(zip(job.header, samples, choice.columns, strict=False)),
        "fields": imports.FIELDS,
        "choice": choice,
        "date_formats": CallbackImport.DateFormat.choices,
        "queues": access.queues_for_creating(request.actor),
        "zones": sorted(name for name in moments.ZONES if moments.canonical(name) == name),
    }


def _chosen(job: CallbackImport) -> Choice:
    return Choice(job.columns, job.date_format, job.queue_id, job.time_zone, job.is_consent_given)


def _choice(fields: QueryDict) -> Choice:
    """What the form says; a queue that is none counts as not chosen."""
    try:
        queue_id = uuid.UUID(fields.get("queue", ""))
    except ValueError:
        queue_id = None
    return Choice(
        columns=fields.getlist("column"),
        date_format=fields.get("date_format", ""),
        queue_id=queue_id,
        time_zone=fields.get("time_zone", ""),
        is_consent_given="consent" in fields,
    )


@require_POST
@admits(*IMPORTERS)
def start(request: Request, key: uuid.UUID) -> HttpResponse:
    """Import the good rows."""
    _visible(request, key)
    try:
        imports.start(key, by=request.actor, at=timezone.now())
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        log.info("%s started import %s", request.actor.id, key)
    return redirect("import", key)


@require_POST
@admits(*IMPORTERS)
def cancel(request: Request, key: uuid.UUID) -> HttpResponse:
    """Stop it; what is in stays in."""
    _visible(request, key)
    imports.cancel(key, by=request.actor, at=timezone.now())
    return redirect("import", key)


@require_safe
@admits(*IMPORTERS)
def rejects(request: Request, key: uuid.UUID) -> StreamingHttpResponse:
    """The rejected rows with their reasons, as a file that can be corrected and uploaded again."""
    job = _visible(request, key)
    log.info("%s downloaded %d rejects of import %s", request.actor.id, job.rows_bad, key)
    return as_download(f"rejected-{job.created_at:%Y-%m-%d}.csv", imports.rejects_as_csv(job))
