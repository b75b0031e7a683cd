"""What time alone makes happen is told, too: overdue, stuck, the service level breached (rules §5).

No history holds it, because nobody does it. A watch asks every few seconds what has newly become so:
each question goes along an axis of moments (when windows end, deadlines pass, queues lose patience),
and how far it has seen is kept. So the cost is that of what newly became so, and an outage is made
up for. The key of an event follows from callback and cause, so it is noted once, whoever asks.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection, transaction

from callbacks.models import Callback, Queue, Webhook, WebhookDelivery, WebhookWatch
from callbacks.models.callback import CallbackQuerySet
from callbacks.models.webhook import EventType
from callbacks.webhooks.delivering import GIVE_UP_AFTER
from callbacks.webhooks.events import derived_key

ONLY_ONE = 4_170_920_038
"""The advisory lock of whoever watches."""
LAP = timedelta(minutes=2)
"""So far back is looked again: a change that takes effect a little in the past, or commits late."""
AT_ONCE = 1_000
TIMED = (EventType.OVERDUE, EventType.SLA_BREACHED, EventType.STUCK)


@dataclass(frozen=True)
class Question:
    """One question: which callbacks became so, along an axis of moments."""

    type: str
    names: Sequence[str]
    """Where ``WebhookWatch`` keeps how far it has seen."""
    axis: str
    until: datetime
    found: CallbackQuerySet
    after: timedelta = timedelta(0)
    """How long after the moment on the axis it becomes so."""

    def newly(self, since: datetime) -> Iterator[tuple[uuid.UUID, datetime]]:
        """Callbacks with their moments from then on, and of a little before; in their order."""
        span = {f"{self.axis}__gte": since - self.after - LAP, f"{self.axis}__lt": self.until}
        found = self.found.filter(**span).order_by(self.axis, "pk")
        return found.values_list("pk", self.axis).iterator(AT_ONCE)


@transaction.atomic
def watch(at: datetime) -> None:
    """Note for webhooks what became so by this moment (aware UTC).

    Nothing where another watch is at it. Two statements where no webhook wants to know.
    """
    wanted = _who_wants_what() if _is_only_one() else {}
    if not wanted:
        return
    seen = dict(WebhookWatch.objects.values_list("question", "seen_until"))
    for question in _questions(at, wanted, seen):
        _tell(question, wanted[question.type], seen.get(question.names[0]), at)
        _keep(question)


def _is_only_one() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ONLY_ONE])
        return bool(cursor.fetchone()[0])


def _who_wants_what() -> Mapping[str, Sequence[Webhook]]:
    active = list(Webhook.objects.active().filter(events__overlap=list(TIMED)))
    wanted = {kind: [one for one in active if kind in one.events] for kind in TIMED}
    return {str(kind): who for kind, who in wanted.items() if who}


def _questions(
    at: datetime, wanted: Mapping[str, object], seen: Mapping[str, datetime]
) -> Iterator[Question]:
    callbacks = Callback.objects
    if EventType.OVERDUE in wanted:
        overdue = callbacks.overdue(at)
        yield Question(EventType.OVERDUE, ["overdue"], "window_ends_at", at, overdue)
    if EventType.SLA_BREACHED in wanted:
        breached = callbacks.breached(at)
        yield Question(EventType.SLA_BREACHED, ["sla_breached"], "due_by", at, breached)
    if EventType.STUCK in wanted:
        yield from _about_queues(at, seen)


def _about_queues(at: datetime, seen: Mapping[str, datetime]) -> Iterator[Question]:
    """Each queue has its own place on the axis, so that a limit that is lowered is made up for.

    Queues of the same limit that are at the same place, which is nearly all, are asked about at once.
    """
    together: dict[tuple[timedelta, datetime | None], list[uuid.UUID]] = {}
    for key, limit in Queue.objects.values_list("pk", "stuck_after"):
        together.setdefault((limit, seen.get(_place(key))), []).append(key)
    for (limit, _), keys in together.items():
        names = [_place(key) for key in keys]
        stuck = Callback.objects.stuck(at).filter(queue__in=keys)
        yield Question(EventType.STUCK, names, "quiet_since", at - limit, stuck, limit)


def _place(queue_id: uuid.UUID) -> str:
    return f"stuck:{queue_id}"


def _tell(
    question: Question, webhooks: Sequence[Webhook], seen_until: datetime | None, at: datetime
) -> None:
    """Note it for every webhook that wants to know, from where it was seen last."""
    earliest = min(webhook.told_since for webhook in webhooks)
    since = max(seen_until + question.after, earliest) if seen_until else earliest
    found = question.newly(since)
    while some := list(islice(found, AT_ONCE)):
        deliveries = [
            _delivery(question.type, key, moment, webhook, moment + question.after, at)
            for key, moment in some
            for webhook in webhooks
            if moment + question.after >= webhook.told_since
        ]
        # Once for each cause, whoever noted it before.
        WebhookDelivery.objects.bulk_create(deliveries, ignore_conflicts=True)


def _delivery(
    event_type: str,
    callback_id: uuid.UUID,
    cause: datetime,
    webhook: Webhook,
    became_so_at: datetime,
    at: datetime,
) -> WebhookDelivery:
    return WebhookDelivery(
        webhook=webhook,
        callback_id=callback_id,
        event=derived_key(event_type, callback_id, cause.timestamp()),
        type=event_type,
        created_at=became_so_at,
        next_attempt_at=at,
        give_up_at=at + GIVE_UP_AFTER,
    )


def _keep(question: Question) -> None:
    """How far it has seen now; back, too, where a limit was raised: nothing is told twice."""
    WebhookWatch.objects.bulk_create(
        [WebhookWatch(question=name, seen_until=question.until) for name in question.names],
        update_conflicts=True,
        update_fields=["seen_until"],
        unique_fields=["question"],
    )
