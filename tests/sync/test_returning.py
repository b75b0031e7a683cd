"""What happens on the platform comes back (rules §6.8): F18–F20, F40, and who wins."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from callbacks import calls, clock, routing
from callbacks.lifecycle import Status
from callbacks.models import (
    Agent,
    Callback,
    ContactList,
    ContactListEntry,
    Counterpart,
    Newcomer,
    Offer,
    OutboxMessage,
    Presence,
)
from callbacks.scheduling import Changes, cancel, change, take_ownership
from tests.cast import by, make_callback
from tests.sync.connected import (
    ANA,
    Connected,
    ahead,
    by_platform,
    fresh,
    moment,
    reasons,
    told,
    writes,
)

State = Counterpart.State


# --- it ends there -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("do", "status"),
    [
        ("complete", Status.COMPLETED),
        ("cancel", Status.CANCELLED),
        ("expire", Status.EXPIRED),
    ],
)
def test_what_ends_there_ends_here_in_the_same_way(
    both: Connected, do: str, status: Status
) -> None:
    callback = both.promised()
    before = writes(both.practice)
    both.meddle(callback, do)
    both.exchange()
    after = fresh(callback)
    assert (after.status, after.next_action_at) == (status, None)
    assert told(callback)[-1] == (status, "Practice")
    assert both.there(callback).state == State.OVER
    both.exchange()
    assert writes(both.practice) == before, "nothing is told back"
    assert not OutboxMessage.objects.filter(callback=callback, settled_at=None).exists()


def test_an_end_there_wins_over_a_change_here_that_it_does_not_know(both: Connected) -> None:
    callback = both.promised()
    both.meddle(callback, "complete")
    later = callback.requested_at + timedelta(hours=1)
    change(callback.pk, Changes(requested_at=later), by=by(both.cast.sam), at=timezone.now(), version=None)  # fmt: skip
    both.exchange()
    assert fresh(callback).status == Status.COMPLETED
    assert not OutboxMessage.objects.filter(callback=callback, settled_at=None).exists()
    assert both.remotes() == []


def test_an_offer_here_is_withdrawn_when_it_ends_there(both: Connected) -> None:
    callback = _ringing(both)
    both.meddle(callback, "complete")
    both.exchange()
    assert fresh(callback).status == Status.COMPLETED
    assert Offer.objects.get().result == Offer.Result.WITHDRAWN


def test_a_call_here_goes_on_when_it_ends_there_and_then_that_end_holds(both: Connected) -> None:
    callback = _ringing(both)
    calls.accept(callback.pk, by=by(both.cast.ana), at=timezone.now())
    both.meddle(callback, "complete")
    both.exchange()
    both.exchange()
    assert fresh(callback).status == Status.IN_PROGRESS
    assert reasons(callback).count("The call that is under way here goes on.") == 1
    calls.take_back(callback.pk, reason="Dead line", by=by(both.cast.sam), at=timezone.now(), version=None)  # fmt: skip
    both.exchange()
    assert fresh(callback).status == Status.COMPLETED


def _ringing(both: Connected) -> Callback:
    """Known there, and being offered to Ana here."""
    callback = both.promised(hours=1)
    at = callback.requested_at
    Agent.objects.filter(pk=both.cast.ana.pk).update(presence=Presence.ON_QUEUE)
    clock.look(at)
    assert routing.match(at) == 1
    return callback


# --- another time, another owner ---------------------------------------------------------------


def test_another_time_there_moves_all_that_follows_from_it(both: Connected) -> None:
    callback = both.promised()
    before = writes(both.practice)
    later = ahead(hours=30)
    both.meddle(callback, "reschedule", requestedTime=later)
    both.exchange()
    after = fresh(callback)
    shift = moment(later) - callback.requested_at
    assert after.requested_at == after.next_action_at == moment(later)
    assert after.window_starts_at == callback.window_starts_at + shift
    assert after.due_by == callback.due_by + shift
    assert told(callback)[-1] == ("rescheduled", "Practice")
    for _ in range(3):
        both.exchange()
    assert writes(both.practice) == before, "no ping-pong"
    assert len(told(callback)) == 2


def test_the_owner_s_period_moves_with_the_time(both: Connected) -> None:
    callback = both.promised()
    take_ownership(callback.pk, by=by(both.cast.ana), at=timezone.now(), version=None)
    both.exchange()
    assert both.remote(callback)["agent_id"] == ANA
    later = ahead(hours=30)
    both.meddle(callback, "reschedule", requestedTime=later)
    both.exchange()
    after = fresh(callback)
    assert after.owner_id == both.cast.ana.pk
    assert after.ownership_expires_at == moment(later) + timedelta(days=1)


def test_another_owner_there_is_its_owner_here_for_a_whole_period(both: Connected) -> None:
    callback = both.promised()
    before = writes(both.practice)
    both.meddle(callback, "own", agentId=ANA)
    both.exchange()
    after = fresh(callback)
    assert after.owner_id == both.cast.ana.pk
    assert after.ownership_expires_at == callback.requested_at + timedelta(days=1)
    both.meddle(callback, "own", agentId=None)
    both.exchange()
    assert fresh(callback).owner_id is None
    assert [what for what, _ in told(callback)][-2:] == ["handed_over", "ownership_given_up"]
    assert writes(both.practice) == before


def test_who_cannot_own_it_here_does_not_and_the_history_says_why(both: Connected) -> None:
    callback = both.promised()
    both.cast.support.members.remove(both.cast.ana.pk)
    both.meddle(callback, "own", agentId=ANA)
    both.exchange()
    assert fresh(callback).owner_id is None
    assert "Ana Reyes is not a member of Support" in reasons(callback)


def test_what_each_side_changed_alone_holds_on_both(both: Connected) -> None:
    callback = both.promised()
    later = ahead(hours=30)
    both.meddle(callback, "reschedule", requestedTime=later)
    take_ownership(callback.pk, by=by(both.cast.ana), at=timezone.now(), version=None)
    both.exchange()
    both.exchange()
    assert fresh(callback).requested_at == moment(later)
    remote = both.remote(callback)
    assert (moment(remote["requested_at"]), remote["agent_id"]) == (moment(later), ANA)


def test_of_two_times_the_newer_one_holds_and_one_write_settles_it(both: Connected) -> None:
    callback = both.promised()
    both.meddle(callback, "reschedule", requestedTime=ahead(hours=30))
    ours = callback.requested_at + timedelta(hours=2)
    change(callback.pk, Changes(requested_at=ours), by=by(both.cast.sam), at=timezone.now(), version=None)  # fmt: skip
    before = writes(both.practice)
    for _ in range(3):
        both.exchange()
    assert fresh(callback).requested_at == ours
    assert moment(both.remote(callback)["requested_at"]) == ours
    assert writes(both.practice) == before + 1


def test_their_later_time_wins_over_ours_that_was_not_told_yet(both: Connected) -> None:
    callback = both.promised()
    ours = callback.requested_at + timedelta(hours=2)
    change(callback.pk, Changes(requested_at=ours), by=by(both.cast.sam), at=timezone.now() - timedelta(minutes=1), version=None)  # fmt: skip
    Counterpart.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=1))
    theirs = ahead(hours=30)
    both.meddle(callback, "reschedule", requestedTime=theirs)
    before = writes(both.practice)
    both.exchange()
    Counterpart.objects.update(next_attempt_at=timezone.now())
    both.exchange()
    assert fresh(callback).requested_at == moment(theirs)
    assert writes(both.practice) == before


def test_what_rings_here_is_moved_once_it_does_not_ring_any_more(both: Connected) -> None:
    callback = _ringing(both)
    later = ahead(hours=30)
    both.meddle(callback, "reschedule", requestedTime=later)
    both.exchange()
    assert fresh(callback).status == Status.OFFERED
    calls.decline(callback.pk, by=by(both.cast.ana), at=callback.requested_at)
    both.exchange()
    after = fresh(callback)
    assert (after.status, after.requested_at) == (Status.PENDING, moment(later))


# --- made there --------------------------------------------------------------------------------


def test_what_is_made_there_appears_here_without_an_echo(both: Connected) -> None:
    key = both.make_there(agentId=ANA)
    before = writes(both.practice)
    both.exchange()
    callback = Callback.objects.get(queue=both.cast.support)
    assert (callback.phone_number, callback.contact_name) == ("+12025550123", "Noor Haddad")
    assert (callback.owner_id, callback.consent) == (both.cast.ana.pk, None)
    assert "Made on the platform" in reasons(callback)
    assert both.there(callback).external_id == key
    both.exchange()
    assert writes(both.practice) == before
    assert Callback.objects.count() == 1
    assert not OutboxMessage.objects.exists()


def test_what_was_made_there_is_kept_in_step_like_any_other(both: Connected) -> None:
    both.make_there()
    both.exchange()
    callback = Callback.objects.get()
    cancel(callback.pk, reason="Called us", by=by(both.cast.sam), at=timezone.now(), version=None)
    both.exchange()
    assert both.remotes() == []


def test_a_second_one_for_a_contact_is_shown_and_nobody_is_called_twice(both: Connected) -> None:
    ours = both.promised()
    number = ours.phone_number
    key = both.make_there(number, requestedTime=ahead(hours=30))
    both.exchange()
    both.exchange()
    found = Newcomer.objects.get()
    assert (found.external_id, found.existing_id) == (key, ours.pk)
    assert Callback.objects.count() == 1
    assert told(ours)[-1] == ("duplicate_prevented", "Practice")
    assert len(told(ours)) == 2, "said once"
    cancel(ours.pk, reason="Called us", by=by(both.cast.sam), at=timezone.now(), version=None)
    both.exchange()
    both.exchange()
    assert Callback.objects.open().get().phone_number == number
    assert not Newcomer.objects.exists()


def test_what_cannot_be_taken_over_is_listed_and_stops_nothing(both: Connected) -> None:
    premium = both.make_there("+19005550100")
    barred = both.make_there("+12025550177")
    contacts = ContactList.objects.create(name="Complaints")
    ContactListEntry.objects.create(
        contact_list=contacts, phone_number="+12025550177", is_uncallable=True
    )
    good = both.make_there("+12025550188")
    both.exchange()
    callback = Callback.objects.get()
    assert both.there(callback).external_id == good
    why = dict(Newcomer.objects.values_list("external_id", "why"))
    assert len(why) == 2
    assert "Complaints" in why[barred]
    assert "premium" in why[premium]
    both.meddle(barred, "cancel")
    both.exchange()
    assert barred not in Newcomer.objects.values_list("external_id", flat=True)


def test_a_queue_that_is_not_connected_is_none_of_our_business(both: Connected) -> None:
    both.make_there(queueId=both.practice.console("GET", "people")["queues"][1]["id"])
    both.exchange()
    assert not Callback.objects.exists()
    assert not Newcomer.objects.exists()


# --- a backup, a loss --------------------------------------------------------------------------


def test_after_a_backup_the_platform_s_callback_is_recognised_by_our_reference(
    both: Connected,
) -> None:
    callback = both.promised()
    later = ahead(hours=30)
    both.meddle(callback, "reschedule", requestedTime=later)
    Counterpart.objects.all().delete()
    before = writes(both.practice)
    both.exchange()
    both.exchange()
    assert both.there(callback).state == State.THERE
    assert fresh(callback).requested_at == moment(later)
    assert writes(both.practice) == before
    assert len(both.remotes()) == 1


def test_after_a_backup_a_forgotten_callback_is_there_again_under_its_own_key(
    both: Connected,
) -> None:
    forgotten = uuid.uuid4()
    ours = {
        "extId": f"{forgotten}.2",
        "timeZone": "Europe/Oslo",
        "consent": "yes",
        "reason": "Bill",
    }
    both.make_there(externalData=ours)
    before = writes(both.practice)
    both.exchange()
    both.exchange()
    again = Callback.objects.get()
    assert (again.pk, again.reason, again.consent) == (forgotten, "Bill", True)
    assert (again.contact_time_zone, again.external_data) == ("Europe/Oslo", {})
    assert both.there(again).reference == f"{forgotten}.2"
    assert writes(both.practice) == before


def test_what_the_platform_lost_is_made_there_once_more(both: Connected) -> None:
    callback = both.promised()
    both.meddle(callback, "lose")
    both.exchange()
    both.exchange()
    assert [line["reference"] for line in both.remotes()] == [both.there(callback).reference]
    assert both.there(callback).times_lost == 1
    assert "It is made there anew." in reasons(callback)


def test_what_was_lost_after_its_time_waits_for_a_person(both: Connected) -> None:
    callback = both.promised()
    at = timezone.now()
    Callback.objects.filter(pk=callback.pk).update(requested_at=at, window_starts_at=at)
    both.meddle(callback, "lose")
    both.exchange()
    assert both.there(callback).state == State.PARKED
    assert both.remotes() == []


def test_a_platform_that_suddenly_has_nothing_is_not_sent_everything_again(
    both: Connected,
) -> None:
    at = timezone.now()
    for _ in range(8):
        make_callback(both.cast.support, both.cast.sam, at=at)
    both.exchange()
    assert len(both.remotes()) == 8
    both.practice.console("POST", "reset", {})
    both.exchange()
    both.exchange()
    assert both.remotes() == []
    assert Counterpart.objects.filter(lost_at__isnull=False).count() == 8


# --- who routes --------------------------------------------------------------------------------


def test_the_platform_s_routing_is_watched_and_never_doubled(both: Connected) -> None:
    by_platform(both.cast.support)
    callback = both.promised(hours=1)
    Agent.objects.filter(pk=both.cast.ana.pk).update(presence=Presence.ON_QUEUE)
    clock.tick(callback.requested_at)
    assert fresh(callback).status == Status.WAITING
    assert "The platform routes it." in reasons(callback)
    assert not Offer.objects.exists()
    both.meddle(callback, "complete")
    both.exchange()
    assert fresh(callback).status == Status.COMPLETED
