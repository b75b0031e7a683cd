"""``bin/start``: one supervisor over web, worker and clock."""

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import engines
import environment
import servers
from environment import ROOT, say

GRACE = 8.0
"""Seconds that a process gets to end by itself."""
LOG_INS = "ana and ben (agents), lena (team lead), sam (supervisor), admin (Django admin)"


@dataclass
class Part:
    """One process type, and the process that plays it now."""

    name: str
    command: list[str]
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
            preexec_fn=_as_child,
            # The servers outlive the last part, also where this supervisor is killed.
            pass_fds=servers.HELD,
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
        self.deaths = self.deaths + 1 if now - self.started_at < 30 else 1
        pause = min(2.0 ** (self.deaths - 1) / 2, 15)
        say(f"The {self.name} ended ({code}); it starts again in {pause:g} s.")
        self.process, self.wait_until = None, now + pause


def _as_child() -> None:
    os.setpgid(0, 0)
    engines.dies_with_parent(signal.SIGTERM)


class Stopped(Exception):
    """Somebody wants it to end."""


def _on_signal(number: int, frame: FrameType | None) -> None:
    raise Stopped


def start() -> int:
    """Set up what is missing, and run until Ctrl-C or SIGTERM. The exit status of the command."""
    os.chdir(ROOT)
    environment.read_env_file()
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    if message := _why_not_listen(host, port):
        say(message)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    data = environment.data_dir()
    try:
        python = environment.install("requirements.txt")
        _continue_in(python)
        return _serve(python, data, host, port)
    except Stopped:
        return 0
    except engines.NoServer as failed:
        say(str(failed))
        return 1
    finally:
        servers.wait_until_gone(data)


def _continue_in(python: Path) -> None:
    """Run on in the environment, whose wheels hold the embedded servers."""
    if Path(sys.prefix).resolve() != environment.VENV.resolve():
        os.execv(python, [str(python), str(ROOT / "bin" / "start"), *sys.argv[1:]])


def _why_not_listen(host: str, port: str) -> str:
    if not port.isdigit() or not 0 < int(port) < 65536:
        return f"PORT={port} is not a port. Set PORT to a number such as 8000."
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as refused:
            return (
                f"Port {port} of {host} cannot be used ({refused.strerror}). Is Ringback running "
                "already? Otherwise set PORT to a free one: PORT=8001 bin/start"
            )
    return ""


def _serve(python: Path, data: Path, host: str, port: str) -> int:
    with servers.running(
        data, database="DATABASE_URL" not in os.environ, broker="BROKER_URL" not in os.environ
    ) as found:
        os.environ.update(found)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
        os.environ["PYTHONPATH"] = str(ROOT)
        (data / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
        _prepare(python, data)
        parts = _parts(python, host, port, data)
        try:
            _run(parts, host, port, data)
        finally:
            _end(parts)
    return 0


def _prepare(python: Path, data: Path) -> None:
    """Migrate, collect the static files, fill in the demonstration centre: once for each version."""
    stamp, version = data / "prepared", _version()
    if os.environ.get("RINGBACK_EMBEDDED") and _holds(stamp, version):
        return
    say("Preparing the database …")
    done = subprocess.run([str(python), "manage.py", "prepare"], check=False, cwd=ROOT)
    if done.returncode:
        raise engines.NoServer("The database could not be prepared; the lines above say why.")
    stamp.write_text(version)


def _holds(stamp: Path, version: str) -> bool:
    return stamp.exists() and stamp.read_text() == version


def _version() -> str:
    """What ``prepare`` depends on: requirements, migrations, static files, and the settings."""
    digest = hashlib.sha256(os.environ.get("DEMO", "").encode())
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


def _parts(python: Path, host: str, port: str, data: Path) -> list[Part]:
    # Root in a container is nothing to warn of here: the worker takes messages from itself alone.
    root = "ignore:You're running the worker with superuser privileges"
    celery = [str(python), "-W", root, "-m", "celery", "--quiet", "-A", "dashboard"]
    workers = os.environ.get("WEB_WORKERS", "2")
    concurrency = os.environ.get("WORKER_CONCURRENCY", "2")
    web = [str(python), "-m", "uvicorn", "dashboard.asgi:application"]
    web += ["--host", host, "--port", port, "--workers", workers, "--log-level", "warning"]
    web += ["--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "2"]
    worker = [*celery, "worker", "--queues", "routing,sync", "--concurrency", concurrency]
    worker += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    clock = [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""]
    clock += ["--schedule", str(data / "run" / "clock")]
    return [Part("web", web), Part("worker", worker), Part("clock", clock)]


def _run(parts: list[Part], host: str, port: str, data: Path) -> None:
    """Keep the parts alive, and the servers under them; says the address once it answers."""
    is_told = False
    started = time.monotonic()
    while True:
        # The web alone has the processors until it answers; people wait for it.
        is_up = is_told or time.monotonic() - started > 10
        for part in parts if is_up else parts[:1]:
            part.look_after()
        if not is_told and _answers(host, port):
            _tell(host, port)
            is_told = True
        if os.environ.get("RINGBACK_EMBEDDED") and not _servers_live(data):
            say("The embedded servers ended; they start again.")
            places = engines.Places(data)
            servers.find_or_start(
                places,
                database=True,
                broker=os.environ["BROKER_URL"].startswith("redis+socket"),
                safe=True,
            )
        time.sleep(0.1)


def _servers_live(data: Path) -> bool:
    return servers.is_locked(engines.Places(data).keeper_lock)


def _answers(host: str, port: str) -> bool:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(address, int(port), timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status in (200, 400)
    except OSError:
        return False
    finally:
        connection.close()


def _tell(host: str, port: str) -> None:
    name = f"[{host}]" if ":" in host else host
    say(f"\nRingback is ready: http://{name}:{port}/")
    is_demo = os.environ.get("DEMO", os.environ.get("RINGBACK_EMBEDDED", "0")).lower()
    if is_demo in ("1", "true", "yes", "on"):
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
        try:
            process.wait(timeout=max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            _kill_group(process)
    # A part that died by itself may have left children behind.
    for process in living:
        _kill_group(process)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    process.wait()
