"""Send what webhooks are to be told: at least once, and in order per webhook and callback.

One sweep at a time, held by a lock that lives as long as its connection to the database: its threads
are the parallelism, and the workers' other processes keep their time for the callbacks. Threads do
nothing but HTTP; this one alone speaks with the database, and no transaction is open meanwhile.

1. Of each line (the deliveries of one webhook about one callback) only the first may be sent, and the
   next one when that is settled.
2. The body is written down before it is sent. Whoever dies after that has it sent again with the same
   id and the same bytes.
3. What came of it is written by compare-and-set: somebody may have discarded it meanwhile.

A webhook that failed lately gets one thread, the others a few each as long as half of them are free,
so that slow ones hold up nobody but themselves. One that fails again and again is left alone for a while, and asked then with one
delivery, however many wait.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from callbacks import outbound
from callbacks.access import Actor
from callbacks.models import Webhook, WebhookDelivery
from callbacks.models.encrypted import Unreadable
from callbacks.outbound import Answer
from callbacks.webhooks import signing
from callbacks.webhooks.rendering import SHOWN, render

ONLY_ONE = 4_170_920_037
"""The advisory lock of whoever delivers."""
KEEPALIVES = """
    SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3
"""
THREADS = 32
OF_ONE = 4
"""So many requests to one webhook at the same time, while most threads are free."""
SWEEP_SECONDS = 20
"""Then the sweep ends, and the process is free; another sweep goes on."""
LOOK_AGAIN_SECONDS = 0.5
GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=4)
RESTS_AFTER = 5
"""So many failures in a row, and the whole webhook is left alone for a while."""
LONGEST_REST = timedelta(minutes=10)
NOTHING_ARRIVED = "Nothing has arrived at this address for 24 hours."
HIDDEN = "The program may not see the queue that this callback is in."
GONE = 410
State = WebhookDelivery.State
Clock = Callable[[], datetime]
chance = SystemRandom()


def deliver(at: datetime | None = None) -> int:
    """Send what is due; how many requests that were. Nothing where another sweep is at it.

    ``at``: the moment (aware UTC) in whose place time stands still; by default it is now, and goes on.
    """
    with _alone() as is_alone:
        return _Sweep((lambda: at) if at else timezone.now).run() if is_alone else 0


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this connection is the only one that delivers, until the block ends or it dies.

    A machine that vanished holds the lock no longer than the keepalives of its connection allow.
    """
    with connection.cursor() as cursor:
        cursor.execute(KEEPALIVES)
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ONLY_ONE])
        is_alone = bool(cursor.fetchone()[0])
        try:
            yield is_alone
        finally:
            if is_alone and connection.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ONLY_ONE])


class _Sweep:
    """One sweep, with what is under way."""

    def __init__(self, now: Clock) -> None:
        self.now = now
        self.ends = time.monotonic() + SWEEP_SECONDS
        self.under_way: dict[Future[Answer], WebhookDelivery] = {}
        self.sent = 0

    def run(self) -> int:
        """Until nothing is due, or the sweep's time is over."""
        with ThreadPoolExecutor(THREADS, "webhooks") as pool:
            while True:
                if time.monotonic() < self.ends:
                    self._send_more(pool)
                if not self.under_way:
                    return self.sent
                done, _ = wait(self.under_way, LOOK_AGAIN_SECONDS, FIRST_COMPLETED)
                for future in done:
                    settle(self.under_way.pop(future), future.result(), self.now())

    def _send_more(self, pool: ThreadPoolExecutor) -> None:
        """As many as there are threads for; who has the fewest under way comes first."""
        if len(self.under_way) >= THREADS:
            return
        for webhook in sorted(_with_something_due(self.now()), key=self._count_of):
            is_scarce = len(self.under_way) >= THREADS // 2
            share = 1 if webhook.failures or is_scarce else OF_ONE
            room = min(share - self._count_of(webhook), THREADS - len(self.under_way))
            if room > 0:
                self._send_of(webhook, room, pool)

    def _count_of(self, webhook: Webhook) -> int:
        return sum(one.webhook_id == webhook.pk for one in self.under_way.values())

    def _send_of(self, webhook: Webhook, at_most: int, pool: ThreadPoolExecutor) -> None:
        now = self.now()
        taken = [one.pk for one in self.under_way.values()]
        first = list(_first_in_line(webhook, now).exclude(pk__in=taken)[:at_most])
        first = withhold(first, webhook, now)
        render(first)
        for delivery in first:
            delivery.webhook = webhook
            self.under_way[pool.submit(*_request(delivery, now))] = delivery
            self.sent += 1


def _with_something_due(now: datetime) -> Any:
    due = WebhookDelivery.objects.filter(
        webhook=OuterRef("pk"), state=State.WAITING, next_attempt_at__lte=now
    )
    return Webhook.objects.awake(now).select_related("client").filter(Exists(due))


def _first_in_line(webhook: Webhook, now: datetime) -> Any:
    """What is due of a webhook, and has nothing before it in its line; the longest due first."""
    waiting = WebhookDelivery.objects.filter(webhook=webhook, state=State.WAITING)
    before = waiting.filter(callback=OuterRef("callback"), pk__lt=OuterRef("pk"))
    due = waiting.filter(~Exists(before), next_attempt_at__lte=now)
    return due.select_related(*SHOWN).order_by("next_attempt_at", "pk")


def withhold(
    deliveries: Sequence[WebhookDelivery], webhook: Webhook, at: datetime
) -> list[WebhookDelivery]:
    """Discard what the program may not see, or not any more; the rest. A statement for a program.

    What a callback's change tells is kept from others' programs when it is noted. This is for what
    time makes happen, and for callbacks that were moved to another queue since.
    """
    if webhook.client is None:
        return list(deliveries)
    queues = webhook.client.queues.values_list("pk", flat=True)
    program = Actor.program(webhook.client, webhook.client.scopes, queues)
    seen = [d for d in deliveries if d.callback is None or program.has_queue(d.callback.queue_id)]
    hidden = WebhookDelivery.objects.filter(
        pk__in={d.pk for d in deliveries} - {d.pk for d in seen}
    )
    hidden.filter(state=State.WAITING).update(state=State.DISCARDED, settled_at=at, error=HIDDEN)
    return seen


def _request(delivery: WebhookDelivery, now: datetime) -> tuple[Callable[[], Answer]]:
    """The request as a thread does it: all that it needs is at hand, and nothing is looked up."""
    webhook, body = delivery.webhook, delivery.body.encode()
    private = settings.WEBHOOK_PRIVATE_TARGETS
    try:
        signed_with = signing.secrets_of(webhook, now)
    except Unreadable as unreadable:
        failed = Answer(None, error=str(unreadable))
        return (lambda: failed,)
    headers = signing.headers(delivery, body, signed_with, now)
    return (lambda: outbound.post(webhook.url, body, headers, private=private),)


# --- what came of it --------------------------------------------------------------------------


@transaction.atomic
def settle(delivery: WebhookDelivery, answer: Answer, at: datetime) -> None:
    """Write down what came of an attempt, and what follows from it (``at``: aware UTC).

    The webhook's row first, as everybody locks them who needs both.
    """
    webhook = Webhook.objects.select_for_update(no_key=True).filter(pk=delivery.webhook_id).first()
    if webhook is None:
        return
    fate = _fate(delivery, answer, at)
    written = WebhookDelivery.objects.filter(pk=delivery.pk, state=State.WAITING).update(
        attempts=delivery.attempts + 1,
        attempted_at=at,
        response_status=answer.status,
        response_text=answer.text,
        error=_in_words(answer),
        **fate,
    )
    if written and "next_attempt_at" in fate:
        line_behind(delivery).update(next_attempt_at=fate["next_attempt_at"])
    if answer.is_success:
        _note_success(webhook, at)
    else:
        _note_failure(webhook, answer, at)


def _fate(delivery: WebhookDelivery, answer: Answer, at: datetime) -> dict[str, Any]:
    if answer.is_success:
        return {"state": State.DELIVERED, "settled_at": at}
    if answer.status == GONE or at >= delivery.give_up_at:
        return {"state": State.PARKED, "settled_at": at}
    return {"next_attempt_at": at + pause_after(delivery.attempts + 1, answer.retry_after)}


def line_behind(delivery: WebhookDelivery) -> Any:
    """What waits behind it about the same callback. A test has no line."""
    behind = WebhookDelivery.objects.filter(
        webhook=delivery.webhook_id, state=State.WAITING, pk__gt=delivery.pk
    )
    return behind.filter(callback=delivery.callback_id) if delivery.callback_id else behind.none()


def _in_words(answer: Answer) -> str:
    if answer.is_success or answer.error:
        return answer.error
    if answer.status is not None and 300 <= answer.status < 400:
        return f"Answered {answer.status}, a redirect: these are not followed. Change the address."
    return f"Answered {answer.status}."


def _note_success(webhook: Webhook, at: datetime) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(
        last_success_at=at, failing_since=None, failures=0, rests_until=None
    )


def _note_failure(webhook: Webhook, answer: Answer, at: datetime) -> None:
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or at
    values: dict[str, Any] = {
        "failures": webhook.failures,
        "failing_since": webhook.failing_since,
        "rests_until": rests_until(webhook.failures, at),
    }
    if answer.status == GONE and webhook.is_active:
        values |= {"is_active": False, "disabled_reason": "Its receiver answered 410 Gone."}
    Webhook.objects.filter(pk=webhook.pk).update(**values)
    if webhook.is_failing(at):
        _park_what_is_over(webhook, at)


def _park_what_is_over(webhook: Webhook, at: datetime) -> None:
    """Nothing arrived for a day: what waited that long is not asked for one by one."""
    over = WebhookDelivery.objects.filter(webhook=webhook, state=State.WAITING, give_up_at__lte=at)
    over.update(state=State.PARKED, settled_at=at, error=NOTHING_ARRIVED)


def pause_after(attempts: int, retry_after: str = "") -> timedelta:
    """How long to wait after so many attempts: half a minute, doubled each time, up to hours.

    With some chance in it, so that not all come at once; never sooner than the receiver asked for
    (``Retry-After`` in seconds), as far as hours go.
    """
    doubled = FIRST_PAUSE * (1 << min(attempts - 1, 10))
    asked = timedelta(seconds=int(retry_after)) if _is_seconds(retry_after) else timedelta(0)
    return min(max(doubled, asked), LONGEST_PAUSE) * chance.uniform(1, 1.25)


def _is_seconds(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 8


def rests_until(failures: int, at: datetime) -> datetime | None:
    """Until when the whole webhook is left alone after so many failures in a row."""
    if failures < RESTS_AFTER:
        return None
    rest = min(FIRST_PAUSE * (1 << min(failures - RESTS_AFTER, 10)), LONGEST_REST)
    return at + rest * chance.uniform(0.8, 1)
