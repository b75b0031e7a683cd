"""The supervisor's verbs: revive what expired; contact lists; and tasks (rules §2.9, §3.4, §7)."""

from datetime import timedelta
from typing import Any

import pytest

from callbacks import calls, clock, rescue
from callbacks.errors import Ended, NotAllowed, Refused, Stale
from callbacks.lifecycle import Status
from callbacks.models import (
    Agent,
    Callback,
    ContactList,
    ContactListEntry,
    Offer,
    OutboxMessage,
    Presence,
    Queue,
    Task,
    User,
)
from callbacks.models.callback import Hold
from callbacks.scheduling import Changes, convert, schedule, settle_task, take_task
from tests.cast import NOW, Cast, by, wish, wish_at

DUE = NOW + timedelta(hours=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def promise(queue: Queue, maker: User, **changes: Any) -> Callback:
    return schedule(wish_at(queue, DUE, **changes), by=by(maker), at=NOW).callback


def expired(cast: Cast) -> Callback:
    callback = promise(cast.support, cast.ana, owner_id=cast.ana.pk)
    clock.tick(DUE + DAY)
    callback.refresh_from_db()
    assert callback.status == Status.EXPIRED
    return callback


def fresh(callback: Callback) -> Callback:
    return Callback.objects.get(pk=callback.pk)


# --- revive -----------------------------------------------------------------------------------


def test_rules_3_4_an_expired_promise_is_revived_for_now_with_its_owner(cast: Cast) -> None:
    callback, at = expired(cast), DUE + DAY + HOUR
    assert rescue.expired_recently(by(cast.sam), at) == 1
    rescue.revive(callback.pk, None, by=by(cast.sam), at=at, version=callback.version, reason="Ill")
    found = fresh(callback)
    assert (found.status, found.owner_id, found.ended_at) == ("pending", cast.ana.pk, None)
    assert (found.requested_at, found.next_action_at) == (at, at)
    assert found.ownership_expires_at == at + cast.support.ownership_period
    event = callback.history.order_by("-version")[0]
    assert (event.what, event.reason, event.actor_name) == ("revived", "Ill", "Sam Okoro")
    assert OutboxMessage.objects.order_by("id").last().action == "create"  # type: ignore[union-attr]
    Agent.objects.filter(pk=cast.ana.pk).update(presence=Presence.ON_QUEUE)
    clock.tick(at)
    assert fresh(callback).agent_id == cast.ana.pk
    assert rescue.expired_recently(by(cast.sam), at) == 0


def test_it_is_revived_for_another_time(cast: Cast) -> None:
    callback, at = expired(cast), DUE + DAY + HOUR
    later = Changes(date="2026-11-26", time="09:30", time_zone="America/New_York")
    rescue.revive(callback.pk, later, by=by(cast.ada), at=at, version=None)
    found = fresh(callback)
    assert f"{found.requested_at:%Y-%m-%d %H:%M}" == "2026-11-26 14:30"
    assert found.window_ends_at == found.requested_at + HOUR


def test_an_owner_who_cannot_own_it_any_more_leaves_it_to_the_queue(cast: Cast) -> None:
    callback, at = expired(cast), DUE + DAY + HOUR
    cast.support.members.remove(cast.ana.pk)
    rescue.revive(callback.pk, None, by=by(cast.sam), at=at, version=None)
    assert fresh(callback).owner_id is None
    assert "Ana Reyes cannot own it any more" in callback.history.order_by("-version")[0].reason


def test_reviving_obeys_the_rules_of_a_new_promise(cast: Cast) -> None:
    callback, at = expired(cast), DUE + DAY + HOUR
    twin = wish_at(cast.support, at + HOUR, phone_number=callback.phone_number)
    schedule(twin, by=by(cast.ben), at=at)
    with pytest.raises(Refused) as refused:
        rescue.revive(callback.pk, None, by=by(cast.sam), at=at, version=None)
    assert refused.value.of("callback.exists")
    night = Changes(date="2026-11-29", time="03:00", time_zone="Europe/London")
    with pytest.raises(Refused) as refused:
        rescue.revive(callback.pk, night, by=by(cast.sam), at=at, version=None)
    assert refused.value.of("calling.hours")
    assert fresh(callback).status == Status.EXPIRED


def test_only_supervisors_revive_and_only_what_expired(cast: Cast) -> None:
    callback, at = expired(cast), DUE + DAY + HOUR
    with pytest.raises(NotAllowed):
        rescue.revive(callback.pk, None, by=by(cast.ana), at=at, version=None)
    with pytest.raises(Callback.DoesNotExist):
        rescue.revive(callback.pk, None, by=by(cast.otto), at=at, version=None)
    with pytest.raises(Stale):
        rescue.revive(callback.pk, None, by=by(cast.sam), at=at, version=1)
    rescue.revive(callback.pk, None, by=by(cast.sam), at=at, version=None)
    with pytest.raises(Ended):
        rescue.revive(callback.pk, None, by=by(cast.sam), at=at, version=None)


# --- contact lists ----------------------------------------------------------------------------


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


# --- tasks ------------------------------------------------------------------------------------


def test_rules_7_a_callback_becomes_a_task_of_its_owner(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana, owner_id=cast.ben.pk)
    task = convert(callback.pk, description=" Send the bill ", by=by(cast.sam), at=NOW, version=1)
    assert (task.description, task.assignee_id) == ("Send the bill", cast.ben.pk)
    found = fresh(callback)
    assert (found.status, found.ended_at, found.next_action_at) == ("converted", NOW, None)
    assert callback.history.order_by("-version")[0].reason == "Send the bill"
    settle_task(task.pk, is_done=True, by=by(cast.ben), at=DUE)
    assert Task.objects.get().done_by == cast.ben
    settle_task(task.pk, is_done=False, by=by(cast.sam), at=DUE)
    assert Task.objects.get().done_at is None


def test_what_is_at_hand_is_not_converted_behind_its_agents_back(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    Agent.objects.filter(pk=cast.ana.pk).update(presence=Presence.ON_QUEUE)
    clock.tick(DUE)
    with pytest.raises(Ended, match="Ana Reyes is being rung"):
        convert(callback.pk, description="x", by=by(cast.sam), at=DUE, version=None)
    calls.accept(callback.pk, by=by(cast.ana), at=DUE)
    with pytest.raises(Ended, match="on the phone"):
        convert(callback.pk, description="x", by=by(cast.sam), at=DUE, version=None)
    assert Task.objects.count() == 0


def test_a_task_needs_a_description_and_its_people(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana, owner_id=cast.ana.pk)
    for text in ("", "  ", "x" * 3000, "a\0b"):
        with pytest.raises(Refused):
            convert(callback.pk, description=text, by=by(cast.ana), at=NOW, version=None)
    with pytest.raises(Callback.DoesNotExist):
        convert(callback.pk, description="x", by=by(cast.otto), at=NOW, version=None)
    task = convert(callback.pk, description="x", by=by(cast.ana), at=NOW, version=None)
    for verb in (
        lambda: settle_task(task.pk, is_done=True, by=by(cast.otto), at=NOW),
        lambda: take_task(task.pk, by=by(cast.otto)),
    ):
        with pytest.raises(Task.DoesNotExist):
            verb()
    with pytest.raises(NotAllowed):
        take_task(task.pk, by=by(cast.sam))
