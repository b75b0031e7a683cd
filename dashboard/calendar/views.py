"""The feed itself, and the page on which its address is made, renewed and removed."""

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_http_methods, require_safe

from callbacks.models import CalendarFeed
from dashboard.calendar import feed
from dashboard.entrance import PEOPLE, Request, admits, admits_everyone


@require_http_methods(["GET", "POST"])
@admits(*PEOPLE)
def page(request: Request) -> HttpResponse:
    """Make an address, make a new one, remove it. An address is shown once: only its digest stays."""
    agent = request.actor.agent
    if agent is None:
        raise Http404
    address = ""
    if request.method == "POST" and "remove" in request.POST:
        feed.remove(agent)
        return redirect("calendar")
    if request.method == "POST":
        secret = feed.make(agent, timezone.now())
        address = request.build_absolute_uri(reverse("calendar-feed", args=[secret]))
    present = CalendarFeed.objects.filter(agent=agent).first()
    return render(request, "calendar/page.html", {"feed": present, "address": address})


@require_safe
@admits_everyone
def calendar_feed(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The agent's promises for whoever knows the address; 404 for everybody else."""
    at = timezone.now()
    found = feed.find(secret, at)
    if found is None:
        raise Http404
    promises = list(feed.promises_of(found.agent, at))
    base = request.build_absolute_uri("/").rstrip("/")
    tag = feed.tag(promises, found.agent, base)
    # Calendars may keep it, caches on the way may not; and each use asks whether it still holds.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    unchanged = get_conditional_response(request, etag=tag, response=HttpResponse(headers=headers))
    if unchanged and unchanged.status_code == 304:
        return unchanged
    return HttpResponse(
        feed.written(promises, found.agent, base),
        content_type="text/calendar; charset=utf-8",
        headers={**headers, "Content-Disposition": 'inline; filename="callbacks.ics"'},
    )
