"""What people do about single deliveries: send again, discard."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from callbacks.errors import Problem, Refused
from callbacks.models import Webhook, WebhookDelivery
from callbacks.webhooks.delivering import GIVE_UP_AFTER

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
    Webhook.objects.filter(pk=delivery.webhook_id).update(rests_until=None)
    return delivery


@transaction.atomic
def discard(delivery_id: int, *, at: datetime) -> WebhookDelivery:
    """Give one up that waits or is parked: what comes after it in its line goes on.

    Raises ``WebhookDelivery.DoesNotExist`` and ``Refused`` where it arrived already.
    """
    delivery = _held(delivery_id)
    if delivery.state == State.DELIVERED:
        raise Refused([Problem("webhook.delivered", "", "It was delivered already.")])
    _store(delivery, {"state": State.DISCARDED, "settled_at": at})
    return delivery


def _held(delivery_id: int) -> WebhookDelivery:
    found = WebhookDelivery.objects.select_for_update(of=("self",)).select_related("webhook")
    return found.get(pk=delivery_id)


def _store(delivery: WebhookDelivery, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(delivery, name, value)
    delivery.save(update_fields=list(values))
