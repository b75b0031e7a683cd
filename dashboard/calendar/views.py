"""The feed itself, and the page on which its address is made, renewed and removed."""

import hashlib

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
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
def calendar_feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The agent's promises for whoever knows the address; 404 for everybody else."""
    at = timezone.now()
    found = feed.find(secret, at)
    if found is None:
        raise Http404
    promises = list(feed.promises_of(found.agent, at))
    told = "|".join(f"{one.pk}{one.version}" for one in promises)
    tag = f'"{hashlib.sha256(f"{told}{found.agent.user.time_zone}".encode()).hexdigest()[:24]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified(headers={"ETag": tag})
    base = request.build_absolute_uri("/").rstrip("/")
    answer = HttpResponse(
        feed.written(promises, found.agent, base), content_type="text/calendar; charset=utf-8"
    )
    answer["ETag"] = tag
    answer["Content-Disposition"] = 'inline; filename="callbacks.ics"'
    return answer
