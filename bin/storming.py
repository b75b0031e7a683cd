"""``bin/storm``: real processes, killed at random, on servers of its own that are gone afterwards."""

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import engines
import environment
import servers
from environment import ROOT, say


def run(arguments: list[str]) -> int:
    """Do the storms that are asked for. The exit status of the command."""
    os.chdir(ROOT)
    environment.read_env_file()
    python = environment.install("requirements-test.txt")
    if Path(sys.prefix).resolve() != environment.VENV.resolve():
        os.execv(python, [str(python), str(ROOT / "bin" / "storm"), *arguments])
    asked = _asked(arguments)
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**6)
    held = [_one(name, asked, seed) for name in asked.storms or STORMS]
    return 0 if all(held) else 1


STORMS = ("routing", "api", "sync")


def _one(name: str, asked: argparse.Namespace, seed: int) -> bool:
    """One storm on servers of its own; whether everything held."""
    say(f"Storm: {name}, seed {seed} (again with: bin/storm {name} --seed {seed})")
    callbacks, kills = (5000, 200) if name == "sync" else (2000, 100)
    asked = argparse.Namespace(**vars(asked))
    asked.callbacks = callbacks if asked.callbacks is None else asked.callbacks
    asked.kills = kills if asked.kills is None else asked.kills
    with tempfile.TemporaryDirectory() as folder:
        held = _on_servers(name, Path(folder), asked, seed)
        servers.wait_until_gone(Path(folder))
    return held


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/storm")
    parser.add_argument(
        "storms", nargs="*", help=f"{' or '.join(STORMS)}; all of them if none is named"
    )
    parser.add_argument("--seed", type=int)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--callbacks", type=int, help="2,000; sync: 5,000")
    parser.add_argument("--kills", type=int, help="100; sync: 200")
    parser.add_argument("--spread", type=int, default=60, help="seconds in which all fall due")
    parser.add_argument("--minutes", type=float, default=15, help="at most; then it has failed")
    sync = parser.add_argument_group("sync")
    sync.add_argument("--dialect", choices=["guide", "genesys-cloud"], default="guide")
    sync.add_argument("--fail", type=float, default=0.3, help="share of calls that fail")
    sync.add_argument("--rate", type=int, default=200, help="requests a second that are permitted")
    sync.add_argument("--batch", type=int, default=50)
    sync.add_argument(
        "--settle", type=int, default=3, help="seconds before a lost answer is looked up"
    )
    sync.add_argument(
        "--lag", type=float, default=0, help="seconds by which searches show the past"
    )
    sync.add_argument("--freezes", type=int, default=0, help="so often a worker is stopped for 6 s")
    sync.add_argument("--blind", action="store_true", help="do not look up: the storm must go red")
    parser.add_argument("--cases", type=int, default=50_000, help="api: about so many requests")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful", help="api: which")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.storms) - set(STORMS):
        parser.error(
            f"There is no storm {', '.join(sorted(unknown))}. There are {', '.join(STORMS)}."
        )
    return asked


def _on_servers(name: str, data: Path, asked: argparse.Namespace, seed: int) -> bool:
    with servers.running(data) as found:
        os.environ.update(
            found, DATA_DIR=str(data), DEMO="1", DJANGO_SETTINGS_MODULE="dashboard.settings",
            PYTHONPATH=str(ROOT), LOG_LEVEL="ERROR",
        )  # fmt: skip
        sys.path.insert(0, str(ROOT))
        for step in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
            subprocess.run([sys.executable, "manage.py", *step], check=True)
        import django

        django.setup()
        import storm_api
        import storm_routing
        import storm_sync

        each = (storm_routing.storm, storm_api.storm, storm_sync.storm)
        storms = dict(zip(STORMS, each, strict=True))
        processes = Processes(data)
        try:
            report = storms[name](processes, asked, random.Random(seed))
        finally:
            processes.end()
    report = {"storm": name, "seed": seed, **report}
    _tell(report)
    return not report["broken"]


def _tell(report: dict[str, object]) -> None:
    for name, value in report.items():
        if name != "broken":
            say(f"  {name:<28} {value}")
    broken = report["broken"]
    assert isinstance(broken, list)
    for line in broken[:30]:
        say(f"  BROKEN: {line}")
    say("It held." if not broken else f"It did not hold: {len(broken)} findings.")
    folder = environment.data_dir() / "storm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{report['storm']}-{report['seed']}.json").write_text(json.dumps(report, indent=1))


@dataclass
class Process:
    """One part of Ringback, started anew whenever it is gone."""

    name: str
    command: list[str]
    running: "subprocess.Popen[bytes] | None" = None
    starts: int = 0

    def start(self, log: Path) -> None:
        """Start it in a group of its own, so that it can be killed with all its children."""
        self.starts += 1
        bind = engines.dies_with_parent(signal.SIGKILL)

        def prepare() -> None:
            os.setpgid(0, 0)
            bind()

        with log.open("a") as out:
            self.running = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=prepare, pass_fds=servers.HELD,
            )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        """A signal for it and all its children."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, number)

    def kill(self) -> None:
        """``kill -9`` for it and all its children."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()


@dataclass
class Processes:
    """Two clocks, two workers, two web servers."""

    data: Path
    parts: list[Process] = field(default_factory=list)
    parts_to_end: list[Process] = field(default_factory=list)
    """Others, that are ended with them, and not started anew."""
    ports: list[int] = field(default_factory=list)
    _is_over: bool = False

    def start(self, webs: int = 2, workers: int = 2, clocks: int = 2) -> None:
        """Start all of them, and keep them running whatever happens to them."""
        celery = [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "dashboard"]
        for number in range(webs):
            port = free_port()
            self.ports.append(port)
            web = [
                sys.executable,
                "-m",
                "uvicorn",
                "dashboard.asgi:application",
                "--port",
                str(port),
            ]
            web += ["--log-level", "error", "--no-access-log", "--timeout-graceful-shutdown", "2"]
            self.parts.append(Process(f"web {number}", web))
        for number in range(workers):
            worker = [*celery, "worker", "--queues", "routing,sync", "--concurrency", "2"]
            worker += ["--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
            self.parts.append(Process(f"worker {number}", [*worker, "-n", f"storm{number}@%h"]))
        for number in range(clocks):
            clock = [*celery, "beat", "--loglevel", "ERROR", "--pidfile", ""]
            clock += ["--scheduler", "celery.beat:Scheduler"]
            self.parts.append(Process(f"clock {number}", clock))
        threading.Thread(target=self._look_after, daemon=True).start()

    @property
    def log(self) -> Path:
        """What all of them say."""
        return self.data / "storm.log"

    def _look_after(self) -> None:
        while not self._is_over:
            for part in self.parts:
                if part.running is None or part.running.poll() is not None:
                    part.start(self.log)
            time.sleep(0.05)

    def wait_for_web(self) -> str:
        """The address of the first web server, once it answers."""
        base = f"http://127.0.0.1:{self.ports[0]}"
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/healthz", timeout=5):
                return base
            time.sleep(0.1)
        raise AssertionError("the web server did not start")

    def kill_one(self, chance: random.Random) -> str:
        """``kill -9`` for one of them; which it was."""
        part = chance.choice(self.parts)
        part.kill()
        return part.name

    def end(self) -> None:
        """Leave nothing behind."""
        self._is_over = True
        time.sleep(0.1)
        for part in (*self.parts, *self.parts_to_end):
            part.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
