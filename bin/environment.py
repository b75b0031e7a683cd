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
    if not python.exists() or Path(sys.prefix) == VENV:
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


def data_dir() -> Path:
    """Where embedded servers and uploads keep everything."""
    return (ROOT / (os.environ.get("DATA_DIR") or "var")).resolve()


def install(requirements: str) -> Path:
    """The Python of an environment that holds exactly these requirements.

    Does nothing when they are installed already; an interrupted installation is done again.
    """
    python = VENV / "bin" / "python"
    wanted = hashlib.sha256((ROOT / requirements).read_bytes() + sys.version.encode()).hexdigest()
    VENV.parent.mkdir(parents=True, exist_ok=True)
    with (VENV.parent / f"{VENV.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = VENV / "installed"
        if python.exists() and stamp.exists() and _covers(stamp.read_text(), requirements, wanted):
            return python
        say(f"Installing {requirements} into {VENV.name} (once) …")
        stamp.unlink(missing_ok=True)
        _make_venv(python)
        _install(python, ROOT / requirements)
        stamp.write_text(f"{requirements} {wanted}\n")
    return python


def _covers(stamped: str, requirements: str, wanted: str) -> bool:
    """Whether what is installed is enough: the test requirements hold all others, too."""
    name, _, digest = stamped.strip().partition(" ")
    if name == requirements:
        return digest == wanted
    if name != "requirements-test.txt":
        return False
    both = (ROOT / name).read_bytes() + sys.version.encode()
    return digest == hashlib.sha256(both).hexdigest()


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
