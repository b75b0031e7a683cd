"""What people do about single deliveries: send again, discard."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from callbacks.errors import Problem, Refused
from callbacks.models import Webhook, WebhookDelivery
from callbacks.webhooks.delivering import GIVE_UP_AFTER, line_behind

State = WebhookDelivery.State


@transaction.atomic
def send_again(delivery_id: int, *, at: datetime) -> WebhookDelivery:
    """Send it at once, with the same id and the same bytes; then for another day, if it must be.

    One that still waits is sent as soon as it is first in the line of its callback. Raises
    ``WebhookDelivery.DoesNotExist`` and ``Refused`` where the webhook is switched off.
    """
    delivery = _held(delivery_id)
    if not delivery.webhook.is_active:
        raise Refused([Problem("webhook.paused", "", "It is switched off. Resume it first.")])
    values = {
        "state": State.WAITING,
        "settled_at": None,
        "next_attempt_at": at,
        "give_up_at": at + GIVE_UP_AFTER,
        "attempts": 0,
    }
    _store(delivery, values)
    _bring_forward(delivery, at)
    Webhook.objects.filter(pk=delivery.webhook_id).update(rests_until=None)
    return delivery


@transaction.atomic
def discard(delivery_id: int, *, at: datetime) -> WebhookDelivery:
    """Give one up that waits or is parked: what comes after it in its line goes on at once.

    Raises ``WebhookDelivery.DoesNotExist`` and ``Refused`` where it arrived already.
    """
    delivery = _held(delivery_id)
    if delivery.state == State.DELIVERED:
        raise Refused([Problem("webhook.delivered", "", "It was delivered already.")])
    if delivery.state == State.WAITING:
        _bring_forward(delivery, at)
    if delivery.state != State.DISCARDED:
        _store(delivery, {"state": State.DISCARDED, "settled_at": at})
    return delivery


def _held(delivery_id: int) -> WebhookDelivery:
    """Locked with its webhook: first that one's row, as everybody locks them who needs both."""
    webhooks = Webhook.objects.select_for_update(no_key=True, of=("self",))
    webhook = webhooks.filter(deliveries=delivery_id).first()
    delivery = WebhookDelivery.objects.select_for_update(no_key=True).get(pk=delivery_id)
    delivery.webhook = webhook or delivery.webhook
    return delivery


def _bring_forward(delivery: WebhookDelivery, at: datetime) -> None:
    """What waited because this one failed waits no longer than it."""
    line_behind(delivery).filter(next_attempt_at__gt=at).update(next_attempt_at=at)


def _store(delivery: WebhookDelivery, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(delivery, name, value)
    delivery.save(update_fields=list(values))
