"""Fan-out: the database notes whatever happens for whoever wants to know it, and nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from callbacks import calls, clock, webhooks
from callbacks.calls import WrapUp
from callbacks.models import Callback, HistoryEvent, Outcome, Presence, Webhook, WebhookDelivery
from callbacks.models.webhook import EventType
from callbacks.scheduling import cancel, change, schedule
from callbacks.scheduling.changing import Changes
from callbacks.webhooks.events import TYPE_OF
from tests.cast import NOW, Cast, by, make_callback, wish_at
from tests.webhooks.conftest import hook

DUE = NOW + timedelta(hours=1)
URL = "https://crm.example.com/ringback"


def noted(webhook: Webhook) -> list[str]:
    return list(webhook.deliveries.order_by("pk").values_list("type", flat=True))


# --- which event is which type ----------------------------------------------------------------


def test_every_kind_of_event_is_mapped_on_purpose() -> None:
    """A new kind of event must say what programs hear of it, be it nothing."""
    assert set(TYPE_OF) == set(HistoryEvent.What.values)
    assert {kind for kind, told in TYPE_OF.items() if told is None} == {
        "duplicate_prevented",
        "synchronised",
    }
    by_time = {EventType.OVERDUE, EventType.STUCK, EventType.SLA_BREACHED}
    assert {told for told in TYPE_OF.values() if told} == set(EventType) - by_time


@pytest.mark.django_db
def test_the_database_says_the_same() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT what, ringback_event_type(what) FROM unnest(%s::text[]) AS what",
            [HistoryEvent.What.values],
        )
        assert dict(cursor.fetchall()) == {str(kind): told for kind, told in TYPE_OF.items()}


# --- what people and the clock do -------------------------------------------------------------


def test_a_callbacks_whole_life_is_told_in_its_order(cast: Cast) -> None:
    webhook = hook(URL)
    callback = schedule(wish_at(cast.support, DUE), by=by(cast.ana), at=NOW).callback
    changes = Changes(reason="Modem")
    change(callback.pk, changes, by=by(cast.ana), at=NOW, version=callback.version)
    calls.set_presence(cast.ben.pk, Presence.ON_QUEUE, by=by(cast.ben), at=NOW)
    clock.tick(DUE)
    calls.accept(callback.pk, by=by(cast.ben), at=DUE)
    reached = Outcome.objects.get(name="Reached")
    calls.finish(callback.pk, WrapUp(outcome_id=reached.pk), by=by(cast.ben), at=DUE)
    assert noted(webhook) == [
        "callback.created", "callback.changed", "callback.due", "callback.offered",
        "callback.changed", "callback.completed",
    ]  # fmt: skip
    events = callback.history.order_by("version", "at", "id").values_list("pk", "at")
    assert list(webhook.deliveries.values_list("event", "created_at")) == list(events)
    assert set(webhook.deliveries.values_list("callback", flat=True)) == {callback.pk}


def test_a_webhook_hears_what_it_asked_for_and_only_while_it_is_active(cast: Cast) -> None:
    cancelled, paused = hook(URL, "callback.cancelled"), hook(URL + "2")
    webhooks.pause(paused, by_name="Ada Lund")
    callback = make_callback(cast.support, cast.ana)
    cancel(callback.pk, reason="Done", by=by(cast.ana), at=NOW, version=callback.version)
    assert noted(cancelled) == ["callback.cancelled"]
    assert noted(paused) == []
    webhooks.resume(paused, at=NOW)
    make_callback(cast.support, cast.ana)
    assert noted(paused) == ["callback.created"]


def test_what_is_undone_was_never_noted(cast: Cast) -> None:
    webhook = hook(URL)
    with transaction.atomic():
        make_callback(cast.support, cast.ana)
        assert noted(webhook) == ["callback.created"]
        transaction.set_rollback(True)
    assert noted(webhook) == []


def test_the_demonstrations_bulk_is_quiet(cast: Cast) -> None:
    webhook = hook(URL)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL ringback.quiet = 'on'")
        make_callback(cast.support, cast.ana)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL ringback.quiet = 'off'")
    assert noted(webhook) == []


def test_without_webhooks_nothing_is_noted(cast: Cast) -> None:
    make_callback(cast.support, cast.ana)
    assert WebhookDelivery.objects.count() == 0


# --- removing one -----------------------------------------------------------------------------


def test_a_webhook_that_is_removed_while_something_is_noted_for_it_fails_nobody(
    committed: Cast,
) -> None:
    """The change was first: the removal waits for it, and then takes along what it noted."""
    webhook = hook(URL)
    is_noted, may_commit = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                make_callback(committed.support, committed.ana)
                is_noted.set()
                may_commit.wait(10)
        finally:
            connection.close()

    def remove() -> None:
        try:
            webhooks.unsubscribe(webhook)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(write)
        assert is_noted.wait(10)
        removing = pool.submit(remove)
        with pytest.raises(TimeoutError):
            removing.result(0.3)
        may_commit.set()
        writing.result(10)
        removing.result(10)
    assert Callback.objects.count() == 1
    assert Webhook.objects.count() == WebhookDelivery.objects.count() == 0
