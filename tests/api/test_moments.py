"""GET /moments: what a wall time is, for flows that ask a person for a local time (rules §2.4)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Program
from tests.api.payloads import codes
from tests.cast import Cast

CASES = json.loads((Path(__file__).parent.parent / "domain" / "tz_cases.json").read_text())
CODES = {"bad_zone": "zone.unknown", "bad_time": "time.invalid"}


def ask(ivr: Program, date: str, time: str, zone: str) -> Any:
    """The answer for three texts."""
    return ivr.http.get(
        "/api/v2/moments",
        {"date": date, "time": time, "timeZone": zone},
        headers={"Authorization": f"Bearer {ivr.token}"},
    )


def test_published_cases_are_answered_as_published(cast: Cast, ivr: Program) -> None:
    for case in CASES:
        answer = ask(ivr, case["local_date"], case["local_time"], case["zone"])
        said = answer.json()
        if case["expect"] in CODES:
            assert answer.status_code == 400, case
            assert said["code"] == CODES[case["expect"]], case
            continue
        assert (answer.status_code, said["kind"]) == (200, case["expect"]), case
        if case["expect"] == "gap":
            assert said["instants"] == [], case
            assert len(said["nearest"]) == 2
        else:
            assert [one["utc"].replace(".000Z", "Z") for one in said["instants"]] == case["utc"]


def test_a_gap_names_the_last_minute_before_and_the_first_after_it(
    cast: Cast, ivr: Program
) -> None:
    before, after = ask(ivr, "2027-03-14", "02:30", "America/New_York").json()["nearest"]
    assert before == {"utc": "2027-03-14T06:59:00.000Z", "local": "2027-03-14T01:59:00", "offset": "-05:00"}  # fmt: skip
    assert after == {"utc": "2027-03-14T07:00:00.000Z", "local": "2027-03-14T03:00:00", "offset": "-04:00"}  # fmt: skip


def test_an_overlap_tells_both_the_earlier_first(cast: Cast, ivr: Program) -> None:
    first, second = ask(ivr, "2026-11-01", "01:30", "America/New_York").json()["instants"]
    assert (first["utc"], first["offset"]) == ("2026-11-01T05:30:00.000Z", "-04:00")
    assert (second["utc"], second["offset"]) == ("2026-11-01T06:30:00.000Z", "-05:00")


@pytest.mark.parametrize(
    ("date", "time", "zone", "wrong"),
    [
        ("2026-02-30", "25:00", "Mars", {"date", "time", "timeZone"}),
        ("", "", "", {"date", "time", "timeZone"}),
        ("\0", "1\0", "\0", {"date", "time", "timeZone"}),
        ("9999-12-31", "23:59", "UTC", {"date"}),
        ("2026-11-01", "٣:٣٠", "UTC", {"time"}),
    ],
)
def test_all_that_cannot_be_read_is_named(
    cast: Cast, ivr: Program, date: str, time: str, zone: str, wrong: set[str]
) -> None:
    answer = ask(ivr, date, time, zone)
    assert answer.status_code == 400
    assert set(codes(answer)) == wrong
