"""The import of planned schedules (rules §2.11)."""

import io
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from callbacks.models import Shift
from callbacks.planning import Import, ShiftsRefused, import_shifts
from tests.cast import Cast, make_cast

HEADER = "agent,start,end,activity\n"
HOUR = timedelta(hours=1)


def come_in(content: bytes, **options: Any) -> Import:
    return import_shifts(io.BytesIO(content), **options)


def work(name: str, day: int, starts: int, ends: int, activity: str = "on_queue") -> str:
    """A row of a day of November 2026, from hour to hour."""
    return f"{name},2026-11-{day}T{starts:02}:00Z,2026-11-{day}T{ends:02}:00Z,{activity}\n"


def planned() -> list[tuple[str, str, str, str]]:
    """All shifts as they stand."""
    return [
        (s.agent.user.username, s.activity, f"{s.starts_at:%d %H}", f"{s.ends_at:%d %H}")
        for s in Shift.objects.order_by("agent__user__username", "starts_at", "activity")
    ]


def test_shifts_come_in_by_user_name_with_offsets_or_zones(cast: Cast) -> None:
    done = come_in(
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
    assert come_in(HEADER.encode() + row + row).added == 1
    assert come_in(HEADER.encode() + row).known == 1
    other = b"ana,2026-11-24T10:00Z,2026-11-24T18:00Z,on_queue\n"
    with pytest.raises(ShiftsRefused, match="Use --replace"):
        come_in(HEADER.encode() + other)
    done = come_in(HEADER.encode() + other, replaces=True)
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
        ("ana,2026-11-24,2026-11-24T10:00Z,break", "“2026-11-24” is no time"),
        ("ana,2026-02-30T09:00Z,2026-11-24T10:00Z,break", "is no time"),
        ("ana,2026-11-24T09:00Z\0,2026-11-24T10:00Z,break", "has a NUL character"),
        ('ana,"2026-11-24T09:00Z" x,2026-11-24T10:00Z,break', "cannot be read as CSV"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_nothing_is_imported(
    cast: Cast, row: str, said: str
) -> None:
    good = "ben,2026-11-24T09:00Z,2026-11-24T10:00Z,break\n"
    with pytest.raises(ShiftsRefused) as refused:
        come_in(f"{HEADER}{good}{row}\n".encode())
    assert str(refused.value).startswith("Line 3: ")
    assert said in str(refused.value)
    assert Shift.objects.count() == 0


def test_times_that_do_not_exist_or_exist_twice_are_refused(cast: Cast) -> None:
    rows = (
        "ana,2026-03-08T02:30,2026-03-08T05:00,on_queue\n"
        "ben,2026-11-01T01:30,2026-11-01T05:00,on_queue\n"
    )
    with pytest.raises(ShiftsRefused) as refused:
        come_in(f"{HEADER}{rows}".encode(), time_zone="America/New_York")
    gap, overlap = refused.value.problems
    assert gap.startswith("Line 2: 02:30 does not exist on 8 March 2026 in America/New_York")
    assert gap.endswith("Write 2026-03-08T01:59 or 2026-03-08T03:00.")
    assert overlap.startswith("Line 3: 01:30 happens twice on 1 November 2026")
    assert overlap.endswith("Write it with its offset.")


def test_a_zone_that_is_none_is_refused_also_beside_an_offset(cast: Cast) -> None:
    row = "ana;2026-11-24T09:00Z;2026-11-24T10:00Z;break;Mars/Phobos\n"
    with pytest.raises(ShiftsRefused, match="Line 2: “Mars/Phobos” is not a time zone"):
        come_in(f"agent;start;end;activity;time_zone\n{row}".encode())
    with pytest.raises(ShiftsRefused, match="“Mars” is not a time zone"):
        come_in(f"{HEADER}{work('ana', 24, 9, 10)}".encode(), time_zone="Mars")


def test_every_bad_row_is_named_also_after_one_that_cannot_be_read(cast: Cast) -> None:
    content = (
        f"\n{HEADER}".encode()
        + b'ana,"x" y,z,break\n'
        + b'"ana\nreyes",2026-11-24T09:00Z,2026-11-24T10:00Z,break\n'
        + b"an\xe4,2026-11-24T09:00Z,2026-11-24T10:00Z,break\n"
        + b"kim,2026-11-24T09:00Z,2026-11-24T10:00Z,break\n"
        + work("ana", 24, 9, 12).encode()
        + work("ana", 24, 11, 13).encode()
        + b'ben,2026-11-24T09:00Z,2026-11-24T10:00Z,"break\n'
    )
    with pytest.raises(ShiftsRefused) as refused:
        come_in(content)
    assert [problem.split(":")[0] for problem in refused.value.problems] == [
        "Line 3", "Line 4", "Line 6", "Line 7", "Line 10", "Lines 8 and 9",
    ]  # fmt: skip
    assert "“ana reyes”" in refused.value.problems[1]
    assert "is not UTF-8" in refused.value.problems[2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        ("agent,start".encode("utf-16"), "UTF-16"),
        (b"\xef\xbb\xbf", "empty"),
        (b"a\0g\0e\0n\0t\0,\0\n\0", "UTF-16"),
        (b"agent,start,end,activity\nan\xe4,1,2,3\n", "Line 2: is not UTF-8"),
        (b"agent,start,end,\xe4\n", "Line 1: is not UTF-8"),
        (b'"' + b"x" * 200_000 + b'"\n', "Line 1: cannot be read as CSV"),
        (b"agent,start\n", "lacks end, activity"),
        (b"agent,start,end,activity,colour\n", "unknown columns: “colour”"),
        (b"agent,agent,start,end,activity\n", "twice: “agent”"),
        (HEADER.encode(), "no rows"),
        (HEADER.encode() + b'"' + b"x" * 200_000 + b"\n", "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(cast: Cast, content: bytes, said: str) -> None:
    with pytest.raises(ShiftsRefused, match=said):
        come_in(content)


def test_two_shifts_of_work_at_the_same_time_name_both_lines(cast: Cast) -> None:
    rows = (
        "ana,2026-11-24T09:00Z,2026-11-24T17:00Z,on_queue\n"
        "ana,2026-11-24T12:00Z,2026-11-24T13:00Z,meal\n"
        "ana,2026-11-24T16:00Z,2026-11-24T18:00Z,on_queue\n"
        "ana,2026-11-24T18:00Z,2026-11-24T19:00Z,on_queue\n"
    )
    with pytest.raises(ShiftsRefused) as refused:
        come_in(f"{HEADER}{rows}".encode())
    assert refused.value.problems == ("Lines 2 and 4: two shifts at the same time.",)


def test_old_line_ends_are_read(cast: Cast) -> None:
    assert come_in((HEADER + work("ana", 24, 9, 17)).replace("\n", "\r").encode()).added == 1


def test_replacing_takes_the_span_of_the_file_and_leaves_the_rest(cast: Cast) -> None:
    """Also what began before the span and reaches into it, unless the file plans over it."""
    before = (
        work("ana", 23, 8, 10) + work("ana", 24, 9, 17) + work("ana", 25, 9, 17)
        + work("ana", 26, 9, 17) + work("ben", 24, 1, 6) + work("ben", 24, 9, 17)
        + work("otto", 24, 9, 17)
    )  # fmt: skip
    come_in(f"{HEADER}{before}".encode())
    kept = set(Shift.objects.values_list("pk", flat=True))
    after = (
        work("ana", 24, 5, 9, "meeting") + work("ana", 24, 9, 17) + work("ana", 26, 8, 10)
        + work("ben", 25, 9, 17)
    )  # fmt: skip
    done = come_in(f"{HEADER}{after}".encode(), replaces=True)
    assert planned() == [
        ("ana", "on_queue", "23 08", "23 10"),
        ("ana", "meeting", "24 05", "24 09"),
        ("ana", "on_queue", "24 09", "24 17"),
        ("ana", "on_queue", "26 08", "26 10"),
        ("ben", "on_queue", "24 01", "24 06"),
        ("ben", "on_queue", "25 09", "25 17"),
        ("otto", "on_queue", "24 09", "24 17"),
    ]
    assert (done.added, done.known, done.removed) == (3, 1, 3)
    assert len(kept & set(Shift.objects.values_list("pk", flat=True))) == 4, "kept, not made anew"
    again = come_in(f"{HEADER}{after}".encode(), replaces=True)
    assert (again.added, again.known, again.removed) == (0, 4, 0)


def test_replacing_moves_a_shift_that_began_before_the_file(cast: Cast) -> None:
    come_in(f"{HEADER}{work('ana', 24, 8, 16)}".encode())
    come_in(f"{HEADER}{work('ana', 24, 9, 17)}".encode(), replaces=True)
    assert planned() == [("ana", "on_queue", "24 09", "24 17")]


def test_a_refused_or_dry_run_replaces_nothing(cast: Cast) -> None:
    come_in(f"{HEADER}{work('ana', 24, 8, 16)}".encode())
    before = planned()
    other = f"{HEADER}{work('ana', 24, 9, 17)}"
    done = come_in(other.encode(), replaces=True, dry_run=True)
    assert (done.added, done.removed) == (1, 1)
    with pytest.raises(ShiftsRefused):
        come_in(f"{other}kim,x,y,z\n".encode(), replaces=True)
    assert planned() == before


def test_only_what_is_new_is_held_against_what_is_there(cast: Cast) -> None:
    """Work that overlaps already, as an admin left it, does not bar a file that repeats it."""
    for starts, ends in ((9, 17), (12, 18)):
        Shift.objects.create(
            agent_id=cast.ana.pk,
            starts_at=datetime(2026, 11, 24, starts, tzinfo=UTC),
            ends_at=datetime(2026, 11, 24, ends, tzinfo=UTC),
        )
    assert come_in(f"{HEADER}{work('ana', 24, 12, 18)}".encode()).known == 1
    with pytest.raises(ShiftsRefused, match="Lines 2 and 3: two shifts"):
        come_in(f"{HEADER}{work('ana', 24, 12, 18)}{work('ana', 24, 17, 19)}".encode())
    with pytest.raises(ShiftsRefused, match="Line 2: overlaps a shift that is there"):
        come_in(f"{HEADER}{work('ana', 24, 8, 10)}".encode())


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


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_double_nothing() -> None:
    make_cast()
    content = (HEADER + "".join(work("ana", day, 9, 17) for day in range(10, 30))).encode()
    together = threading.Barrier(4)

    def one(_: int) -> int:
        try:
            together.wait()
            return come_in(content).added
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(one, range(4)))
    assert sorted(added) == [0, 0, 0, 20]
    assert Shift.objects.count() == 20


def plenty(count: int) -> io.BytesIO:
    """A file of so many hours of work, of four agents."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = (
        f"{name},{start + n * HOUR:%Y-%m-%dT%H:%MZ},{start + (n + 1) * HOUR:%Y-%m-%dT%H:%MZ},on_queue"
        for n in range(count // 4)
        for name in ("ana", "ben", "lena", "otto")
    )
    return io.BytesIO((HEADER + "\n".join(rows)).encode())


@pytest.mark.slow
def test_a_hundred_thousand_rows_come_in_also_when_they_are_there_already(cast: Cast) -> None:
    """In seconds: what is there must not be looked at in pairs."""
    file = plenty(100_000)
    assert import_shifts(file).added == 100_000
    file.seek(0)
    done = import_shifts(file, replaces=True)
    assert (done.added, done.known, done.removed) == (0, 100_000, 0)


def test_more_rows_take_no_more_memory(cast: Cast) -> None:
    peaks = []
    for count in (4_000, 16_000):
        file = plenty(count)
        tracemalloc.start()
        import_shifts(file, replaces=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000, peaks
