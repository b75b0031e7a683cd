"""What is settled is kept for a month, then it goes."""

from datetime import datetime, timedelta

from callbacks.models import WebhookDelivery

KEPT_FOR = timedelta(days=30)
AT_ONCE = 5_000


def prune(at: datetime) -> int:
    """Delete what was settled more than 30 days ago; how many. In chunks, each its own."""
    old = WebhookDelivery.objects.filter(settled_at__lt=at - KEPT_FOR).order_by("settled_at")
    gone = 0
    while keys := list(old.values_list("pk", flat=True)[:AT_ONCE]):
        gone += WebhookDelivery.objects.filter(pk__in=keys, settled_at__isnull=False).delete()[0]
    return gone
