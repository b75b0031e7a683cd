"""Files of callbacks: what they may be written in, what each row is held to, and crashes in between."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from callbacks import access, imports
from callbacks.errors import NotAllowed, Refused
from callbacks.imports import opening
from callbacks.models import (
    Callback,
    CallbackImport,
    ContactList,
    HistoryEvent,
    OutboxMessage,
    RehearsedPromise,
    Skill,
)
from callbacks.rules import sheets
from tests.cast import NOW, Cast, by, make_callback, open_day_and_night
from tests.server import ROOT, database_url

State = CallbackImport.State
HEAD = "phone,date,time,time zone,name,queue,reason"
GOOD = {
    "phone": "+442079461000",
    "date": "2026-11-24",
    "time": "12:00",
    "time zone": "Europe/London",
    "name": "Liam Byrne",
    "queue": "Support",
    "reason": "Router",
}


def number(place: int) -> str:
    """A London number of one's own for each place in a file."""
    return f"+44207{9_000_000 + place:07d}"


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"


def upload(cast: Cast, content: str | bytes, **choice: Any) -> CallbackImport:
    """Uploaded by Sam, with the columns as they are guessed."""
    raw = content.encode() if isinstance(content, str) else content
    job = imports.upload(io.BytesIO(raw), "file.csv", by=by(cast.sam), at=NOW)
    values = {"columns": job.columns, "queue_id": cast.support.pk, **choice}
    return imports.choose(job.pk, imports.Choice(**values), by=by(cast.sam), at=NOW)


def finish(job: CallbackImport) -> CallbackImport:
    """Until nothing is left to do."""
    while job.is_under_way:
        assert imports.go_on_with(job, lambda: NOW)
        job.refresh_from_db()
    return job


def check(cast: Cast, content: str | bytes, **choice: Any) -> CallbackImport:
    """Looked at, and nothing written."""
    job = upload(cast, content, **choice)
    return finish(imports.check(job.pk, by=by(cast.sam), at=NOW))


def bring_in(cast: Cast, content: str | bytes, **choice: Any) -> CallbackImport:
    """Imported."""
    job = upload(cast, content, **choice)
    return finish(imports.start(job.pk, by=by(cast.sam), at=NOW))


def rejected(job: CallbackImport) -> dict[int, str]:
    """Why, by line."""
    return {reject.line: reject.reasons for reject in job.rejects.all()}


def table(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    """Rows as CSV, each with the columns of the first."""
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names, delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


# --- a row -------------------------------------------------------------------------------------


def test_a_row_becomes_a_callback_with_history_and_everything_it_says(cast: Cast) -> None:
    Skill.objects.create(name="French")
    row = {
        **GOOD, "priority": "5", "consent": "yes", "conversation id": "c-1", "skills": "french",
        "ticket": "T-9", "window minutes": "30", "owner": "ana", "route to": "BEN",
        "contact time zone": "Europe/Dublin", "plan": "Gold",
    }  # fmt: skip
    for agent in cast.support.members.all():
        agent.skills.set(Skill.objects.all())
    job = upload(cast, table([row]))
    columns = [*job.columns[:-1], imports.EXTERNAL]
    choice = imports.Choice(columns=columns)
    imports.choose(job.pk, choice, by=by(cast.sam), at=NOW)
    finish(imports.start(job.pk, by=by(cast.sam), at=NOW))
    made = Callback.objects.get()
    assert (made.phone_number, made.contact_name) == (GOOD["phone"], "Liam Byrne")
    assert f"{made.requested_at:%Y-%m-%d %H:%M}" == "2026-11-24 12:00"
    assert (made.owner_id, made.preferred_agent_id) == (cast.ana.pk, cast.ben.pk)
    assert (made.priority, made.consent, made.skills) == (5, True, ["French"])
    assert (made.ticket_id, made.conversation_id) == ("T-9", "c-1")
    assert made.window_ends_at - made.window_starts_at == timedelta(minutes=30)
    assert made.contact_time_zone == "Europe/Dublin"
    assert made.external_data == {"plan": "Gold"}
    assert made.history.get().actor == cast.sam
    assert OutboxMessage.objects.get().event.callback == made


@pytest.mark.parametrize(
    ("written", "date_format", "wall"),
    [
        ({"requested_at": "2026-11-24T12:00Z"}, "", "2026-11-24 12:00"),
        ({"requested_at": "2026-11-24T12:00+01:00"}, "", "2026-11-24 11:00"),
        (
            {"requested_at": "2026-11-24 12:00", "time zone": "Europe/Berlin"},
            "",
            "2026-11-24 11:00",
        ),
        ({"requested_at": "24/11/2026 9:05", "time zone": "UTC"}, "dmy", "2026-11-24 09:05"),
        ({"date": "24.11.2026", "time": "2:30 PM", "time zone": "UTC"}, "dmy", "2026-11-24 14:30"),
        ({"date": "11/24/2026", "time": "12:05 am", "time zone": "UTC"}, "mdy", "2026-11-24 00:05"),
        ({"date": "2026-11-24", "time": "09:05", "time zone": "UTC"}, "mdy", "2026-11-24 09:05"),
        ({"date": "'2026-11-24", "time": "09:05", "time zone": "UTC"}, "", "2026-11-24 09:05"),
    ],
)
def test_times_as_programs_and_spreadsheets_write_them(
    cast: Cast, written: dict[str, str], date_format: str, wall: str
) -> None:
    open_day_and_night(cast.support)
    job = bring_in(cast, table([{"phone": GOOD["phone"], **written}]), date_format=date_format)
    assert rejected(job) == {}
    assert f"{Callback.objects.get().requested_at:%Y-%m-%d %H:%M}" == wall


def test_a_date_that_could_be_two_is_refused_until_a_format_is_chosen(cast: Cast) -> None:
    content = table([{**GOOD, "date": "03/12/2026"}])
    job = check(cast, content)
    assert "could be read with the day or the month first" in rejected(job)[2]
    assert rejected(check(cast, content, date_format="dmy")) == {}
    assert (
        "30 days"
        in rejected(check(cast, content.replace("12/2026", "04/2027"), date_format="mdy"))[2]
    )


def test_defaults_hold_where_a_row_says_nothing(cast: Cast) -> None:
    cast.support.consent_required = True
    cast.support.save()
    row = {k: v for k, v in GOOD.items() if k not in ("queue", "time zone")} | {"consent": ""}
    other = {**row, "phone": number(2), "consent": "no"}
    job = bring_in(cast, table([row, other]), time_zone="Europe/London", is_consent_given=True)
    assert list(rejected(job)) == [3]
    assert Callback.objects.get().consent is True


def test_all_problems_of_a_row_are_told_at_once(cast: Cast) -> None:
    job = check(cast, table([{**GOOD, "queue": "Nowhere", "phone": "abc", "time": "25:00"}]))
    problems = job.rejects.get().problems
    assert {problem["field"] for problem in problems} == {"queue", "phone_number", "time"}


# --- the file ----------------------------------------------------------------------------------

NAMES = "phone;date;time;time zone;name\n"
ROW = '+442079461000;2026-11-24;12:00;Europe/London;"José\nByrne"\n'


@pytest.mark.parametrize(
    "raw",
    [
        (NAMES + ROW).encode(),
        (NAMES + ROW).encode("utf-8-sig"),
        (NAMES + ROW).encode("utf-16"),
        (NAMES + ROW).encode("utf-16-le"),
        (NAMES + ROW).encode("utf-16-be"),
        (NAMES + ROW).encode("cp1252"),
        (NAMES + ROW).replace(";", ",").encode(),
        (NAMES + ROW).replace(";", "\t").encode(),
        ("sep=;\r\n" + NAMES + ROW).replace("\n", "\r\n").replace("José\r\n", "José\n").encode(),
        ("\n;;;\n" + NAMES + "\n;;;;\n" + ROW.rstrip("\n") + ";;;\n").encode(),
    ],
)
def test_what_a_file_is_written_in_is_found_out(cast: Cast, raw: bytes) -> None:
    job = bring_in(cast, raw)
    assert rejected(job) == {}
    assert Callback.objects.get().contact_name == "José\nByrne"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"phone,date,time\n", "no rows"),
        (b"phone,date,phone\n1,2,3\n", "twice"),
        (b"PK\x03\x04workbook", "not a CSV"),
        (b"phone," + b"x," * 1_000_000 + b"\n1\n", "longer than|columns"),
        (b"," .join(b"c%d" % n for n in range(300)) + b"\n1\n", "300 columns"),
        (b"a\0b,date\n1,2\n", "NUL"),
        (b"phone,date\n" + b"x" * 2_000_000, "Line 2 is longer"),
        (b'phone,date\n1,2\n3,"4\n5,6\n', "Line 3: a quotation mark"),
        (b'phone,date\n1,"2\n' + b"3,4\n" * 40_000, "Line 2: a quotation mark"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_says_why(cast: Cast, raw: bytes, why: str) -> None:
    with pytest.raises(imports.FileRefused, match=why):
        imports.upload(io.BytesIO(raw), "x.csv", by=by(cast.sam), at=NOW)
    assert not CallbackImport.objects.exists()


def test_a_file_beyond_50_megabytes_is_refused_before_it_is_read(cast: Cast) -> None:
    class Huge(io.BytesIO):
        def tell(self) -> int:
            return imports.LARGEST + 1

    with pytest.raises(imports.FileRefused, match="at most 50 MB"):
        imports.upload(Huge(b"phone\n1\n"), "x.csv", by=by(cast.sam), at=NOW)


def test_a_row_that_cannot_be_read_is_named_by_its_line_and_the_others_come_in(cast: Cast) -> None:
    lines = [
        "phone,date,time,time zone,name",
        f"{number(1)},2026-11-24,12:00,Europe/London,Zoë",
        f"{number(2)},2026-11-24,12:00,Europe/London,a\0b",
        f"{number(3)},2026-11-24,12:00,Europe/London,one,two,three",
        f"{number(4)},2026-11-24",
        f'{number(5)},2026-11-24,12:00,Europe/London,"un"quoted',
        f"{number(6)},2026-11-24,12:00,Europe/London,Eve",
    ]
    raw = "\n".join(lines).encode() + b"\n" + number(7).encode() + b",2026-11-24,12:00,UTC,\xff\n"
    job = bring_in(cast, raw)
    why = rejected(job)
    assert list(why) == [3, 4, 5, 6, 8]
    for line, what in ((3, "NUL"), (4, "7 values"), (5, "2 values"), (6, "as CSV"), (8, "UTF-8")):
        assert what in why[line]
    assert job.rows_good == Callback.objects.count() == 2


def test_each_column_is_known_by_many_names() -> None:
    header = ["phoneNumber", "TIME_ZONE", "Callback Date", "Customer", "Interaction ID", "Colour"]
    assert imports.guess(header) == [
        "phone_number", "time_zone", "date", "contact_name", "conversation_id", "",
    ]  # fmt: skip
    assert imports.guess(["phone", "mobile"]) == ["phone_number", ""]


def test_what_was_chosen_for_a_column_is_remembered(cast: Cast) -> None:
    content = table([{**GOOD, "Farbe": "rot"}])
    job = upload(cast, content)
    choice = imports.Choice(columns=[*job.columns[:-1], "ticket_id"], time_zone="Asia/Tokyo")
    imports.choose(job.pk, choice, by=by(cast.sam), at=NOW)
    imports.check(job.pk, by=by(cast.sam), at=NOW)
    again = imports.upload(io.BytesIO(content.encode()), "b.csv", by=by(cast.sam), at=NOW)
    assert (again.columns[-1], again.time_zone) == ("ticket_id", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("columns", "choice", "why"),
    [
        (["phone_number"] * 2, {}, "Two columns"),
        (["date", "time"], {}, "phone number"),
        (["phone_number", "date"], {}, "date and time"),
        (["phone_number", "requested_at"], {"queue_id": None}, "queue"),
        (["phone_number", "requested_at"], {"time_zone": "Mars"}, "time zone"),
        (["phone_number", "requested_at"], {"date_format": "ymd"}, "date format"),
        (["phone_number", "id; drop table"], {}, "each column"),
        (["phone_number"], {}, "each column"),
    ],
)
def test_a_choice_that_cannot_work_says_why(
    cast: Cast, columns: list[str], choice: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        upload(cast, "a,b\n1,2\n", columns=columns, **choice)


# --- checking and importing ----------------------------------------------------------------------


def test_checking_writes_nothing_and_finds_rows_that_double_each_other(cast: Cast) -> None:
    rows = [{**GOOD, "phone": number(place)} for place in range(600)]
    rows += [{**GOOD, "phone": number(3)}, {**GOOD, "phone": number(599)}]
    job = check(cast, table(rows))
    assert (job.state, job.rows_good) == (State.CHECKED, 600)
    assert rejected(job) == {
        602: "Line 5 of this file promises a call to them already.",
        603: "Line 601 of this file promises a call to them already.",
    }
    for model in (Callback, HistoryEvent, OutboxMessage, RehearsedPromise):
        assert not model.objects.exists()
    done = finish(imports.start(job.pk, by=by(cast.sam), at=NOW))
    assert (done.state, done.rows_good, list(rejected(done))) == (State.DONE, 600, [602, 603])
    assert Callback.objects.count() == 600


def test_the_same_file_again_brings_nothing_and_names_what_is_there(cast: Cast) -> None:
    content = table([{**GOOD, "phone": number(place)} for place in range(5)])
    assert bring_in(cast, content).rows_good == 5
    again = bring_in(cast, content)
    assert (again.rows_good, Callback.objects.count()) == (0, 5)
    assert all("has an open callback already" in why for why in rejected(again).values())


BAD: list[tuple[dict[str, str], str, str]] = [
    ({"phone": ""}, "phone_number", "number.invalid"),
    ({"phone": "abc"}, "phone_number", "number.invalid"),
    ({"phone": "555"}, "phone_number", "number.invalid"),
    ({"phone": "911"}, "phone_number", "number.invalid"),
    ({"phone": "+1 900 555 0100"}, "phone_number", "number.invalid"),
    ({"phone": "+8816 1234 5678"}, "phone_number", "number.invalid"),
    ({"phone": "=+12125550100"}, "phone_number", "number.invalid"),
    ({"phone": "+442079468888"}, "phone_number", "number.uncallable"),
    ({"phone": "+442079469999"}, "phone_number", "callback.exists"),
    ({"phone": "+442079000000"}, "phone_number", "callback.exists"),
    ({"date": ""}, "date", "time.invalid"),
    ({"date": "tomorrow"}, "date", "time.invalid"),
    ({"date": "2026-11-31"}, "date", "time.invalid"),
    ({"date": "03/12/2026"}, "date", "time.invalid"),
    ({"date": "2026-11-01"}, "time", "time.past"),
    ({"date": "2027-11-01"}, "date", "time.too.far"),
    ({"time": ""}, "time", "time.invalid"),
    ({"time": "25:00"}, "time", "time.invalid"),
    ({"time": "noon"}, "time", "time.invalid"),
    ({"time": "03:30"}, "time", "calling.hours"),
    ({"time zone": ""}, "time_zone", "zone.unknown"),
    ({"time zone": "Mars/Base"}, "time_zone", "zone.unknown"),
    ({"queue": "Nowhere"}, "queue", "invalid.value"),
    ({"owner": "nobody"}, "owner", "invalid.value"),
    ({"owner": "otto"}, "take_ownership", "ownership.agent.unable"),
    ({"priority": "high"}, "priority", "invalid.value"),
    ({"consent": "no"}, "consent", "consent.required"),
    ({"consent": "maybe"}, "consent", "invalid.value"),
    ({"conversation id": "c-taken"}, "phone_number", "callback.exists"),
    ({"skills": "Juggling"}, "skills", "invalid.value"),
    ({"window minutes": "-5"}, "window_minutes", "invalid.value"),
    ({"name": "x" * 201}, "contact_name", "invalid.value"),
    ({"reason": "a\x07b"}, "reason", "invalid.value"),
]


def test_of_10_000_rows_those_137_that_are_bad_in_thirty_ways_are_told_each_with_its_reason(
    cast: Cast,
) -> None:
    marked = ContactList.objects.create(name="Do not call")
    marked.entries.create(phone_number="+442079468888", is_uncallable=True)
    make_callback(cast.support, cast.ben, phone_number="+442079469999", conversation_id="c-taken")
    rows = [
        {**GOOD, "phone": number(place), "time": f"{9 + place % 9:02}:{place % 60:02}"}
        | dict.fromkeys(("owner", "priority", "consent", "conversation id", "skills"), "")
        | {"window minutes": ""}
        for place in range(10_000)
    ]
    expected = {}
    for n in range(137):
        place = 71 * (n + 1)
        change, field, code = BAD[n % len(BAD)]
        rows[place] = rows[place] | change
        expected[place + 2] = (field, code)
    job = bring_in(cast, table(rows))
    found = {
        reject.line: {(problem["field"], problem["code"]) for problem in reject.problems}
        for reject in job.rejects.all()
    }
    assert set(found) == set(expected)
    assert [line for line, one in expected.items() if one not in found[line]] == []
    assert (job.rows_good, job.rows_bad) == (9863, 137)
    assert Callback.objects.count() == 9864
    assert HistoryEvent.objects.filter(what="scheduled").count() == 9864


def test_the_rejects_corrected_and_uploaded_again_come_in(cast: Cast) -> None:
    rows = [
        {**GOOD, "reason": "=cmd()"},
        {**GOOD, "phone": number(2), "time": "soon", "name": "=1+1", "reason": "'quoted"},
    ]
    job = bring_in(cast, table(rows))
    text = "".join(imports.rejects_as_csv(job))
    head, row = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert head[:2] == ["Rejected line", "Rejected because"]
    assert row[0] == "3"
    assert "is not a time" in row[1]
    assert row[2:4] == [f"'{number(2)}", "2026-11-24"]
    again = bring_in(cast, text.replace('"soon"', '"15:00"'))
    assert rejected(again) == {}
    made = Callback.objects.get(phone_number=number(2))
    assert (made.contact_name, made.reason) == ("=1+1", "quoted")


def test_who_cancels_keeps_what_is_in(cast: Cast) -> None:
    job = upload(cast, table([{**GOOD, "phone": number(n)} for n in range(1200)]))
    job = imports.start(job.pk, by=by(cast.sam), at=NOW)
    imports.go_on_with(job, lambda: NOW, seconds=0)
    imports.cancel(job.pk, by=by(cast.sam), at=NOW)
    imports.go_on_with(job, lambda: NOW)
    job.refresh_from_db()
    assert (job.state, job.rows_done, Callback.objects.count()) == (State.CANCELLED, 500, 500)


def test_a_slice_of_work_leaves_the_rest_to_the_next_one(cast: Cast) -> None:
    rows = [{**GOOD, "phone": number(n)} for n in range(700)]
    for half in (rows[:600], rows[600:]):
        imports.start(upload(cast, table(half)).pk, by=by(cast.sam), at=NOW)
    assert imports.go_on(lambda: NOW, seconds=0) is True
    assert Callback.objects.count() == 600, "500 of the first, and the second whole"
    assert imports.go_on(lambda: NOW) is False
    assert Callback.objects.count() == 700
    assert not CallbackImport.objects.exclude(state=State.DONE).exists()


def test_who_may_not_import_any_more_does_not(cast: Cast) -> None:
    job = upload(cast, table([GOOD]))
    job = imports.start(job.pk, by=by(cast.sam), at=NOW)
    cast.sam.is_active = False
    cast.sam.save()
    assert finish(job).state == State.FAILED
    assert not Callback.objects.exists()


def test_imports_are_their_importers_and_admins(cast: Cast) -> None:
    job = upload(cast, table([GOOD]))
    seen = {
        name: access.imports_of(by(getattr(cast, name))).filter(pk=job.pk).exists()
        for name in ("ana", "lena", "otto", "sam", "ada")
    }
    assert seen == {"ana": False, "lena": False, "otto": False, "sam": True, "ada": True}
    with pytest.raises(NotAllowed):
        imports.upload(io.BytesIO(b"phone\n1\n"), "x.csv", by=by(cast.ana), at=NOW)
    with pytest.raises(CallbackImport.DoesNotExist):
        imports.start(job.pk, by=by(cast.ana), at=NOW)


def test_files_and_rejects_are_deleted_a_day_after_and_counts_stay(
    cast: Cast, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    job = bring_in(cast, table([GOOD, {**GOOD, "phone": "abc"}]))
    left = upload(cast, table([GOOD]))
    path = Path(job.file.path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert imports.prune(NOW + timedelta(hours=23)) == 0
    with django_capture_on_commit_callbacks(execute=True):
        assert imports.prune(NOW + timedelta(hours=25)) == 2
    job.refresh_from_db()
    left.refresh_from_db()
    assert not path.exists()
    assert (job.rows_good, job.rows_bad, job.rejects.count()) == (1, 1, 0)
    assert left.state == State.CANCELLED
    assert imports.prune(NOW + timedelta(hours=26)) == 0


# --- crashes and company -------------------------------------------------------------------------

WORKER = """
import django, sys
django.setup()
from datetime import datetime
from callbacks import imports
from callbacks.models import CallbackImport
at = datetime.fromisoformat(sys.argv[1])
for job in CallbackImport.objects.under_way():
    imports.go_on_with(job, lambda: at)
"""


def worker(folder: Path) -> "subprocess.Popen[str]":
    """A process of its own that goes on with what is under way."""
    env = {**os.environ, "DATABASE_URL": database_url(), "DATA_DIR": str(folder)}
    command = [sys.executable, "-c", WORKER, NOW.isoformat()]
    return subprocess.Popen(command, cwd=ROOT, env=env, text=True)


@pytest.mark.django_db(transaction=True)
def test_killed_in_between_and_then_with_two_at_once_nothing_is_lost_or_doubled(
    cast: Cast, tmp_path: Path
) -> None:
    count = 2500
    rows = [{**GOOD, "phone": number(n) if n % 100 else "bad"} for n in range(count)]
    job = upload(cast, table(rows))
    imports.start(job.pk, by=by(cast.sam), at=NOW)
    with worker(tmp_path) as first:
        until = time.monotonic() + 10
        while CallbackImport.objects.get().rows_done < 1000 and time.monotonic() < until:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
    assert 1000 <= CallbackImport.objects.get().rows_done < count
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: worker(tmp_path).wait(), range(2))) == [0, 0]
    job.refresh_from_db()
    assert (job.state, job.rows_good, job.rows_bad) == (State.DONE, 2475, 25)
    assert Callback.objects.count() == HistoryEvent.objects.count() == 2475
    assert job.rejects.count() == 25


@pytest.mark.django_db(transaction=True)
def test_while_one_is_at_it_nobody_else_is(cast: Cast) -> None:
    job = imports.start(upload(cast, table([GOOD])).pk, by=by(cast.sam), at=NOW)

    def other() -> bool:
        try:
            return imports.go_on_with(job, lambda: NOW)
        finally:
            connection.close()

    with connection.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        name = f"import {job.pk}"
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 1947))", [name])
        assert pool.submit(other).result() is False
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1947))", [name])
        assert pool.submit(other).result() is True


# --- the shell -----------------------------------------------------------------------------------


def shell(path: Path, *options: str) -> tuple[int, str]:
    """Exit status and output of the command."""
    out = io.StringIO()
    try:
        call_command("import_callbacks", str(path), *options, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def tomorrow(**changes: str) -> dict[str, str]:
    """A good row by the real clock."""
    return {**GOOD, "date": f"{timezone.now() + timedelta(days=2):%Y-%m-%d}", **changes}


def test_the_command_imports_and_its_status_says_whether_all_came_in(
    cast: Cast, tmp_path: Path
) -> None:
    path, rejects = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text(table([tomorrow(), tomorrow(phone="abc")]))
    status, said = shell(path, "--dry-run")
    assert (status, Callback.objects.count()) == (1, 0)
    assert "Line 3: " in said
    assert "1 rows would be imported, 1 rejected." in said
    status, said = shell(path, "--rejects", str(rejects), "--json", "--by", "sam")
    assert status == 1
    assert '"good": 1, "rejected": 1' in said
    assert Callback.objects.get().created_by == cast.sam
    rejects.write_text(rejects.read_text(encoding="utf-8").replace("abc", number(8)))
    assert shell(rejects, "--queue", "Support", "--consent", "--time-zone", "UTC")[0] == 0
    assert Callback.objects.count() == 2


@pytest.mark.parametrize(
    ("content", "options", "why"),
    [
        ("", (), "empty"),
        ("a,b\n1,2\n", (), "phone number"),
        ("phone,when\n1,2\n", ("--queue", "Nowhere"), "no queue called"),
        ("phone,when\n1,2\n", ("--by", "nobody"), "no active person"),
        ("phone,when\n1,2\n", ("--by", "ana"), "Supervisors and admins"),
    ],
)
def test_the_command_says_what_is_wrong(
    cast: Cast, tmp_path: Path, content: str, options: tuple[str, ...], why: str
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(content)
    with pytest.raises(CommandError, match=why):
        shell(path, *options)


# --- formulas ------------------------------------------------------------------------------------

FORMULAS = [
    f"{front}{start}{rest}"
    for front in ("", '"', "'", ";", ",", " ", '";', '",')
    for start in ("=", "+", "-", "@", "\t", "\r", "\n=", "＝")
    for rest in ("1+1", "cmd|' /C calc'!A0", "HYPERLINK(1)", "44 20 7946 0000")
]


def test_no_cell_that_is_written_is_calculated_and_all_are_read_back() -> None:
    assert len(FORMULAS) >= 200
    for text in FORMULAS:
        written = io.StringIO()
        sheets.SafeWriter(written).line([text, "after"])
        assert written.getvalue().startswith("\"'"), text
        read = next(csv.reader(io.StringIO(written.getvalue(), newline="")))
        assert read[0].removeprefix("'") == text
        assert sheets.plain(read[0]) == text.strip()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_is_written_is_read_back(text: str) -> None:
    written = io.StringIO()
    sheets.SafeWriter(written).line([text])
    read = next(csv.reader(io.StringIO(written.getvalue(), newline="")))[0]
    assert (read.removeprefix("'") if read[:1] == "'" else read) == text
    assert not sheets.safe(text)[:1].strip(" ") or sheets.safe(text)[0] not in "=+-@\t\r\0"


def test_a_file_mostly_in_utf_8_is_read_as_that() -> None:
    raw = "phone,name\n1,Zoë\n2,Ünal\n".encode() + b"3,\xff\n"
    assert opening.examine(io.BytesIO(raw)).encoding == "utf-8-sig"
