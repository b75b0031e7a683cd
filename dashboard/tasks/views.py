"""The list of tasks, and a callback's conversion into one."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from callbacks import access, scheduling
from callbacks.errors import CallbackError, Stale
from callbacks.models import Task
from dashboard.callback.views import by_field, version_of
from dashboard.entrance import PEOPLE, Request, admits
from dashboard.rows import rows
from dashboard.visible import visible

SHOWN = 100


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE)
def index(request: Request) -> HttpResponse:
    """The tasks that the person may see; done, to do again, taken with a button."""
    if request.method == "POST":
        return _change(request)
    is_done = request.GET.get("show") == "done"
    tasks = access.tasks_of(request.actor).select_related(
        "assignee__user", "callback__queue", "created_by", "done_by"
    )
    shown = tasks.filter(done_at__isnull=not is_done)
    order = ("-done_at", "-id") if is_done else ("created_at", "id")
    context = {"tasks": shown.order_by(*order).distinct()[:SHOWN], "is_done": is_done}
    return render(request, "tasks/index.html", context)


def _change(request: Request) -> HttpResponse:
    try:
        key = uuid.UUID(request.POST.get("task", ""))
        if "take" in request.POST:
            task = scheduling.take_task(key, by=request.actor)
            messages.success(request, f"The task is yours: {task}")
        else:
            is_done = "done" in request.POST
            task = scheduling.settle_task(key, is_done=is_done, by=request.actor, at=timezone.now())
            messages.success(request, f"{'Done' if is_done else 'To do again'}: {task}")
    except (ValueError, Task.DoesNotExist):
        raise Http404 from None
    return redirect("tasks")


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE, keeps_draft=True)
def conversion(request: Request, key: uuid.UUID) -> HttpResponse:
    """Make a task of a callback."""
    callback = visible(request, key)
    access.require(
        access.may_edit(request.actor, callback), "This callback is not yours to convert."
    )
    refusal: CallbackError | None = None
    if request.method == "POST":
        try:
            scheduling.convert(
                key,
                description=request.POST.get("description", ""),
                by=request.actor,
                at=timezone.now(),
                version=version_of(request),
            )
        except CallbackError as refused:
            refusal = refused
        else:
            messages.success(request, "The callback is a task now.")
            return redirect("tasks")
    callback = visible(request, key)
    context = {
        "row": rows([callback], request, timezone.now())[0],
        "callback": callback,
        "fields": request.POST,
        "problems": by_field(refusal),
        "stale": refusal if isinstance(refusal, Stale) else None,
        "version": callback.version,
    }
    return render(request, "tasks/conversion.html", context, status=422 if refusal else 200)
