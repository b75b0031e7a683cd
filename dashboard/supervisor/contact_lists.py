"""Contact lists: which numbers must not be called, and what follows from it (rules §2.9)."""

import uuid
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from callbacks import rescue
from callbacks.models import ContactList, ContactListEntry, Role
from callbacks.rules import numbers
from dashboard.entrance import Request, admits
from dashboard.rows import rows

PAGE = 50
MANAGERS = (Role.SUPERVISOR, Role.ADMIN)


@require_safe
@admits(*MANAGERS)
def index(request: Request) -> HttpResponse:
    """All lists, with how many numbers each marks."""
    marked = Count("entries", filter=Q(entries__is_uncallable=True))
    lists = ContactList.objects.annotate(marked=marked)
    return render(request, "supervisor/contact_lists.html", {"lists": lists})


@require_http_methods(["GET", "POST"])
@admits(*MANAGERS)
def entries(request: Request, key: uuid.UUID) -> HttpResponse:
    """One list: find a number, mark one, lift a mark."""
    found = _list(key)
    problem = ""
    if request.method == "POST":
        if "lift" in request.POST:
            return _lift(request, found)
        problem = _mark(request, found)
        if not problem:
            return redirect("contact-list", key)
    text = request.GET.get("number", "").strip()[:40]
    page = list(_entries(found, text, request.GET.get("after", ""))[: PAGE + 1])
    context: dict[str, Any] = {
        "list": found,
        "entries": page[:PAGE],
        "more": f"{page[PAGE - 1].changed_at.isoformat()}_{page[PAGE - 1].pk}"
        if len(page) > PAGE
        else "",
        "number": text,
        "regions": numbers.regions(),
        "fields": request.POST,
        "problem": problem,
    }
    return render(request, "supervisor/contact_list.html", context, status=422 if problem else 200)


def _list(key: uuid.UUID) -> ContactList:
    found = ContactList.objects.filter(pk=key).first()
    if found is None:
        raise Http404
    return found


def _entries(found: ContactList, text: str, after: str) -> Any:
    entries = found.entries.select_related("changed_by").order_by("-changed_at", "-id")
    digits = "".join(c for c in text if c.isascii() and c.isdigit())
    if digits:
        entries = entries.filter(phone_number__startswith=f"+{digits}")
    moment, _, key = after.partition("_")
    try:
        changed, last = datetime.fromisoformat(moment), uuid.UUID(key)
    except ValueError:
        return entries
    if changed.tzinfo is None:
        return entries
    return entries.filter(Q(changed_at__lt=changed) | Q(changed_at=changed, pk__lt=last))


def _mark(request: Request, found: ContactList) -> str:
    """Mark the number of the form; what is wrong with it, if anything."""
    try:
        number = numbers.parse(request.POST.get("phone_number", ""), request.POST.get("country"))
    except numbers.NumberRefused as refused:
        return refused.message
    reason = request.POST.get("reason", "").replace("\0", "")[:200]
    rescue.mark(found, number.e164, reason=reason, by=request.actor, at=timezone.now())
    messages.success(
        request,
        f"{number.e164} is uncallable now. What was promised before stays scheduled, flagged.",
    )
    return ""


def _lift(request: Request, found: ContactList) -> HttpResponse:
    try:
        entry = found.entries.get(pk=uuid.UUID(request.POST.get("lift", "")))
    except (ValueError, ContactListEntry.DoesNotExist):
        raise Http404 from None
    rescue.lift(entry.pk, by=request.actor, at=timezone.now())
    messages.success(
        request, f"{entry.phone_number} may be called again, as far as this list goes."
    )
    return redirect("contact-list", found.pk)


@require_http_methods(["GET", "POST"])
@admits(*MANAGERS)
def resetting(request: Request, key: uuid.UUID) -> HttpResponse:
    """Reset a list, after a look at what that disconnects."""
    found = _list(key)
    if request.method == "POST":
        done = rescue.reset(found, by=request.actor, at=timezone.now())
        left = f" {done.left_alone} in other queues are left." if done.left_alone else ""
        messages.success(
            request, f"{found} is reset: {done.disconnected} callbacks are disconnected.{left}"
        )
        return redirect("contact-list", key)
    return _confirm(request, found, "reset")


@require_http_methods(["GET", "POST"])
@admits(*MANAGERS)
def recycling(request: Request, key: uuid.UUID) -> HttpResponse:
    """Recycle a list, after a look at what that lets go on."""
    found = _list(key)
    if request.method == "POST":
        done = rescue.recycle(found, by=request.actor, at=timezone.now())
        messages.success(
            request,
            f"{found} is recycled: {done.numbers} marks are lifted, "
            f"{done.released} callbacks go on.",
        )
        return redirect("contact-list", key)
    return _confirm(request, found, "recycle")


def _confirm(request: Request, found: ContactList, action: str) -> HttpResponse:
    would = rescue.preview(found, request.actor)
    context = {
        "list": found,
        "action": action,
        "would": would,
        "rows": rows(would.sample, request, timezone.now()),
    }
    return render(request, "supervisor/list_action.html", context)
