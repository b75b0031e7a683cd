"""Webhooks, for admins: who is told what, how that goes, and what to do where it does not."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from callbacks import webhooks
from callbacks.errors import Refused
from callbacks.models import Role, Webhook, WebhookDelivery
from callbacks.models.webhook import EventType
from dashboard.entrance import Request, admits
from dashboard.webhooks import reading
from dashboard.webhooks.reading import Row


@require_http_methods(["GET", "POST"])
@admits(Role.ADMIN)
def index(request: Request) -> HttpResponse:
    """All webhooks, and the form that adds one."""
    if request.method != "POST":
        return _index(request, {"events": EventType.values})
    fields: dict[str, Any] = {
        "name": request.POST.get("name", ""),
        "url": request.POST.get("url", ""),
        "events": request.POST.getlist("events"),
    }
    try:
        webhook, secret = webhooks.subscribe(**fields, by_name=str(request.user), at=timezone.now())
    except Refused as refused:
        return _index(request, fields, refused)
    return _told(request, webhook, secret)


def _index(
    request: Request, fields: Mapping[str, Any], refused: Refused | None = None
) -> HttpResponse:
    at = timezone.now()
    context = {
        "webhooks": [(found, reading.standing(found, at)) for found in reading.overview()],
        "types": EventType.choices,
        "fields": fields,
        "problems": {p.field: p.message for p in refused.problems} if refused else {},
    }
    return render(request, "webhooks/index.html", context, status=422 if refused else 200)


def _told(request: Request, webhook: Webhook, secret: str) -> HttpResponse:
    """The only page that ever shows a secret."""
    return render(request, "webhooks/secret.html", {"webhook": webhook, "secret": secret})


def _webhook(key: uuid.UUID) -> Any:
    found = reading.overview().filter(pk=key).first()
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@admits(Role.ADMIN)
def page(request: Request, key: uuid.UUID) -> HttpResponse:
    """One webhook with its deliveries, and what can be done with it."""
    webhook = _webhook(key)
    if request.method == "POST":
        return _do(request, webhook)
    at = timezone.now()
    state, before = request.GET.get("state", ""), request.GET.get("before", "")
    context = {
        "webhook": webhook,
        "standing": reading.standing(webhook, at),
        "secret_stamp": reading.secret_stamp(webhook),
        "events": [reading.LABELS[event] for event in webhook.events],
        **reading.listed(webhook, state, before, at),
    }
    part = "#deliveries" if request.htmx else ""
    return render(request, f"webhooks/page.html{part}", context)


def _do(request: Request, webhook: Webhook) -> HttpResponse:
    """The verb of the button that was pressed."""
    at, name = timezone.now(), str(request.user)
    verb = request.POST.get("do", "")
    if verb == "secret":
        return _renew_secret(request, webhook)
    verbs: dict[str, tuple[Callable[[], object], str]] = {
        "test": (
            lambda: webhooks.send_test(webhook, by_name=name, at=at),
            "A test event is on its way.",
        ),
        "pause": (
            lambda: webhooks.pause(webhook, by_name=name),
            f"{webhook} is paused: what happens from now on is not told.",
        ),
        "resume": (
            lambda: webhooks.resume(webhook, at=at),
            f"{webhook} is told again what happens from now on.",
        ),
    }
    if verb not in verbs:
        raise Http404
    do, done = verbs[verb]
    try:
        do()
        messages.success(request, done)
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("webhook", webhook.pk)


def _renew_secret(request: Request, webhook: Webhook) -> HttpResponse:
    """Only from the page as it is now: sent twice, the secret in use would stop to count."""
    if request.POST.get("known", "") != reading.secret_stamp(webhook):
        messages.error(request, "It got a new secret since you opened this page. Nothing was done.")
        return redirect("webhook", webhook.pk)
    return _told(request, webhook, webhooks.rotate_secret(webhook, at=timezone.now()))


@require_http_methods(["GET", "POST"])
@admits(Role.ADMIN)
def removal(request: Request, key: uuid.UUID) -> HttpResponse:
    """Remove a webhook, after a look at what that loses."""
    webhook = _webhook(key)
    if request.method == "POST":
        webhooks.unsubscribe(webhook)
        messages.success(request, f"{webhook} is removed.")
        return redirect("webhooks")
    return render(request, "webhooks/removal.html", {"webhook": webhook})


@require_POST
@admits(Role.ADMIN)
def delivery(request: Request, key: int) -> HttpResponse:
    """Send a delivery again, or discard it."""
    verbs = {"again": webhooks.send_again, "discard": webhooks.discard}
    verb = verbs.get(request.POST.get("do", ""))
    if verb is None:
        raise Http404
    problem = ""
    try:
        verb(key, at=timezone.now())
    except WebhookDelivery.DoesNotExist:
        raise Http404 from None
    except Refused as refused:
        problem = refused.message
    return _settled(request, key, problem)


def _settled(request: Request, key: int, problem: str) -> HttpResponse:
    """The delivery's row from fresh state, or without JavaScript the page where it stood."""
    found = WebhookDelivery.objects.select_related("callback", "webhook").get(pk=key)
    shown = {name: request.POST.get(name, "") for name in ("state", "before")}
    if request.htmx:
        context = {"row": Row(found, timezone.now()), "webhook": found.webhook, "problem": problem}
        status = 422 if problem else 200
        return render(request, "webhooks/delivery.html", {**shown, **context}, status=status)
    if problem:
        messages.error(request, problem)
    query = urlencode({name: value for name, value in shown.items() if value})
    return redirect(f"{reverse('webhook', args=[found.webhook_id])}?{query}#deliveries")
