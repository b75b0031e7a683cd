"""Celery's doors into the domain: a few lines each, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from callbacks.models import Heartbeat


@shared_task
def pulse() -> None:
    """Written by a worker because the clock asked: proof that both are alive."""
    Heartbeat.beat("clock", timezone.now())
