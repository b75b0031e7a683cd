"""Reviving: expiry is never silent, and never the last word (rules §3.4)."""

from datetime import timedelta
from typing import Any

import pytest

from callbacks import clock, rescue
from callbacks.errors import Ended, NotAllowed, Refused, Stale
from callbacks.lifecycle import Status
from callbacks.models import Agent, Callback, OutboxMessage, Presence, Queue, User
from callbacks.scheduling import Changes, schedule
from tests.cast import NOW, Cast, by, wish_at

DUE = NOW + timedelta(hours=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def promise(queue: Queue, maker: User, **changes: Any) -> Callback:
    return schedule(wish_at(queue, DUE, **changes), by=by(maker), at=NOW).callback


def fresh(callback: Callback) -> Callback:
    return Callback.objects.get(pk=callback.pk)


def expired(cast: Cast, **changes: Any) -> Callback:
    callback = promise(cast.support, cast.ana, **{"owner_id": cast.ana.pk, **changes})
    clock.tick(DUE + DAY)
    callback.refresh_from_db()
    assert callback.status == Status.EXPIRED
    return callback


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
    reason = callback.history.order_by("-version")[0].reason
    assert "Ana Reyes cannot own it any more" in reason


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


def test_an_interaction_that_has_another_open_callback_is_refused_in_words(cast: Cast) -> None:
    """Rules §2.8: one interaction has at most one open callback, also when its number differs."""
    callback, at = expired(cast, conversation_id="c-1"), DUE + DAY + HOUR
    other = wish_at(cast.support, at + HOUR, conversation_id="c-1")
    schedule(other, by=by(cast.ben), at=at)
    with pytest.raises(Refused) as refused:
        rescue.revive(callback.pk, None, by=by(cast.sam), at=at, version=None)
    found = refused.value.of("callback.exists")
    assert found is not None
    assert "This interaction has an open callback already" in found.message


@pytest.mark.parametrize("reason", ["x" * 2001, "a\0b", "\x07"])
def test_a_reason_that_cannot_be_kept_is_refused(cast: Cast, reason: str) -> None:
    callback = expired(cast)
    with pytest.raises(Refused) as refused:
        rescue.revive(callback.pk, None, by=by(cast.sam), at=DUE + DAY, version=None, reason=reason)
    assert [problem.field for problem in refused.value.problems] == ["reason"]
    assert fresh(callback).status == Status.EXPIRED


def test_all_problems_of_a_revival_are_said_at_once(cast: Cast) -> None:
    callback = expired(cast)
    nowhere = Changes(date="2026-02-30", time="09:00", time_zone="Mars")
    with pytest.raises(Refused) as refused:
        rescue.revive(
            callback.pk, nowhere, by=by(cast.sam), at=DUE + DAY, version=None, reason="\0"
        )
    assert {problem.field for problem in refused.value.problems} == {"date", "time_zone", "reason"}


def test_history_says_why_the_owner_lost_it_and_that_it_is_outside_the_hours(cast: Cast) -> None:
    callback, at = expired(cast), DUE + DAY + HOUR
    cast.support.members.remove(cast.ana.pk)
    night = Changes(
        date="2026-11-29", time="03:00", time_zone="Europe/London", allow_outside_calling_hours=True
    )
    rescue.revive(callback.pk, night, by=by(cast.sam), at=at, version=None, reason="Agreed.")
    assert fresh(callback).is_outside_hours_agreed
    reason = callback.history.order_by("-version")[0].reason
    assert reason.startswith("Agreed. Ana Reyes cannot own it any more")
    assert "is not a member of Support" in reason
    assert "Outside Support's calling hours in Europe/London" in reason


def test_beyond_the_owners_limit_it_is_for_the_queue(cast: Cast) -> None:
    callback, at = expired(cast), DUE + DAY + HOUR
    far = Changes(date="2026-12-10", time="09:30", time_zone="America/New_York")
    rescue.revive(callback.pk, far, by=by(cast.sam), at=at, version=None)
    assert fresh(callback).owner_id is None
    assert "at most 7 days ahead" in callback.history.order_by("-version")[0].reason


def test_now_is_a_whole_second_in_the_zone_of_the_promise(cast: Cast) -> None:
    callback, at = expired(cast), DUE + DAY + HOUR + timedelta(microseconds=123456)
    found = rescue.revive(callback.pk, None, by=by(cast.sam), at=at, version=None)
    assert found.requested_at == DUE + DAY + HOUR
    assert (found.time_zone, f"{found.wall_time:%H:%M:%S}") == ("America/New_York", "12:00:00")


def test_what_is_open_is_not_called_over_when_somebody_revives_it(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana)
    with pytest.raises(Ended) as refused:
        rescue.revive(callback.pk, None, by=by(cast.sam), at=NOW, version=None)
    assert "is over" not in refused.value.message
    assert "Only an expired promise" in refused.value.message


@pytest.mark.parametrize("who", ["ana", "ben", "lena", "otto"])
def test_agents_revive_nothing_and_see_no_expired_list(cast: Cast, who: str) -> None:
    callback, actor = expired(cast), by(getattr(cast, who))
    with pytest.raises((NotAllowed, Callback.DoesNotExist)):
        rescue.revive(callback.pk, None, by=actor, at=DUE + DAY, version=None)
    assert rescue.expired_recently(actor, DUE + DAY) == 0


def test_a_supervisor_of_another_queue_finds_nothing_to_revive(cast: Cast) -> None:
    callback = expired(cast)
    cast.support.supervisors.clear()
    cast.billing.supervisors.add(cast.sam)
    with pytest.raises(Callback.DoesNotExist):
        rescue.revive(callback.pk, None, by=by(cast.sam), at=DUE + DAY, version=None)
    assert rescue.expired_recently(by(cast.sam), DUE + DAY) == 0
    assert rescue.expired_recently(by(cast.ada), DUE + DAY) == 1
