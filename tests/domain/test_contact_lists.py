"""Contact lists: marks, lifting, reset and recycling (rules §2.9)."""

from datetime import timedelta
from typing import Any

import pytest

from callbacks import calls, clock, rescue
from callbacks.errors import NotAllowed, Refused
from callbacks.lifecycle import Status
from callbacks.models import (
    Agent,
    Callback,
    ContactList,
    ContactListEntry,
    Offer,
    Presence,
    Queue,
    User,
)
from callbacks.models.callback import Hold
from callbacks.scheduling import schedule
from tests.cast import NOW, Cast, by, wish, wish_at

DUE = NOW + timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def promise(queue: Queue, maker: User, **changes: Any) -> Callback:
    return schedule(wish_at(queue, DUE, **changes), by=by(maker), at=NOW).callback


def fresh(callback: Callback) -> Callback:
    return Callback.objects.get(pk=callback.pk)


@pytest.fixture
def barred(cast: Cast) -> ContactList:
    return ContactList.objects.create(name="Do not call")


def mark(barred: ContactList, callback: Callback, by_whom: User) -> ContactListEntry:
    return rescue.mark(barred, callback.phone_number, reason="Asked", by=by(by_whom), at=NOW)


def test_rules_2_9_a_mark_refuses_new_ones_and_leaves_scheduled_ones(
    cast: Cast, barred: ContactList
) -> None:
    callback = promise(cast.support, cast.ana)
    mark(barred, callback, cast.sam)
    assert fresh(callback).status == Status.PENDING
    with pytest.raises(Refused) as refused:
        schedule(
            wish(cast.support, phone_number=callback.phone_number, date="2026-11-28"),
            by=by(cast.ana), at=NOW,
        )  # fmt: skip
    assert refused.value.of("number.uncallable")


def test_rules_2_9_lifting_the_mark_lets_it_go_on_at_once(cast: Cast, barred: ContactList) -> None:
    callback = promise(cast.support, cast.ana)
    entry = mark(barred, callback, cast.sam)
    clock.tick(DUE)
    assert fresh(callback).held_for == Hold.UNCALLABLE
    rescue.lift(entry.pk, by=by(cast.sam), at=DUE + MINUTE)
    clock.tick(DUE + MINUTE)
    assert fresh(callback).status == Status.WAITING


def test_rules_2_9_only_a_reset_disconnects_what_is_still_uncallable(
    cast: Cast, barred: ContactList
) -> None:
    coming, held, lifted = (promise(cast.support, cast.ana) for _ in range(3))
    for callback in (coming, held, lifted):
        entry = mark(barred, callback, cast.sam)
    rescue.lift(entry.pk, by=by(cast.sam), at=NOW)
    clock.tick(DUE)
    would = rescue.preview(barred, by(cast.sam))
    assert (would.numbers, would.disconnected, len(would.sample)) == (2, 2, 2)
    done = rescue.reset(barred, by=by(cast.sam), at=DUE)
    assert (done.disconnected, done.left_alone) == (2, 0)
    assert fresh(coming).status == fresh(held).status == Status.CANCELLED
    assert fresh(lifted).status == Status.WAITING
    event = held.history.order_by("-version")[0]
    assert event.reason == "Uncallable: the contact list “Do not call” was reset."
    assert event.actor_name == "Sam Okoro"
    assert barred.entries.filter(is_uncallable=True).count() == 2, "the marks stay"
    assert rescue.reset(barred, by=by(cast.sam), at=DUE).disconnected == 0


def test_a_reset_ends_what_rings_and_leaves_who_is_spoken_to(
    cast: Cast, barred: ContactList
) -> None:
    ringing, spoken = promise(cast.support, cast.sam), promise(cast.support, cast.sam)
    Agent.objects.filter(pk__in=[cast.ana.pk, cast.ben.pk]).update(presence=Presence.ON_QUEUE)
    clock.tick(DUE)
    calls.accept(spoken.pk, by=by(User.objects.get(pk=fresh(spoken).agent_id)), at=DUE)
    for callback in (ringing, spoken):
        mark(barred, callback, cast.sam)
    assert rescue.reset(barred, by=by(cast.ada), at=DUE).disconnected == 1
    assert (fresh(ringing).status, fresh(ringing).agent_id) == (Status.CANCELLED, None)
    assert fresh(spoken).status == Status.IN_PROGRESS
    assert Offer.objects.get(callback=ringing).result == "withdrawn"


def test_a_supervisor_resets_for_their_own_queues(cast: Cast, barred: ContactList) -> None:
    ours, theirs = promise(cast.support, cast.ana), promise(cast.billing, cast.otto)
    for callback in (ours, theirs):
        mark(barred, callback, cast.sam)
    done = rescue.reset(barred, by=by(cast.sam), at=NOW)
    assert (done.disconnected, done.left_alone) == (1, 1)
    assert fresh(theirs).status == Status.PENDING
    assert rescue.reset(barred, by=by(cast.ada), at=NOW).disconnected == 1


def test_recycling_lifts_every_mark_and_lets_held_ones_go_on(
    cast: Cast, barred: ContactList
) -> None:
    callback, doubly = promise(cast.support, cast.ana), promise(cast.support, cast.ana)
    other = ContactList.objects.create(name="Spring")
    for one in (callback, doubly):
        mark(barred, one, cast.sam)
    mark(other, doubly, cast.sam)
    clock.tick(DUE)
    done = rescue.recycle(barred, by=by(cast.sam), at=DUE + MINUTE)
    assert (done.numbers, done.released) == (2, 2)
    clock.tick(DUE + MINUTE)
    assert fresh(callback).status == Status.WAITING
    assert fresh(doubly).held_for == Hold.UNCALLABLE, "barred by another list"


def test_a_list_that_is_switched_off_holds_nothing_back(cast: Cast, barred: ContactList) -> None:
    callback = promise(cast.support, cast.ana)
    mark(barred, callback, cast.sam)
    clock.tick(DUE)
    ContactList.objects.update(is_active=False)
    assert rescue.list_switched(barred, DUE + MINUTE) == 1
    clock.tick(DUE + MINUTE)
    assert fresh(callback).status == Status.WAITING


def test_agents_manage_no_lists(cast: Cast, barred: ContactList) -> None:
    callback = promise(cast.support, cast.ana)
    entry = mark(barred, callback, cast.sam)
    ana = by(cast.ana)
    for verb in (
        lambda: rescue.mark(barred, "+12125550100", reason="", by=ana, at=NOW),
        lambda: rescue.lift(entry.pk, by=ana, at=NOW),
        lambda: rescue.reset(barred, by=ana, at=NOW),
        lambda: rescue.recycle(barred, by=ana, at=NOW),
    ):
        with pytest.raises(NotAllowed):
            verb()
    assert fresh(callback).status == Status.PENDING
