"""The virtual environment and the settings, for the commands of this folder and ``manage.py``.

Only the standard library: it runs before anything is installed.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("RINGBACK_VENV") or ROOT / ".venv").absolute()
"""``RINGBACK_VENV`` lets several checkouts share one."""
UV = "uv==0.13.8"


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def use_venv() -> None:
    """Continue in the virtual environment, where this interpreter has no Django."""
    if importlib.util.find_spec("django"):
        return
    python = VENV / "bin" / "python"
    if not os.access(python, os.X_OK) or Path(sys.prefix) == VENV:
        raise SystemExit("Nothing is installed yet. Run bin/start or bin/test once.")
    os.execv(python, [str(python), *sys.argv])


def read_env_file() -> None:
    """Take ``.env`` into the environment; what is set already wins."""
    file = ROOT / ".env"
    if not file.exists():
        return
    for line in file.read_text().splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def setting(name: str, default: str = "") -> str:
    """A setting; one that is set to nothing is not set, as compose files do."""
    return os.environ.get(name) or default


def data_dir() -> Path:
    """Where embedded servers and uploads keep everything."""
    return (ROOT / setting("DATA_DIR", "var")).resolve()


def install(requirements: str) -> Path:
    """The Python of an environment that holds exactly these requirements.

    Does nothing when they are installed already; an interrupted installation is done again.
    """
    python = VENV / "bin" / "python"
    if _is_installed(python, requirements):
        return python
    try:
        VENV.parent.mkdir(parents=True, exist_ok=True)
        with (VENV.parent / f"{VENV.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_installed(python, requirements):
                _install_into(python, requirements)
    except PermissionError as refused:
        raise SystemExit(
            f"{refused.filename} belongs to another user. Run as that user, or set RINGBACK_VENV "
            "and DATA_DIR to folders of your own."
        ) from refused
    return python


def _is_installed(python: Path, requirements: str) -> bool:
    """Whether what is installed is enough: the test requirements hold all others, too."""
    if not os.access(python, os.X_OK):
        return False
    try:
        stamped = (VENV / "installed").read_text()
    except OSError:
        return False
    return stamped in (_stamp(python, requirements), _stamp(python, "requirements-test.txt"))


def _stamp(python: Path, requirements: str) -> str:
    """What a complete installation leaves: for which requirements, and for which Python.

    The environment's own Python, not the one that asks: any may run the commands.
    """
    digest = hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()
    return f"{requirements} {digest} {python.resolve()}\n"


def _install_into(python: Path, requirements: str) -> None:
    say(f"Installing {requirements} into {VENV.name} (once) …")
    stamp = VENV / "installed"
    stamp.unlink(missing_ok=True)
    _make_venv(python)
    _install(python, ROOT / requirements)
    stamp.write_text(_stamp(python, requirements))


def _make_venv(python: Path) -> None:
    if python.exists() and not _run([str(python), "-c", "import pip"], quiet=True):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if _run([sys.executable, "-m", "venv", str(VENV)], quiet=True):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SystemExit(
            "Python cannot make a virtual environment here. On Debian and Ubuntu, install "
            f"python{version}-venv and try again."
        )


def _install(python: Path, requirements: Path) -> None:
    """With uv, which is ten times quicker; with pip where uv does not reach the index."""
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    has_uv = not _run([*pip, UV], quiet=True)
    sync = [str(python), "-m", "uv", "pip", "sync", "--quiet", "--python", str(python)]
    if has_uv and not _run([*sync, "--require-hashes", str(requirements)], quiet=True):
        return
    if _run([*pip, "--require-hashes", "--requirement", str(requirements)]):
        raise SystemExit(
            "The requirements could not be installed. Check that this machine reaches its Python "
            "package index, and run the command again."
        )


def _run(command: list[str], *, quiet: bool = False) -> int:
    return subprocess.run(command, check=False, capture_output=quiet).returncode
