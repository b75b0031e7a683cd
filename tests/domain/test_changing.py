"""Rules §3: changing, owning, handing over and cancelling; the edit lock; two people at once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from callbacks.errors import Ended, Locked, NotAllowed, Refused, Stale
from callbacks.lifecycle import ENDED, MOVES, OPEN, Move, Status, permits, status_after
from callbacks.models import Callback, HistoryEvent, Queue, Skill
from callbacks.scheduling import (
    Changes,
    cancel,
    change,
    give_up_ownership,
    hand_over,
    reschedule,
    schedule,
    take_ownership,
)
from tests.cast import NOW, Cast, by, make_callback, wish, wish_at

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LATER = Changes(time="15:00", allow_outside_calling_hours=True)


def owned(cast: Cast, **changes: object) -> Callback:
    return make_callback(cast.support, cast.ana, owner_id=cast.ana.pk, **changes)


def test_rescheduling_moves_time_window_ownership_and_next_look(cast: Cast) -> None:
    made = owned(cast)
    moved = change(made.pk, LATER, by=by(cast.ana), at=NOW, version=1)
    moved.refresh_from_db()
    assert moved.requested_at == datetime(2026, 11, 24, 20, tzinfo=UTC)
    assert moved.window_starts_at == moved.requested_at == moved.next_action_at
    assert moved.ownership_expires_at == moved.requested_at + timedelta(days=1)
    assert moved.version == 2
    event = moved.history.last()
    assert event is not None
    assert event.what == "rescheduled"
    assert event.before["wall"] == "2026-11-24 12:00 America/New_York"
    assert [message.action for message in moved.outbox.all()] == ["create", "update"]


def test_number_queue_reason_and_contact_change_in_one_go(cast: Cast) -> None:
    cast.billing.members.add(cast.ana.pk)
    made = make_callback(cast.support, cast.ana)
    wanted = Changes(
        phone_number="+44 20 7946 0999 ext. 7", queue_id=cast.billing.pk, reason="Bill", ticket_id="T1",
        contact_name="Nia", allow_outside_calling_hours=True,
    )  # fmt: skip
    changed = change(made.pk, wanted, by=by(cast.ana), at=NOW, version=1)
    changed.refresh_from_db()
    assert (changed.phone_number, changed.phone_extension) == ("+442079460999", "7")
    assert (changed.queue, changed.reason, changed.contact_name) == (cast.billing, "Bill", "Nia")
    assert changed.requested_at == made.requested_at
    event = changed.history.last()
    assert event is not None
    assert event.what == "changed"


def test_nothing_changed_leaves_no_event(cast: Cast) -> None:
    made = owned(cast)
    change(made.pk, Changes(reason="Router"), by=by(cast.ana), at=NOW, version=1)
    assert made.history.count() == 1


def test_a_promise_in_a_doubled_hour_is_not_asked_about_again(cast: Cast) -> None:
    at = datetime(2026, 10, 28, 15, tzinfo=UTC)
    twice = wish(cast.support, date="2026-11-01", time="01:30", fold=1)
    made = schedule(twice, by=by(cast.ana), at=at).callback
    same = Changes(date="2026-11-01", time="01:30", time_zone="America/New_York", reason="More")
    changed = change(made.pk, same, by=by(cast.ana), at=at, version=1)
    assert (changed.fold, changed.requested_at) == (1, made.requested_at)
    earlier = Changes(fold=0, allow_outside_calling_hours=True)
    moved = change(made.pk, earlier, by=by(cast.ana), at=at, version=2)
    assert moved.requested_at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_what_was_promised_stands_when_limits_change(cast: Cast) -> None:
    """Rules §3.6: an edit is held only to the rules of what it touches."""
    made = owned(cast, date="2026-11-29")
    Queue.objects.filter(pk=cast.support.pk).update(schedule_ahead_limit=timedelta(hours=1))
    change(made.pk, Changes(reason="More"), by=by(cast.ana), at=NOW, version=1)
    with pytest.raises(Refused) as refused:
        change(made.pk, LATER, by=by(cast.ana), at=NOW, version=2)
    assert refused.value.of("ownership.too.far")


def test_a_changed_number_must_not_double_another_promise(cast: Cast) -> None:
    other, made = make_callback(cast.support, cast.ana), make_callback(cast.support, cast.ana)
    wanted = Changes(phone_number=other.phone_number)
    with pytest.raises(Refused) as refused:
        change(made.pk, wanted, by=by(cast.ana), at=NOW, version=1)
    assert refused.value.of("callback.exists")


def test_a_callback_is_not_its_own_duplicate(cast: Cast) -> None:
    made = make_callback(cast.support, cast.ana)
    moved = reschedule(
        made.pk, wish(cast.support, time="13:00"), by=by(cast.ana), at=NOW, version=1
    )
    assert moved.wall_time.hour == 13


def test_an_owner_must_be_able_to_own_in_the_new_queue(cast: Cast) -> None:
    made = owned(cast)
    with pytest.raises(Refused) as refused:
        change(made.pk, Changes(queue_id=cast.billing.pk), by=by(cast.sam), at=NOW, version=1)
    assert refused.value.of("ownership.agent.unable")


# --- the edit lock ---------------------------------------------------------------------------

LOCKED_VERBS = {
    "reschedule": lambda c, cb, at: change(cb.pk, LATER, by=by(c.ana), at=at, version=None),
    "change number": lambda c, cb, at: change(
        cb.pk, Changes(phone_number="+442079460998"), by=by(c.ana), at=at, version=None
    ),
    "give up": lambda c, cb, at: give_up_ownership(cb.pk, by=by(c.ana), at=at, version=None),
    "hand over": lambda c, cb, at: hand_over(cb.pk, c.ben.pk, by=by(c.ana), at=at, version=None),
}


@pytest.mark.parametrize("verb", LOCKED_VERBS)
def test_owned_callback_cannot_be_edited_within_15_minutes(cast: Cast, verb: str) -> None:
    """Rules §3.2: 15:00.000 is open, 14:59.999 is closed."""
    closed = owned(cast)
    with pytest.raises(Locked):
        LOCKED_VERBS[verb](
            cast, closed, closed.requested_at - 15 * MINUTE + timedelta(milliseconds=1)
        )
    LOCKED_VERBS[verb](cast, closed, closed.requested_at - 15 * MINUTE)
    assert Callback.objects.get(pk=closed.pk).version == 2


def test_the_lock_counts_real_minutes_across_a_clock_change(cast: Cast) -> None:
    """02:05 in New York's first summer night is six minutes after 01:59 … by the sun."""
    at = datetime(2027, 3, 13, 15, tzinfo=UTC)
    request = wish(cast.support, date="2027-03-14", time="03:05", owner_id=cast.ana.pk)
    made = schedule(request, by=by(cast.ana), at=at).callback
    wall_says_66_minutes = datetime(2027, 3, 14, 6, 59, tzinfo=UTC)  # 01:59 in New York
    with pytest.raises(Locked):
        change(made.pk, LATER, by=by(cast.ana), at=wall_says_66_minutes, version=1)
    change(made.pk, LATER, by=by(cast.ana), at=datetime(2027, 3, 14, 6, 50, tzinfo=UTC), version=1)


def test_reason_and_cancelling_stay_open_within_15_minutes(cast: Cast) -> None:
    """Rules §3.2: cancelling is allowed."""
    made = owned(cast)
    at = made.requested_at - MINUTE
    change(made.pk, Changes(reason="Calls from the car"), by=by(cast.ana), at=at, version=1)
    ended = cancel(made.pk, reason="Solved", by=by(cast.ana), at=at, version=2)
    assert ended.status == Status.CANCELLED


def test_unowned_callbacks_have_no_lock(cast: Cast) -> None:
    made = make_callback(cast.support, cast.ana)
    change(made.pk, LATER, by=by(cast.ana), at=made.requested_at - MINUTE, version=1)


def test_supervisors_override_the_lock_with_a_reason_that_history_keeps(cast: Cast) -> None:
    """Rules §3.2."""
    made = owned(cast)
    at = made.requested_at - MINUTE
    with pytest.raises(Refused) as refused:
        change(made.pk, LATER, by=by(cast.sam), at=at, version=1)
    assert refused.value.of("callback.locked")
    change(made.pk, LATER, by=by(cast.sam), at=at, version=1, override_reason="Contact phoned")
    event = made.history.last()
    assert event is not None
    assert "Contact phoned" in event.reason
    at, again = datetime(2026, 11, 24, 19, 50, tzinfo=UTC), Changes(time="16:00")
    with pytest.raises(Locked):
        change(made.pk, again, by=by(cast.ana), at=at, version=2, override_reason="Me, too")


# --- ownership -------------------------------------------------------------------------------


def test_an_unowned_callback_can_be_taken_later_under_the_same_limits(cast: Cast) -> None:
    """Rules §3.7."""
    made = make_callback(cast.support, cast.sam)
    taken = take_ownership(made.pk, by=by(cast.ana), at=NOW, version=1)
    assert taken.owner_id == cast.ana.pk
    assert taken.ownership_expires_at == made.requested_at + timedelta(days=1)
    far = make_callback(cast.support, cast.sam, date="2026-12-10")
    with pytest.raises(Refused) as refused:
        take_ownership(far.pk, by=by(cast.ana), at=NOW, version=1)
    assert refused.value.of("ownership.too.far")


def test_what_somebody_took_cannot_be_taken_again(cast: Cast) -> None:
    made = make_callback(cast.support, cast.sam)
    take_ownership(made.pk, by=by(cast.ana), at=NOW, version=1)
    with pytest.raises(Callback.DoesNotExist):
        take_ownership(made.pk, by=by(cast.ben), at=NOW, version=1)
    with pytest.raises(Stale, match="Ana Reyes changed this callback"):
        take_ownership(made.pk, by=by(cast.sam), at=NOW, version=1)
    with pytest.raises(Refused, match="owns this callback already"):
        take_ownership(made.pk, by=by(cast.sam), at=NOW, version=2)


def test_giving_up_leaves_it_to_the_queue(cast: Cast) -> None:
    made = owned(cast)
    left = give_up_ownership(made.pk, by=by(cast.ana), at=NOW, version=1)
    left.refresh_from_db()
    assert (left.owner, left.ownership_expires_at) == (None, None)


def test_it_is_handed_over_only_to_somebody_who_can_own_it(cast: Cast) -> None:
    """Rules §3.7."""
    made = owned(cast)
    cast.support.required_skills.add(skill := Skill.objects.create(name="Routers"))
    with pytest.raises(Refused, match="Ben Hughes lacks the skill Routers"):
        hand_over(made.pk, cast.ben.pk, by=by(cast.ana), at=NOW, version=1)
    cast.ben.agent.skills.add(skill)
    given = hand_over(made.pk, cast.ben.pk, by=by(cast.ana), at=NOW, version=1, reason="Leave")
    assert given.owner_id == cast.ben.pk
    event = made.history.last()
    assert event is not None
    assert (event.what, event.reason) == ("handed_over", "Leave")


def test_only_owners_and_supervisors_hand_over(cast: Cast) -> None:
    made = make_callback(
        cast.support, cast.sam, owner_id=cast.ana.pk, preferred_agent_id=cast.ben.pk
    )
    with pytest.raises(NotAllowed):
        hand_over(made.pk, cast.ben.pk, by=by(cast.ben), at=NOW, version=1)
    assert (
        hand_over(made.pk, cast.ben.pk, by=by(cast.sam), at=NOW, version=1).owner_id == cast.ben.pk
    )


# --- two people, ended ones ------------------------------------------------------------------


def test_the_second_of_two_editors_is_told_what_the_first_changed(cast: Cast) -> None:
    made = owned(cast)
    change(made.pk, LATER, by=by(cast.sam), at=NOW, version=1)
    with pytest.raises(Stale) as stale:
        change(made.pk, Changes(reason="Mine"), by=by(cast.ana), at=NOW, version=1)
    (seen,) = stale.value.changes
    assert seen.who == "Sam Okoro"
    assert "2026-11-24 12:00" in seen.what
    assert "2026-11-24 15:00" in seen.what
    assert stale.value.version == 2


def test_cancelling_needs_a_reason_and_ends_it(cast: Cast) -> None:
    made = owned(cast)
    with pytest.raises(Refused):
        cancel(made.pk, reason=" ", by=by(cast.ana), at=NOW, version=1)
    ended = cancel(made.pk, reason="Solved", by=by(cast.ana), at=NOW, version=1)
    ended.refresh_from_db()
    assert (ended.status, ended.ended_at, ended.next_action_at) == ("cancelled", NOW, None)
    message = ended.outbox.last()
    assert message is not None
    assert message.action == "cancel"


def test_nothing_happens_to_what_is_over(cast: Cast) -> None:
    made = owned(cast)
    cancel(made.pk, reason="Solved", by=by(cast.ana), at=NOW, version=1)
    for verb in (
        lambda: change(made.pk, LATER, by=by(cast.ana), at=NOW, version=None),
        lambda: cancel(made.pk, reason="Again", by=by(cast.ana), at=NOW, version=None),
        lambda: give_up_ownership(made.pk, by=by(cast.ana), at=NOW, version=None),
    ):
        with pytest.raises(Ended, match="cancelled"):
            verb()


# --- what the database itself keeps ----------------------------------------------------------


def test_history_can_be_neither_changed_nor_deleted(cast: Cast) -> None:
    made = owned(cast)
    for statement in (
        "UPDATE callbacks_historyevent SET reason = 'x'",
        "DELETE FROM callbacks_historyevent",
    ):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert HistoryEvent.objects.filter(callback=made).count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {"status": "dreaming"},
        {"status": "completed"},  # over without an end
        {"ended_at": NOW},  # an end while open
        {"next_action_at": None},  # open without a next look
        {"owner": None},  # a period without an owner
        {"window_ends_at": NOW},
        {"phone_number": "2125550100"},
        {"fold": 2},
        {"consent": False},
    ],
)
def test_the_database_refuses_impossible_callbacks(cast: Cast, values: dict[str, object]) -> None:
    made = owned(cast)
    with pytest.raises(IntegrityError), transaction.atomic():
        Callback.objects.filter(pk=made.pk).update(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"schedule_ahead_limit": timedelta(minutes=59)},
        {"schedule_ahead_limit": timedelta(days=30, seconds=1)},
        {"ownership_period": timedelta(minutes=59)},
        {"ownership_period": timedelta(days=7, seconds=1)},
        {"window_duration": timedelta(0)},
    ],
)
def test_the_database_keeps_the_ranges_of_the_limits(
    cast: Cast, values: dict[str, timedelta]
) -> None:
    """Rules §3.1."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Queue.objects.filter(pk=cast.support.pk).update(**values)


def test_one_open_callback_per_conversation_holds_against_strangers_rows(cast: Cast) -> None:
    make_callback(cast.support, cast.ana, conversation_id="c-1")
    other = make_callback(cast.support, cast.ana)
    with pytest.raises(IntegrityError), transaction.atomic():
        Callback.objects.filter(pk=other.pk).update(conversation_id="c-1")


# --- the table of moves ----------------------------------------------------------------------


def test_every_open_status_has_a_way_out_and_no_ended_one_save_reviving() -> None:
    for status in OPEN:
        assert any(permits(move, status) for move in MOVES)
    for status in ENDED:
        assert {m for m in MOVES if permits(m, status)} <= {Move.REVIVE}


def test_every_status_can_be_reached() -> None:
    reached = {Status.PENDING}
    for _ in Status:
        reached |= {status_after(m, s) for m in MOVES for s in reached if permits(m, s)}
    assert reached == set(Status)


def test_wish_at_means_the_instant(cast: Cast) -> None:
    """The builder itself: an hour that exists twice keeps its fold."""
    twice = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert wish_at(cast.support, twice).fold == 1
