"""``bin/test``: one list of checks, on servers of its own."""

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import engines
import environment
import servers
from environment import ROOT, say

PRODUCTION = {
    "DEMO": "0",
    "HTTPS": "1",
    "ALLOWED_HOSTS": "ringback.example.com",
    "RINGBACK_EMBEDDED": "0",
    "SECRET_KEY": secrets.token_urlsafe(60),
    "ENCRYPTION_KEYS": secrets.token_urlsafe(60),
}
"""The settings under which ``check --deploy`` must find nothing."""


def run(arguments: list[str]) -> int:
    """All checks and tests, or pytest with these arguments. The exit status of the command."""
    os.chdir(ROOT)
    environment.read_env_file()
    python = environment.install("requirements-test.txt")
    if Path(sys.prefix).resolve() != environment.VENV.resolve():
        os.execv(python, [str(python), str(ROOT / "bin" / "test"), *arguments])
    os.environ["CHROMIUM"] = chromium()
    data = environment.data_dir() / "test"
    os.environ["DATA_DIR"] = str(data)
    try:
        with _alone(data):
            return _on_servers(data, arguments)
    except engines.NoServer as failed:
        say(str(failed))
        return 1
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """One run at a time: two would share the test databases, and fail each other."""
    engines.Places(data).make()
    with (data / "trial.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another bin/test runs here; waiting for it to end …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _on_servers(data: Path, arguments: list[str]) -> int:
    try:
        with servers.running(
            data,
            database=not environment.setting("DATABASE_URL"),
            broker=not environment.setting("BROKER_URL"),
            safe=False,
        ) as found:
            os.environ.update(found)
            os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings_test"
            return _pytest(arguments) if arguments else _everything()
    finally:
        servers.wait_until_gone(data)


def _everything() -> int:
    """Every check runs, also after one failed; the tests come last."""
    failed = [name for name, is_good in _checks() if not is_good]
    if failed:
        say(f"\nFAILED: {', '.join(failed)}. The tests run all the same.\n")
    status = _pytest(["-n", "2", "--dist", "loadgroup"])
    return status or int(bool(failed))


def _checks() -> list[tuple[str, bool]]:
    templates = [str(file) for file in sorted((ROOT / "templates").rglob("*.html"))]
    checks: dict[str, list[str]] = {
        "format": ["ruff", "format", "--check", "--quiet", "."],
        "lint": ["ruff", "check", "--quiet", "."],
        "import contracts": ["lint-imports"],
        "types": ["mypy"],
        "template format": ["djade", "--check", *templates],
        "template lint": ["djlint", "--lint", "--quiet", "templates"],
        "dependencies": ["deptry", "."],
        "deployment": ["python", "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        "migrations": ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
    }
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda item: _check(*item), checks.items()))


def _check(name: str, command: list[str]) -> tuple[str, bool]:
    started = time.monotonic()
    extra = {**PRODUCTION, "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    done = subprocess.run(
        [str(environment.VENV / "bin" / command[0]), *command[1:]],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **(extra if name == "deployment" else {})},
    )
    word = "ok" if done.returncode == 0 else "FAILED"
    say(f"{name:<18} {word} ({time.monotonic() - started:.1f} s)")
    if done.returncode:
        say(done.stdout + done.stderr)
    return name, done.returncode == 0


def _pytest(arguments: list[str]) -> int:
    """Its exit status. It ends with this command, and gets Ctrl-C by itself: it has to tidy up."""
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    bind = engines.dies_with_parent()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=bind) as pytest:
        try:
            return pytest.wait()
        except KeyboardInterrupt:
            return pytest.wait()


def chromium() -> str:
    """The browser of the browser tests: ``CHROMIUM``, else Debian's, which is installed if need be."""
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        say("Installing Debian's chromium for the browser tests (once) …")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(command, check=False, env=quiet, stdout=subprocess.DEVNULL)
    if found := shutil.which("chromium"):
        return found
    say(
        "There is no Chromium, so the browser tests will fail. Install the package chromium, or "
        "set CHROMIUM to the program."
    )
    return "chromium"
