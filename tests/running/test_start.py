"""``bin/start`` as its users run it: real processes, killed in every way, in a copy of the checkout."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import engines
import environment
import pytest
from engines import NoServer
from house import _listening

from tests.server import ask, free_port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("start")]
ROOT = Path(__file__).resolve().parents[2]


class Installation:
    """A copy of the checkout in a folder of its own, whose path has a space in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "ring back"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "said"
        files = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.split("\n")  # fmt: skip
        for name in filter(None, files):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name)

    @property
    def environment(self) -> dict[str, str]:
        """As in a fresh terminal: nothing set but the port, and an environment that is there."""
        mine = ("DATABASE_URL", "BROKER_URL", "RINGBACK_EMBEDDED", "DATA_DIR", "DEMO", "HTTPS",
                "SECRET_KEY", "ENCRYPTION_KEYS", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE", "PYTHONPATH")  # fmt: skip
        kept = {name: value for name, value in os.environ.items() if name not in mine}
        more = {"PORT": str(self.port), "RINGBACK_VENV": str(environment.VENV), "WEB_WORKERS": "1"}
        return {**kept, **more}

    def start(self) -> float:
        """Start it; the seconds until the log-in page was there."""
        started = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(self.folder / "bin" / "start")],
                cwd="/", env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        while time.monotonic() - started < 60:
            with contextlib.suppress(OSError):
                if ask(self.base, "GET", "/login")[0] == 200:
                    return time.monotonic() - started
            if self.process.poll() is not None:
                break
            time.sleep(0.03)
        raise AssertionError(self.log.read_text())

    def run(self, *command: str) -> str:
        """A management command of this installation."""
        done = subprocess.run(
            [sys.executable, str(self.folder / "manage.py"), *command],
            cwd="/", env=self.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def people(self) -> str:
        """How many there are, asked in a process of its own."""
        code = "from callbacks.models import User; print('people', User.objects.count())"
        return self.run("shell", "-v0", "-c", code).splitlines()[-1]

    def beats(self) -> bool:
        """Whether clock, broker and worker together leave a sign of life within half a minute."""
        deadline = time.monotonic() + 30
        code = "from callbacks.models import Heartbeat; print('beats', Heartbeat.objects.filter(part='clock').count())"
        while time.monotonic() < deadline:
            if self.run("shell", "-v0", "-c", code).endswith("beats 1"):
                return True
        return False

    def is_in_step(self) -> bool:
        """Whether the demonstration's platform answers within half a minute, and holds callbacks."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.CalledProcessError):
                told = json.loads(self.run("connection", "test", "Practice platform"))
                if told["ok"] and "It shows 0 callbacks." not in told["said"]:
                    return True
            time.sleep(0.5)
        return False

    def living(self) -> dict[int, str]:
        """Every process that belongs to this installation."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                folder = str((entry / "cwd").readlink())
                if str(self.folder) in command or str(self.folder) in folder:
                    found[int(entry.name)] = command
        return found

    def gone(self, within: float = 20) -> dict[int, str]:
        """What is still alive after so many seconds; empty as soon as nothing is."""
        deadline = time.monotonic() + within
        while (found := self.living()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def kill_everything(self) -> None:
        """``kill -9`` for all of it, at once."""
        for process in self.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        assert self.gone() == {}
        if self.process:
            self.process.wait()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for all tests of this file, which follow each other as a week of use does."""
    made = Installation(tmp_path_factory.mktemp("house"))
    yield made
    made.kill_everything()


def test_a_week_of_starting_stopping_and_killing(installation: Installation) -> None:
    it = installation
    it.start()
    assert it.people() == "people 25", "the demonstration centre, seen beside the running servers"
    assert it.beats(), "the clock asks, the broker carries, a worker answers"
    assert it.is_in_step(), "Billing is on the demonstration's platform"
    stop(it, signal.SIGTERM)

    assert it.people() == "people 25", "manage.py starts the servers by itself, and stops them"
    assert it.gone() == {}

    # Three to four seconds on a quiet machine; here other tests run beside it.
    assert it.start() < 20, "the second start installs, migrates and collects nothing"
    assert "Preparing" not in it.log.read_text()
    stop(it, signal.SIGINT)

    it.start()
    assert it.process
    it.process.kill()
    it.process.wait()
    assert it.gone() == {}, "kill -9 of the supervisor leaves nothing behind"

    it.start()
    it.kill_everything()
    it.start()
    assert it.people() == "people 25", "after kill -9 of everything"
    assert it.is_in_step(), "the platform has what it had, wherever it listens now"
    status, text, _ = ask(it.base, "GET", "/login")
    assert (status, "Log in" in text) == (200, True)

    again = subprocess.run(
        [sys.executable, str(it.folder / "bin" / "start")],
        env=it.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert again.returncode == 1
    assert f"Port {it.port}" in again.stdout
    assert "PORT=" in again.stdout

    children = {pid: name for pid, name in it.living().items() if "uvicorn" in name}
    for process in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert comes_back(it), "the supervisor starts again what died"
    said = stop(it, signal.SIGTERM)
    assert "Ringback is ready" in said
    assert "ana" in said


def stop(it: Installation, number: signal.Signals) -> str:
    """End it as a person does; nothing may be left."""
    assert it.process
    it.process.send_signal(number)
    code = it.process.wait(timeout=30)
    said = it.log.read_text()
    assert code == 0, said
    assert it.gone() == {}
    assert "Traceback" not in said, said
    return said


def comes_back(it: Installation) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if ask(it.base, "GET", "/healthz")[0] == 200:
                return True
        time.sleep(0.1)
    return False


def test_a_demonstration_is_refused_on_an_open_host() -> None:
    env = {
        **os.environ,
        "DEMO": "1",
        "HOST": "0.0.0.0",
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
    }
    done = subprocess.run(
        [sys.executable, "-m", "django", "check"], env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "DEMO=1 offers log-ins with a known password" in done.stderr


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "BROKER_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "ALLOWED_HOSTS"]
)
def test_a_missing_setting_is_asked_for_by_name(name: str) -> None:
    env = {
        **os.environ, "DEMO": "0", "RINGBACK_EMBEDDED": "0", "SECRET_KEY": "x" * 60,
        "ENCRYPTION_KEYS": "y" * 60,
        "ALLOWED_HOSTS": "example.com", "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    del env[name]
    done = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"Set {name}" in done.stderr


def test_where_nothing_embedded_works_the_message_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A system for which no program was built: none of them runs."""
    monkeypatch.setattr(engines, "_works", lambda program, identity=None: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(engines.NoServer, match="Set DATABASE_URL"):
        engines.postgres_programs(engines.Identity(engines.Places(tmp_path)))
    with pytest.raises(engines.NoServer, match="Set BROKER_URL"):
        engines.valkey_program()


def test_sockets_of_a_deep_folder_get_a_short_path() -> None:
    deep = engines.Places(Path("/" + "very/long/" * 15))
    assert len(str(deep.sockets)) < 80
    assert engines.Places(Path("/srv/ringback/var")).sockets == Path("/srv/ringback/var/run")


def test_a_port_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(NoServer, match="is not a port"):
        _listening("127.0.0.1", "http")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NoServer, match="PORT=8001"):
            _listening("127.0.0.1", str(taken.getsockname()[1]))
