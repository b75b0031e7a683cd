"""What time itself does (rules §3.3–§3.5, §4.1, §4.4, §4.8)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from callbacks import calls, clock
from callbacks.lifecycle import Status
from callbacks.models import (
    Agent,
    Attempt,
    Callback,
    ContactList,
    ContactListEntry,
    HistoryEvent,
    Offer,
    OutboxMessage,
    Outcome,
    Presence,
    Queue,
    Shift,
    User,
)
from callbacks.models.callback import OPEN, Hold
from callbacks.scheduling import cancel, change, hand_over, schedule
from callbacks.scheduling.changing import Changes
from tests.cast import NOW, Cast, agent, by, person, wish_at

DUE = NOW + timedelta(hours=1)
MINUTE, HOUR, SECOND = timedelta(minutes=1), timedelta(hours=1), timedelta(seconds=1)


def promise(queue: Queue, maker: User, **changes: Any) -> Callback:
    """A callback due an hour from NOW: 11:00 in New York, 16:00 in London."""
    return schedule(wish_at(queue, DUE, **changes), by=by(maker), at=NOW).callback


def owned(queue: Queue, owner: User, **changes: Any) -> Callback:
    return promise(queue, owner, owner_id=owner.pk, **changes)


def on_queue(*users: User, since: Any = NOW) -> None:
    for place, user in enumerate(users):
        Agent.objects.filter(pk=user.pk).update(
            presence=Presence.ON_QUEUE, idle_since=since + place * SECOND
        )


def leave(user: User, presence: str = Presence.BREAK, at: Any = DUE) -> None:
    calls.set_presence(user.pk, presence, by=by(user), at=at)


def fresh(callback: Callback) -> Callback:
    return Callback.objects.select_related("owner__user", "agent__user", "queue").get(
        pk=callback.pk
    )


def told(callback: Callback) -> list[str]:
    return list(callback.history.order_by("version", "at").values_list("what", flat=True))


def last(callback: Callback) -> HistoryEvent:
    return callback.history.order_by("-version", "-at", "-id")[0]


# --- §4.1 -------------------------------------------------------------------------------------


def test_rules_4_1_at_its_requested_time_a_callback_becomes_waiting(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana)
    clock.tick(DUE - SECOND)
    assert fresh(callback).status == Status.PENDING
    clock.tick(DUE)
    assert fresh(callback).status == Status.WAITING
    assert last(callback).what == "fell_due"
    assert last(callback).reason == "For the next agent of Support."


def test_rules_4_1_it_is_offered_in_the_tick_in_which_it_falls_due(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana)
    on_queue(cast.ben)
    clock.tick(DUE)
    found = fresh(callback)
    assert (found.status, found.agent_id) == (Status.OFFERED, cast.ben.pk)
    assert told(callback) == ["scheduled", "fell_due", "offered"]


def test_rules_4_1_a_tick_with_nothing_due_takes_at_most_six_statements(cast: Cast) -> None:
    for _ in range(5):
        promise(cast.support, cast.ana)
    on_queue(cast.ana, cast.ben)
    with CaptureQueriesContext(
        connection,
    ) as statements:
        clock.tick()
    assert len(statements) <= 6
    clock.tick(DUE)
    on_queue(cast.otto)
    with CaptureQueriesContext(connection) as statements:
        clock.tick(DUE + 5 * SECOND)
    assert len(statements) <= 6, "nor when callbacks wait, and others are idle"


def test_rules_4_1_agents_who_are_not_on_queue_or_of_the_queue_get_nothing(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana)
    on_queue(cast.otto)
    for user, presence in zip(
        (cast.ana, cast.ben, cast.lena), ("available", "break", "busy"), strict=True
    ):
        Agent.objects.filter(pk=user.pk).update(presence=presence)
    clock.tick(DUE)
    assert fresh(callback).status == Status.WAITING


def test_rules_4_1_a_hundred_ticks_and_two_clocks_do_it_once(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana)
    on_queue(cast.ben)
    for _ in range(5):
        clock.tick(DUE)
    assert Offer.objects.count() == 1
    assert told(callback) == ["scheduled", "fell_due", "offered"]


# --- §4.2 -------------------------------------------------------------------------------------


def test_rules_4_2_callbacks_by_priority_then_time_then_creation(cast: Cast) -> None:
    late = promise(cast.support, cast.ana)
    later = schedule(wish_at(cast.support, DUE + MINUTE), by=by(cast.ana), at=NOW).callback
    urgent = schedule(
        wish_at(cast.support, DUE + 2 * MINUTE, priority=5), by=by(cast.ana), at=NOW
    ).callback
    twin = promise(cast.support, cast.ana)
    clock.tick(DUE + HOUR)
    calls.set_presence(cast.ben.pk, Presence.ON_QUEUE, by=by(cast.ben), at=DUE + HOUR)
    order = []
    for _ in range(4):
        ringing = Callback.objects.get(agent=cast.ben.pk)
        order.append(ringing.pk)
        calls.accept(ringing.pk, by=by(cast.ben), at=DUE + HOUR)
        calls.finish(ringing.pk, reached(), by=by(cast.ben), at=DUE + HOUR)
    assert order == [urgent.pk, late.pk, twin.pk, later.pk]


def reached() -> calls.WrapUp:
    return calls.WrapUp(outcome_id=Outcome.objects.get(name="Reached").pk)


def unreached() -> calls.WrapUp:
    return calls.WrapUp(outcome_id=Outcome.objects.get(name="No answer").pk)


def test_rules_4_2_agents_idle_for_longest_first(cast: Cast) -> None:
    first, second = promise(cast.support, cast.sam), promise(cast.support, cast.sam)
    on_queue(cast.lena, cast.ben, cast.ana)
    clock.tick(DUE)
    assert fresh(first).agent_id == cast.lena.pk
    assert fresh(second).agent_id == cast.ben.pk
    assert "idle longest" in last(first).reason


# --- §4.3 -------------------------------------------------------------------------------------


def test_rules_4_3_the_preferred_agent_first_if_available(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana, preferred_agent_id=cast.ana.pk)
    on_queue(cast.ben, cast.ana)
    clock.tick(DUE)
    assert fresh(callback).agent_id == cast.ana.pk
    assert last(callback).reason.startswith("Offered to Ana Reyes: preferred, on queue.")


def test_rules_4_3_otherwise_immediately_the_next_available_agent(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana, preferred_agent_id=cast.ana.pk)
    on_queue(cast.ben)
    leave(cast.ana, at=NOW)
    clock.tick(DUE)
    assert fresh(callback).agent_id == cast.ben.pk
    assert "Not to Ana Reyes: not on queue (Break)" in last(callback).reason


def test_rules_4_3_with_nobody_on_queue_it_stays_until_somebody_is(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana, preferred_agent_id=cast.ana.pk)
    clock.tick(DUE)
    clock.tick(DUE + HOUR)
    assert fresh(callback).status == Status.WAITING
    calls.set_presence(cast.lena.pk, Presence.ON_QUEUE, by=by(cast.lena), at=DUE + HOUR)
    assert fresh(callback).agent_id == cast.lena.pk, "offered the moment somebody comes on queue"


# --- §4.4 -------------------------------------------------------------------------------------


def test_rules_4_4_a_missed_offer_goes_on_at_once_and_its_agent_is_not_responding(
    cast: Cast,
) -> None:
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana, cast.ben)
    clock.tick(DUE)
    clock.tick(DUE + 29 * SECOND)
    assert fresh(callback).agent_id == cast.ana.pk
    clock.tick(DUE + 30 * SECOND)
    assert fresh(callback).agent_id == cast.ben.pk
    assert told(callback)[-2:] == ["missed", "offered"]
    missed = Agent.objects.get(pk=cast.ana.pk)
    assert missed.not_responding_since == DUE + 30 * SECOND
    assert not missed.takes_callbacks
    assert Offer.objects.get(agent=cast.ana.pk).result == "missed"


def test_rules_4_4_who_is_not_responding_gets_nothing_until_they_come_back(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana)
    clock.tick(DUE)
    clock.tick(DUE + MINUTE)
    assert fresh(callback).status == Status.WAITING
    calls.come_back(cast.ana.pk, at=DUE + 2 * MINUTE)
    assert fresh(callback).agent_id == cast.ana.pk


def test_rules_4_4_a_declined_offer_goes_to_the_next_agent_at_once(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana, cast.ben)
    clock.tick(DUE)
    calls.decline(callback.pk, by=by(cast.ana), at=DUE + 3 * SECOND, reason="Wrong language")
    assert fresh(callback).agent_id == cast.ben.pk, "without waiting for the clock"
    assert Agent.objects.get(pk=cast.ana.pk).not_responding_since is None
    assert "Ana Reyes: declined it a moment ago" in last(callback).reason
    assert callback.history.get(what="declined").reason == "Wrong language"


def test_rules_4_4_who_declined_gets_others_but_not_the_same_one_at_once(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana)
    clock.tick(DUE)
    calls.decline(callback.pk, by=by(cast.ana), at=DUE)
    clock.tick(DUE + MINUTE)
    assert fresh(callback).status == Status.WAITING
    other = schedule(wish_at(cast.support, DUE + 2 * MINUTE), by=by(cast.sam), at=NOW).callback
    clock.tick(DUE + 2 * MINUTE - SECOND)
    assert fresh(callback).status == Status.WAITING
    clock.tick(DUE + 2 * MINUTE)
    assert {fresh(callback).status, fresh(other).status} == {Status.OFFERED, Status.WAITING}


def test_rules_4_4_the_alerting_timeout_is_the_queues(cast: Cast) -> None:
    Queue.objects.filter(pk=cast.support.pk).update(alerting_timeout=timedelta(seconds=12))
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana)
    clock.tick(DUE)
    assert Offer.objects.get().expires_at == DUE + 12 * SECOND
    assert fresh(callback).next_action_at == DUE + 12 * SECOND


def test_rules_4_4_an_answer_that_comes_too_late_is_told_where_it_went(cast: Cast) -> None:
    from callbacks.errors import OfferGone

    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana, cast.ben)
    clock.tick(DUE)
    clock.tick(DUE + 30 * SECOND)
    for answer in (calls.accept, calls.decline):
        with pytest.raises(OfferGone, match="Offered to Ben Hughes"):
            answer(callback.pk, by=by(cast.ana), at=DUE + 31 * SECOND)
    assert fresh(callback).agent_id == cast.ben.pk
    assert Attempt.objects.count() == 0


def test_rules_4_4_leaving_the_queue_passes_on_what_rings(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana, cast.ben)
    clock.tick(DUE)
    leave(cast.ana)
    assert fresh(callback).agent_id == cast.ben.pk
    assert told(callback)[-2:] == ["withdrawn", "offered"]
    assert Offer.objects.get(agent=cast.ana.pk).result == "withdrawn"


# --- §4.5 -------------------------------------------------------------------------------------


def call(callback: Callback, user: User, wrap_up: calls.WrapUp, at: Any = DUE) -> Callback:
    """Offered, accepted, wrapped up five minutes later."""
    on_queue(user)
    clock.tick(at)
    calls.accept(callback.pk, by=by(user), at=at + SECOND)
    return calls.finish(callback.pk, wrap_up, by=by(user), at=at + 5 * MINUTE)


def test_rules_4_5_an_accepted_callback_is_in_progress_and_then_completed(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana)
    clock.tick(DUE)
    calls.accept(callback.pk, by=by(cast.ana), at=DUE + SECOND)
    assert fresh(callback).status == Status.IN_PROGRESS
    calls.finish(
        callback.pk,
        calls.WrapUp(outcome_id=Outcome.objects.get(name="Reached").pk, notes="All good"),
        by=by(cast.ana),
        at=DUE + MINUTE,
    )
    found, attempt = fresh(callback), Attempt.objects.get()
    assert (found.status, found.agent_id, found.ended_at) == (Status.COMPLETED, None, DUE + MINUTE)
    assert (attempt.started_at, attempt.ended_at) == (DUE + SECOND, DUE + MINUTE)
    assert (attempt.number, attempt.notes) == (1, "All good")
    assert told(callback) == ["scheduled", "fell_due", "offered", "accepted", "completed"]
    assert OutboxMessage.objects.order_by("id").last().action == "cancel"  # type: ignore[union-attr]


def test_rules_4_5_no_answer_is_retried_after_the_queues_delay_with_its_owner(cast: Cast) -> None:
    callback = owned(cast.support, cast.ana)
    call(callback, cast.ana, unreached())
    found = fresh(callback)
    again = DUE + 5 * MINUTE + timedelta(minutes=30)
    assert (found.status, found.owner_id, found.next_action_at) == (
        Status.PENDING, cast.ana.pk, again,
    )  # fmt: skip
    assert found.ownership_expires_at == again + cast.support.ownership_period
    assert last(callback).reason == "No answer. Attempt 2 of at most 3 follows in 30 minutes."
    clock.tick(again)
    assert fresh(callback).agent_id == cast.ana.pk


def test_rules_3_2_once_it_was_tried_another_time_may_be_agreed_upon(cast: Cast) -> None:
    """The agreed time has had its call: its last 15 minutes lie behind it."""
    callback = owned(cast.support, cast.ana)
    call(callback, cast.ana, unreached())
    at = DUE + 10 * MINUTE
    assert not fresh(callback).is_locked(at)
    tomorrow = DUE + timedelta(days=1)
    change(callback.pk, Changes(requested_at=tomorrow), by=by(cast.ana), at=at, version=None)
    found = fresh(callback)
    assert (found.next_action_at, found.attempts_made) == (tomorrow, 0)
    assert found.is_locked(tomorrow - MINUTE)


def test_rules_4_5_after_the_last_attempt_it_has_failed(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    at = DUE
    for _ in range(3):
        call(callback, cast.ana, unreached(), at)
        at += HOUR
    assert fresh(callback).status == Status.FAILED
    assert last(callback).reason == "No answer, on attempt 3 of at most 3."
    assert [a.number for a in Attempt.objects.order_by("number")] == [1, 2, 3]


def test_rules_4_5_a_failed_outcome_ends_it(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    wrong = calls.WrapUp(outcome_id=Outcome.objects.get(name="Wrong number").pk)
    assert call(callback, cast.ana, wrong).status == Status.FAILED


def test_rules_4_5_a_wrap_up_needs_an_outcome_and_can_make_a_task(cast: Cast) -> None:
    from callbacks.errors import Ended, Refused

    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana)
    clock.tick(DUE)
    calls.accept(callback.pk, by=by(cast.ana), at=DUE)
    with pytest.raises(Refused) as refused:
        calls.finish(
            callback.pk, calls.WrapUp(outcome_id=None, notes="x\0y"), by=by(cast.ana), at=DUE
        )
    assert [p.field for p in refused.value.problems] == ["outcome", "notes"]
    with pytest.raises(Ended):
        calls.finish(callback.pk, reached(), by=by(cast.ben), at=DUE)
    wish = calls.WrapUp(outcome_id=reached().outcome_id, task="Send the invoice by e-mail")
    assert calls.finish(callback.pk, wish, by=by(cast.ana), at=DUE).status == Status.CONVERTED
    assert fresh(callback).task.description == "Send the invoice by e-mail"


def test_rules_4_5_a_retry_never_calls_outside_the_contacts_hours(cast: Cast) -> None:
    """16:00 in London; a retry that would fall after 21:00 there waits for the morning."""
    Queue.objects.filter(pk=cast.support.pk).update(retry_delay=timedelta(hours=6))
    callback = promise(cast.support, cast.sam)
    call(callback, cast.ana, unreached())
    morning = DUE.replace(day=24, hour=8, minute=0)
    assert fresh(callback).next_action_at == morning
    assert "when calls may be made again there" in last(callback).reason


# --- §4.6 -------------------------------------------------------------------------------------


def test_rules_4_6_the_decision_names_every_candidate_and_the_rule(cast: Cast) -> None:
    from callbacks.models import Skill

    skill = Skill.objects.create(name="Billing")
    cast.support.required_skills.add(skill)
    for user in (cast.ana, cast.lena):
        Agent.objects.get(pk=user.pk).skills.add(skill)
    callback = owned(cast.support, cast.ana)
    on_queue(cast.ana, cast.ben, cast.lena)
    clock.tick(DUE)
    offer = Offer.objects.get(callback=callback)
    assert offer.reason == "Offered to Ana Reyes: owner, on queue."
    assert sorted(map(tuple, offer.candidates)) == [
        ("Ana Reyes", "owner, on queue", True),
        ("Ben Hughes", "not the owner", False),
        ("Lena Vogt", "not the owner", False),
    ]
    calls.decline(callback.pk, by=by(cast.ana), at=DUE)
    unowned = promise(cast.support, cast.sam)
    clock.tick(DUE + SECOND)
    assert "Not to Ben Hughes: lacks the skill Billing" in last(unowned).reason


def test_rules_4_6_history_is_without_a_gap(cast: Cast) -> None:
    callback = owned(cast.support, cast.ana)
    call(callback, cast.ana, unreached())
    call(callback, cast.ana, reached(), DUE + HOUR)
    versions = list(callback.history.order_by("version").values_list("version", flat=True))
    assert versions == list(range(1, fresh(callback).version + 1))


# --- §4.7 -------------------------------------------------------------------------------------


def test_rules_4_7_a_deactivated_agents_callbacks_are_handed_over_at_once(cast: Cast) -> None:
    due, coming = owned(cast.support, cast.ana), owned(cast.support, cast.ana)
    clock.tick(DUE - SECOND)
    on_queue(cast.ben)
    User.objects.filter(pk=cast.ana.pk).update(is_active=False)
    assert calls.depart(cast.ana.pk, by=by(cast.ada), at=NOW) == 2
    for callback in (due, coming):
        assert fresh(callback).owner_id == cast.ben.pk
        assert (
            "Ana Reyes is deactivated; Ben Hughes of the team is available" in last(callback).reason
        )


def test_rules_4_7_what_a_deactivated_agent_has_at_hand_goes_on_too(cast: Cast) -> None:
    ringing, spoken = promise(cast.support, cast.sam), promise(cast.support, cast.sam)
    on_queue(cast.ana, cast.ben)
    clock.tick(DUE)
    calls.accept(spoken.pk, by=by(cast.ben), at=DUE)
    for user in (cast.ana, cast.ben):
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert calls.depart_the_deactivated(DUE + SECOND) == 2
    assert fresh(ringing).status == fresh(spoken).status == Status.WAITING
    assert Attempt.objects.get().was_interrupted
    on_queue(cast.lena)
    clock.tick(DUE + 2 * SECOND)
    assert Callback.objects.filter(agent=cast.lena.pk).count() == 1


def test_rules_4_7_with_nobody_in_the_team_it_returns_to_the_queue(cast: Cast) -> None:
    sole = person("kim", "Kim Ito", "Asia/Tokyo")
    agent(sole, None, cast.support)
    callback = owned(cast.support, sole)
    User.objects.filter(pk=sole.pk).update(is_active=False)
    calls.depart(sole.pk, by=by(cast.ada), at=NOW)
    assert fresh(callback).owner_id is None
    assert last(callback).what == "returned"


# --- §4.8 -------------------------------------------------------------------------------------


def test_rules_4_8_every_open_callback_has_a_next_look_and_the_database_says_so(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana)
    with pytest.raises(IntegrityError, match="always_has_a_next_look"), transaction.atomic():
        Callback.objects.filter(pk=callback.pk).update(next_action_at=None)


def test_rules_4_8_after_every_tick_the_next_look_lies_ahead(cast: Cast) -> None:
    owned(cast.support, cast.ana)
    promise(cast.support, cast.ana, preferred_agent_id=cast.ana.pk)
    late = promise(cast.support, cast.ana)
    on_queue(cast.ben)
    clock.tick(DUE)
    calls.accept(Callback.objects.get(agent=cast.ben.pk).pk, by=by(cast.ben), at=DUE)
    for hours in range(30):
        at = DUE + hours * HOUR
        clock.tick(at)
        assert not Callback.objects.filter(OPEN, next_action_at__lte=at).exists()
    assert fresh(late).next_action_at is not None
    cancel(late.pk, reason="Called us", by=by(cast.ana), at=DUE + HOUR, version=None)
    assert fresh(late).next_action_at is None


# --- §3 ---------------------------------------------------------------------------------------


def test_rules_3_3_an_owned_callback_waits_for_its_owner_and_nobody_else(cast: Cast) -> None:
    callback = owned(cast.support, cast.ana)
    on_queue(cast.ben, cast.lena)
    clock.tick(DUE)
    clock.tick(DUE + 4 * HOUR)
    assert fresh(callback).status == Status.WAITING
    calls.set_presence(cast.ana.pk, Presence.ON_QUEUE, by=by(cast.ana), at=DUE + 4 * HOUR)
    assert fresh(callback).agent_id == cast.ana.pk


def test_rules_3_4_when_the_period_ends_it_is_disconnected_as_expired(cast: Cast) -> None:
    callback = owned(cast.support, cast.ana)
    day = cast.support.ownership_period
    clock.tick(DUE)
    clock.tick(DUE + day - SECOND)
    assert fresh(callback).is_open
    clock.tick(DUE + day)
    found = fresh(callback)
    assert (found.status, found.ended_at) == (Status.EXPIRED, DUE + day)
    assert last(callback).reason == (
        "The ownership period (1 day) is over, and Ana Reyes did not take it: disconnected."
    )
    assert OutboxMessage.objects.order_by("id").last().action == "cancel"  # type: ignore[union-attr]


def test_rules_3_4_or_returned_to_the_queue_where_it_says_so(cast: Cast) -> None:
    Queue.objects.filter(pk=cast.support.pk).update(on_expiry="return_to_queue")
    callback = owned(cast.support, cast.ana)
    on_queue(cast.ben)
    clock.tick(DUE)
    clock.tick(DUE + cast.support.ownership_period)
    found = fresh(callback)
    # Sixteen o'clock in London again: somebody else may call.
    assert (found.owner_id, found.agent_id) == (None, cast.ben.pk)
    assert "returned" in told(callback)


def test_rules_3_4_after_an_outage_longer_than_the_period_it_expires(cast: Cast) -> None:
    callback = owned(cast.support, cast.ana)
    clock.tick(DUE + 3 * cast.support.ownership_period)
    assert fresh(callback).status == Status.EXPIRED
    assert told(callback) == ["scheduled", "fell_due", "expired"]


def test_rules_3_4_a_call_in_progress_is_not_cut_and_a_ringing_one_rings_on(cast: Cast) -> None:
    spoken, ringing = owned(cast.support, cast.ana), owned(cast.support, cast.ben)
    ends = DUE + cast.support.ownership_period
    clock.tick(DUE)
    on_queue(cast.ana, cast.ben)
    clock.tick(ends - SECOND)
    calls.accept(spoken.pk, by=by(cast.ana), at=ends - SECOND)
    clock.tick(ends + SECOND)
    assert fresh(spoken).status == Status.IN_PROGRESS
    assert fresh(ringing).status == Status.OFFERED
    clock.tick(ends + MINUTE)
    assert fresh(ringing).status == Status.EXPIRED, "once nobody answered"
    assert calls.finish(spoken.pk, reached(), by=by(cast.ana), at=ends + HOUR).status == "completed"


def reassigning(cast: Cast) -> None:
    Queue.objects.filter(pk=cast.support.pk).update(when_owner_cannot="reassign")


def test_rules_3_5_the_default_is_to_keep_waiting(cast: Cast) -> None:
    callback = owned(cast.support, cast.ana)
    on_queue(cast.ben)
    leave(cast.ana)
    clock.tick(DUE + 2 * HOUR)
    assert fresh(callback).owner_id == cast.ana.pk


@pytest.mark.parametrize("presence", ["offline", "break", "meal", "meeting", "training", "away"])
def test_rules_3_5_reassign_gives_it_to_an_available_peer_of_the_team(
    cast: Cast, presence: str
) -> None:
    reassigning(cast)
    callback = owned(cast.support, cast.ana)
    expires = fresh(callback).ownership_expires_at
    on_queue(cast.ben)
    leave(cast.ana, presence, NOW)
    clock.tick(DUE)
    found = fresh(callback)
    assert (found.owner_id, found.agent_id) == (cast.ben.pk, cast.ben.pk)
    assert found.ownership_expires_at == expires, "the contact's wait does not start over"
    assert told(callback) == ["scheduled", "fell_due", "reassigned", "offered"]
    assert "Ana Reyes cannot take it now" in callback.history.get(what="reassigned").reason


def test_rules_3_5_else_to_the_team_lead(cast: Cast) -> None:
    reassigning(cast)
    callback = owned(cast.support, cast.ana)
    leave(cast.ana, at=NOW)
    clock.tick(DUE)
    assert fresh(callback).owner_id == cast.lena.pk
    clock.tick(DUE + 30 * MINUTE)
    assert fresh(callback).owner_id == cast.lena.pk, "the lead has the whole window"


def test_rules_3_5_else_to_the_queue(cast: Cast) -> None:
    reassigning(cast)
    callback = owned(cast.support, cast.ana)
    cast.support.members.remove(cast.lena.pk)
    leave(cast.ana, at=NOW)
    clock.tick(DUE)
    assert fresh(callback).owner_id is None
    assert last(callback).reason.endswith("so it goes to Support.")


def test_rules_3_5_a_peer_without_the_skills_is_no_peer(cast: Cast) -> None:
    from callbacks.models import Skill

    reassigning(cast)
    callback = owned(cast.support, cast.ana)
    skill = Skill.objects.create(name="French")
    cast.support.required_skills.add(skill)
    for user in (cast.ana, cast.lena):
        Agent.objects.get(pk=user.pk).skills.add(skill)
    on_queue(cast.ben)
    leave(cast.ana, at=NOW)
    clock.tick(DUE)
    assert fresh(callback).owner_id == cast.lena.pk


def test_rules_3_5_an_owner_who_leaves_during_the_window_is_replaced_then(cast: Cast) -> None:
    reassigning(cast)
    callback = owned(cast.support, cast.ana)
    Agent.objects.filter(pk=cast.ana.pk).update(presence=Presence.BUSY)
    clock.tick(DUE)
    on_queue(cast.ben)
    clock.tick(DUE + 10 * MINUTE)
    assert fresh(callback).owner_id == cast.ana.pk, "busy is not away"
    leave(cast.ana, "meal", DUE + 20 * MINUTE)
    clock.tick(DUE + 20 * MINUTE + SECOND)
    assert fresh(callback).owner_id == cast.ben.pk


def test_rules_3_5_at_the_end_of_the_window_at_the_latest(cast: Cast) -> None:
    reassigning(cast)
    callback = owned(cast.support, cast.ana)
    Agent.objects.filter(pk=cast.ana.pk).update(presence=Presence.BUSY)
    on_queue(cast.ben)
    clock.tick(DUE)
    clock.tick(DUE + HOUR)
    assert fresh(callback).owner_id == cast.ben.pk
    assert (
        "could not take it in the callback window" in callback.history.get(what="reassigned").reason
    )


def test_rules_3_5_a_planned_absence_over_the_window_counts(cast: Cast) -> None:
    reassigning(cast)
    callback = owned(cast.support, cast.ana)
    Agent.objects.filter(pk=cast.ana.pk).update(presence=Presence.AVAILABLE)
    Shift.objects.create(
        agent_id=cast.ana.pk, activity="training", starts_at=DUE, ends_at=DUE + 2 * HOUR
    )
    on_queue(cast.ben)
    clock.tick(DUE)
    assert fresh(callback).owner_id == cast.ben.pk
    assert "training" in callback.history.get(what="reassigned").reason


def test_rules_3_5_the_peer_with_the_fewest_promises(cast: Cast) -> None:
    reassigning(cast)
    kim = person("kim", "Kim Ito", "Asia/Tokyo")
    agent(kim, cast.ana.agent.team, cast.support)
    schedule(wish_at(cast.support, DUE + 5 * HOUR, owner_id=cast.ben.pk), by=by(cast.ben), at=NOW)
    callback = owned(cast.support, cast.ana)
    on_queue(cast.ben, kim)
    leave(cast.ana, at=NOW)
    clock.tick(DUE)
    assert fresh(callback).owner_id == kim.pk


def test_rules_3_6_lowered_limits_never_change_what_was_promised(cast: Cast) -> None:
    callback = owned(cast.support, cast.ana)
    was = fresh(callback)
    Queue.objects.filter(pk=cast.support.pk).update(
        schedule_ahead_limit=HOUR, ownership_period=HOUR, ownership_enabled=False, is_active=False
    )
    clock.tick(DUE)
    found = fresh(callback)
    assert (found.owner_id, found.ownership_expires_at) == (was.owner_id, was.ownership_expires_at)
    on_queue(cast.ana)
    clock.tick(DUE + 5 * HOUR - SECOND)
    assert fresh(callback).agent_id == cast.ana.pk, "also in a queue that takes no new ones"


@pytest.mark.parametrize("loss", ["skill", "membership"])
def test_rules_3_6_an_owner_who_can_own_no_more_is_replaced_at_its_time(
    cast: Cast, loss: str
) -> None:
    from callbacks.models import Skill

    callback = owned(cast.support, cast.ana)
    if loss == "skill":
        skill = Skill.objects.create(name="French")
        cast.support.required_skills.add(skill)
        for user in (cast.ben, cast.lena):
            Agent.objects.get(pk=user.pk).skills.add(skill)
    else:
        cast.support.members.remove(cast.ana.pk)
    on_queue(cast.ana, cast.ben)
    clock.tick(DUE)
    assert fresh(callback).owner_id == fresh(callback).agent_id == cast.ben.pk


def test_rules_3_7_a_hand_over_while_it_waits_takes_effect_at_once(cast: Cast) -> None:
    callback = owned(cast.support, cast.ana)
    on_queue(cast.ben)
    clock.tick(DUE)
    hand_over(
        callback.pk, cast.ben.pk, by=by(cast.sam), at=DUE + MINUTE, version=None,
        override_reason="Ana is ill",
    )  # fmt: skip
    clock.tick(DUE + MINUTE)
    assert fresh(callback).agent_id == cast.ben.pk


# --- what is checked again at its time ---------------------------------------------------------


def test_an_uncallable_number_is_held_back_at_its_time_and_stays_scheduled(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    barred = ContactList.objects.create(name="Do not call")
    entry = ContactListEntry.objects.create(
        contact_list=barred, phone_number=callback.phone_number, is_uncallable=True
    )
    on_queue(cast.ana)
    clock.tick(DUE)
    found = fresh(callback)
    assert (found.status, found.held_for, found.agent_id) == ("pending", Hold.UNCALLABLE, None)
    assert told(callback) == ["scheduled", "held"]
    clock.tick(DUE + 2 * HOUR)
    assert told(callback) == ["scheduled", "held"], "said once"
    entry.delete()
    clock.tick(DUE + 3 * HOUR)
    assert fresh(callback).agent_id == cast.ana.pk
    assert "The number may be called again" in callback.history.get(what="fell_due").reason


def test_a_number_that_becomes_uncallable_while_it_waits_is_not_offered(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    clock.tick(DUE)
    barred = ContactList.objects.create(name="Do not call")
    ContactListEntry.objects.create(
        contact_list=barred, phone_number=callback.phone_number, is_uncallable=True
    )
    on_queue(cast.ana)
    clock.tick(DUE + MINUTE)
    assert fresh(callback).held_for == Hold.UNCALLABLE
    assert Offer.objects.count() == 0


def test_after_an_outage_nobody_is_called_outside_the_contacts_hours(cast: Cast) -> None:
    """Due at 16:00 in London; the clock comes back at 23:30 there."""
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana)
    night, morning = DUE.replace(hour=23, minute=30), DUE.replace(day=24, hour=8)
    clock.tick(night)
    found = fresh(callback)
    assert (found.held_for, found.next_action_at) == (Hold.CALLING_HOURS, morning)
    assert "it is 23:30 there" in last(callback).reason
    clock.tick(morning)
    assert fresh(callback).agent_id == cast.ana.pk


def test_what_waits_when_the_hours_end_is_held_until_they_begin(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    clock.tick(DUE)
    closing = DUE.replace(hour=21)
    for hour in range(17, 21):
        clock.tick(DUE.replace(hour=hour))
    assert fresh(callback).next_action_at == closing
    clock.tick(closing)
    on_queue(cast.ana)
    clock.tick(closing + SECOND)
    assert fresh(callback).held_for == Hold.CALLING_HOURS


def test_an_hour_that_the_contact_asked_for_is_kept_but_not_for_retries(cast: Cast) -> None:
    """22:00 in London, agreed upon; an hour later nobody calls any more."""
    late = DUE.replace(hour=22)
    callback = schedule(wish_at(cast.support, late), by=by(cast.sam), at=NOW).callback
    assert fresh(callback).is_outside_hours_agreed
    call(callback, cast.ana, unreached(), late)
    assert fresh(callback).next_action_at == DUE.replace(day=24, hour=8)
    second = schedule(wish_at(cast.support, late), by=by(cast.sam), at=NOW).callback
    leave(cast.ana, at=late)
    clock.tick(late)
    assert fresh(second).status == Status.WAITING
    clock.tick(late + HOUR)
    assert fresh(second).held_for == Hold.CALLING_HOURS


def test_an_owned_callback_held_over_night_may_expire_meanwhile(cast: Cast) -> None:
    Queue.objects.filter(pk=cast.support.pk).update(ownership_period=timedelta(hours=8))
    callback = owned(cast.support, cast.ana)
    clock.tick(DUE)
    clock.tick(DUE.replace(hour=21))
    assert fresh(callback).held_for == Hold.CALLING_HOURS
    clock.tick(DUE + 8 * HOUR)
    assert fresh(callback).status == Status.EXPIRED


def test_after_an_outage_the_oldest_promise_goes_first_at_the_pace_of_free_agents(
    cast: Cast,
) -> None:
    due = [
        schedule(wish_at(cast.support, DUE + n * MINUTE), by=by(cast.sam), at=NOW).callback
        for n in (3, 1, 2, 0)
    ]
    on_queue(cast.ana, cast.ben)
    clock.tick(DUE + 20 * MINUTE)
    offered = {c.pk for c in Callback.objects.filter(status=Status.OFFERED)}
    assert offered == {due[3].pk, due[1].pk}


def test_a_queue_without_active_routing_offers_nothing(cast: Cast) -> None:
    Queue.objects.filter(pk=cast.support.pk).update(routing_mode="none")
    plain, mine = promise(cast.support, cast.sam), owned(cast.support, cast.ana)
    on_queue(cast.ana)
    clock.tick(DUE)
    assert fresh(plain).status == fresh(mine).status == Status.WAITING


def test_what_was_rescheduled_or_cancelled_while_it_waited_is_not_offered(cast: Cast) -> None:
    moved, ended = promise(cast.support, cast.sam), promise(cast.support, cast.sam)
    clock.tick(DUE)
    tomorrow = DUE + timedelta(days=1)
    change(moved.pk, Changes(requested_at=tomorrow), by=by(cast.sam), at=DUE, version=None)
    cancel(ended.pk, reason="Called us", by=by(cast.sam), at=DUE, version=None)
    on_queue(cast.ana)
    clock.tick(DUE + MINUTE)
    assert Offer.objects.count() == 0
    assert fresh(moved).status == Status.PENDING


def test_cancelling_what_rings_withdraws_the_offer(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana)
    clock.tick(DUE)
    cancel(callback.pk, reason="Called us", by=by(cast.sam), at=DUE, version=None)
    assert Offer.objects.get().result == "withdrawn"
    assert fresh(callback).agent_id is None


def test_the_database_keeps_an_agent_to_one_callback(cast: Cast) -> None:
    one, two = promise(cast.support, cast.sam), promise(cast.support, cast.sam)
    on_queue(cast.ana)
    clock.tick(DUE)
    assert {fresh(one).status, fresh(two).status} == {Status.OFFERED, Status.WAITING}
    waiting = one if fresh(one).status == Status.WAITING else two
    with pytest.raises(IntegrityError, match="one_at_hand_an_agent"), transaction.atomic():
        Callback.objects.filter(pk=waiting.pk).update(status="offered", agent=cast.ana.pk)


def test_a_supervisor_takes_back_a_call_that_nobody_wraps_up(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    on_queue(cast.ana)
    clock.tick(DUE)
    calls.accept(callback.pk, by=by(cast.ana), at=DUE)
    leave(cast.ana, at=DUE + HOUR)
    on_queue(cast.ben)
    calls.take_back(
        callback.pk, reason="Ana's computer died", by=by(cast.sam), at=DUE + HOUR, version=None
    )
    assert fresh(callback).agent_id == cast.ben.pk
    assert Attempt.objects.get().was_interrupted


# --- presence ---------------------------------------------------------------------------------


def test_closing_the_last_window_sets_an_agent_on_queue_to_away_after_a_minute(cast: Cast) -> None:
    from callbacks.models import Attendance, Heartbeat

    on_queue(cast.ana, cast.ben, cast.lena)
    Attendance.objects.create(agent_id=cast.ana.pk, seen_at=DUE)
    Attendance.objects.create(agent_id=cast.ben.pk, seen_at=DUE + 50 * SECOND)
    Heartbeat.beat("web", DUE + 55 * SECOND)
    clock.tick(DUE + MINUTE)
    assert Agent.objects.get(pk=cast.ana.pk).presence == Presence.ON_QUEUE
    clock.tick(DUE + MINUTE + SECOND)
    away = Agent.objects.get(pk=cast.ana.pk)
    assert away.presence == Presence.AWAY
    assert "last Ringback window was closed" in away.presence_reason
    assert Agent.objects.get(pk=cast.ben.pk).presence == Presence.ON_QUEUE
    assert Agent.objects.get(pk=cast.lena.pk).presence == Presence.ON_QUEUE, "never had a window"


def test_nobody_is_set_away_while_the_web_is_silent(cast: Cast) -> None:
    from callbacks.models import Attendance, Heartbeat

    on_queue(cast.ana)
    Attendance.objects.create(agent_id=cast.ana.pk, seen_at=DUE)
    Heartbeat.beat("web", DUE)
    clock.tick(DUE + 5 * MINUTE)
    assert Agent.objects.get(pk=cast.ana.pk).presence == Presence.ON_QUEUE


def test_a_bad_row_does_not_keep_the_others_from_their_time(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    """A zone that this installation does not know, written by another version of it."""
    bad, good = promise(cast.support, cast.sam), promise(cast.support, cast.sam)
    Callback.objects.filter(pk=bad.pk).update(contact_time_zone="Mars/Olympus")
    clock.tick(DUE)
    assert fresh(good).status == Status.WAITING
    assert fresh(bad).status == Status.PENDING
    assert fresh(bad).next_action_at == DUE + 15 * MINUTE
    assert f"Callback {bad.pk} cannot take its step." in caplog.text


def test_a_tick_that_fails_shows_no_sign_of_life(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from callbacks.clock import ticking
    from callbacks.models import Heartbeat

    def broken(at: object) -> int:
        raise RuntimeError

    clock.tick(DUE)
    assert Heartbeat.objects.get(part="clock").at == DUE
    monkeypatch.setattr(ticking, "look", broken)
    with pytest.raises(RuntimeError):
        clock.tick(DUE + HOUR)
    assert Heartbeat.objects.get(part="clock").at == DUE
