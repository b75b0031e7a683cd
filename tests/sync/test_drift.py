"""Drift: ours against theirs, the cause, the repair; nothing by itself where it is much (F18, F19)."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from callbacks.access import Actor
from callbacks.lifecycle import Status
from callbacks.models import Callback, Connection, Counterpart, Newcomer
from callbacks.scheduling import cancel
from callbacks.sync import drift, mending
from tests.cast import by, make_callback
from tests.sync.connected import (
    ANA,
    Connected,
    ahead,
    fresh,
    moment,
    reasons,
    told,
)

State = Counterpart.State
Kind, Repair = drift.Kind, drift.Repair


def found(both: Connected) -> list[drift.Drift]:
    """What differs now."""
    return list(drift.report(both.connection).drifts)


def put_right(both: Connected, how: Repair) -> None:
    """The one drift there is, repaired by Ada, and exchanged."""
    (one,) = found(both)
    assert drift.repair(one, how, both.connection, by=by(both.cast.ada), at=timezone.now())
    both.exchange()
    both.exchange()
    assert found(both) == []


def test_two_sides_in_step_show_no_drift(both: Connected) -> None:
    both.promised()
    both.make_there()
    both.exchange()
    report = drift.report(both.connection)
    assert (list(report.drifts), report.compared, report.is_held) == ([], 2, False)
    assert report.looked_at is not None


def _reassigned_to_one_who_cannot(both: Connected) -> Callback:
    callback = both.promised()
    both.cast.support.members.remove(both.cast.ana.pk)
    both.meddle(callback, "own", agentId=ANA)
    both.exchange()
    return callback


def test_an_owner_there_who_cannot_own_it_here_is_a_drift(both: Connected) -> None:
    callback = _reassigned_to_one_who_cannot(both)
    (one,) = found(both)
    assert (one.kind, one.callback) == (Kind.DIFFERS, callback)
    assert one.differences == {"Owner": ("nobody", ANA)}


def test_telling_again_lets_ours_hold_there(both: Connected) -> None:
    callback = _reassigned_to_one_who_cannot(both)
    put_right(both, Repair.TELL_AGAIN)
    assert both.remote(callback)["agent_id"] is None
    assert told(callback)[-1] == ("synchronised", "Ada Lund")


def test_taking_theirs_lets_theirs_hold_here(both: Connected) -> None:
    callback = _reassigned_to_one_who_cannot(both)
    both.cast.support.members.add(both.cast.ana.pk)
    put_right(both, Repair.TAKE_THEIRS)
    assert fresh(callback).owner_id == both.cast.ana.pk


def test_what_the_platform_never_did_is_seen_and_told_again(both: Connected) -> None:
    callback = both.promised()
    both.meddle(callback, "reschedule", requestedTime=ahead(hours=9))
    # As if it had kept another time than it confirmed: no change of theirs, so nothing comes back.
    Counterpart.objects.update(remote_changed_at=moment(both.remote(callback)["updated_at"]))
    both.exchange()
    (one,) = found(both)
    assert set(one.differences) == {"Time"}
    put_right(both, Repair.TELL_AGAIN)
    assert moment(both.remote(callback)["requested_at"]) == callback.requested_at


def test_one_that_is_over_here_and_open_there_is_cancelled_there(both: Connected) -> None:
    callback = both.promised()
    Counterpart.objects.update(state=State.OVER)
    cancel(callback.pk, reason="Called us", by=by(both.cast.sam), at=timezone.now(), version=None)
    both.exchange()
    (one,) = found(both)
    assert one.kind == Kind.LIVE_THERE
    put_right(both, Repair.CANCEL_THERE)
    assert both.remotes() == []


def test_a_double_for_the_contact_is_taken_over_by_a_person_s_word(both: Connected) -> None:
    ours = both.promised()
    both.make_there(ours.phone_number, requestedTime=ahead(hours=30))
    both.exchange()
    (one,) = found(both)
    assert (one.kind, one.callback, one.safe_repair) == (Kind.UNKNOWN, ours, None)
    put_right(both, Repair.TAKE_OVER)
    assert Callback.objects.filter(phone_number=ours.phone_number).count() == 2
    assert not Newcomer.objects.exists()


def _all_lost(both: Connected, count: int = 8) -> None:
    at = timezone.now()
    for _ in range(count):
        make_callback(both.cast.support, both.cast.sam, at=at)
    both.exchange()
    both.practice.console("POST", "reset", {})
    both.exchange()


def test_so_much_lost_waits_for_a_person_and_then_is_made_anew(both: Connected) -> None:
    _all_lost(both)
    report = drift.report(both.connection)
    assert report.is_held
    assert {one.kind for one in report.drifts} == {Kind.MISSING}
    assert both.remotes() == []
    assert drift.repair_all(report, by=by(both.cast.ada), at=timezone.now()) == 8
    both.exchange()
    assert len(both.remotes()) == 8
    assert found(both) == []


@pytest.mark.parametrize(
    ("count", "of", "much"),
    [(5, 6, False), (6, 100, True), (10, 200, False), (20, 400, False), (21, 10_000, True)],
)
def test_how_much_is_too_much(count: int, of: int, much: bool) -> None:
    assert mending.is_much(count, of) is much


def test_a_repair_of_what_changed_meanwhile_does_nothing(both: Connected) -> None:
    _reassigned_to_one_who_cannot(both)
    (one,) = found(both)
    Counterpart.objects.all().delete()
    assert not drift.repair(
        one, Repair.TELL_AGAIN, both.connection, by=Actor.engine(), at=timezone.now()
    )


# --- the command -------------------------------------------------------------------------------


def test_the_command_tells_in_words_and_for_programs(both: Connected) -> None:
    callback = _reassigned_to_one_who_cannot(both)
    words, programs = StringIO(), StringIO()
    call_command("drift", stdout=words)
    assert "Practice: 1 of 1 differ" in words.getvalue()
    assert f"Owner: nobody here, {ANA} there" in words.getvalue()
    call_command("drift", "--json", "--connection", "Practice", stdout=programs)
    (told_of,) = json.loads(programs.getvalue())
    assert told_of["drifts"][0]["callback"] == str(callback.pk)
    assert told_of["repaired"] == 0


def test_the_command_repairs_when_told_so(both: Connected) -> None:
    _all_lost(both, 6)
    call_command("drift", "--repair", stdout=StringIO())
    both.exchange()
    assert len(both.remotes()) == 6


def test_the_command_knows_no_stranger(both: Connected) -> None:
    with pytest.raises(CommandError, match="no connection Elsewhere"):
        call_command("drift", "--connection", "Elsewhere")


# --- the page ----------------------------------------------------------------------------------


def test_only_admins_see_the_drift(both: Connected, enter: Any) -> None:
    assert enter(both.cast.sam).get("/sync/drift").status_code == 403
    assert enter(both.cast.ada).get("/sync/drift").status_code == 200


def test_the_page_shows_cause_and_repair_and_does_it(both: Connected, enter: Any) -> None:
    callback = _reassigned_to_one_who_cannot(both)
    ada = enter(both.cast.ada)
    page = ada.get("/sync/drift").content.decode()
    assert "1 of 1 differ" in page
    assert "nobody here" in page
    (one,) = found(both)
    fields = {"connection": both.key, "key": one.key, "do": "tell again"}
    assert ada.post("/sync/drift", fields, follow=True).status_code == 200
    both.exchange()
    assert "Both sides agree on 1 open callback." in ada.get("/sync/drift").content.decode()
    assert "It is told to the platform again." in reasons(callback)


def test_the_page_repairs_all_only_as_far_as_it_was_seen(both: Connected, enter: Any) -> None:
    _all_lost(both)
    ada = enter(both.cast.ada)
    assert "nothing is made anew by itself" in ada.get("/sync/drift").content.decode()
    fields = {"connection": both.key, "do": "all", "known": "7"}
    page = ada.post("/sync/drift", fields, follow=True).content.decode()
    assert "Nothing was done." in page
    page = ada.post("/sync/drift", {**fields, "known": "8"}, follow=True).content.decode()
    assert "8 repaired" in page
    both.exchange()
    assert len(both.remotes()) == 8


@pytest.mark.parametrize("fields", [{}, {"connection": "x"}, {"do": "explode", "key": "x"}])
def test_nonsense_finds_nothing(both: Connected, enter: Any, fields: dict[str, str]) -> None:
    wanted = {"connection": str(Connection.objects.get().pk), **fields}
    assert enter(both.cast.ada).post("/sync/drift", wanted).status_code == 404


def test_what_is_over_there_and_open_here_can_be_ended_here(both: Connected) -> None:
    callback = both.promised()
    both.meddle(callback, "complete")
    # As after a look while somebody was on the phone about it here.
    Counterpart.objects.update(shown={"standing": "done"})
    (one,) = found(both)
    assert one.kind == Kind.LIVE_HERE
    put_right(both, Repair.TAKE_THEIRS)
    assert fresh(callback).status == Status.COMPLETED
