"""Who is free when: the plan less absences less promises (rules §2.11)."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from callbacks.errors import Refused
from callbacks.models import Agent, Callback, Shift, Skill, User
from callbacks.planning import AgentAvailability, availability, availability_of
from callbacks.rules.availability import Stretch, days_around, free
from callbacks.scheduling import cancel, schedule
from tests.cast import NOW, Cast, agent, by, person, wish_at

HOUR = timedelta(hours=1)


def test_rules_2_11_free_is_the_shift_less_breaks_less_promises(cast: Cast) -> None:
    at = NOW
    for activity, starts, ends in (("on_queue", 0, 8), ("meal", 3, 4)):
        Shift.objects.create(
            agent_id=cast.ana.pk, activity=activity, starts_at=at + starts * HOUR,
            ends_at=at + ends * HOUR,
        )  # fmt: skip
    schedule(wish_at(cast.support, at + HOUR, owner_id=cast.ana.pk), by=by(cast.ana), at=at)
    found = availability([cast.ana.pk, cast.ben.pk], at, at + 5 * HOUR, at)
    ten = timedelta(minutes=10)
    assert [(s.starts_at, s.ends_at) for s in found[cast.ana.pk].free] == [
        (at, at + HOUR), (at + HOUR + ten, at + 3 * HOUR), (at + 4 * HOUR, at + 5 * HOUR),
    ]  # fmt: skip
    assert found[cast.ana.pk].has_time
    unknown = found[cast.ben.pk]
    assert (unknown.is_planned, unknown.free, unknown.has_time) == (False, (), False)


def shift(cast_user: User, starts: datetime, hours: float, activity: str = "on_queue") -> None:
    Shift.objects.create(
        agent_id=cast_user.pk, activity=activity, starts_at=starts, ends_at=starts + hours * HOUR
    )


def test_off_on_a_planned_day_is_not_unknown(cast: Cast) -> None:
    """The day is the agent's own: Ana's Monday in New York ends at 05:00 UTC on Tuesday."""
    shift(cast.ana, datetime(2026, 11, 23, 14, tzinfo=UTC), 8)
    tuesday = datetime(2026, 11, 24, tzinfo=UTC)
    late = availability([cast.ana.pk], tuesday + 3 * HOUR, tuesday + 5 * HOUR, NOW)[cast.ana.pk]
    assert (late.is_planned, late.free) == (True, ())
    after = availability([cast.ana.pk], tuesday + 5 * HOUR, tuesday + 6 * HOUR, NOW)[cast.ana.pk]
    assert (after.is_planned, after.free) == (False, ())


def test_a_day_of_absence_is_a_known_one(cast: Cast) -> None:
    shift(cast.ana, NOW, 8, "absent")
    found = availability([cast.ana.pk], NOW, NOW + HOUR, NOW)[cast.ana.pk]
    assert (found.is_planned, found.free, found.has_time) == (True, (), False)


def test_a_shift_across_midnight_counts_on_both_days(cast: Cast) -> None:
    evening = datetime(2026, 11, 24, 22, tzinfo=UTC)
    shift(cast.ben, evening, 8)
    found = availability([cast.ben.pk], evening + 3 * HOUR, evening + 12 * HOUR, NOW)[cast.ben.pk]
    assert [(s.starts_at, s.ends_at) for s in found.free] == [
        (evening + 3 * HOUR, evening + 8 * HOUR)
    ]


def test_nobody_is_free_in_the_past_and_one_minute_is_no_time(cast: Cast) -> None:
    shift(cast.ben, NOW - 4 * HOUR, 5)
    ask = [cast.ben.pk], NOW - 4 * HOUR, NOW + 4 * HOUR
    now = availability(*ask, NOW)[cast.ben.pk]
    assert [(s.starts_at, s.ends_at) for s in now.free] == [(NOW, NOW + HOUR)]
    assert now.has_time
    assert not availability(*ask, NOW + timedelta(minutes=51))[cast.ben.pk].has_time
    over = availability(*ask, NOW + 9 * HOUR)[cast.ben.pk]
    assert (over.is_planned, over.free) == (True, ())


def test_only_ones_own_open_promises_take_time(cast: Cast) -> None:
    for user in (cast.ana, cast.ben):
        shift(user, NOW, 2)
    mine = schedule(
        wish_at(cast.support, NOW + HOUR, owner_id=cast.ana.pk), by=by(cast.ana), at=NOW
    ).callback
    ask = [cast.ana.pk, cast.ben.pk], NOW, NOW + 2 * HOUR, NOW
    found = availability(*ask)
    assert [len(found[user.pk].free) for user in (cast.ana, cast.ben)] == [2, 1]
    cancel(mine.pk, reason="x", by=by(cast.ana), at=NOW, version=None)
    assert len(availability(*ask)[cast.ana.pk].free) == 1


def test_many_agents_take_the_same_two_statements(cast: Cast) -> None:
    for number in range(30):
        one = agent(person(f"a{number}", "A", "Asia/Tokyo"), None, cast.support)
        shift(one.user, NOW, 8)
    everybody = list(Agent.objects.values_list("pk", flat=True))
    with CaptureQueriesContext(connection) as statements:
        found = availability(everybody, NOW, NOW + HOUR, NOW)
    assert len(statements) == 2
    assert sum(one.has_time for one in found.values()) == 30


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", datetime(2026, 11, 1, 12, tzinfo=UTC), 25),
        ("Europe/London", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Asia/Kolkata", datetime(2026, 3, 29, 12, tzinfo=UTC), 24),
        ("America/Havana", datetime(2026, 3, 8, 12, tzinfo=UTC), 23),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(zone: str, day: datetime, hours: int) -> None:
    around = days_around(day, day, zone)
    assert around.duration == hours * HOUR
    assert around == days_around(around.starts_at, around.ends_at, zone), "the end is not in it"


START = datetime(2026, 11, 24, 22, tzinfo=UTC)
stretches = st.lists(
    st.tuples(st.integers(-60, 300), st.integers(0, 120)).map(
        lambda pair: Stretch(
            START + timedelta(minutes=pair[0]), START + timedelta(minutes=sum(pair))
        )
    ),
    max_size=6,
)


@given(stretches, stretches, stretches)
def test_any_day_is_reckoned_as_minute_by_minute(
    on_queue: list[Stretch], absent: list[Stretch], promised: list[Stretch]
) -> None:
    """Across midnight, touching, overlapping, empty."""
    interval = Stretch(START, START + timedelta(minutes=240))
    found = free(on_queue, absent, promised, interval)
    assert list(found) == sorted(found)
    assert all(not stretch.is_empty for stretch in found)
    for minute in range(-1, 242):
        at = START + timedelta(minutes=minute)

        def holds(some: object, moment: datetime = at) -> bool:
            return any(s.starts_at <= moment < s.ends_at for s in some)  # type: ignore[attr-defined]

        expected = (
            holds([interval]) and holds(on_queue) and not holds(absent) and not holds(promised)
        )
        assert holds(found) == expected, minute


# --- who could take a callback ----------------------------------------------------------------


def could(cast: Cast, **changes: Any) -> list[AgentAvailability]:
    values: dict[str, Any] = {
        "queue_id": cast.support.pk, "starts_at": NOW, "ends_at": NOW + HOUR,
        "by": by(cast.ben), "at": NOW,
    }  # fmt: skip
    return availability_of(**{**values, **changes})


def test_members_with_the_queues_skills_are_told_with_what_keeps_them_now(cast: Cast) -> None:
    french = Skill.objects.create(name="French")
    cast.support.required_skills.add(french)
    for user in (cast.ana, cast.ben, cast.otto):
        user.agent.skills.add(french)
    Agent.objects.filter(pk=cast.ana.pk).update(presence="on_queue")
    Agent.objects.filter(pk=cast.ben.pk).update(presence="meal")
    found = could(cast)
    assert [(one.name, one.presence, one.is_available, one.why_not) for one in found] == [
        ("Ana Reyes", "on_queue", True, ""),
        ("Ben Hughes", "meal", False, "not on queue (Meal)"),
    ], "Lena lacks the skill, Otto is no member"
    Agent.objects.filter(pk=cast.ana.pk).update(not_responding_since=NOW)
    assert could(cast)[0].why_not == "not responding"


def test_who_has_a_callback_at_hand_is_not_available(cast: Cast) -> None:
    Agent.objects.update(presence="on_queue")
    made = schedule(wish_at(cast.support, NOW + HOUR), by=by(cast.ana), at=NOW).callback
    Callback.objects.filter(pk=made.pk).update(status="in_progress", agent=cast.ana.pk)
    assert [(one.name, one.why_not) for one in could(cast)] == [
        ("Ana Reyes", "on a call"), ("Ben Hughes", ""), ("Lena Vogt", ""),
    ]  # fmt: skip


def test_one_agent_is_told_with_the_reason_they_could_not_take_it(cast: Cast) -> None:
    french = Skill.objects.create(name="French")
    cast.support.required_skills.add(french)
    assert [one.why_not for one in could(cast, agent_id=cast.lena.pk)] == ["lacks the skill French"]
    admin = {"by": by(cast.ada), "agent_id": cast.otto.pk}
    assert [one.why_not for one in could(cast, **admin)] == ["no member of Support"]
    User.objects.filter(pk=cast.lena.pk).update(is_active=False)
    cast.support.required_skills.clear()
    assert [one.why_not for one in could(cast, agent_id=cast.lena.pk)] == ["deactivated"]
    assert "Lena Vogt" not in [one.name for one in could(cast)]


def test_skills_alone_find_everybody_known_who_has_them_all(cast: Cast) -> None:
    french, fibre = (Skill.objects.create(name=name) for name in ("French", "Fibre"))
    cast.ana.agent.skills.add(french, fibre)
    cast.ben.agent.skills.add(french)
    cast.otto.agent.skills.add(french, fibre)
    names = {"queue_id": None, "skills": ["french", "FIBRE"]}
    assert [one.name for one in could(cast, **names)] == ["Ana Reyes"]
    everybody = could(cast, by=by(cast.ada), **names)
    assert [one.name for one in everybody] == ["Ana Reyes", "Otto Berg"]
    assert [one.name for one in could(cast, skills=["French"])] == ["Ana Reyes", "Ben Hughes"]


def test_absences_and_own_promises_are_busy_and_what_is_left_is_free(cast: Cast) -> None:
    shift(cast.ana, NOW - HOUR, 4)
    shift(cast.ana, NOW + HOUR / 2, 1, "meal")
    schedule(wish_at(cast.support, NOW + HOUR / 4, owner_id=cast.ana.pk), by=by(cast.ana), at=NOW)
    planned = could(cast)[0].planned
    quarter, ten = HOUR / 4, timedelta(minutes=10)
    assert [(one.what, one.stretch.starts_at - NOW, one.stretch.ends_at - NOW)
            for one in planned.busy] == [
        ("callback", quarter, quarter + ten), ("meal", 2 * quarter, HOUR),
    ]  # fmt: skip
    assert [(one.starts_at - NOW, one.ends_at - NOW) for one in planned.free] == [
        (timedelta(0), quarter), (quarter + ten, 2 * quarter),
    ]  # fmt: skip


def test_more_agents_take_no_more_statements(cast: Cast) -> None:
    Skill.objects.create(name="French")
    for number in range(20):
        one = agent(person(f"a{number}", "A", "Asia/Tokyo"), None, cast.support)
        one.skills.set(Skill.objects.all())
        shift(one.user, NOW, 8)
    with CaptureQueriesContext(connection) as statements:
        found = could(cast, skills=["French"])
    assert len(found) == 20
    assert len(statements) == 6, "skills, memberships, queue, agents, shifts, promises"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"queue_id": None}, "invalid.value", "queue"),
        ({"queue_id": uuid.UUID(int=7)}, "invalid.value", "queue"),
        ({"skills": ["Klingon"]}, "invalid.value", "skills"),
        ({"agent_id": uuid.UUID(int=7)}, "invalid.value", "agent"),
        ({"ends_at": NOW + 32 * 24 * HOUR}, "invalid.value", "interval"),
        ({"ends_at": datetime(2026, 11, 24)}, "time.naive", "interval"),
    ],
)
def test_what_cannot_be_told_is_refused(
    cast: Cast, changes: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Refused) as refused:
        could(cast, **changes)
    assert [(one.code, one.field) for one in refused.value.problems] == [(code, field)]


def test_nobody_is_told_of_agents_or_queues_unknown_to_them(cast: Cast) -> None:
    for changes in ({"by": by(cast.otto)}, {"agent_id": cast.otto.pk}):
        with pytest.raises(Refused):
            could(cast, **changes)
