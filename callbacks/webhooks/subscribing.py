"""Who is told: webhooks are added, paused, given a new secret, tried out and removed."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from callbacks.errors import Problem, Refused
from callbacks.models import ApiClient, Webhook, WebhookDelivery
from callbacks.models.encrypted import Sealed
from callbacks.models.keys import new_key
from callbacks.models.webhook import TEST, EventType
from callbacks.rules import targets, texts
from callbacks.webhooks.delivering import GIVE_UP_AFTER
from callbacks.webhooks.rendering import written
from callbacks.webhooks.signing import new_secret

BOTH_SECRETS_FOR = timedelta(hours=24)
"""How long the previous secret signs beside a new one."""
TESTS_AN_HOUR = 10
NAME = 100
PAUSED = "Paused by {}."


def subscriptions(client: ApiClient | None = None) -> QuerySet[Webhook]:
    """All webhooks, or those that this program made."""
    everything = Webhook.objects.all()
    return everything.filter(client=client) if client else everything


def subscribe(
    url: str,
    events: Iterable[str],
    *,
    name: str,
    by_name: str,
    at: datetime,
    client: ApiClient | None = None,
) -> tuple[Webhook, str]:
    """Add a webhook; with it comes its secret, which is never told again.

    Raises ``Refused`` with every problem of the address, the events and the name at once.
    """
    wanted = list(dict.fromkeys(events))
    if problems := list(_problems(url, wanted, name)):
        raise Refused(problems)
    secret = new_secret()
    made = Webhook(
        name=name.strip(),
        url=targets.parse(url, private=settings.WEBHOOK_PRIVATE_TARGETS).url,
        events=sorted(wanted),
        secret=Sealed.of(secret),
        created_by_name=by_name,
        client=client,
        created_at=at,
        told_since=at,
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        raise Refused([_twin()]) from None
    return made, secret


def _problems(url: str, events: list[str], name: str) -> Iterator[Problem]:
    try:
        targets.parse(url, private=settings.WEBHOOK_PRIVATE_TARGETS)
    except targets.TargetRefused as refused:
        yield Problem("invalid.value", "url", refused.message)
    if not events:
        yield Problem("invalid.value", "events", "Choose at least one event to be told of.")
    elif unknown := [event for event in events if event not in EventType.values]:
        known = ", ".join(EventType.values)
        shown = ", ".join(unknown)[:200]
        yield Problem("invalid.value", "events", f"There is no event {shown}. There are: {known}.")
    if not name.strip():
        yield Problem("invalid.value", "name", "Give it a name, such as CRM.")
    elif problem := texts.problem_with(name, NAME):
        yield Problem("invalid.value", "name", problem)


def _twin() -> Problem:
    return Problem(
        "webhook.exists",
        "url",
        "There is a webhook for this address already: each event would arrive twice. Change or "
        "remove that one.",
    )


def unsubscribe(webhook: Webhook) -> None:
    """Remove a webhook with everything that it was still to be told.

    1. Nothing new is noted for it from now on.
    2. Whoever is noting something right now is waited for; then all of it goes.
    """
    _switch_off(webhook, "It is being removed.")
    with transaction.atomic():
        if Webhook.objects.select_for_update().filter(pk=webhook.pk).exists():
            Webhook.objects.filter(pk=webhook.pk).delete()


def rotate_secret(webhook: Webhook, *, at: datetime) -> str:
    """Give it a new secret, told only now. For 24 hours the previous one signs, too.

    Not one that cannot be read any more: a new secret is the remedy for that.
    """
    secret = new_secret()
    with transaction.atomic():
        held = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        previous = held.secret if held.secret.is_readable else None
        Webhook.objects.filter(pk=webhook.pk).update(
            previous_secret=previous,
            previous_secret_until=at + BOTH_SECRETS_FOR if previous else None,
            secret=Sealed.of(secret),
        )
    return secret


def pause(webhook: Webhook, *, by_name: str) -> None:
    """Tell it nothing, until somebody resumes it. What happens meanwhile is never told."""
    _switch_off(webhook, PAUSED.format(by_name))


def _switch_off(webhook: Webhook, reason: str) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(is_active=False, disabled_reason=reason[:200])


@transaction.atomic
def resume(webhook: Webhook, *, at: datetime) -> None:
    """Tell it again what happens from now on, and what it still waited for; a fresh start."""
    Webhook.objects.filter(pk=webhook.pk).update(
        is_active=True,
        disabled_reason="",
        told_since=at,
        failing_since=None,
        failures=0,
        rests_until=None,
    )
    waiting = webhook.deliveries.filter(state=WebhookDelivery.State.WAITING)
    waiting.update(next_attempt_at=at, give_up_at=at + GIVE_UP_AFTER)


def send_test(webhook: Webhook, *, by_name: str, at: datetime) -> WebhookDelivery:
    """Send an event that means nothing, to see whether it arrives. At most ten an hour."""
    if not Webhook.objects.active().filter(pk=webhook.pk).exists():
        raise Refused([Problem("webhook.paused", "", "It is switched off. Resume it first.")])
    tests = webhook.deliveries.filter(type=TEST, created_at__gt=at - timedelta(hours=1))
    if tests.count() >= TESTS_AN_HOUR:
        raise Refused([Problem("too.many.requests", "", f"At most {TESTS_AN_HOUR} tests an hour.")])
    test = WebhookDelivery(
        webhook=webhook,
        event=new_key(),
        type=TEST,
        created_at=at,
        next_attempt_at=at,
        give_up_at=at + GIVE_UP_AFTER,
    )
    reason = f"Sent by {by_name} to see whether it arrives."
    test.body = written(test, {"version": None, "what": "test", "reason": reason})
    test.save(force_insert=True)
    Webhook.objects.filter(pk=webhook.pk).update(rests_until=None)
    return test
