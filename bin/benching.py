"""``bin/bench``: figures beside their floors, on servers of its own, as durable as in ``bin/start``.

A floor is the same work by hand-written SQL over psycopg, measured in the same run in alternation.
Machines differ and are noisy: what counts is the ratio. A missed goal is said, and is no failure.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import environment
import servers
from environment import ROOT, say
from storming import Processes, free_port


@dataclass
class Row:
    """One figure."""

    what: str
    measured: str
    floor: str = ""
    ratio: str = ""
    goal: str = ""
    is_met: bool | None = None


def run(arguments: list[str]) -> int:
    """Measure what is asked for. The exit status of the command: whether all of it could be measured."""
    os.chdir(ROOT)
    environment.read_env_file()
    python = environment.install("requirements-test.txt")
    if Path(sys.prefix).resolve() != environment.VENV.resolve():
        os.execv(python, [str(python), str(ROOT / "bin" / "bench"), *arguments])
    asked = _asked(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = _on_servers(Path(folder), asked)
        servers.wait_until_gone(Path(folder))
    _tell(rows, asked)
    return 0


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench")
    parser.add_argument("only", nargs="*", help=f"of: {', '.join(BENCHES)}; default: all")
    parser.add_argument("--callbacks", type=int, default=30_000)
    parser.add_argument("--open", type=int, default=12_000)
    parser.add_argument("--agents", type=int, default=2_000)
    parser.add_argument("--queues", type=int, default=50)
    parser.add_argument("--due", type=int, default=10_000, help="so many fall due in a minute")
    parser.add_argument("--rows", type=int, default=100_000, help="so many rows are imported")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.only) - set(BENCHES):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    return asked


def _on_servers(data: Path, asked: argparse.Namespace) -> list[Row]:
    with servers.running(data) as found:
        os.environ.update(
            found, DATA_DIR=str(data), DEMO="1", DJANGO_SETTINGS_MODULE="dashboard.settings",
            PYTHONPATH=str(ROOT), LOG_LEVEL="ERROR",
        )  # fmt: skip
        sys.path.insert(0, str(ROOT))
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
        size = [f"--{n}={getattr(asked, n)}" for n in ("callbacks", "open", "agents", "queues")]
        subprocess.run([sys.executable, "manage.py", "demo", *size], check=True)
        import django

        django.setup()
        rows: list[Row] = []
        for name, bench in BENCHES.items():
            if not asked.only or name in asked.only:
                say(f"Measuring: {name} …")
                rows += bench(data, asked)
        return rows


def _tell(rows: Sequence[Row], asked: argparse.Namespace) -> None:
    head = Row("what", "measured", "floor", "ratio", "goal")
    widths = [max(len(getattr(row, n)) for row in (head, *rows)) for n in FIELDS]
    for row in (head, *rows):
        cells = [getattr(row, n).ljust(width) for n, width in zip(FIELDS, widths, strict=True)]
        mark = {True: "met", False: "MISSED", None: ""}[row.is_met]
        say("  ".join([*cells, mark]).rstrip())
    folder = environment.data_dir() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    found = {"size": {n: v for n, v in vars(asked).items() if n != "only"}, "at": time.time()}
    file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps({**found, "rows": [asdict(row) for row in rows]}, indent=1))


FIELDS = ("what", "measured", "floor", "ratio", "goal")


# --- help -------------------------------------------------------------------------------------


def _execute(*statements: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET ringback.quiet = 'on'")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET ringback.quiet = 'off'")


def _plain() -> Any:
    """A connection of psycopg alone, as the floor uses it."""
    import psycopg

    return psycopg.connect(_conninfo(), autocommit=True, prepare_threshold=0)


def _conninfo() -> str:
    from django.db import connection
    from psycopg.conninfo import make_conninfo

    given = connection.get_connection_params()
    kept = {n: v for n, v in given.items() if n in ("dbname", "user", "password", "host", "port")}
    return make_conninfo("", **kept)


def _milliseconds(do: Callable[[], object], other: Callable[[], object], times: int) -> tuple[float, float]:  # fmt: skip
    """The medians of both, done in turns."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for place, each in enumerate((do, other)):
            started = time.perf_counter()
            each()
            spent[place].append((time.perf_counter() - started) * 1000)
    return statistics.median(spent[0]), statistics.median(spent[1])


ASLEEP = """
UPDATE callbacks_offer SET ended_at = now(), result = 'withdrawn' WHERE ended_at IS NULL;
UPDATE callbacks_attempt SET ended_at = now(), was_interrupted = true WHERE ended_at IS NULL;
UPDATE callbacks_callback SET status = 'pending', agent_id = NULL, held_for = '',
    next_action_at = now() + interval '1 day' WHERE ended_at IS NULL;
"""
"""Nothing is due, and nobody has anything at hand."""
DUE = """
UPDATE callbacks_callback SET status = 'pending', agent_id = NULL, held_for = '', owner_id = NULL,
    ownership_expires_at = NULL, attempts_made = 0, is_outside_hours_agreed = true,
    requested_at = due.at, window_starts_at = due.at, window_ends_at = due.at + interval '1 hour',
    next_action_at = due.at
FROM (SELECT id, now() + {when} AS at FROM callbacks_callback WHERE ended_at IS NULL
      ORDER BY id LIMIT {count}) AS due
WHERE callbacks_callback.id = due.id
"""
ON_QUEUE = "UPDATE callbacks_agent SET presence = 'on_queue', not_responding_since = NULL"
AWAY = "UPDATE callbacks_agent SET presence = 'away'"


# --- the clock --------------------------------------------------------------------------------

LOOK = "SELECT 1 FROM callbacks_callback WHERE ended_at IS NULL AND next_action_at <= now() LIMIT 1"
CLAIM = """
WITH claimed AS (
    SELECT id FROM callbacks_callback WHERE ended_at IS NULL AND next_action_at <= now()
    ORDER BY next_action_at, id LIMIT 50 FOR UPDATE SKIP LOCKED
)
UPDATE callbacks_callback SET status = 'waiting', next_action_at = now() + interval '1 hour'
FROM claimed WHERE callbacks_callback.id = claimed.id
"""


def tick(data: Path, asked: argparse.Namespace) -> list[Row]:
    """The clock's tick with nothing to do."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from callbacks import clock

    _execute(ASLEEP, ON_QUEUE, "ANALYZE")
    with CaptureQueriesContext(connection) as statements:
        clock.tick()
    with _plain() as plain:
        ours, floor = _milliseconds(clock.tick, lambda: plain.execute(LOOK).fetchall(), 200)
    size = f"{asked.callbacks:,} callbacks, {asked.open:,} open"
    return [
        Row(
            f"tick with nothing due ({size})", f"{ours:.2f} ms", f"{floor:.3f} ms",
            f"{ours / floor:.0f} ×", "≤ 5 ms", ours <= 5,
        ),
        Row("  statements", str(len(statements)), "1", "", "≤ 6", len(statements) <= 6),
    ]  # fmt: skip


def claims(data: Path, asked: argparse.Namespace) -> list[Row]:
    """How many due callbacks a second are looked at, each with its history."""
    from callbacks import clock

    _execute(AWAY)
    count = min(5_000, asked.open)
    rates: dict[str, list[float]] = {"ours": [], "floor": []}
    for _ in range(2):
        _execute(ASLEEP, DUE.format(when="interval '-1 second'", count=count))
        with _plain() as plain:
            started = time.perf_counter()
            while plain.execute(CLAIM).rowcount:
                pass
            rates["floor"].append(count / (time.perf_counter() - started))
        _execute(ASLEEP, DUE.format(when="interval '-1 second'", count=count))
        now, started = clock.ticking.database_now(), time.perf_counter()
        while clock.look(now):
            pass
        rates["ours"].append(count / (time.perf_counter() - started))
    ours, floor = max(rates["ours"]), max(rates["floor"])
    what = "due callbacks looked at, with history (floor: claims alone, in chunks of 50)"
    return [
        Row(what, f"{ours:,.0f}/s", f"{floor:,.0f}/s", f"1/{floor / ours:.1f}", "≥ 3,000/s", ours >= 3000)
    ]  # fmt: skip


FREE = """
WITH done AS (
    UPDATE callbacks_callback SET status = 'completed', agent_id = NULL, next_action_at = NULL,
        ended_at = now() WHERE status = 'offered' RETURNING id, requested_at
), freed AS (
    UPDATE callbacks_offer SET ended_at = now(), result = 'accepted'
    FROM done WHERE callback_id = done.id AND callbacks_offer.ended_at IS NULL
)
SELECT extract(epoch FROM clock_timestamp() - requested_at)::float FROM done
"""
"""Take every offer that can be seen, so that its agent is free again; and how long each waited."""


def offers(data: Path, asked: argparse.Namespace) -> list[Row]:
    """Due → offered, by real clocks and workers, while agents are free: seen from outside."""
    rows = []
    for what, when in (
        ("due in the same minute", "interval '6 seconds' + random() * interval '60 seconds'"),
        ("due at the same instant", "interval '6 seconds'"),
    ):
        _execute(
            ASLEEP, ON_QUEUE, DUE.format(when=when, count=min(asked.due, asked.open)), "ANALYZE"
        )
        waits = _waits(data, min(asked.due, asked.open))
        waits.sort()
        p50, p99 = (waits[int(len(waits) * share)] for share in (0.5, 0.99))
        is_goal = "minute" in what
        rows.append(
            Row(
                f"due → offered, {len(waits):,} {what}, p50 / p99", f"{p50:.2f} / {p99:.2f} s",
                goal="p99 ≤ 1.5 s" if is_goal else "", is_met=p99 <= 1.5 if is_goal else None,
            )
        )  # fmt: skip
    return rows


def _waits(data: Path, count: int) -> list[float]:
    """How long each waited until its offer could be seen; agents are freed as soon as it was."""
    waits: list[float] = []
    deadline = time.monotonic() + 150
    with _engine(data), _plain() as plain:
        while len(waits) < count and time.monotonic() < deadline:
            waits += [row[0] for row in plain.execute(FREE).fetchall()]
            time.sleep(0.05)
    if len(waits) < count:
        say(f"  {count - len(waits)} of {count} were not offered in time.")
    return waits


@contextlib.contextmanager
def _engine(data: Path) -> Iterator[None]:
    """One clock and one worker, as ``bin/start`` runs them."""
    processes = Processes(data)
    processes.start(webs=0, workers=1, clocks=1)
    try:
        yield
    finally:
        processes.end()


# --- the screens ------------------------------------------------------------------------------


def streams(data: Path, asked: argparse.Namespace) -> list[Row]:
    """500 open browsers on one web process."""
    import bench_streams
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from callbacks.models import User

    admin = User.objects.get(username="admin")
    sessions = []
    for _ in range(20):
        session = SessionStore()
        session[SESSION_KEY] = str(admin.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = admin.get_session_auth_hash()
        session.save()
        sessions.append(str(session.session_key))
    port = free_port()
    web = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", "--port", str(port)]
    with subprocess.Popen([*web, "--log-level", "error"]) as process:
        try:
            time.sleep(5)
            found = bench_streams.measure(
                f"http://127.0.0.1:{port}", sessions, 15, pid=process.pid,
                database_url=_conninfo(),
            )  # fmt: skip
        finally:
            process.terminate()
    return _of_streams(found)


def _of_streams(found: dict[str, Any]) -> list[Row]:
    memory, p95 = found["with_streams_mb"], found["p95_ms"]
    idle = found["idle_share"] * 100
    return [
        Row("500 open browsers: memory of the web process", f"{memory:.0f} MB", goal="≤ 120 MB", is_met=memory <= 120),
        Row("  of a core while nothing happens", f"{idle:.1f} %", goal="≤ 5 %", is_met=idle <= 5),
        Row("  change → browser, p95", f"{p95:.0f} ms", goal="≤ 250 ms", is_met=p95 <= 250),
    ]  # fmt: skip


# --- programs ---------------------------------------------------------------------------------

PLAIN_INSERT = """
INSERT INTO callbacks_callback
SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(), 'conversation_id', ''))).*
FROM callbacks_callback c WHERE id = %s
"""


def api(data: Path, asked: argparse.Namespace) -> list[Row]:
    """Callbacks scheduled by sixteen programs at once, each in one transaction with its history."""
    import bench_api

    from callbacks import programs

    _execute(ASLEEP, AWAY, "ANALYZE")
    made = programs.create("Bench", ["callback:write", "callback:read"], rate=None)
    with _web() as base:
        bearer = bench_api.token(base, made.client.client_id, made.secret)
        bench_api.creations(base, bearer, 16, 3)
        rates, floors, waits = [], [], []
        for _ in range(3):
            answers = bench_api.creations(base, bearer, 16, 5)
            created = [spent for status, spent in answers if status == 201]
            rates.append(len(created) / 5)
            waits += created
            floors.append(_plain_inserts(16, 3))
    waits.sort()
    ours, floor = max(rates), max(floors)
    refused = len(answers) - len(created)
    return [
        Row(
            "callbacks scheduled through the API, 16 clients (floor: one plain insert each)",
            f"{ours:,.0f}/s", f"{floor:,.0f}/s", f"1/{floor / ours:.1f}", "≥ 400/s", ours >= 400,
        ),
        Row("  p50 / p99", f"{waits[len(waits) // 2] * 1000:.0f} / {waits[int(len(waits) * 0.99)] * 1000:.0f} ms"),
        Row("  refused in the last round", str(refused), goal="0", is_met=refused == 0),
    ]  # fmt: skip


@contextlib.contextmanager
def _web() -> Iterator[str]:
    """The web as ``bin/start`` runs it: two processes; its address."""
    port = free_port()
    web = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", "--port", str(port)]
    with subprocess.Popen([*web, "--workers", "2", "--log-level", "error"]) as process:
        try:
            time.sleep(6)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _plain_inserts(clients: int, seconds: float) -> float:
    """Begin, insert, commit: so many a second, by so many connections of psycopg."""
    from concurrent.futures import ThreadPoolExecutor

    with _plain() as plain:
        like = plain.execute("SELECT id FROM callbacks_callback LIMIT 1").fetchone()[0]
    until = time.perf_counter() + seconds

    def insert(_: int) -> int:
        done = 0
        with _plain() as plain:
            while time.perf_counter() < until:
                plain.execute(PLAIN_INSERT, [like])
                done += 1
        return done

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(insert, range(clients))) / seconds


# --- import -----------------------------------------------------------------------------------

PLACES = (("+3317", "Europe/Paris"), ("+3491", "Europe/Madrid"), ("+3120", "Europe/Amsterdam"))
OPEN_EVERY_DAY = ("DELETE FROM callbacks_callinghours", "DELETE FROM callbacks_holiday")
FLOOR_TABLE = "CREATE TABLE bench_floor (LIKE callbacks_callback INCLUDING ALL)"


def imported(data: Path, asked: argparse.Namespace) -> list[Row]:
    """A file of callbacks, every rule checked, by the command; beside it the same rows by COPY."""
    file = data / "import.csv"
    _write_rows(file, asked.rows)
    _execute(ASLEEP, AWAY, *OPEN_EVERY_DAY, "ANALYZE")
    seconds, memory, said = _command(["import_callbacks", str(file), "--consent", "--json"])
    made = json.loads(said)["good"]
    with _plain() as plain:
        plain.execute(FLOOR_TABLE)
        rows = b"".join(_copied_out(plain))
        started = time.perf_counter()
        with plain.cursor().copy("COPY bench_floor FROM STDIN") as copy:
            copy.write(rows)
        floor = time.perf_counter() - started
        plain.execute("DROP TABLE bench_floor")
    what = f"import of {made:,} callbacks, every rule checked (floor: the rows alone, by COPY)"
    is_met = seconds * 100_000 / asked.rows <= 60
    return [
        Row(what, f"{seconds:.1f} s", f"{floor:.1f} s", f"{seconds / floor:.0f} ×", "≤ 60 s per 100,000", is_met),
        Row("  memory of the process", f"{memory:.0f} MB", goal="≤ 200 MB", is_met=memory <= 200),
        Row("  rejected", str(asked.rows - made), goal="0", is_met=made == asked.rows),
    ]  # fmt: skip


def _write_rows(file: Path, count: int) -> None:
    """Callbacks of the next three weeks, each to a number of its own, within its calling hours."""
    from datetime import UTC, datetime, timedelta

    from callbacks.models import Queue

    queue = Queue.objects.active().order_by("name")[0]
    today = datetime.now(UTC)
    with file.open("w") as out:
        out.write("phone,date,time,time zone,name,queue,reason\n")
        for place in range(count):
            prefix, zone = PLACES[place % 3]
            number = f"{prefix}{2_000_000 + place}"
            day = today + timedelta(days=2 + place % 21)
            at = f"{9 + place % 8:02}:{place % 60:02}"
            row = f"{number},{day:%Y-%m-%d},{at},{zone},Name {place},{queue},Router does not start"
            out.write(f"{row}\n")


def _command(arguments: list[str]) -> tuple[float, float, str]:
    """How long a command took (seconds), how much memory it had at most (MB), and what it said."""
    started = time.perf_counter()
    command = [sys.executable, "manage.py", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    return time.perf_counter() - started, used.ru_maxrss / 1024, said


def _copied_out(plain: Any) -> list[bytes]:
    imported = "SELECT * FROM callbacks_callback WHERE reason = 'Router does not start'"
    with plain.cursor().copy(f"COPY ({imported}) TO STDOUT") as copy:
        return [bytes(block) for block in copy]


def synchronised(data: Path, asked: argparse.Namespace) -> list[Row]:
    """A platform told of new callbacks, at the ten requests a second that it permits."""
    import bench_sync

    many, batch = 1000, 50
    floor = many / batch / bench_sync.RATE
    seconds, _ = bench_sync.told(data, batch=batch, workers=1, callbacks=many)
    rows = [
        Row(
            f"{many:,} new callbacks told, {batch} in a request (floor: the requests at the permitted rate)",
            f"{seconds:.2f} s", f"{floor:.2f} s", f"{seconds / floor:.2f} ×", "≤ 1.15 ×", seconds <= floor * 1.15,
        )
    ]  # fmt: skip
    for workers in (1, 2, 4):
        each = 150
        seconds, status = bench_sync.told(data, batch=1, workers=workers, callbacks=each)
        share = (each - 1) / seconds / bench_sync.RATE
        rows.append(
            Row(
                f"  one in a request, {workers} workers: of the permitted rate; 429s",
                f"{share:.1%}; {status['refused']}", goal="≥ 97 %; 0",
                is_met=share >= 0.97 and not status["refused"],
            )
        )  # fmt: skip
    return rows


BENCHES = {
    "tick": tick, "claims": claims, "offers": offers, "streams": streams, "api": api,
    "import": imported, "sync": synchronised,
}  # fmt: skip
