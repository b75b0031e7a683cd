"""Look at callbacks whose moment has come, and do what the rules say about each.

A chunk is claimed with SKIP LOCKED, judged one by one, and written together: one transaction, so
that a death on any line leaves everything as it was, to be found by whoever looks next.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from callbacks import holding, journal
from callbacks.access import Actor
from callbacks.clock.steps import Around, Step, step_of
from callbacks.lifecycle import Status
from callbacks.models import Agent, Callback, Offer
from callbacks.models.callback import OPEN, CallbackQuerySet
from callbacks.scheduling import facts

AT_ONCE = 500
"""So many callbacks are looked at in one transaction."""
AFTER_A_FAILURE = timedelta(minutes=15)
"""When a callback whose step failed is looked at again; the log says why it did."""
CLOCK = Actor.engine()
logger = logging.getLogger(__name__)
WRITTEN = (
    "status", "held_for", "next_action_at", "ended_at", "owner", "ownership_expires_at",
    "is_stood_in_for", "agent",
)  # fmt: skip
"""What a step may change."""


@dataclass
class Chunk:
    """What came of looking at some callbacks."""

    changed: list[Callback] = field(default_factory=list)
    unchanged: list[Callback] = field(default_factory=list)
    missed: list[Callback] = field(default_factory=list)
    missed_by: list[Any] = field(default_factory=list)
    entries: list[journal.Entry] = field(default_factory=list)


def look(at: datetime, at_most: int = AT_ONCE) -> int:
    """Look at up to so many due callbacks; how many they were (``at``: aware UTC, now).

    One statement when nothing is due, whatever the history.
    """
    due = Callback.objects.filter(OPEN, next_action_at__lte=at)
    # The first of the index, never "is there one": that may read everything to find none.
    looks = Callback.objects.filter(OPEN).order_by("next_action_at")
    first = looks.values_list("next_action_at", flat=True).first()
    if first is None or first > at:
        return 0
    try:
        return _look_at_some(due, at, at_most)
    except (ArithmeticError, LookupError, TypeError, ValueError, IntegrityError):
        logger.exception("A chunk of due callbacks failed; looking at them one by one.")
        return _look_one_by_one(due, at, at_most)


@transaction.atomic
def _look_at_some(due: CallbackQuerySet, at: datetime, at_most: int) -> int:
    claimed = list(
        due.flagged()
        .select_for_update(of=("self",), skip_locked=True)
        .select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
        .order_by("next_action_at", "id")[:at_most]
    )
    around = _around(claimed, at)
    chunk = Chunk()
    for callback in claimed:
        _take_step(callback, around, chunk)
    _write(chunk, at)
    return len(claimed)


def _look_one_by_one(due: CallbackQuerySet, at: datetime, at_most: int) -> int:
    """One bad row must not keep the others from their time: it is looked at again later."""
    keys = list(due.order_by("next_action_at", "id").values_list("pk", flat=True)[:at_most])
    for key in keys:
        try:
            _look_at_some(due.filter(pk=key), at, 1)
        except Exception:
            logger.exception("Callback %s cannot take its step.", key)
            due.filter(pk=key).update(next_action_at=at + AFTER_A_FAILURE)
    return len(keys)


def _around(callbacks: Sequence[Callback], at: datetime) -> Around:
    """What the rules need to know about them. One statement, and one for each queue with owners."""
    terms = facts.of_queues({callback.queue_id for callback in callbacks}, at)
    owners_of: dict[Any, set[Any]] = {}
    for callback in callbacks:
        if callback.owner_id:
            owners_of.setdefault(callback.queue_id, set()).add(callback.owner_id)
    owners = {queue: facts.of_owners(queue, ids, at) for queue, ids in owners_of.items()}
    return Around(at, terms, owners)


def look_again(queue_id: uuid.UUID, at: datetime) -> int:
    """Let the next tick look at all of a queue that is due: another one routes it now; how many."""
    due = Callback.objects.filter(OPEN, queue=queue_id, next_action_at__gt=at)
    waiting = Q(status=Status.WAITING) | (Q(status=Status.PENDING) & ~Q(held_for=""))
    return due.filter(waiting).update(next_action_at=at)


def _take_step(callback: Callback, around: Around, chunk: Chunk) -> None:
    before, agent_id = journal.snapshot(callback), callback.agent_id
    step: Step | None = step_of(callback, around)
    if step is None:
        chunk.unchanged.append(callback)
        return
    if step.what == journal.What.MISSED:
        chunk.missed.append(callback)
        chunk.missed_by.append(agent_id)
    chunk.changed.append(callback)
    chunk.entries.append(journal.Entry(callback, step.what, before, None, step.reason, step.action))


def _write(chunk: Chunk, at: datetime) -> None:
    """Everything at once. Callbacks first, then agents, as everybody locks them."""
    holding.store_all(chunk.changed, *WRITTEN, at=at)
    holding.write_all(chunk.unchanged, "next_action_at")
    if chunk.missed:
        Offer.objects.filter(callback__in=chunk.missed, ended_at__isnull=True).update(
            ended_at=at, result=Offer.Result.MISSED
        )
        Agent.objects.filter(pk__in=chunk.missed_by).update(not_responding_since=at, idle_since=at)
    if chunk.entries:
        journal.record_all(chunk.entries, by=CLOCK, at=at)
