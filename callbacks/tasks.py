"""Celery's doors into the domain: a few lines each, harmless when run twice."""

import uuid

from celery import shared_task
from django.utils import timezone

from callbacks import calls, clock, imports, programs, sync, webhooks


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


@shared_task
def deliver_to_webhooks() -> None:
    """What is due is sent to webhooks; one sweep at a time, whoever starts it."""
    webhooks.deliver()


@shared_task
def watch_for_webhooks() -> None:
    """What time alone makes happen is noted for webhooks (rules §5.1, §5.2)."""
    webhooks.watch(timezone.now())


@shared_task
def go_on_with_imports() -> None:
    """Imports that are under way and that nobody is at go on where they stopped."""
    if imports.go_on():
        go_on_with_imports.apply_async(expires=10)


@shared_task
def sync_wake() -> None:
    """Once a second: each connection that may have something to do is gone on with."""
    for key in sync.connections_at_work():
        # The next second wakes it again; one at a time does the work, whoever starts it.
        sync_exchange.apply_async((str(key),), expires=1)


@shared_task
def sync_exchange(connection_id: str) -> None:
    """What waits is told to a platform, and what happened there comes back (rules §6)."""
    sync.exchange(uuid.UUID(connection_id))


@shared_task
def sync_forget() -> None:
    """Messages of callbacks that no platform is to know are dropped."""
    sync.forget_the_unconnected()


@shared_task
def forget() -> None:
    """What was delivered a month ago, imported or answered a day ago, or let in an hour ago, is forgotten."""
    at = timezone.now()
    webhooks.prune(at)
    programs.forget_old_answers(at)
    programs.forget_old_tokens(at)
    imports.prune(at)
    sync.prune(at)
