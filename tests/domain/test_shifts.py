"""Planned schedules: their import, and who is free when (rules §2.11)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from callbacks.models import Shift
from callbacks.planning import ShiftsRefused, availability, import_shifts
from callbacks.rules.availability import Stretch, free
from callbacks.scheduling import schedule
from tests.cast import NOW, Cast, by, wish_at

HEADER = "agent,start,end,activity\n"
HOUR = timedelta(hours=1)


def test_shifts_come_in_by_user_name_with_offsets_or_zones(cast: Cast) -> None:
    done = import_shifts(
        b"\xef\xbb\xbfActivity;Agent;Start;End;Time_zone\r\n"
        b"on_queue;ANA;2026-11-24T09:00;2026-11-24T17:00;America/New_York\r\n"
        b"\r\n"
        b'"Meal";ana;2026-11-24T12:00-05:00;2026-11-24T12:30-05:00;\r\n'
        b"Break;ben;2026-11-24T10:00Z;2026-11-24T10:15Z;\r\n"
    )
    assert (done.added, done.known) == (3, 0)
    ours = [(s.activity, f"{s.starts_at:%H:%M}", f"{s.ends_at:%H:%M}")
            for s in Shift.objects.filter(agent=cast.ana.pk).order_by("starts_at")]  # fmt: skip
    assert ours == [("on_queue", "14:00", "22:00"), ("meal", "17:00", "17:30")]


def test_the_same_file_twice_doubles_nothing_and_may_replace(cast: Cast) -> None:
    row = b"ana,2026-11-24T09:00Z,2026-11-24T17:00Z,on_queue\n"
    assert import_shifts(HEADER.encode() + row + row).added == 1
    assert import_shifts(HEADER.encode() + row).known == 1
    other = b"ana,2026-11-24T10:00Z,2026-11-24T18:00Z,on_queue\n"
    with pytest.raises(ShiftsRefused, match="Use --replace"):
        import_shifts(HEADER.encode() + other)
    done = import_shifts(HEADER.encode() + other, replaces=True)
    assert (done.added, done.removed) == (1, 1)
    assert Shift.objects.get().starts_at.hour == 10


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("kim,2026-11-24T09:00Z,2026-11-24T10:00Z,break", "no agent with the user name “kim”"),
        ("ana,2026-11-24T09:00Z,2026-11-24T10:00Z,asleep", "“asleep” is no activity"),
        ("ana,2026-11-24T09:00,2026-11-24T10:00,break", "could be any zone"),
        ("ana,tomorrow,2026-11-24T10:00Z,break", "“tomorrow” is no time"),
        ("ana,2026-11-24T10:00Z,2026-11-24T09:00Z,break", "must end after it starts"),
        ("ana,2026-11-24T10:00Z,2026-11-24T10:00Z,break", "must end after it starts"),
        ("ana,2026-11-24T10:00Z,2026-11-25T10:01Z,on_queue", "longer than 24 hours"),
        ("ana,2026-11-24T10:00Z,break", "has 3 values instead of 4"),
        ("ana,9999-11-24T10:00Z,9999-11-24T11:00Z,break", "out of reach"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_nothing_is_imported(
    cast: Cast, row: str, said: str
) -> None:
    good = "ben,2026-11-24T09:00Z,2026-11-24T10:00Z,break\n"
    with pytest.raises(ShiftsRefused) as refused:
        import_shifts(f"{HEADER}{good}{row}\n".encode())
    assert str(refused.value).startswith("Line 3: ")
    assert said in str(refused.value)
    assert Shift.objects.count() == 0


def test_times_that_do_not_exist_or_exist_twice_are_refused(cast: Cast) -> None:
    rows = (
        "ana,2026-03-08T02:30,2026-03-08T05:00,on_queue\n"
        "ben,2026-11-01T01:30,2026-11-01T05:00,on_queue\n"
    )
    with pytest.raises(ShiftsRefused) as refused:
        import_shifts(f"{HEADER}{rows}".encode(), time_zone="America/New_York")
    assert [p.split(":")[0] for p in refused.value.problems] == ["Line 2", "Line 3"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        ("agent,start".encode("utf-16"), "UTF-16"),
        (b"agent,start,end,activity\nan\xe4,1,2,3\n", "Line 2 is not UTF-8"),
        (b"agent,start\n", "lacks end, activity"),
        (b"agent,start,end,activity,colour\n", "unknown columns: colour"),
        (b"agent,agent,start,end,activity\n", "twice: agent"),
        (HEADER.encode(), "no rows"),
        (HEADER.encode() + b'"' + b"x" * 200_000 + b"\n", "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(cast: Cast, content: bytes, said: str) -> None:
    with pytest.raises(ShiftsRefused, match=said):
        import_shifts(content)


def test_two_shifts_of_work_at_the_same_time_name_both_lines(cast: Cast) -> None:
    rows = (
        "ana,2026-11-24T09:00Z,2026-11-24T17:00Z,on_queue\n"
        "ana,2026-11-24T12:00Z,2026-11-24T13:00Z,meal\n"
        "ana,2026-11-24T16:00Z,2026-11-24T18:00Z,on_queue\n"
        "ana,2026-11-24T18:00Z,2026-11-24T19:00Z,on_queue\n"
    )
    with pytest.raises(ShiftsRefused) as refused:
        import_shifts(f"{HEADER}{rows}".encode())
    assert refused.value.problems == ["Lines 2 and 4: two shifts at the same time."]


def test_the_command_says_what_it_did_or_why_not(
    cast: Cast, tmp_path: Path, capsys: object
) -> None:
    file = tmp_path / "shifts.csv"
    file.write_text(f"{HEADER}ana,2026-11-24 09:00,2026-11-24 17:00,on_queue\n")
    call_command("import_shifts", file, time_zone="Europe/London", dry_run=True)
    assert Shift.objects.count() == 0
    call_command("import_shifts", file, time_zone="Europe/London")
    assert Shift.objects.count() == 1
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_shifts", file)
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_shifts", tmp_path / "absent.csv")


# --- who is free ------------------------------------------------------------------------------


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


def test_ten_thousand_rows_come_in_at_once(cast: Cast) -> None:

    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        f"{name},{start + n * HOUR:%Y-%m-%dT%H:%MZ},{start + (n + 1) * HOUR:%Y-%m-%dT%H:%MZ},break"
        for n in range(5_000)
        for name in ("ana", "ben")
    ]
    assert import_shifts((HEADER + "\n".join(rows)).encode()).added == 10_000
