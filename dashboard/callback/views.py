"""The page of one callback with its actions, the list of all, and the search."""

import logging
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from callbacks import access, calls, journal, routing, scheduling
from callbacks.errors import CallbackError, Locked, Problem, Refused, Stale
from callbacks.lifecycle import Status
from callbacks.models import Attempt, Callback, Offer
from callbacks.rules import numbers
from callbacks.rules.routing import Decision
from callbacks.scheduling.changing import number_as_typed, time_as_typed
from callbacks.scheduling.ownership import able_owners
from dashboard.callback.exporting import AT_MOST, as_csv
from dashboard.callback.listing import Listing
from dashboard.callback.tables import CallbackTable
from dashboard.entrance import PEOPLE, Request, admits
from dashboard.exporting import as_download
from dashboard.rows import Row, rows
from dashboard.schedule.forms import ChangeForm
from dashboard.schedule.preview import Preview
from dashboard.schedule.strip import day_of_slots
from dashboard.schedule.views import suggestion_taken
from dashboard.sync.reading import on_platform
from dashboard.visible import visible

FOUND_AT_MOST = 25
log = logging.getLogger(__name__)


@require_safe
@admits(*PEOPLE)
def page(request: Request, key: uuid.UUID) -> HttpResponse:
    """Everything about one promise."""
    return _page(request, visible(request, key))


def _page(
    request: Request, callback: Callback, *, status: int = 200, refusal: CallbackError | None = None
) -> HttpResponse:
    events = callback.history.select_related("message").order_by("-version", "-at", "-id")
    context = {
        "row": _row(request, callback),
        "callback": callback,
        "events": [(event, journal.changes_in_words(event)) for event in events],
        "attempts": Attempt.objects.filter(callback=callback).select_related(
            "agent__user", "outcome"
        ),
        "offers": Offer.objects.filter(callback=callback).order_by("-made_at"),
        "explanation": _explanation(callback),
        "there": on_platform(callback, request.actor),
        "refusal": refusal,
    }
    part = "#everything" if request.htmx and not request.htmx.boosted else ""
    return render(request, f"callback/page.html{part}", context, status=status)


def _explanation(callback: Callback) -> Decision | None:
    """Where it would go at this moment, while it waits."""
    is_waiting = callback.status == Status.WAITING
    return routing.explain(callback, timezone.now()) if is_waiting else None


def _row(request: Request, callback: Callback) -> Row:
    return rows([callback], request, timezone.now())[0]


# --- change ----------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE, keeps_draft=True)
def change(request: Request, key: uuid.UUID) -> HttpResponse:
    """Reschedule it, or change number, queue, reason or contact."""
    callback = visible(request, key)
    access.require(
        access.may_edit(request.actor, callback), "This callback is not yours to change."
    )
    if request.method == "GET":
        return _show_change(request, callback, _change_form(request, callback, _present(callback)))
    form = _change_form(request, callback, request.POST)
    if put := suggestion_taken(request.POST):
        form.put(**put)
        return _show_change(request, callback, form)
    if "check" in request.POST:
        return _show_change(request, callback, form, is_submitted=True)
    try:
        scheduling.change(
            key,
            form.changes(),
            by=request.actor,
            at=timezone.now(),
            version=form.cleaned_data.get("version"),
            override_reason=form.text("override_reason"),
        )
    except CallbackError as refusal:
        return _show_change(
            request, visible(request, key), form, is_submitted=True, refusal=refusal
        )
    return _done(request, key, "The callback is changed.")


@require_POST
@admits(*PEOPLE)
def change_preview(request: Request, key: uuid.UUID) -> HttpResponse:
    """The changed promise and its problems, while somebody types. Changes nothing."""
    callback = visible(request, key)
    form = _change_form(request, callback, request.POST)
    context = _change_context(request, callback, form, is_submitted=False)
    return render(request, "schedule/panel.html#live", context)


def _present(callback: Callback) -> dict[str, Any]:
    """The callback as the form's fields."""
    return {
        "date": callback.wall_date.isoformat(),
        "time": time_as_typed(callback),
        "time_zone": callback.time_zone,
        "fold": str(callback.fold),
        "phone_number": number_as_typed(callback),
        "contact_name": callback.contact_name,
        "contact_time_zone": callback.contact_time_zone,
        "queue": str(callback.queue_id),
        "reason": callback.reason,
        "ticket_id": callback.ticket_id,
        "version": callback.version,
    }


def _change_form(request: Request, callback: Callback, fields: Any) -> ChangeForm:
    """Its own queue stays a choice, also where this person could not schedule anew."""
    queues = access.queues_for_creating(request.actor)
    own = type(callback.queue).objects.filter(pk=callback.queue_id)
    return ChangeForm(fields, queues=(queues | own).distinct())


def _show_change(
    request: Request,
    callback: Callback,
    form: ChangeForm,
    *,
    is_submitted: bool = False,
    refusal: CallbackError | None = None,
) -> HttpResponse:
    context = _change_context(request, callback, form, is_submitted=is_submitted)
    preview: Preview = context["preview"]
    if isinstance(refusal, Refused):
        preview.found.problems[:] = refusal.problems
    elif refusal:
        preview.found.problems.insert(0, Problem(refusal.code, "", refusal.message))
    if isinstance(refusal, Stale):
        context |= {"stale": refusal, "version": refusal.version}
    status = 422 if refusal else 200
    part = "#panel" if request.htmx and not request.htmx.boosted else ""
    return render(request, f"callback/change.html{part}", context, status=status)


def _change_context(
    request: Request, callback: Callback, form: ChangeForm, *, is_submitted: bool
) -> dict[str, Any]:
    at = timezone.now()
    found = scheduling.examine_change(callback, form.changes(), by=request.actor, at=at)
    return {
        "form": form,
        "callback": callback,
        "row": Row(callback, at, request.actor, request.user.time_zone),
        "preview": Preview(
            found, request.actor, is_submitted=is_submitted, strip=day_of_slots(found)
        ),
        "queue_choice": settings.QUEUE_CHOICE or request.actor.is_supervisor,
        "is_change": True,
        "version": form.data.get("version", callback.version),
        "action": reverse("callback-change", args=[callback.pk]),
        "preview_url": reverse("callback-change-preview", args=[callback.pk]),
    }


def _done(request: Request, key: uuid.UUID, said: str) -> HttpResponse:
    messages.success(request, said)
    url = reverse("callback", args=[key])
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


# --- ownership -------------------------------------------------------------------------------


@require_POST
@admits(*PEOPLE)
def ownership(request: Request, key: uuid.UUID) -> HttpResponse:
    """Take ownership of it, or give it up."""
    gives_up = request.POST.get("give_up") == "1"
    if gives_up:
        return _act(
            request,
            key,
            lambda version: scheduling.give_up_ownership(
                key,
                by=request.actor,
                at=timezone.now(),
                version=version,
                override_reason=request.POST.get("override_reason", ""),
            ),
            "The callback is left to its queue.",
        )
    return _act(
        request,
        key,
        lambda version: scheduling.take_ownership(
            key, by=request.actor, at=timezone.now(), version=version
        ),
        "You own this callback now.",
    )


def _act(
    request: Request, key: uuid.UUID, verb: Callable[[int | None], object], said: str
) -> HttpResponse:
    """Do it, and show the callback as it is then, with what was refused where it was."""
    callback = visible(request, key)
    try:
        verb(version_of(request))
    except CallbackError as refusal:
        return _page(request, visible(request, key), status=422, refusal=refusal)
    except Callback.DoesNotExist:
        messages.error(request, "Somebody else took this callback a moment ago.")
        return redirect("home")
    if access.readable(request.actor).filter(pk=key).exists():
        return _done(request, key, said)
    messages.success(request, f"{said} ({callback.contact_name or 'Unnamed contact'})")
    return redirect("home")


def version_of(request: Request) -> int | None:
    """The version that the person looked at; ``None`` where the page did not say."""
    said = request.POST.get("version", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE)
def hand_over(request: Request, key: uuid.UUID) -> HttpResponse:
    """Make another agent its owner."""
    callback = visible(request, key)
    access.require(
        access.may_assign(request.actor, callback), "This callback is not yours to hand over."
    )
    refusal: CallbackError | None = None
    if request.method == "POST":
        try:
            scheduling.hand_over(
                key,
                _key(request.POST.get("agent", "")),
                by=request.actor,
                at=timezone.now(),
                version=version_of(request),
                reason=request.POST.get("reason", ""),
                override_reason=request.POST.get("override_reason", ""),
            )
        except CallbackError as refused:
            refusal = refused
        else:
            return _after_leaving(request, key, "The callback is handed over.")
    return _show_action(request, "callback/hand_over.html", key, refusal)


def _key(text: str) -> uuid.UUID:
    """A key from a form; one that is none finds nothing."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


def _after_leaving(request: Request, key: uuid.UUID, said: str) -> HttpResponse:
    """Who hands over what they did not make no longer sees it: back to their list then."""
    if access.readable(request.actor).filter(pk=key).exists():
        return _done(request, key, said)
    messages.success(request, said)
    return HttpResponseClientRedirect(reverse("home")) if request.htmx else redirect("home")


def _show_action(
    request: Request, template: str, key: uuid.UUID, refusal: CallbackError | None
) -> HttpResponse:
    callback = visible(request, key)
    row = _row(request, callback)
    context = {
        "row": row,
        "callback": callback,
        "agents": able_owners(callback) if "hand_over" in template else (),
        "fields": request.POST,
        "problems": by_field(refusal),
        "stale": refusal if isinstance(refusal, Stale) else None,
        "is_closed": isinstance(refusal, Locked) or (row.is_locked and not row.can_edit_now),
        "version": callback.version,
    }
    part = "#panel" if request.htmx and not request.htmx.boosted else ""
    return render(request, f"{template}{part}", context, status=422 if refusal else 200)


def by_field(refusal: CallbackError | None) -> dict[str, str]:
    """What was refused, for the slots of a small form; what has no field stands on top."""
    if refusal is None:
        return {}
    if isinstance(refusal, Refused):
        return {problem.field: problem.message for problem in refusal.problems}
    return {"top": refusal.message}


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE)
def cancellation(request: Request, key: uuid.UUID) -> HttpResponse:
    """Cancel it, with a reason."""
    callback = visible(request, key)
    access.require(
        access.may_edit(request.actor, callback), "This callback is not yours to cancel."
    )
    refusal: CallbackError | None = None
    if request.method == "POST":
        try:
            scheduling.cancel(
                key,
                reason=request.POST.get("cancel_reason", ""),
                by=request.actor,
                at=timezone.now(),
                version=version_of(request),
            )
        except CallbackError as refused:
            refusal = refused
        else:
            return _after_leaving(request, key, "The callback is cancelled.")
    return _show_action(request, "callback/cancellation.html", key, refusal)


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE)
def taking_back(request: Request, key: uuid.UUID) -> HttpResponse:
    """End a call that its agent does not wrap up, so that the promise goes on (supervisors)."""
    callback = visible(request, key)
    access.require(
        access.may_override_lock(request.actor, callback), "Only supervisors take callbacks back."
    )
    refusal: CallbackError | None = None
    if request.method == "POST":
        try:
            calls.take_back(
                key,
                reason=request.POST.get("reason", ""),
                by=request.actor,
                at=timezone.now(),
                version=version_of(request),
            )
        except CallbackError as refused:
            refusal = refused
        else:
            return _done(request, key, "The callback is taken back; it waits for an agent again.")
    return _show_action(request, "callback/taking_back.html", key, refusal)


# --- many ------------------------------------------------------------------------------------


@require_safe
@admits(*PEOPLE)
def index(request: Request) -> HttpResponse:
    """All callbacks that the person may see, filtered and sorted."""
    at = timezone.now()
    listing = Listing.asked_for(request.GET, request.actor, at)
    table = CallbackTable(rows(listing.callbacks, request, at), order_by=listing.sort)
    context = {"listing": listing, "table": table, "at_most": AT_MOST[request.actor.role]}
    return render(request, "callback/index.html", context)


@require_safe
@admits(*PEOPLE)
def export(request: Request) -> StreamingHttpResponse:
    """All callbacks that the filter shows, as a file; the log says who took what away."""
    at = timezone.now()
    listing = Listing.asked_for(request.GET, request.actor, at)
    log.info("%s exports the list %s", request.actor.id, listing.address())
    return as_download(f"callbacks-{at:%Y-%m-%d}.csv", as_csv(listing))


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE)
def search(request: Request) -> HttpResponse:
    """Find by phone number, name, ticket or callback id. By POST: numbers stay out of addresses."""
    text = request.POST.get("q", "").strip()[:200]
    found = _search(request, text)[:FOUND_AT_MOST] if text else []
    context = {"q": text, "rows": rows(found, request, timezone.now())}
    return render(request, "callback/search.html", context)


def _search(request: Request, text: str) -> QuerySet[Callback]:
    everything = access.readable(request.actor).for_display().order_by("-requested_at", "-id")
    return everything.filter(_matches(text.replace("\0", "")))


def _matches(text: str) -> Q:
    try:
        return Q(pk=uuid.UUID(text))
    except ValueError:
        pass
    words = Q(contact_name__istartswith=text) | Q(ticket_id__iexact=text)
    digits = "".join(c for c in text if c.isascii() and c.isdigit())
    if len(digits) < 4:
        return words
    try:
        return words | Q(phone_number=numbers.parse(text, "US").e164)
    except numbers.NumberRefused:
        return words | Q(phone_number__startswith=f"+{digits}")
