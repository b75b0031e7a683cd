"""Rules §2 and §3.1: making a callback. Each problem at its field, all of them at once."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callbacks.errors import Problem, Refused
from callbacks.models import (
    Callback,
    CallingHours,
    ContactList,
    Holiday,
    Queue,
    ServiceLevel,
    Shift,
    Skill,
)
from callbacks.scheduling import CallbackRequest, examine, schedule
from tests.cast import NOW, Cast, by, fresh_number, make_callback, make_queue, wish, wish_at

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def refusal(request: CallbackRequest, cast: Cast, at: datetime = NOW) -> dict[str, Problem]:
    """The problems by code."""
    before = Callback.objects.count()
    with pytest.raises(Refused) as refused:
        schedule(request, by=by(cast.ana), at=at)
    assert Callback.objects.count() == before
    return {problem.code: problem for problem in refused.value.problems}


def test_a_promise_keeps_its_wall_time_zone_and_instant(cast: Cast) -> None:
    """Rules §2.3: New York's time for a contact in London."""
    made = make_callback(cast.support, cast.ana, date="2026-11-24", time="12:00")
    made.refresh_from_db()
    assert (made.wall_date, made.wall_time) == (date(2026, 11, 24), time(12))
    assert (made.time_zone, made.contact_time_zone) == ("America/New_York", "Europe/London")
    assert made.requested_at == datetime(2026, 11, 24, 17, tzinfo=UTC)
    assert made.tzdata_version
    assert made.window_ends_at - made.window_starts_at == timedelta(hours=1)
    assert made.due_by == made.requested_at + timedelta(hours=24)
    assert made.next_action_at == made.requested_at
    assert made.consent
    assert made.consent_recorded_by == cast.ana


def test_state_history_and_outbox_are_written_together(cast: Cast) -> None:
    made = make_callback(cast.support, cast.ana, owner_id=cast.ana.pk)
    event = made.history.get()
    assert (event.what, event.actor, event.version) == ("scheduled", cast.ana, 1)
    assert event.after["owner"] == "Ana Reyes"
    assert event.after["wall"] == "2026-11-24 12:00 America/New_York"
    message = made.outbox.get()
    assert (message.action, message.state, message.event) == ("create", "waiting", event)


def test_scheduling_takes_eight_statements_with_begin_and_commit(
    cast: Cast, transactional_db: None
) -> None:
    request = wish(cast.support, owner_id=cast.ana.pk, preferred_agent_id=cast.ana.pk)
    actor = by(cast.ana)
    with CaptureQueriesContext(connection) as statements:
        schedule(request, by=actor, at=NOW)
    assert len(statements) <= 8, [s["sql"][:80] for s in statements]


def test_all_problems_are_told_at_once_each_at_its_field(cast: Cast) -> None:
    request = CallbackRequest(
        queue_id=None, phone_number="abc", date="2026-02-30", time="25:00", time_zone="Mars/Base",
        contact_name="x" * 201, reason="a\0b", ticket_id="y" * 101, consent_required=True,
    )  # fmt: skip
    with pytest.raises(Refused) as refused:
        schedule(request, by=by(cast.ana), at=NOW)
    fields = {problem.field for problem in refused.value.problems}
    assert fields == {
        "queue", "phone_number", "date", "time", "time_zone", "contact_name", "reason", "ticket_id",
        "consent",
    }  # fmt: skip
    assert all(len(problem.message) > 10 for problem in refused.value.problems)


# --- moments ---------------------------------------------------------------------------------


def test_a_gap_is_refused_with_both_neighbours(cast: Cast) -> None:
    at = datetime(2027, 3, 10, 15, tzinfo=UTC)
    problem = refusal(wish(cast.support, date="2027-03-14", time="02:30"), cast, at)["time.gap"]
    assert [f"{local:%H:%M}" for local in problem.data["neighbours"]] == ["01:59", "03:00"]


def test_an_overlap_is_asked_and_never_guessed(cast: Cast) -> None:
    at = datetime(2026, 10, 28, 15, tzinfo=UTC)
    twice = wish(cast.support, date="2026-11-01", time="01:30")
    problem = refusal(twice, cast, at)["time.ambiguous"]
    assert len(problem.data["choices"]) == 2
    made = schedule(replace(twice, fold=1), by=by(cast.ana), at=at).callback
    assert made.requested_at == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert made.fold == 1


def test_the_past_has_sixty_seconds_of_grace(cast: Cast) -> None:
    assert make_in(cast, -60 * SECOND)
    assert "time.past" in refusal(wish_at(cast.support, NOW - 61 * SECOND), cast)


def test_exactly_720_hours_ahead_is_allowed_and_a_second_more_is_not(cast: Cast) -> None:
    """Rules §2.4: elapsed hours, here across the end of summer time."""
    at = datetime(2026, 10, 15, 14, tzinfo=UTC)
    limit = timedelta(hours=720)
    assert schedule(wish_at(cast.support, at + limit), by=by(cast.ana), at=at).is_new
    assert "time.too.far" in refusal(wish_at(cast.support, at + limit + SECOND), cast, at)


def make_in(cast: Cast, ahead: timedelta, **changes: object) -> Callback:
    request = wish_at(cast.support, NOW + ahead, **changes)
    return schedule(request, by=by(cast.ana), at=NOW).callback


def test_a_programs_instant_is_kept_with_its_wall_time(cast: Cast) -> None:
    instant = NOW + timedelta(days=1)
    request = wish(cast.support, requested_at=instant, time_zone="US/Eastern")
    made = schedule(request, by=by(cast.ana), at=NOW).callback
    assert (made.requested_at, made.wall_time) == (instant, time(10))
    assert made.time_zone == "America/New_York", "by the name that people know"


@pytest.mark.parametrize("year", [1, 9999])
def test_a_naive_instant_and_one_out_of_reach_are_refused(cast: Cast, year: int) -> None:
    """Rules §6.6."""
    naive = wish(cast.support, requested_at=(NOW + timedelta(days=1)).replace(tzinfo=None))
    assert "time.naive" in refusal(naive, cast)
    assert "time.invalid" in refusal(wish(cast.support, requested_at=NOW.replace(year=year)), cast)


# --- window, service level -------------------------------------------------------------------


def test_a_window_must_not_exceed_the_service_levels_threshold(cast: Cast) -> None:
    """Rules §2.5, G §3."""
    request = wish(cast.support, window_duration=timedelta(hours=24, seconds=1))
    problem = refusal(request, cast)["window.exceeds.service.level"]
    assert "Callback Response" in problem.message
    schedule(replace(request, window_duration=timedelta(hours=24)), by=by(cast.ana), at=NOW)


def test_a_window_must_contain_the_requested_time(cast: Cast) -> None:
    late = wish(cast.support, window_starts_at=NOW + timedelta(days=2))
    assert refusal(late, cast)["invalid.value"].field == "window"


def test_a_service_level_may_count_in_business_hours_from_creation(cast: Cast) -> None:
    level = ServiceLevel.objects.create(
        name="Slow",
        threshold=timedelta(hours=14),
        clock_starts="created",
        clock_runs="business_hours",
    )
    Queue.objects.filter(pk=cast.support.pk).update(service_level=level)
    made = make_callback(cast.support, cast.ana)
    # 15:00 in London: six hours today until 21:00, eight tomorrow from 08:00.
    assert made.due_by == datetime(2026, 11, 24, 16, tzinfo=UTC)


# --- consent, uncallable, hours --------------------------------------------------------------


def test_an_explicit_no_is_always_refused(cast: Cast) -> None:
    """Rules §2.7: no ghost callbacks."""
    assert "consent.required" in refusal(wish(cast.support, consent=False), cast)


def test_a_missing_consent_counts_where_door_or_queue_insist(cast: Cast) -> None:
    asked = wish(cast.support, consent=None)
    assert "consent.required" in refusal(replace(asked, consent_required=True), cast)
    schedule(asked, by=by(cast.ana), at=NOW)
    Queue.objects.filter(pk=cast.support.pk).update(consent_required=True)
    assert "consent.required" in refusal(wish(cast.support, consent=None), cast)


def test_uncallable_numbers_are_refused_while_their_list_says_so(cast: Cast) -> None:
    """Rules §2.9."""
    barred = ContactList.objects.create(name="Do not call")
    number = fresh_number()
    barred.entries.create(phone_number=number, is_uncallable=True)
    problem = refusal(wish(cast.support, phone_number=number), cast)["number.uncallable"]
    assert "Do not call" in problem.message
    barred.is_active = False
    barred.save()
    assert schedule(wish(cast.support, phone_number=number), by=by(cast.ana), at=NOW).is_new


def test_calling_hours_are_refused_or_warned_about_in_the_contacts_zone(cast: Cast) -> None:
    """Rules §2.10: 17:00 in New York is 22:00 in London."""
    late = wish(cast.support, time="17:00", allow_outside_calling_hours=False)
    problem = refusal(late, cast)["calling.hours"]
    assert "22:00" in problem.message
    assert problem.data["nearby"]
    made = schedule(replace(late, allow_outside_calling_hours=True), by=by(cast.ana), at=NOW)
    assert made.callback.is_outside_hours_agreed
    assert "22:00" in made.callback.history.get().reason


def test_holidays_and_own_hours_of_a_queue_count(cast: Cast) -> None:
    Holiday.objects.create(queue=cast.support, date=date(2026, 11, 24), name="Founders' Day")
    request = wish(cast.support, allow_outside_calling_hours=False)
    assert "Founders' Day" in refusal(request, cast)["calling.hours"].message
    CallingHours.objects.create(queue=cast.support, weekday=2, opens=time(8), closes=time(9))
    wednesday = replace(request, date="2026-11-25")
    assert "08:00–09:00" in refusal(wednesday, cast)["calling.hours"].message


# --- duplicates ------------------------------------------------------------------------------


def test_a_second_callback_for_a_number_names_the_first(cast: Cast) -> None:
    """Rules §2.8."""
    first = make_callback(cast.support, cast.ana, owner_id=cast.ana.pk)
    again = wish(cast.support, phone_number=first.phone_number)
    problem = refusal(again, cast)["callback.exists"]
    assert problem.data["existing"] == first
    assert "Ana Reyes" in problem.message
    prevented = first.history.get(what="duplicate_prevented")
    assert prevented.actor == cast.ana
    assert first.outbox.count() == 1


@pytest.mark.parametrize(
    ("first", "second", "is_duplicate"),
    [
        (timedelta(hours=47), timedelta(days=20), True),  # within 48 hours of now
        (timedelta(hours=48), timedelta(days=20), True),
        (timedelta(hours=49), timedelta(days=20), False),
        (timedelta(days=10), timedelta(days=12), True),  # within 48 hours of the new one
        (timedelta(days=10), timedelta(days=12, seconds=1), False),
        (timedelta(days=12), timedelta(days=10), True),
        (timedelta(days=12, seconds=1), timedelta(days=10), False),
    ],
)
def test_forty_eight_hours_decide_what_a_duplicate_is(
    cast: Cast, first: timedelta, second: timedelta, is_duplicate: bool
) -> None:
    made = make_in(cast, first)
    request = wish_at(cast.support, NOW + second, phone_number=made.phone_number)
    assert (
        "callback.exists" in {p.code for p in examine(request, by=by(cast.ana), at=NOW).problems}
    ) is (is_duplicate)


def test_an_overdue_promise_is_still_a_promise(cast: Cast) -> None:
    made = make_in(cast, MINUTE)
    later = NOW + timedelta(days=9)
    again = wish_at(cast.support, later + timedelta(days=9), phone_number=made.phone_number)
    assert "callback.exists" in refusal(again, cast, later)


def test_an_interaction_has_one_open_callback(cast: Cast) -> None:
    make_callback(cast.support, cast.ana, conversation_id="c-1")
    assert (
        "interaction"
        in refusal(wish(cast.support, conversation_id="c-1"), cast)["callback.exists"].message
    )


def test_the_same_form_sent_twice_is_one_callback(cast: Cast) -> None:
    request = wish(cast.support, request_key=uuid.uuid4())
    first = schedule(request, by=by(cast.ana), at=NOW)
    second = schedule(request, by=by(cast.ana), at=NOW + SECOND)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.callback == second.callback
    assert first.callback.history.count() == 1


# --- ownership -------------------------------------------------------------------------------


def test_an_owned_callback_may_lie_exactly_at_the_limit(cast: Cast) -> None:
    """Rules §2.4: 7 days are accepted, 7 days and a minute are not."""
    week = timedelta(days=7)
    assert make_in(cast, week, owner_id=cast.ana.pk).owner_id == cast.ana.pk
    beyond = wish_at(cast.support, NOW + week + MINUTE, owner_id=cast.ana.pk)
    problem = refusal(beyond, cast)["ownership.too.far"]
    assert "7 days" in problem.message
    assert problem.field == "take_ownership"
    assert schedule(replace(beyond, owner_id=None), by=by(cast.ana), at=NOW).is_new


def test_ownership_lasts_for_the_queues_period_from_the_requested_time(cast: Cast) -> None:
    """Rules §3.1, §3.3."""
    made = make_callback(cast.support, cast.ana, owner_id=cast.ana.pk)
    assert made.ownership_expires_at == made.requested_at + timedelta(days=1)


def test_ownership_may_be_switched_off(cast: Cast) -> None:
    """Rules §3.1."""
    queue = make_queue("Free", ownership_enabled=False)
    queue.members.add(cast.ana.pk)
    assert "ownership.disabled" in refusal(wish(queue, owner_id=cast.ana.pk), cast)


def break_over(cast: Cast, start: datetime, end: datetime, activity: str = "break") -> None:
    Shift.objects.create(agent_id=cast.ben.pk, activity=activity, starts_at=start, ends_at=end)


UNABLE = ["deactivated", "not a member", "lacks the skill", "over the whole callback window"]


@pytest.mark.parametrize("why", UNABLE)
def test_who_cannot_own_is_told_so_and_falls_back_where_asked(cast: Cast, why: str) -> None:
    """Rules §2.11: the panel says so; for programs it falls to the lead, else to the queue."""
    make_unable(cast, why)
    request = wish(cast.support, owner_id=cast.ben.pk)
    assert why in refusal(request, cast)["ownership.agent.unable"].message
    made = schedule(replace(request, falls_back=True), by=by(cast.ana), at=NOW)
    assert made.callback.owner_id == (None if why == "lacks the skill" else cast.lena.pk)
    assert made.assignment.requested == cast.ben.pk
    assert why in made.assignment.reason
    assert why in made.callback.history.get().reason


def make_unable(cast: Cast, why: str) -> None:
    if why == "deactivated":
        cast.ben.is_active = False
        cast.ben.save()
    elif why == "not a member":
        cast.support.members.remove(cast.ben.pk)
    elif why == "lacks the skill":
        cast.support.required_skills.add(Skill.objects.create(name="Routers"))
    else:
        start = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
        break_over(cast, start, start + timedelta(hours=1))
        break_over(cast, start + timedelta(hours=1), start + timedelta(hours=2), "meal")


def test_a_break_that_leaves_a_minute_free_does_not_hinder(cast: Cast) -> None:
    start = datetime(2026, 11, 24, 17, tzinfo=UTC)
    break_over(cast, start, start + timedelta(minutes=59))
    assert make_callback(cast.support, cast.ana, owner_id=cast.ben.pk).owner_id == cast.ben.pk


# --- texts, queues ---------------------------------------------------------------------------


def test_ten_megabytes_are_refused_at_their_field(cast: Cast) -> None:
    problem = refusal(wish(cast.support, reason="x" * 10_000_000), cast)["invalid.value"]
    assert problem.field == "reason"
    assert "2,000" in problem.message


@pytest.mark.parametrize("data", [{"a": "x" * 17_000}, {"a": "\0"}, {"a": "\ud800"}])
def test_external_data_that_cannot_be_stored_is_refused(cast: Cast, data: dict[str, str]) -> None:
    assert refusal(wish(cast.support, external_data=data), cast)["invalid.value"].field == (
        "external_data"
    )


def test_agents_schedule_only_in_their_own_queues(cast: Cast) -> None:
    """Rules §7: Callback > Create."""
    assert refusal(wish(cast.billing), cast)["invalid.value"].field == "queue"
    assert schedule(wish(cast.billing), by=by(cast.sam), at=NOW).is_new


def test_a_closed_queue_takes_nothing_new(cast: Cast) -> None:
    Queue.objects.filter(pk=cast.support.pk).update(is_active=False)
    assert (
        "Support takes no new callbacks"
        in refusal(wish(cast.support), cast)["invalid.value"].message
    )
