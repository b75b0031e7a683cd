"""Figures for Prometheus: what is open now, by queue; how late the engine is; what waits to be sent.

All of it is asked of the database at the moment of the scrape, so any web process gives the same
answer, and the cost grows with what is open, not with history.
"""

from collections.abc import Iterable, Iterator
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from callbacks.models import Callback, OutboxMessage, WebhookDelivery
from callbacks.models.callback import CallbackQuerySet
from dashboard.entrance import admits_everyone
from dashboard.shell import engine_silence


@require_safe
@admits_everyone
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for whoever has the token; without ``METRICS_TOKEN`` there is no such page."""
    said = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    if not settings.METRICS_TOKEN or not compare_digest(said.encode(), wanted.encode()):
        raise Http404
    registry = CollectorRegistry()
    registry.register(Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Figures(Collector):
    """What is measured."""

    def collect(self) -> Iterator[Metric]:
        """Five statements."""
        at = timezone.now()
        yield _by_queue(
            "ringback_callbacks_open",
            "Open callbacks.",
            _counted(Callback.objects.open(), "queue__name", "status"),
            ("queue", "status"),
        )
        yield _by_queue(
            "ringback_callbacks_overdue",
            "Open callbacks whose window has ended.",
            _counted(Callback.objects.overdue(at), "queue__name"),
        )
        yield _by_queue(
            "ringback_callbacks_stuck",
            "Open and due callbacks to which nothing happens.",
            _counted(Callback.objects.stuck(at), "queue__name"),
        )
        yield GaugeMetricFamily(
            "ringback_clock_silence_seconds",
            "Since clock and worker were heard.",
            engine_silence().total_seconds(),
        )
        for name, said, waiting in (
            ("outbox", "Messages that wait for the platform.", OutboxMessage),
            ("webhooks", "Events that wait for a webhook.", WebhookDelivery),
        ):
            number = waiting.objects.filter(state=waiting.State.WAITING).count()
            yield GaugeMetricFamily(f"ringback_{name}_waiting", said, number)


def _counted(callbacks: CallbackQuerySet, *by: str) -> Iterable[tuple[Any, ...]]:
    return callbacks.order_by().values_list(*by).annotate(number=Count("pk"))


def _by_queue(
    name: str, said: str, rows: Iterable[tuple[Any, ...]], labels: tuple[str, ...] = ("queue",)
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, said, labels=labels)
    for *values, number in rows:
        family.add_metric(values, number)
    return family
