"""What time alone makes happen is told once for each cause: overdue, stuck, breached (rules §5)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from callbacks import calls, clock, webhooks
from callbacks.models import Callback, Presence, Queue, Webhook, WebhookDelivery, WebhookWatch
from callbacks.scheduling import cancel, reschedule, schedule
from callbacks.webhooks import watch
from tests.cast import NOW, Cast, by, wish_at
from tests.webhooks.conftest import hook

MINUTE, HOUR, SECOND = timedelta(minutes=1), timedelta(hours=1), timedelta(seconds=1)
DUE = NOW + HOUR
URL = "https://crm.example.com/ringback"


def promise(cast: Cast, when: datetime = DUE, queue: Queue | None = None) -> Callback:
    return schedule(wish_at(queue or cast.support, when), by=by(cast.ana), at=NOW).callback


def told(webhook: Webhook) -> list[tuple[object, datetime]]:
    rows = webhook.deliveries.order_by("created_at", "pk")
    return list(rows.values_list("callback", "created_at"))


def a_month_later() -> datetime:
    return NOW + timedelta(days=30)


# --- overdue ----------------------------------------------------------------------------------


def test_a_callback_is_told_as_overdue_when_its_window_has_ended_and_only_then(cast: Cast) -> None:
    webhook = hook(URL, "callback.overdue")
    callback = promise(cast)
    ends_at = callback.window_ends_at
    watch(ends_at)
    assert told(webhook) == []
    for seconds in (1, 11, 21, 500):
        watch(ends_at + seconds * SECOND)
    assert told(webhook) == [(callback.pk, ends_at)]


def test_what_is_over_is_not_overdue(cast: Cast) -> None:
    webhook = hook(URL, "callback.overdue")
    callback = promise(cast)
    cancel(callback.pk, reason="Done", by=by(cast.ana), at=NOW, version=callback.version)
    watch(a_month_later())
    assert told(webhook) == []


def test_each_new_window_is_a_new_cause(cast: Cast) -> None:
    webhook = hook(URL, "callback.overdue")
    callback = promise(cast)
    first = callback.window_ends_at
    late = first + MINUTE
    watch(late)
    to = wish_at(cast.support, late + HOUR, phone_number=callback.phone_number)
    moved = reschedule(callback.pk, to, by=by(cast.sam), at=late, version=callback.version)
    watch(late + MINUTE)
    assert told(webhook) == [(callback.pk, first)]
    watch(moved.window_ends_at + SECOND)
    assert told(webhook) == [(callback.pk, first), (callback.pk, moved.window_ends_at)]


def test_an_outage_of_the_watch_is_made_up_for(cast: Cast) -> None:
    webhook = hook(URL, "callback.overdue")
    made = [promise(cast, DUE + hours * HOUR) for hours in range(3)]
    watch(NOW)
    watch(a_month_later())
    assert [key for key, _ in told(webhook)] == [callback.pk for callback in made]


def test_a_watch_that_lost_its_place_tells_nothing_twice(cast: Cast) -> None:
    """The key follows from callback and cause; the place only keeps the question cheap."""
    webhook = hook(URL, "callback.overdue", "callback.stuck", "callback.sla_breached")
    promise(cast)
    watch(a_month_later())
    once = told(webhook)
    assert len(once) == 3
    WebhookWatch.objects.all().delete()
    watch(a_month_later() + SECOND)
    assert told(webhook) == once


def test_what_became_so_before_somebody_asked_is_not_told(cast: Cast) -> None:
    promise(cast)
    early = hook(URL, "callback.overdue")
    watch(NOW)
    late = webhooks.subscribe(
        URL + "2", ["callback.overdue"], name="Late", by_name="Ada Lund", at=DUE + 5 * HOUR
    )[0]
    webhooks.pause(early, by_name="Ada Lund")
    webhooks.resume(early, at=DUE + 5 * HOUR)
    watch(a_month_later())
    assert told(early) == told(late) == []


# --- the service level ------------------------------------------------------------------------


def test_a_breach_is_told_when_no_attempt_was_made_by_the_deadline(cast: Cast) -> None:
    webhook = hook(URL, "callback.sla_breached")
    untried, tried = promise(cast), promise(cast)
    assert untried.due_by == tried.due_by
    clock.tick(DUE)
    calls.set_presence(cast.ben.pk, Presence.ON_QUEUE, by=by(cast.ben), at=DUE)
    ringing = Callback.objects.get(agent=cast.ben.pk)
    calls.accept(ringing.pk, by=by(cast.ben), at=DUE)
    left = ({untried.pk, tried.pk} - {ringing.pk}).pop()
    watch(untried.due_by)
    assert told(webhook) == []
    watch(untried.due_by + SECOND)
    watch(untried.due_by + MINUTE)
    assert told(webhook) == [(left, untried.due_by)]


# --- stuck ------------------------------------------------------------------------------------


def test_stuck_is_due_and_quiet_for_longer_than_the_queue_allows(cast: Cast) -> None:
    webhook = hook(URL, "callback.stuck")
    callback, limit = promise(cast), cast.support.stuck_after
    watch(DUE + limit)
    assert told(webhook) == []
    watch(DUE + limit + SECOND)
    watch(DUE + limit + MINUTE)
    assert told(webhook) == [(callback.pk, DUE + limit)]


def test_whatever_happens_begins_a_new_quiet_which_may_be_told_again(cast: Cast) -> None:
    webhook = hook(URL, "callback.stuck")
    callback, limit = promise(cast), cast.support.stuck_after
    watch(DUE + limit + SECOND)
    clock.tick(DUE + limit + MINUTE)
    watch(DUE + 2 * limit)
    assert len(told(webhook)) == 1
    watch(DUE + 2 * limit + 2 * MINUTE)
    again = DUE + limit + MINUTE + limit
    assert told(webhook) == [(callback.pk, DUE + limit), (callback.pk, again)]


def test_a_limit_that_is_lowered_is_made_up_for_and_one_that_is_raised_repeats_nothing(
    cast: Cast,
) -> None:
    """Each queue has its own place: the other queue's is not moved by it."""
    webhook = hook(URL, "callback.stuck")
    ours = promise(cast)
    theirs = schedule(wish_at(cast.billing, DUE), by=by(cast.otto), at=NOW).callback
    watch(DUE + 2 * HOUR)
    Queue.objects.filter(pk=cast.support.pk).update(stuck_after=HOUR)
    watch(DUE + 2 * HOUR + SECOND)
    assert [key for key, _ in told(webhook)] == [ours.pk]
    Queue.objects.filter(pk=cast.support.pk).update(stuck_after=3 * HOUR)
    watch(DUE + 3 * HOUR + MINUTE)
    assert [key for key, _ in told(webhook)] == [ours.pk]
    watch(DUE + cast.billing.stuck_after + MINUTE)
    assert [key for key, _ in told(webhook)] == [ours.pk, theirs.pk]


# --- two of them, and what it costs -----------------------------------------------------------


def test_two_watches_at_once_tell_each_event_once(committed: Cast) -> None:
    webhook = hook(URL, "callback.overdue", "callback.stuck", "callback.sla_breached")
    for minutes in range(4):
        promise(committed, DUE + minutes * MINUTE)

    def look(second: int) -> None:
        try:
            watch(a_month_later() + second * SECOND)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(12)))
    assert webhook.deliveries.count() == 3 * 4


def test_a_watch_that_finds_another_at_it_leaves_it_to_that_one(committed: Cast) -> None:
    webhook = hook(URL, "callback.overdue")
    promise(committed)

    def look() -> int:
        try:
            watch(a_month_later())
            return webhook.deliveries.count()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            watch(NOW)
            assert pool.submit(look).result(10) == 0
        assert pool.submit(look).result(10) == 1


@pytest.mark.parametrize("kinds", [[], ["callback.created"]])
def test_where_nobody_wants_to_know_it_takes_two_statements(cast: Cast, kinds: list[str]) -> None:
    if kinds:
        hook(URL, *kinds)
    promise(cast)
    with CaptureQueriesContext(connection) as statements:
        watch(a_month_later())
    asked = [one["sql"] for one in statements if "SAVEPOINT" not in one["sql"]]
    assert len(asked) == 2
    assert WebhookDelivery.objects.filter(type="callback.overdue").count() == 0


def test_it_costs_the_same_number_of_statements_however_many_became_so(cast: Cast) -> None:
    hook(URL, "callback.overdue", "callback.stuck", "callback.sla_breached")
    counts = []
    for day, many in ((0, 1), (3, 25)):
        for _ in range(many):
            promise(cast, DUE + timedelta(days=day))
        watch(DUE + timedelta(days=day))
        with CaptureQueriesContext(connection) as statements:
            watch(DUE + timedelta(days=day + 2))
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert WebhookDelivery.objects.count() == 3 * 26
