"""Rules §2.3: wall time ↔ instant, against cases, against zoneinfo itself, and for ten years."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbacks.rules import moments
from callbacks.rules.moments import Gap, MomentRefused, Overlap, UnknownZone, WallTime, resolve

CASES = json.loads((Path(__file__).parent / "tz_cases.json").read_text())
MINUTE = timedelta(minutes=1)
FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


def answer(zone: str, day: str, clock: str) -> tuple[str, list[datetime]]:
    """What the product says of three texts, in the words of the cases."""
    if zone not in moments.ZONES:
        return "bad_zone", []
    try:
        wall = WallTime(moments.parse_date(day), moments.parse_time(clock), zone)
        return "ok", [resolve(wall).instant]
    except Gap:
        return "gap", []
    except Overlap as twice:
        return "overlap", [twice.first.instant, twice.second.instant]
    except MomentRefused:
        return "bad_time", []


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_published_cases_are_answered_as_published(case: dict[str, object]) -> None:
    kind, instants = answer(str(case["zone"]), str(case["local_date"]), str(case["local_time"]))
    assert kind == case["expect"]
    if instants:
        assert [f"{i:%Y-%m-%dT%H:%M:%SZ}" for i in instants] == case["utc"]


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        ("America/New_York", "2027-03-14 01:59:59", "ok"),
        ("America/New_York", "2027-03-14 02:00:00", "gap"),
        ("America/New_York", "2027-03-14 02:59:59", "gap"),
        ("America/New_York", "2027-03-14 03:00", "ok"),
        ("America/New_York", "2026-11-01 00:59:59", "ok"),
        ("America/New_York", "2026-11-01 01:00", "overlap"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30Z, 2026-11-01 06:30Z"),
        ("America/New_York", "2026-11-01 01:59:59", "overlap"),
        ("America/New_York", "2026-11-01 02:00", "ok"),
        ("Australia/Lord_Howe", "2027-10-03 02:15", "gap"),
        ("Australia/Lord_Howe", "2027-10-03 02:30", "ok"),
        ("Australia/Lord_Howe", "2027-04-04 01:45", "2027-04-03 14:45Z, 2027-04-03 15:15Z"),
        ("Australia/Lord_Howe", "2027-04-04 01:15", "ok"),
        ("Antarctica/Troll", "2027-03-28 01:30", "gap"),
        ("Antarctica/Troll", "2027-03-28 02:59", "gap"),
        ("Antarctica/Troll", "2027-10-31 02:30", "2027-10-31 00:30Z, 2027-10-31 02:30Z"),
        ("Africa/Cairo", "2027-04-30 00:00", "gap"),
        ("Asia/Beirut", "2027-03-28 00:00", "gap"),
        ("America/Santiago", "2027-09-05 00:30", "gap"),
        ("America/Nuuk", "2027-03-27 23:30", "gap"),
        ("Africa/Cairo", "2027-10-28 23:30", "overlap"),
        ("Asia/Beirut", "2027-10-30 23:30", "overlap"),
        ("Pacific/Chatham", "2027-09-26 03:15", "gap"),
        ("Pacific/Chatham", "2027-04-04 03:15", "overlap"),
        ("Asia/Kathmandu", "2027-01-15 09:15", "2027-01-15 03:30Z"),
        ("Australia/Eucla", "2027-01-15 09:45", "2027-01-15 01:00Z"),
        ("Asia/Gaza", "2027-03-20 02:30", "ok"),
        ("Asia/Gaza", "2027-03-27 02:30", "gap"),
        ("Africa/Casablanca", "2027-02-07 02:30", "ok"),
        ("Africa/Casablanca", "2027-03-14 02:30", "ok"),
        ("America/Vancouver", "2026-12-10 10:00", "2026-12-10 17:00Z"),
        ("America/Edmonton", "2026-12-10 10:00", "2026-12-10 16:00Z"),
        ("America/Yellowknife", "2026-12-10 10:00", "2026-12-10 16:00Z"),
        ("America/Inuvik", "2026-12-10 10:00", "2026-12-10 16:00Z"),
        ("America/Winnipeg", "2026-12-10 10:00", "2026-12-10 15:00Z"),
        ("America/Havana", "2026-12-10 10:00", "2026-12-10 14:00Z"),
        ("Africa/Casablanca", "2026-12-10 10:00", "2026-12-10 10:00Z"),
        ("Pacific/Apia", "2011-12-30 12:00", "gap"),
        ("EST", "2027-07-01 12:00", "2027-07-01 17:00Z"),
        ("EST", "2027-03-14 02:30", "ok"),
        ("EST5EDT", "2027-03-14 02:30", "gap"),
        ("US/Eastern", "2027-03-14 02:30", "gap"),
        ("Eire", "2027-03-28 01:30", "gap"),
        ("NZ-CHAT", "2027-09-26 03:15", "gap"),
        ("Etc/GMT+5", "2027-01-15 12:00", "2027-01-15 17:00Z"),
        ("Europe/Paris", "2028-02-29 10:00", "2028-02-29 09:00Z"),
        ("Europe/Paris", "2027-02-29 10:00", "bad_time"),
        ("Europe/Paris", "2100-02-29 10:00", "bad_time"),
        ("America/Los_Angeles", "9999-12-31 23:00", "bad_time"),
        ("Asia/Tokyo", "0001-01-01 00:00", "bad_time"),
        ("PST", "2027-01-15 12:00", "bad_zone"),
        ("IST", "2027-01-15 12:00", "bad_zone"),
    ],
)  # fmt: skip
def test_the_known_edges_are_answered_right(zone: str, local: str, expected: str) -> None:
    kind, instants = answer(zone, *local.split())
    if expected.endswith("Z"):
        assert ", ".join(f"{i:%Y-%m-%d %H:%MZ}" for i in instants) == expected
    else:
        assert kind == expected


@pytest.mark.parametrize(
    "zone",
    ["America/Sao_Paulo", "America/Phoenix", "Pacific/Honolulu", "America/Regina", "America/Mexico_City",
     "America/Asuncion", "Asia/Tehran", "Asia/Amman", "Europe/Istanbul", "Europe/Moscow",
     "Australia/Brisbane", "Pacific/Apia"],
)  # fmt: skip
def test_where_clocks_no_longer_change_every_hour_of_a_year_exists_once(zone: str) -> None:
    for hour in range(365 * 24):
        local = datetime(2027, 1, 1, 0, 30) + timedelta(hours=hour)
        assert resolve(WallTime(local.date(), local.time(), zone)).fold == 0


@pytest.mark.parametrize(
    ("zone", "local", "sentence"),
    [
        ("America/New_York", "2027-03-14 02:30", "02:30 does not exist on 14 March 2027 in "
         "America/New_York: clocks go forward from 02:00 to 03:00."),
        ("America/New_York", "2027-03-14 02:59:59", "02:59:59 does not exist on 14 March 2027 in "
         "America/New_York: clocks go forward from 02:00 to 03:00."),
        ("Pacific/Apia", "2011-12-30 12:00", "12:00 does not exist on 30 December 2011 in "
         "Pacific/Apia: clocks go forward from 00:00 on 30 December 2011 to 00:00 on 31 December "
         "2011."),
        ("America/New_York", "2026-11-01 01:30", "01:30 happens twice on 1 November 2026 in "
         "America/New_York: once at UTC−04:00 (EDT) and again at UTC−05:00 (EST)."),
        ("Antarctica/Troll", "2027-10-31 02:30", "02:30 happens twice on 31 October 2027 in "
         "Antarctica/Troll: once at UTC+02:00 (UTC+02:00) and again at UTC+00:00 (UTC+00:00)."),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_in_words(zone: str, local: str, sentence: str) -> None:
    day, clock = local.split()
    with pytest.raises(MomentRefused) as refused:
        resolve(WallTime(moments.parse_date(day), moments.parse_time(clock), zone))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("zone", "local", "before", "after"),
    [
        ("America/New_York", "2027-03-14 02:30", "01:59", "03:00"),
        ("Australia/Lord_Howe", "2027-10-03 02:15", "01:59", "02:30"),
        ("Antarctica/Troll", "2027-03-28 02:59", "00:59", "03:00"),
        ("Africa/Cairo", "2027-04-30 00:00", "23:59", "01:00"),
        ("Pacific/Chatham", "2027-09-26 03:15", "02:44", "03:45"),
        ("Pacific/Apia", "2011-12-30 12:00", "23:59", "00:00"),
    ],
)
def test_a_gap_names_the_minutes_beside_it(zone: str, local: str, before: str, after: str) -> None:
    day, clock = local.split()
    with pytest.raises(Gap) as gap:
        resolve(WallTime(moments.parse_date(day), moments.parse_time(clock), zone))
    assert f"{gap.value.before:%H:%M}" == before
    assert f"{gap.value.after:%H:%M}" == after
    assert gap.value.after.astimezone(UTC) - gap.value.before.astimezone(UTC) == MINUTE


def test_the_minutes_beside_a_gap_of_odd_seconds_exist() -> None:
    """Liberia went forward by 44 minutes 30 seconds."""
    with pytest.raises(Gap) as gap:
        resolve(WallTime(date(1972, 1, 7), time(0, 20), "Africa/Monrovia"))
    for local, clock in ((gap.value.before, "23:59"), (gap.value.after, "00:45")):
        assert f"{local:%H:%M}" == clock
        expect_ordinary("Africa/Monrovia", local.replace(tzinfo=None))


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="without an offset"):
        moments.at_instant(datetime(2026, 12, 1, 10), "Europe/Paris")


@pytest.mark.parametrize(
    ("name", "text"),
    [("America/New_York", "EST"), ("Asia/Kolkata", "IST"), ("Etc/GMT+5", "UTC−05:00"), ("UTC", "UTC"),
     ("America/Sao_Paulo", "UTC−03:00"), ("Asia/Kathmandu", "UTC+05:45")],
)  # fmt: skip
def test_zones_without_a_word_for_their_time_are_called_by_their_offset(
    name: str, text: str
) -> None:
    winter = datetime(2026, 12, 10, tzinfo=UTC)
    assert moments.abbreviation(moments.at_instant(winter, name)) == text


def test_an_overlap_is_resolved_by_its_fold_and_by_nothing_else() -> None:
    wall = WallTime(date(2026, 11, 1), time(1, 30), "America/New_York")
    with pytest.raises(Overlap, match="UTC−04:00 \\(EDT\\) and again at UTC−05:00 \\(EST\\)"):
        resolve(wall)
    for fold, hour in ((0, 5), (1, 6)):
        chosen = resolve(WallTime(wall.date, wall.time, wall.zone, fold))
        assert (chosen.instant, chosen.fold) == (datetime(2026, 11, 1, hour, 30, tzinfo=UTC), fold)


def test_a_fold_where_clocks_do_not_go_back_means_nothing() -> None:
    wall = WallTime(date(2026, 12, 1), time(9), "Europe/London", fold=1)
    assert resolve(wall).fold == 0


def changes_of(zone: str) -> list[datetime]:
    """Every clock change of ten years, to the second, found from raw offsets alone."""
    tz, found = ZoneInfo(zone), []
    step, at = timedelta(days=7), FIRST
    while at < LAST:
        found += _between(tz, at, at + step)
        at += step
    return found


def _between(tz: ZoneInfo, low: datetime, high: datetime) -> list[datetime]:
    """Changes within a week: two of them may lie there, so days are looked at, too."""
    found = []
    for day in range(7):
        a, b = low + timedelta(days=day), low + timedelta(days=day + 1)
        if a.astimezone(tz).utcoffset() == b.astimezone(tz).utcoffset():
            continue
        while b - a > timedelta(seconds=1):
            middle = a + timedelta(seconds=(b - a).total_seconds() // 2)
            same = middle.astimezone(tz).utcoffset() == a.astimezone(tz).utcoffset()
            a, b = (middle, b) if same else (a, middle)
        found.append(b)
    return found


ALL_ZONES = sorted(moments.ZONES)


@pytest.mark.parametrize("share", range(8))
def test_every_clock_change_of_ten_years_in_every_zone(share: int) -> None:
    """Before, within and after each change: class, instants and neighbours are zoneinfo's."""
    seen = 0
    for zone in ALL_ZONES[share::8]:
        for change in changes_of(zone):
            seen += 1
            check_change(zone, change)
    assert seen > 100


def check_change(zone: str, change: datetime) -> None:
    tz = ZoneInfo(zone)
    old = (change - timedelta(seconds=1)).astimezone(tz).utcoffset()
    new = change.astimezone(tz).utcoffset()
    assert old is not None
    assert new is not None
    turn = (change + old).replace(tzinfo=None)
    if new > old:
        check_gap(zone, turn, new - old)
    else:
        check_overlap(zone, turn, old - new, change)
    for minutes in (-1441, 1441):
        around = turn + timedelta(minutes=minutes)
        expect_ordinary(zone, around)


def check_gap(zone: str, turn: datetime, width: timedelta) -> None:
    for missing in (turn, turn + width / 2, turn + width - MINUTE):
        for fold in (0, 1):
            with pytest.raises(Gap):
                resolve(WallTime(missing.date(), missing.time(), zone, fold))
        with pytest.raises(Gap) as gap:
            resolve(WallTime(missing.date(), missing.time(), zone))
        assert gap.value.before.replace(tzinfo=None) == turn - MINUTE
        assert gap.value.after.replace(tzinfo=None) == turn + width
    expect_ordinary(zone, turn - MINUTE)
    expect_ordinary(zone, turn + width)


def check_overlap(zone: str, turn: datetime, width: timedelta, change: datetime) -> None:
    for doubled in (turn - width, turn - width / 2, turn - MINUTE):
        with pytest.raises(Overlap) as twice:
            resolve(WallTime(doubled.date(), doubled.time(), zone))
        assert twice.value.first.instant == change - (turn - doubled)
        assert twice.value.second.instant - twice.value.first.instant == width
        for fold, moment in enumerate((twice.value.first, twice.value.second)):
            assert resolve(WallTime(doubled.date(), doubled.time(), zone, fold)) == moment
            assert moments.at_instant(moment.instant, zone) == moment
    expect_ordinary(zone, turn - width - MINUTE)
    expect_ordinary(zone, turn)


def expect_ordinary(zone: str, local: datetime) -> None:
    moment = resolve(WallTime(local.date(), local.time(), zone))
    assert moment.local.replace(tzinfo=None) == local
    assert moment.instant == local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@settings(max_examples=600, deadline=None)
@given(
    zone=st.sampled_from(ALL_ZONES),
    local=st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)),
)
def test_local_to_utc_and_back_is_the_identity(zone: str, local: datetime) -> None:
    local = local.replace(second=0, microsecond=0)
    try:
        found = [resolve(WallTime(local.date(), local.time(), zone))]
    except Gap as gap:
        found = []
        is_missing = gap.before.replace(tzinfo=None) < local < gap.after.replace(tzinfo=None)
    except Overlap as twice:
        found = [twice.first, twice.second]
    assert found or is_missing
    for moment in found:
        assert moment.local.replace(tzinfo=None) == local
        back = moments.at_instant(moment.instant, zone)
        assert (back.local, back.fold) == (moment.local, moment.fold)


@pytest.mark.parametrize(
    "name",
    ["", " ", "america/new_york", "America/New_York ", "Factory", "localtime", "posixrules",
     "right/Europe/Paris", "../../etc/passwd", "A" * 300, "\0", "\u0410merica/New_York", "EDT"],
)  # fmt: skip
def test_only_names_of_the_zone_data_are_zones(name: str) -> None:
    with pytest.raises(UnknownZone):
        moments.zone(name)


@pytest.mark.parametrize(
    "text", ["", "2026-2-3", "20261201", "2026-W49-2", "01/12/2026", "２０２６-12-01", "2027-02-29",
             "10000-01-01", "9999-12-31", "2026-12-01\n", "2026-12-01T10:00"],
)  # fmt: skip
def test_only_plain_dates_are_dates(text: str) -> None:
    with pytest.raises(moments.UnreadableDate):
        moments.parse_date(text)


@pytest.mark.parametrize(
    "text", ["", "24:00", "23:59:60", "２:30", "10:00Z", "2:30pm", "-1:30", "9:5", "10", "10:00\n"]
)
def test_only_plain_times_are_times(text: str) -> None:
    with pytest.raises(moments.UnreadableTime):
        moments.parse_time(text)


def test_links_are_known_by_the_name_that_people_use() -> None:
    names = {"US/Eastern": "America/New_York", "GB": "Europe/London", "Asia/Calcutta": "Asia/Kolkata",
             "EST5EDT": "America/New_York", "PST8PDT": "America/Los_Angeles", "Europe/Kiev": "Europe/Kyiv",
             "Europe/Oslo": "Europe/Oslo", "Iceland": "Atlantic/Reykjavik", "Zulu": "UTC", "UTC": "UTC",
             "EST": "EST", "MST": "MST", "HST": "HST", "Etc/GMT+5": "Etc/GMT+5", "Etc/UTC": "Etc/UTC",
             "Africa/Asmera": "Africa/Asmara", "Europe/London": "Europe/London"}  # fmt: skip
    assert {name: moments.canonical(name) for name in names} == names


def test_the_name_that_people_know_means_the_same_instants() -> None:
    root = Path(moments.tzdata.__file__).parent / "zoneinfo"
    for name, known in moments.aliases().items():
        assert moments.canonical(known) == known
        if (root / name).read_bytes() != (root / known).read_bytes():
            assert_same_since_1970(ZoneInfo(name), ZoneInfo(known))


def assert_same_since_1970(one: ZoneInfo, other: ZoneInfo) -> None:
    for hours in range(0, 75 * 365 * 24, 6):
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
        assert at.astimezone(one).utcoffset() == at.astimezone(other).utcoffset()


@pytest.mark.parametrize("text", ["\0" * 50, "\ud800", "a\nb", "\u202eevil"])
def test_messages_hold_nothing_that_cannot_be_shown_or_stored(text: str) -> None:
    for read in (moments.zone, moments.parse_date, moments.parse_time):
        with pytest.raises(MomentRefused) as refused:
            read(text)
        assert str(refused.value).isprintable()


@pytest.mark.parametrize("before", ["", "zoneinfo.ZoneInfo('America/Vancouver')\n"])
def test_the_systems_own_zone_data_cannot_win(tmp_path: Path, before: str) -> None:
    """A machine whose Vancouver is a copy of London: the product still says 17:00Z.

    Not even when somebody has loaded the wrong one already.
    """
    wrong = tmp_path / "America" / "Vancouver"
    wrong.parent.mkdir()
    source = Path(moments.tzdata.__file__).parent / "zoneinfo" / "Europe" / "London"
    wrong.write_bytes(source.read_bytes())
    code = (
        f"import zoneinfo\n{before}from datetime import date, time\nfrom callbacks.rules import moments\n"
        "wall = moments.WallTime(date(2026, 12, 10), time(10), 'America/Vancouver')\n"
        "print(moments.resolve(wall).instant.isoformat())"
    )
    env = {**os.environ, "PYTHONTZPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "2026-12-10T17:00:00+00:00"
