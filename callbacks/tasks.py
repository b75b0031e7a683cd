"""Celery's doors into the domain: a few lines each, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from callbacks import calls, clock
from callbacks.models import Heartbeat


@shared_task
def pulse() -> None:
    """Written by a worker because the clock asked: proof that both are alive.

    And nobody who was deactivated, by whatever way, keeps a promise (rules §4.7).
    """
    Heartbeat.beat("clock", timezone.now())
    calls.depart_the_deactivated(timezone.now())


@shared_task
def tick() -> None:
    """Once a second: what is due falls due, what waits is offered (rules §4.1)."""
    clock.tick()
