"""What is sent: written when it is first tried, and kept, so that every retry has the same bytes."""

import json
from collections.abc import Sequence
from typing import Any

from callbacks.models import Callback, HistoryEvent, WebhookDelivery
from callbacks.portrait import portray, stamp
from callbacks.webhooks.events import REASONS

SHOWN = ("callback__queue", "callback__owner__user", "callback__preferred_agent__user")
"""What a portrait needs at hand."""


def render(deliveries: Sequence[WebhookDelivery]) -> None:
    """Write the bodies that are not written yet; their callbacks should be at hand.

    One statement for what history says, one for how they stand on their platforms, and one for
    each body.
    """
    bare = [delivery for delivery in deliveries if not delivery.body]
    told = HistoryEvent.objects.in_bulk([delivery.event for delivery in bare]) if bare else {}
    _look_how_they_stand([delivery.callback for delivery in bare if delivery.callback])
    for delivery in bare:
        delivery.body = written(delivery, _happened(delivery, told.get(delivery.event)))
        WebhookDelivery.objects.filter(pk=delivery.pk).update(body=delivery.body)


def _look_how_they_stand(callbacks: Sequence[Callback]) -> None:
    keys = {callback.pk for callback in callbacks}
    found = Callback.objects.with_standing().in_bulk(keys) if keys else {}
    for callback in callbacks:
        if callback.pk in found:
            callback.standing = found[callback.pk].standing


def written(delivery: WebhookDelivery, happened: dict[str, Any]) -> str:
    """The whole body."""
    callback = delivery.callback
    body = {
        "id": str(delivery.event),
        "type": delivery.type,
        "time": stamp(delivery.created_at),
        **happened,
        "callback": portray(callback) if callback else None,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _happened(delivery: WebhookDelivery, event: HistoryEvent | None) -> dict[str, Any]:
    if event:
        return {"version": event.version, "what": event.what, "reason": event.reason}
    version = delivery.callback.version if delivery.callback else None
    what = delivery.type.partition(".")[2]
    return {"version": version, "what": what, "reason": REASONS.get(delivery.type, "")}
