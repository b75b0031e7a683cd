"""Who is free when: the plan less absences less promises (rules §2.11)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from callbacks.models import Shift
from callbacks.planning import availability
from callbacks.rules.availability import Stretch, free
from callbacks.scheduling import schedule
from tests.cast import NOW, Cast, by, wish_at

HOUR = timedelta(hours=1)


def test_rules_2_11_free_is_the_shift_less_breaks_less_promises(cast: Cast) -> None:
    at = NOW
    for activity, starts, ends in (("on_queue", 0, 8), ("meal", 3, 4)):
        Shift.objects.create(
            agent_id=cast.ana.pk, activity=activity, starts_at=at + starts * HOUR,
            ends_at=at + ends * HOUR,
        )  # fmt: skip
    schedule(wish_at(cast.support, at + HOUR, owner_id=cast.ana.pk), by=by(cast.ana), at=at)
    found = availability([cast.ana.pk, cast.ben.pk], at, at + 5 * HOUR)
    ten = timedelta(minutes=10)
    assert [(s.starts_at, s.ends_at) for s in found[cast.ana.pk].free] == [
        (at, at + HOUR), (at + HOUR + ten, at + 3 * HOUR), (at + 4 * HOUR, at + 5 * HOUR),
    ]  # fmt: skip
    assert found[cast.ana.pk].has_time
    unknown = found[cast.ben.pk]
    assert (unknown.is_planned, unknown.free, unknown.has_time) == (False, (), False)


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
