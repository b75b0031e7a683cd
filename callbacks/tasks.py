"""Celery's doors into the domain: a few lines each, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from callbacks import calls, clock


@shared_task
def tick() -> None:
    """Once a second: what is due falls due, what waits is offered (rules §4.1).

    Its heartbeat is the proof that clock, broker, worker and database are alive together.
    """
    clock.tick()


@shared_task
def sweep() -> None:
    """Nobody who was deactivated, by whatever way, keeps a promise (rules §4.7)."""
    calls.depart_the_deactivated(timezone.now())
