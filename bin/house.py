"""``bin/start``: one supervisor over web, worker and clock."""

import contextlib
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import engines
import environment
import servers
from engines import NoServer
from environment import ROOT, say, setting

UNANSWERED = 30_000
"""Milliseconds after which a connection that does not acknowledge what it is sent is closed."""
GRACE = 8.0
"""Seconds that a process gets to end by itself."""
LOG_INS = "ana and ben (agents), lena (team lead), sam (supervisor), admin (Django admin)"


@dataclass
class Part:
    """One process type, and the process that plays it now."""

    name: str
    command: list[str]
    files: tuple[int, ...] = ()
    """What it gets besides: the socket that it listens on."""
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    deaths: int = 0
    wait_until: float = field(default=0.0)

    def start(self) -> None:
        """Start it, in a process group of its own, so that Ctrl-C reaches only the supervisor."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            preexec_fn=_as_child(),
            # The servers outlive the last part, also where this supervisor is killed.
            pass_fds=(*servers.HELD, *self.files),
        )

    def look_after(self) -> None:
        """Start it again where it died, with growing pauses where it keeps dying."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.wait_until:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        # What it left behind would go on beside the next one.
        _kill_group(self.process)
        self.deaths = self.deaths + 1 if now - self.started_at < 30 else 1
        pause = min(2.0 ** (self.deaths - 1) / 2, 15)
        say(f"The {self.name} ended ({code}); it starts again in {pause:g} s.")
        self.process, self.wait_until = None, now + pause


def _as_child() -> Callable[[], None]:
    bind = engines.dies_with_parent(signal.SIGTERM)

    def prepare() -> None:
        os.setpgid(0, 0)
        bind()

    return prepare


@dataclass
class House:
    """Where it listens, and where it keeps everything."""

    python: Path
    host: str
    port: str
    data: Path


class Stopped(Exception):
    """Somebody wants it to end."""


def _on_signal(number: int, frame: FrameType | None) -> None:
    raise Stopped


def start() -> int:
    """Set up what is missing, and run until Ctrl-C or SIGTERM. The exit status of the command."""
    os.chdir(ROOT)
    environment.read_env_file()
    host, port = setting("HOST", "127.0.0.1"), setting("PORT", "8000")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    try:
        # Tried before anything is installed, which may take a minute.
        _listening(host, port).close()
        python = environment.install("requirements.txt")
        _continue_in(python)
        return _serve(House(python, host, port, environment.data_dir()))
    except Stopped:
        return 0
    except NoServer as failed:
        say(str(failed))
        return 1


def _continue_in(python: Path) -> None:
    """Run on in the environment, whose wheels hold the embedded servers."""
    if Path(sys.prefix).resolve() != environment.VENV.resolve():
        os.execv(python, [str(python), str(ROOT / "bin" / "start"), *sys.argv[1:]])


def _listening(host: str, port: str) -> socket.socket:
    """The socket of the web, held here: who comes while a web process starts again, waits."""
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise NoServer(f"PORT={port} is not a port. Set PORT to a number such as 8000.")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # A laptop that is shut says no good-bye: who does not answer for so long is not there.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED)
    try:
        listening.bind((host, int(port)))
        listening.listen(2048)
    except OSError as refused:
        listening.close()
        raise NoServer(
            f"Port {port} of {host} cannot be used ({refused.strerror}). Is Ringback running "
            "already? Otherwise set PORT to a free one: PORT=8001 bin/start"
        ) from refused
    return listening


def _serve(house: House) -> int:
    os.umask(0o077)
    try:
        with _listening(house.host, house.port) as listening:
            _serve_on(listening, house)
    finally:
        servers.wait_until_gone(house.data)
    return 0


def _serve_on(listening: socket.socket, house: House) -> None:
    needs = {"database": not setting("DATABASE_URL"), "broker": not setting("BROKER_URL")}
    engines.Places(house.data).make()
    with servers.running(house.data, **needs) as found:
        os.environ.update(found)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
        os.environ["PYTHONPATH"] = str(ROOT)
        _prepare(house, is_embedded=needs["database"])
        parts = _parts(house, listening.fileno())
        try:
            _run(parts, house, needs)
        finally:
            _end(parts)


def _prepare(house: House, *, is_embedded: bool) -> None:
    """Migrate, collect the static files, fill in the demonstration centre: once for each version."""
    stamp, version = engines.Places(house.data).prepared, _version()
    is_done = stamp.exists() and stamp.read_text() == version
    if is_embedded and is_done and (house.data / "static" / "staticfiles.json").exists():
        return
    say("Preparing the database …")
    done = subprocess.run([str(house.python), "manage.py", "prepare"], check=False, cwd=ROOT)
    if done.returncode:
        raise NoServer("The database could not be prepared; the lines above say why.")
    # Says nothing of a database elsewhere, which others change, too.
    if is_embedded:
        stamp.write_text(version)


def _version() -> str:
    """What ``prepare`` depends on: requirements, migrations, static files, and the settings."""
    digest = hashlib.sha256(f"{setting('DEMO')} {setting('HOST')}".encode())
    for file in _files(
        ("requirements.txt", "callbacks/migrations", "static", "callbacks/demonstration")
    ):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def _files(names: Iterable[str]) -> list[Path]:
    places = [ROOT / name for name in names]
    inside = [f for place in places for f in place.rglob("*") if place.is_dir()]
    found = [f for f in (*places, *inside) if f.is_file() and f.suffix != ".pyc"]
    return sorted(found)


def _parts(house: House, listening: int) -> list[Part]:
    # Root in a container is nothing to warn of here: the worker takes messages from itself alone.
    root = "ignore:You're running the worker with superuser privileges"
    python = str(house.python)
    celery = [python, "-W", root, "-m", "celery", "--quiet", "-A", "dashboard"]
    # One process each, rather than uvicorn's own supervisor: when that is killed, its processes
    # live on. These end with this one, and start again one by one.
    web = [python, "-m", "uvicorn", "dashboard.asgi:application", "--fd", str(listening)]
    web += ["--log-level", "warning", "--no-access-log", "--no-server-header"]
    web += ["--timeout-graceful-shutdown", "2"]
    lone = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    worker = [*celery, "worker", "--queues", "routing", *lone, "--hostname", "routing@%h"]
    worker += ["--concurrency", str(_processes("WORKER_CONCURRENCY"))]
    # What takes seconds, and waits for others most of them, has threads of its own: ticks never
    # wait behind it.
    courier = [*celery, "worker", "--queues", "sync", *lone, "--hostname", "sync@%h"]
    courier += ["--pool", "threads", "--concurrency", "8"]
    # In memory: what is due is asked of the database, so the clock has nothing to remember.
    clock = [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""]
    clock += ["--scheduler", "celery.beat:Scheduler"]
    webs = [Part("web", web, (listening,)) for _ in range(_processes("WEB_WORKERS"))]
    # The telephony platform that the demonstration is kept in step with.
    practice = [python, str(ROOT / "manage.py"), "demo_platform"]
    return [
        *webs,
        Part("worker", worker),
        Part("synchronising worker", courier),
        Part("clock", clock),
        *([Part("practice platform", practice)] if _is_demonstration() else []),
    ]


def _is_demonstration() -> bool:
    said = setting("DEMO", setting("RINGBACK_EMBEDDED", "0")).lower()
    return said in ("1", "true", "yes", "on", "y", "ok")


def _processes(name: str) -> int:
    value = setting(name, "2")
    if not value.isdigit() or not int(value):
        raise NoServer(f"{name}={value} is not a number of processes. Set it to 1 or more.")
    return int(value)


def _run(parts: list[Part], house: House, needs: dict[str, bool]) -> None:
    """Keep the parts alive, and the servers under them; says the address once it answers."""
    is_told = False
    started = time.monotonic()
    while True:
        # One web process alone has the processors until it answers; people wait for it.
        is_up = is_told or time.monotonic() - started > 10
        for part in parts if is_up else parts[:1]:
            part.look_after()
        if not is_told and parts[0].deaths >= 3:
            raise NoServer("The web does not start; the lines above say why.")
        if not is_told and _answers(house):
            _tell(house)
            is_told = True
        if any(needs.values()):
            _keep_servers(house, needs)
        time.sleep(0.1)


def _keep_servers(house: House, needs: dict[str, bool]) -> None:
    places = engines.Places(house.data)
    if not servers.is_locked(places.keeper_lock):
        say("The embedded servers ended; they start again.")
        servers.find_or_start(places, **needs, safe=True)


def _answers(house: House) -> bool:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(house.host, house.host)
    connection = http.client.HTTPConnection(address, int(house.port), timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status in (200, 400)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tell(house: House) -> None:
    name = f"[{house.host}]" if ":" in house.host else house.host
    say(f"\nRingback is ready: http://{name}:{house.port}/")
    if _is_demonstration():
        say(f"Log in as {LOG_INS}; the password is “demo”.")
    say("Ctrl-C stops it; everything is kept.\n")


def _end(parts: list[Part]) -> None:
    """End all parts at once, gently, then not."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    living = [part.process for part in parts if part.process and part.process.poll() is None]
    for process in living:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    for process in living:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(deadline - time.monotonic(), 0.01))
        _kill_group(process)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """End it with all that it started, whether it lives itself or not."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    process.wait()
