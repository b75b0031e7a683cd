"""The embedded PostgreSQL and Valkey: found running, or started, and gone when nobody uses them.

One *keeper* process owns both servers. Everybody who uses them (``bin/start``, ``manage.py``,
``bin/test``) holds a shared lock on ``run/users.lock``; the keeper holds ``run/keeper.lock``, and
stops the servers when it gets the exclusive lock on the first: then nobody is left, also after a
``kill -9`` of every user, because the system gives back the locks of the dead. The servers die with
their keeper. So any number of commands share them in any order, and nothing stays behind.

Only the standard library, so that it runs before anything is installed. Linux and macOS.
"""

import contextlib
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from engines import (
    START_WITHIN,
    NoServer,
    Places,
    last_words,
    private_folder,
    start_postgres,
    start_valkey,
)

HELD: list[int] = []
"""The open locks of this process; a child that gets them (``pass_fds``) is a user, too, for as long
as it lives."""


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
    places.make()
    with places.users_lock.open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        HELD.append(users.fileno())
        try:
            ready = find_or_start(places, database=database, broker=broker, safe=safe)
            yield {name: value for name, value in ready.items() if name.isupper()}
        finally:
            HELD.remove(users.fileno())


def find_or_start(places: Places, *, database: bool, broker: bool, safe: bool) -> dict[str, str]:
    """What the keeper says when its servers answer; starts a keeper where none lives."""
    deadline = time.monotonic() + START_WITHIN
    keeper: subprocess.Popen[bytes] | None = None
    # One may lose the race for the lock against another command's, which then ends.
    tries = 3
    while time.monotonic() < deadline:
        if is_locked(places.keeper_lock):
            if ready := _read(places.ready):
                return _suited(ready, database=database, broker=broker)
        elif keeper is None or keeper.poll() is not None:
            if not tries:
                break
            tries -= 1
            keeper = _start_keeper(places, database=database, broker=broker, safe=safe)
        time.sleep(0.03)
    raise NoServer(last_words(places))


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
    # Where this user may not look, nothing of theirs can run.
    while os.access(places.keeper_lock, os.W_OK) and time.monotonic() < deadline:
        if not is_locked(places.keeper_lock):
            return True
        if _others_use(places):
            return False
        time.sleep(0.05)
    return not os.access(places.keeper_lock, os.W_OK)


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


def _start_keeper(
    places: Places, *, database: bool, broker: bool, safe: bool
) -> "subprocess.Popen[bytes]":
    chosen = [n for n, wanted in (("database", database), ("broker", broker)) if wanted]
    command = [sys.executable, __file__, "keep", str(places.data), ",".join(chosen)]
    # Appending, so that one that comes too late does not wipe what the first one says.
    with places.log.open("a") as log:
        return subprocess.Popen(
            [*command, "safe" if safe else "fast"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o077,
            cwd="/",
        )


# --- keeping them ----------------------------------------------------------------------------


def keep(places: Places, chosen: set[str], *, safe: bool) -> None:
    """Run the servers until nobody uses them, or until told to stop."""
    with places.keeper_lock.open("w") as lock:
        # A little patience: who looks whether it is locked holds it for that moment.
        if not _locks(lock.fileno(), within=0.3):
            return
        places.ready.unlink(missing_ok=True)
        os.truncate(places.log, 0)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        servers: list[subprocess.Popen[bytes]] = []
        try:
            with places.servers_lock.open("w") as alone:
                _run(places, chosen, servers, alone.fileno(), safe=safe)
        finally:
            places.ready.unlink(missing_ok=True)
            _end(servers)


def _locks(lock: int, *, within: float) -> bool:
    """Whether it got the lock in so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def _wait_for_the_last_ones(lock: int) -> None:
    """Until the servers of a keeper that was killed are gone: two must never share their files.

    They inherited this lock from it, and it is free when the last of them ended.
    """
    if not _locks(lock, within=20):
        raise NoServer("The servers of an earlier run have not ended yet. Try again in a minute.")


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
        _wait_for_the_last_ones(lock)
        if places.sockets != places.run:
            private_folder(places.sockets)
        if "database" in chosen:
            ready |= start_postgres(places, servers, lock, safe=safe)
        if "broker" in chosen:
            ready |= start_valkey(places, servers, lock, safe=safe)
    except NoServer as failed:
        _write(places.ready, {"error": str(failed)})
        # Long enough to be read by who asked; whoever comes later tries anew.
        _until_unused(places, [], at_most=1)
        return
    _write(places.ready, ready)
    _until_unused(places, servers)


def _write(file: Path, content: dict[str, str]) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.rename(file)


def _until_unused(
    places: Places, servers: "list[subprocess.Popen[bytes]]", at_most: float = math.inf
) -> None:
    """Wait for the last user to go; ends early where a server died, so that a new keeper comes."""
    deadline = time.monotonic() + at_most
    with places.users_lock.open("a") as users:
        while time.monotonic() < deadline and all(server.poll() is None for server in servers):
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


if __name__ == "__main__" and sys.argv[1:2] == ["keep"]:
    keep(Places(Path(sys.argv[2])), set(sys.argv[3].split(",")), safe=sys.argv[4] == "safe")
