"""Where the platform routes a queue, our clock watches and does not offer (rules §4.1)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from callbacks import clock, routing
from callbacks.access import Actor
from callbacks.lifecycle import Status
from callbacks.models import Agent, Callback, ContactList, ContactListEntry, Offer, Presence, Queue
from callbacks.models.callback import Hold
from callbacks.rules import looks
from tests.cast import NOW, Cast, by, make_callback
from tests.domain.test_clock import on_queue

DUE = datetime.fromisoformat("2026-11-24T17:00:00Z")
"""When the builder's callback falls due: 12:00 in New York."""
Mode = Queue.RoutingMode


@pytest.fixture
def there(cast: Cast) -> Cast:
    """Support is routed by the platform; Ana is idle."""
    Queue.objects.filter(pk=cast.support.pk).update(routing_mode=Mode.PLATFORM)
    on_queue(cast.ana)
    return cast


def fresh(callback: Callback) -> Callback:
    """As it is now."""
    return Callback.objects.get(pk=callback.pk)


def last(callback: Callback) -> tuple[str, str]:
    """What happened last, and why."""
    event = callback.history.order_by("at", "id").last()
    assert event
    return event.what, event.reason


def test_at_its_time_it_falls_due_and_nobody_is_rung_here(there: Cast) -> None:
    callback = make_callback(there.support, there.sam)
    clock.tick(DUE)
    after = fresh(callback)
    assert (after.status, after.next_action_at) == (Status.WAITING, DUE + looks.WAITING_AGAIN)
    assert last(callback) == ("fell_due", "The platform routes it.")
    assert not Offer.objects.exists()


def test_neither_hours_nor_lists_hold_it_back_here(there: Cast) -> None:
    callback = make_callback(there.support, there.sam)
    marks = ContactList.objects.create(name="Complaints")
    ContactListEntry.objects.create(
        contact_list=marks, phone_number=callback.phone_number, is_uncallable=True
    )
    clock.tick(DUE + timedelta(hours=9))
    assert fresh(callback).status == Status.WAITING


def test_it_neither_expires_nor_goes_to_a_stand_in(there: Cast) -> None:
    callback = make_callback(there.support, there.ana, owner_id=there.ana.pk)
    Queue.objects.filter(pk=there.support.pk).update(when_owner_cannot="reassign")
    Agent.objects.filter(pk=there.ana.pk).update(presence=Presence.OFFLINE)
    for hours in range(0, 48, 3):
        clock.tick(DUE + timedelta(hours=hours))
    after = fresh(callback)
    assert (after.status, after.owner_id) == (Status.WAITING, there.ana.pk)


def test_one_that_nothing_comes_back_about_is_stuck(there: Cast) -> None:
    callback = make_callback(there.support, there.sam)
    clock.tick(DUE)
    clock.tick(DUE + timedelta(hours=2))
    limit = there.support.stuck_after
    assert not Callback.objects.stuck(DUE + limit - timedelta(minutes=1)).exists()
    assert Callback.objects.stuck(DUE + limit + timedelta(minutes=1)).get() == callback


def test_the_decision_says_who_routes(there: Cast) -> None:
    callback = make_callback(there.support, there.sam)
    clock.tick(DUE)
    assert routing.explain(fresh(callback), DUE).reason == "The platform routes Support."


def switch_back(cast: Cast, at: datetime, enter: Any = None) -> None:
    """Ringback routes Support again."""
    Queue.objects.filter(pk=cast.support.pk).update(routing_mode=Mode.LONGEST_IDLE)
    clock.look_again(cast.support.pk, at)


def test_switched_back_what_waits_is_offered_at_the_next_tick(there: Cast) -> None:
    callback = make_callback(there.support, there.sam)
    clock.tick(DUE)
    switch_back(there, DUE + timedelta(minutes=5))
    clock.tick(DUE + timedelta(minutes=5))
    assert fresh(callback).agent_id == there.ana.pk


def test_switched_back_what_is_over_by_the_rules_ends_by_them(there: Cast) -> None:
    callback = make_callback(there.support, there.ana, owner_id=there.ana.pk)
    Agent.objects.filter(pk=there.ana.pk).update(presence=Presence.OFFLINE)
    clock.tick(DUE)
    late = DUE + timedelta(hours=25)
    clock.tick(late)
    switch_back(there, late)
    clock.tick(late)
    assert fresh(callback).status == Status.EXPIRED


def test_what_was_held_back_here_is_left_to_the_platform_once_it_routes(cast: Cast) -> None:
    callback = make_callback(cast.support, cast.sam, allow_outside_calling_hours=True)
    Callback.objects.update(is_outside_hours_agreed=False, contact_time_zone="Asia/Tokyo")
    clock.tick(DUE)
    assert fresh(callback).held_for == Hold.CALLING_HOURS
    Queue.objects.filter(pk=cast.support.pk).update(routing_mode=Mode.PLATFORM)
    assert clock.look_again(cast.support.pk, DUE) == 1
    clock.tick(DUE)
    assert (fresh(callback).status, fresh(callback).held_for) == (Status.WAITING, "")


def test_an_admin_who_switches_it_lets_the_clock_look_at_once(there: Cast, enter: Any) -> None:
    callback = make_callback(there.support, there.sam)
    clock.tick(DUE)
    assert fresh(callback).next_action_at == DUE + looks.WAITING_AGAIN
    page = enter(there.ada).get(f"/admin/callbacks/queue/{there.support.pk}/change/")
    fields = {name: value for name, value in page.context["adminform"].form.initial.items() if value is not None}  # fmt: skip
    assert fields["routing_mode"] == Mode.PLATFORM


def test_lists_and_pages_say_that_the_platform_routes_it(there: Cast, enter: Any) -> None:
    callback = make_callback(there.support, there.sam)
    sam = enter(there.sam)
    assert "Platform routes" in sam.get("/callbacks").content.decode()
    page = sam.get(callback.get_absolute_url()).content.decode()
    assert "the telephony platform routes it" in page


_ = (Actor, NOW, by)
