"""Half hours: which there are, how full each is, what speaks against it, and what suits best."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from callbacks import access
from callbacks.access import Actor
from callbacks.errors import Refused
from callbacks.models import ApiClient, Callback, Holiday, Queue, Shift, User
from callbacks.rules import moments
from callbacks.rules.availability import Stretch, whole_days
from callbacks.rules.calling_hours import CallingHours, Opening
from callbacks.rules.slots import Book, Colour, OwnerPlan, Slot, suggestions, tile
from callbacks.rules.terms import OwnerFacts, QueueTerms
from callbacks.scheduling import (
    Changes,
    cancel,
    examine,
    examine_change,
    schedule,
    slots,
    strip_of_day,
)
from tests.cast import NOW, Cast, by, make_callback, make_queue, person, wish, wish_at

HALF, HOUR, DAY = timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)
LONDON, NEW_YORK = "Europe/London", "America/New_York"
TUESDAY = datetime(2026, 11, 24, tzinfo=UTC)
DAY_AND_NIGHT = CallingHours(tuple(Opening(d, time(0), time(0)) for d in range(7)))
ANA = OwnerFacts(id=uuid.uuid4(), name="Ana Reyes")


def terms(**changes: Any) -> QueueTerms:
    return QueueTerms(**{"id": uuid.uuid4(), "name": "Support", "hours": DAY_AND_NIGHT, **changes})


def the_slot(start: datetime, taken: int = 0, **changes: Any) -> Slot:
    """The half hour from this start, with these things about it."""
    half_hour = Stretch(start, start + HALF)
    values = {"terms": terms(), "at": NOW, "zone": "UTC", "contact_zone": "UTC"}
    book = Book(**{**values, "half_hours": [half_hour], "taken": {start: taken}, **changes})  # type: ignore[arg-type]
    return book.slots()[0]


def codes(slot: Slot) -> list[str]:
    return [reason.code for reason in slot.reasons]


# --- which half hours there are ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [
        (LONDON, date(2026, 11, 24), 48),
        (LONDON, date(2026, 3, 29), 46),
        (LONDON, date(2026, 10, 25), 50),
        ("Australia/Lord_Howe", date(2026, 4, 5), 49),  # half an hour only
        ("Asia/Kathmandu", date(2026, 11, 24), 48),  # +05:45
        ("America/Havana", date(2026, 3, 8), 46),  # from midnight to one
    ],
)
def test_a_day_has_as_many_half_hours_as_its_clocks_show(zone: str, day: date, count: int) -> None:
    tiles = list(tile(whole_days(day, day, zone), zone))
    assert len(tiles) == count
    assert {one.duration for one in tiles} == {HALF}
    shown = [one.starts_at.astimezone(moments.zone(zone)) for one in tiles]
    assert {local.minute for local in shown} == {0, 30}
    assert {local.date() for local in shown} == {day}


def test_of_a_doubled_hour_both_are_there_and_tell_their_offsets() -> None:
    day = date(2026, 10, 25)
    tiles = list(tile(whole_days(day, day, LONDON), LONDON))
    found = Book(terms=terms(), at=NOW, zone=LONDON, contact_zone=LONDON, half_hours=tiles).slots()
    doubled = [slot.moment for slot in found if slot.moment.is_doubled]
    assert [(f"{m.local:%H:%M}", m.fold, moments.offset_text(m.utc_offset)) for m in doubled] == [
        ("01:00", 0, "UTC+01:00"), ("01:30", 0, "UTC+01:00"),
        ("01:00", 1, "UTC+00:00"), ("01:30", 1, "UTC+00:00"),
    ]  # fmt: skip


@given(
    st.sampled_from(sorted(moments.ZONES)),
    st.datetimes(datetime(1975, 1, 1), datetime(2060, 1, 1)),
    st.timedeltas(timedelta(seconds=1), timedelta(days=3)),
)
def test_half_hours_of_any_zone_cover_an_interval_without_holes_or_overlaps(
    zone: str, start: datetime, span: timedelta
) -> None:
    interval = Stretch(start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + span)
    tiles = list(tile(interval, zone))
    assert tiles[0].starts_at <= interval.starts_at < tiles[0].ends_at
    assert tiles[-1].starts_at < interval.ends_at <= tiles[-1].ends_at
    for one, following in pairwise(tiles):
        assert one.ends_at == following.starts_at
        assert timedelta(0) < one.duration <= HALF
    tz = moments.zone(zone)
    for one in tiles:
        if one.starts_at.astimezone(tz).utcoffset() == one.ends_at.astimezone(tz).utcoffset():
            assert one.ends_at.astimezone(tz).minute in (0, 30)


# --- what speaks against one ------------------------------------------------------------------


def test_rules_2_4_the_past_and_what_lies_too_far_ahead_are_closed() -> None:
    assert codes(the_slot(NOW - HALF)) == ["time.past"]
    assert codes(the_slot(NOW - timedelta(seconds=60))) == []
    assert codes(the_slot(NOW + 30 * DAY)) == []
    assert codes(the_slot(NOW + 30 * DAY + HALF)) == ["time.too.far"]
    assert not the_slot(NOW + 31 * DAY).is_bookable


def test_rules_3_1_an_owned_callback_is_held_to_the_queues_limit() -> None:
    of_ana = {"owner": OwnerPlan(ANA), "terms": terms(schedule_ahead_limit=7 * DAY)}
    assert codes(the_slot(NOW + 7 * DAY, **of_ana)) == []
    late = the_slot(NOW + 7 * DAY + HALF, **of_ana)
    assert (codes(late), late.colour) == (["ownership.too.far"], Colour.RED)
    assert late.reasons[0].message == "Owned callbacks here may lie at most 7 days ahead."
    assert codes(the_slot(NOW + 7 * DAY + HALF, terms=of_ana["terms"])) == [], (
        "unowned ones are not"
    )
    off = terms(ownership_enabled=False)
    assert codes(the_slot(NOW + DAY, owner=OwnerPlan(ANA), terms=off)) == ["ownership.disabled"]


def test_rules_2_10_calling_hours_count_where_the_contact_is() -> None:
    usual = terms(hours=CallingHours())
    eight_in_new_york = TUESDAY + 13 * HOUR
    early = the_slot(eight_in_new_york - HALF, terms=usual, contact_zone=NEW_YORK)
    assert (codes(early), early.colour.word) == (["calling.hours"], "closed")
    assert early.reasons[0].message == (
        "Outside calling hours: calls are made 08:00–21:00 (America/New_York)."
    )
    assert codes(the_slot(eight_in_new_york, terms=usual, contact_zone=NEW_YORK)) == []
    holiday = terms(hours=CallingHours(holidays={date(2026, 11, 24): "Remembrance"}))
    closed = the_slot(eight_in_new_york, terms=holiday, contact_zone=NEW_YORK)
    assert "24 November is a holiday there (Remembrance)" in closed.reasons[0].message


def test_rules_2_10_hours_that_end_within_the_window_are_a_warning() -> None:
    usual = terms(hours=CallingHours())
    nine = TUESDAY + 21 * HOUR
    last = the_slot(nine - HALF, terms=usual)
    assert (codes(last), last.colour) == (["calling.hours.end"], Colour.AMBER)
    assert last.reasons[0].message == "Calls end at 21:00 (UTC), within the callback window."
    assert codes(the_slot(nine - HOUR, terms=usual)) == []
    assert codes(the_slot(nine - HALF)) == [], "day and night they do not end"


@pytest.mark.parametrize(
    ("taken", "capacity", "expected", "word", "remaining"),
    [
        (2, 4, [], "free", 2),
        (3, 4, ["slot.tight"], "tight", 1),
        (4, 4, ["slot.full"], "closed", 0),
        (5, 4, ["slot.full"], "closed", 0),
        (74, 100, [], "free", 26),
        (75, 100, ["slot.tight"], "tight", 25),
        (0, 1, [], "free", 1),
        (1, 2, ["slot.tight"], "tight", 1),
        (900, None, [], "free", None),
    ],
)
def test_three_quarters_taken_or_one_place_left_is_tight(
    taken: int, capacity: int | None, expected: list[str], word: str, remaining: int | None
) -> None:
    slot = the_slot(TUESDAY + 12 * HOUR, taken, terms=terms(slot_capacity=capacity))
    assert (codes(slot), slot.colour.word, slot.remaining) == (expected, word, remaining)


def test_rules_2_11_an_absence_over_the_whole_window_closes_and_one_at_the_call_warns() -> None:
    noon = TUESDAY + 12 * HOUR
    meal = OwnerFacts(id=ANA.id, name=ANA.name, absences=((noon, noon + HOUR, "meal"),))
    of_ana = OwnerPlan(meal, on_queue=[Stretch(TUESDAY, TUESDAY + DAY)])
    over = the_slot(noon, owner=of_ana)
    assert (codes(over), over.colour) == (["ownership.agent.unable"], Colour.RED)
    part = the_slot(noon + HALF, owner=of_ana)
    assert (codes(part), part.colour) == (["owner.absent"], Colour.AMBER)
    assert part.reasons[0].message == "Ana Reyes's schedule shows meal then."
    assert codes(the_slot(noon + HOUR, owner=of_ana)) == []


def test_off_the_shift_is_tight_where_the_schedule_is_known_and_nothing_where_it_is_not() -> None:
    plan = OwnerPlan(ANA, on_queue=[Stretch(TUESDAY + 9 * HOUR, TUESDAY + 17 * HOUR)])
    assert codes(the_slot(TUESDAY + 16.5 * HOUR, owner=plan)) == []
    assert codes(the_slot(TUESDAY + 17 * HOUR, owner=plan)) == ["owner.off.queue"]
    assert codes(the_slot(TUESDAY + DAY + 17 * HOUR, owner=plan)) == []


def test_another_promise_of_the_owner_within_the_time_of_a_call_is_tight() -> None:
    noon = TUESDAY + 12 * HOUR
    for minutes, expected in (
        (-10, []),
        (-9, ["owner.promised"]),
        (9, ["owner.promised"]),
        (10, []),
    ):
        plan = OwnerPlan(ANA, promised=[noon + timedelta(minutes=minutes)])
        assert codes(the_slot(noon, owner=plan)) == expected, minutes


# --- what suits best --------------------------------------------------------------------------


def row_of(colours: str) -> list[Slot]:
    """Half hours from Tuesday noon: g, a, r for each."""
    full = {"g": 0, "a": 3, "r": 4}
    return [
        the_slot(TUESDAY + 12 * HOUR + n * HALF, full[colour], terms=terms(slot_capacity=4))
        for n, colour in enumerate(colours)
    ]


@pytest.mark.parametrize(
    ("colours", "wished", "expected"),
    [
        ("ggggggg", 3, [2, 4, 1]),  # the nearest first, the earlier of two
        ("raggarg", 4, [3, 2, 6]),  # green before amber
        ("gggggga", 5, [4, 3, 6]),  # one of them is later, amber as it is
        ("gggggrr", 6, [4, 3, 2]),  # where nothing later is left
        ("rrrrrrr", 3, []),
        ("rrrrarr", 3, [4]),
    ],
)
def test_suggestions_are_green_before_amber_nearest_first_and_one_is_later(
    colours: str, wished: int, expected: list[int]
) -> None:
    there = row_of(colours)
    found = suggestions(there, there[wished].starts_at)
    assert [there.index(slot) for slot in found] == expected


@given(st.text("gar", min_size=1, max_size=48), st.integers(-600, 2000))
def test_suggestions_are_always_bookable_never_the_wish_and_never_twice(
    colours: str, minutes: int
) -> None:
    there = row_of(colours)
    wished = TUESDAY + 12 * HOUR + timedelta(minutes=minutes)
    found = suggestions(there, wished)
    assert found == suggestions(reversed(there), wished)
    assert len(found) == len(set(found)) <= 3
    bookable = [slot for slot in there if slot.is_bookable and not slot.holds(wished)]
    assert len(found) == min(3, len(bookable))
    assert all(slot in bookable for slot in found)
    is_any_later = any(slot.starts_at > wished for slot in bookable)
    assert any(slot.starts_at > wished for slot in found) == is_any_later


# --- what the database knows ------------------------------------------------------------------


def asked(cast: Cast, user: User | None = None, **changes: Any) -> list[Slot]:
    values: dict[str, Any] = {
        "starts_at": TUESDAY, "ends_at": TUESDAY + DAY, "zone": LONDON,
        "by": by(user or cast.ana), "at": NOW,
    }  # fmt: skip
    return slots(cast.support.pk, **{**values, **changes})


def at_hour(found: list[Slot], hour: float) -> Slot:
    return next(slot for slot in found if slot.starts_at == TUESDAY + hour * HOUR)


def test_only_open_promises_of_this_queue_take_places(cast: Cast) -> None:
    Queue.objects.update(slot_capacity=2)
    noon = TUESDAY + 12 * HOUR
    schedule(wish_at(cast.support, noon), by=by(cast.ana), at=NOW)
    late = schedule(wish_at(cast.support, noon + timedelta(minutes=29)), by=by(cast.ana), at=NOW)
    schedule(wish_at(cast.support, noon + HALF), by=by(cast.ana), at=NOW)
    schedule(wish_at(cast.billing, noon), by=by(cast.otto), at=NOW)
    found = asked(cast)
    assert [(at_hour(found, hour).taken, at_hour(found, hour).colour.word)
            for hour in (11.5, 12, 12.5)] == [(0, "free"), (2, "closed"), (1, "tight")]  # fmt: skip
    cancel(late.callback.pk, reason="x", by=by(cast.ana), at=NOW, version=None)
    assert at_hour(asked(cast), 12).remaining == 1


def test_half_hours_carry_the_queues_hours_and_the_owners_plan(cast: Cast) -> None:
    Holiday.objects.create(queue=cast.support, date=date(2026, 11, 25), name="Founders' Day")
    for activity, starts, ends in (("on_queue", 9, 17), ("meal", 12, 13)):
        Shift.objects.create(
            agent_id=cast.ana.pk, activity=activity,
            starts_at=TUESDAY + starts * HOUR, ends_at=TUESDAY + ends * HOUR,
        )  # fmt: skip
    schedule(
        wish_at(cast.support, TUESDAY + 15 * HOUR, owner_id=cast.ana.pk), by=by(cast.ana), at=NOW
    )
    found = asked(cast, owner_id=cast.ana.pk, ends_at=TUESDAY + 2 * DAY)
    expected = {
        7.5: ["calling.hours", "owner.off.queue"], 9: [], 12: ["ownership.agent.unable"],
        12.5: ["owner.absent"], 15: ["owner.promised"], 17: ["owner.off.queue"],
        20.5: ["calling.hours.end", "owner.off.queue"], 36: ["calling.hours"],
    }  # fmt: skip
    assert {hour: codes(at_hour(found, hour)) for hour in expected} == expected
    assert "Founders' Day" in at_hour(found, 36).reasons[0].message
    assert codes(at_hour(asked(cast), 12)) == [], "no owner, no plan"


def test_statements_are_four_at_most_whatever_the_size(cast: Cast) -> None:
    for hours in range(1, 20):
        schedule(wish_at(cast.support, TUESDAY + hours * HOUR), by=by(cast.ana), at=NOW)
    month = {"starts_at": NOW, "ends_at": NOW + 31 * DAY}
    for changes, count in (({}, 2), (month, 2), ({**month, "owner_id": cast.ana.pk}, 4)):
        with CaptureQueriesContext(connection) as statements:
            found = asked(cast, **changes)
        assert len(statements) == count
    assert len(found) == 31 * 48


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ends_at": TUESDAY + 31 * DAY + HALF}, "invalid.value"),
        ({"ends_at": TUESDAY}, "invalid.value"),
        ({"starts_at": datetime(2026, 11, 24)}, "time.naive"),
        ({"starts_at": datetime(1, 1, 1, tzinfo=UTC), "ends_at": datetime(1, 1, 2, tzinfo=UTC)}, "time.invalid"),
        ({"zone": "Mars/Olympus"}, "zone.unknown"),
        ({"contact_zone": "\0"}, "zone.unknown"),
        ({"owner_id": uuid.UUID(int=7)}, "invalid.value"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(cast: Cast, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        asked(cast, **changes)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_who_may_not_know_of_a_queue_is_not_told_of_it(cast: Cast) -> None:
    elsewhere = ApiClient.objects.create(name="IVR", client_id="ivr", secret_digest="x")
    only_billing = Actor.program(elsewhere, ["callback:read"], [cast.billing.pk])
    for stranger in (by(cast.otto), only_billing):
        with pytest.raises(Refused):
            asked(cast, by=stranger)
    with pytest.raises(Refused):
        asked(cast, owner_id=cast.otto.pk)
    everywhere = Actor.program(elsewhere, ["callback:read"])
    assert asked(cast, by=everywhere) == asked(cast, cast.sam)


def test_one_queue_is_known_to_whom_the_list_of_known_queues_has_it(cast: Cast) -> None:
    program = ApiClient.objects.create(name="IVR", client_id="ivr", secret_digest="x")
    people = [cast.ana, cast.otto, cast.sam, cast.ada, person("nora", "Nora", "UTC")]
    programs = [Actor.program(program, [], keys) for keys in ([], [cast.billing.pk])]
    told = []
    for actor in [*map(by, people), *programs, Actor.engine()]:
        for queue in (cast.support, cast.billing):
            is_member = queue.pk in actor.member_of
            told.append(access.may_know_queue(actor, queue.pk, is_member=is_member))
            assert told[-1] == access.queues_known(actor).filter(pk=queue.pk).exists()
    assert True in told
    assert False in told


# --- the strip of the panel -------------------------------------------------------------------


def test_the_strip_is_one_statement_and_reaches_over_a_weekend_for_suggestions(cast: Cast) -> None:
    for day in (28, 29):
        Holiday.objects.create(queue=cast.support, date=date(2026, 11, day), name="Closed")
    request = wish(cast.support, date="2026-11-28", time="10:00", time_zone=LONDON)
    found = examine(request, by=by(cast.ana), at=NOW)
    with CaptureQueriesContext(connection) as statements:
        strip = strip_of_day(found, date(2026, 11, 28), LONDON)
    assert len(statements) == 1
    assert strip
    assert len(strip.slots) == 48
    assert {slot.colour for slot in strip.slots} == {Colour.RED}
    assert [f"{slot.moment.local:%d %H:%M}" for slot in strip.suggested] == [
        "30 08:00", "30 08:30", "30 09:00",
    ]  # fmt: skip


def test_a_callback_that_is_moved_takes_no_place_and_is_no_promise_of_its_owner(cast: Cast) -> None:
    Queue.objects.update(slot_capacity=1)
    made = make_callback(cast.support, cast.ana, owner_id=cast.ana.pk)
    found = examine_change(made, Changes(time="12:05"), by=by(cast.ana), at=NOW)
    strip = strip_of_day(found, date(2026, 11, 24), NEW_YORK)
    assert strip
    assert at_hour(list(strip.slots), 17).colour is Colour.GREEN
    other = examine(wish(cast.support, owner_id=cast.ana.pk), by=by(cast.ana), at=NOW)
    strip = strip_of_day(other, date(2026, 11, 24), NEW_YORK)
    assert strip
    assert codes(at_hour(list(strip.slots), 17)) == ["slot.full", "owner.promised"]


def fill(template: Callback, *queues: Queue) -> None:
    """Ten thousand of the kind over a year in these queues, one in four of them open."""
    own = {
        "id": "gen_random_uuid()",
        "queue_id": "(%s::uuid[])[1 + n %% %s]",
        "requested_at": "%s + n * interval '40 minutes'",
        "window_starts_at": "%s + n * interval '40 minutes'",
        "window_ends_at": "%s + n * interval '40 minutes' + interval '1 hour'",
        "status": "CASE WHEN n %% 4 = 0 THEN 'pending' ELSE 'completed' END",
        "ended_at": "CASE WHEN n %% 4 > 0 THEN %s END",
        "next_action_at": "CASE WHEN n %% 4 = 0 THEN %s END",
    }
    names = [field.column for field in Callback._meta.fields if field.column]
    chosen = ", ".join(own.get(name, name) for name in names)
    start = NOW - 100 * DAY
    values: dict[str, Any] = {"queue_id": [[queue.pk for queue in queues], len(queues)]}
    given = [v for name in names for v in values.get(name, [start] * own.get(name, "").count("%s"))]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO callbacks_callback ({', '.join(names)}) SELECT {chosen} "
            "FROM callbacks_callback, generate_series(1, 10000) AS n WHERE id = %s",
            [*given, template.pk],
        )
        cursor.execute("ANALYZE callbacks_callback")


def test_counting_looks_only_at_what_is_open_in_the_queue(cast: Cast) -> None:
    """No sequential scan of the callbacks among ten thousand of them."""
    more = [make_queue(f"Queue {n}") for n in range(5)]
    fill(make_callback(cast.support, cast.ana), cast.support, *more)
    for days in (1, 31):
        with CaptureQueriesContext(connection) as statements:
            asked(cast, owner_id=cast.ana.pk, ends_at=TUESDAY + days * DAY)
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (COSTS OFF) " + statements[-1]["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "Seq Scan on callbacks_callback" not in plan, plan
        assert "callback_open_in_queue" in plan, plan
        assert "callback_owned" in plan, plan


def test_a_queue_that_takes_no_callbacks_has_no_half_hours(cast: Cast) -> None:
    Queue.objects.update(is_active=False)
    with pytest.raises(Refused, match="takes no new callbacks"):
        asked(cast)


def test_a_stranger_who_is_no_agent_is_no_owner(cast: Cast) -> None:
    nobody = person("nora", "Nora", "UTC")
    with pytest.raises(Refused):
        asked(cast, cast.ada, owner_id=nobody.pk)
