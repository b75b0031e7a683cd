"""The streams of the real server: what arrives, who is let in, and how they end."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from callbacks import attendance
from callbacks.models import Agent, Attendance, Heartbeat, Presence, User
from callbacks.scheduling import hand_over
from dashboard.live.listening import APPLICATION_NAME
from tests.cast import Cast, by, make_callback, make_cast
from tests.server import ask, serving, session_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]
PATIENCE = 20.0
"""Seconds for what should take a fraction of one, and for what may take ten."""


class Listener:
    """A browser that listens: what it heard, in a thread of its own."""

    def __init__(self, base: str, session: str, **headers: str) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.last_id = ""
        self.has_ended = False
        address = base.removeprefix("http://")
        self._client = http.client.HTTPConnection(address, timeout=60)
        cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"}
        self._client.request("GET", "/events", headers={**cookie, **headers})
        self._socket = self._client.sock
        self.response = self._client.getresponse()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        name = ""
        with contextlib.suppress(OSError, http.client.HTTPException, AttributeError, ValueError):
            while line := self.response.readline().decode():
                field, _, value = line.strip().partition(": ")
                if field == "id":
                    self.last_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    self.heard.append((name, json.loads(value)))
        self.has_ended = True

    def names(self, about: object = None) -> list[str]:
        """The events that it heard, in order, without pings; those about one callback or agent."""
        return [
            name
            for name, data in self.heard
            if name != "ping" and (about is None or str(about) in data.values())
        ]

    def close(self) -> None:
        """As a browser whose window is closed."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self.response.close()
        self._client.close()


def until(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so in good time."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """The cast, where the server's processes see it."""
    return make_cast()


@pytest.fixture
def base(cast: Cast, tmp_path: Path) -> Iterator[str]:
    """The address of a server with one process, which has nothing to complain of."""
    log = tmp_path / "server.log"
    with serving(workers=1, log=log) as address:
        yield address
    said = log.read_text()
    assert "Traceback" not in said, said
    assert "Cancel" not in said, "no stream kept the server from ending"


@pytest.fixture
def listen(base: str) -> Iterator[Callable[..., Listener]]:
    """Open a stream as this person, which has begun."""
    opened: list[Listener] = []

    def begin(user: User, **headers: str) -> Listener:
        now = {"Last-Event-ID": f"{time.time():.3f}"}
        listener = Listener(base, session_of(user), **{**now, **headers})
        opened.append(listener)
        assert listener.response.status == 200
        assert until(lambda: bool(listener.heard)), "it pings at once"
        return listener

    yield begin
    for listener in opened:
        listener.close()


Listen = Callable[..., Listener]


def test_a_change_arrives_with_those_whom_it_concerns(cast: Cast, listen: Listen) -> None:
    ana, ben, lena, sam, ada, otto = (
        listen(user) for user in (cast.ana, cast.ben, cast.lena, cast.sam, cast.ada, cast.otto)
    )
    made = make_callback(cast.support, cast.ana, owner_id=cast.ana.pk)
    assert until(lambda: ana.names(made.pk) == ["mine"])
    hand_over(made.pk, cast.ben.pk, by=by(cast.sam), at=made.created_at, version=None)
    assert until(lambda: ben.names(made.pk) == ["mine"])
    assert until(lambda: sam.names(made.pk) == ["queue", "queue"])
    assert until(lambda: ana.names(made.pk) == ["mine", "mine"])
    assert until(lambda: ada.names(made.pk) == ["queue", "queue"])
    assert (lena.names(), otto.names()) == ([], [])
    made.refresh_from_db()
    assert ben.heard[-1] == ("mine", {"callback": str(made.pk), "version": made.version})


def test_an_agents_presence_is_heard_by_them_and_by_supervisors(cast: Cast, listen: Listen) -> None:
    ana, ben, sam = (listen(user) for user in (cast.ana, cast.ben, cast.sam))
    Agent.objects.filter(pk=cast.ana.pk).update(presence=Presence.ON_QUEUE)
    assert until(lambda: ana.names(cast.ana.pk) == ["mine"])
    assert until(lambda: sam.names(cast.ana.pk) == ["queue"])
    assert ben.names() == []


def test_strangers_and_other_sites_get_no_stream(cast: Cast, base: str) -> None:
    session = session_of(cast.ana)
    with contextlib.closing(Listener(base, "made-up")) as stranger:
        assert stranger.response.status == 401
    assert ask(base, "GET", "/events")[0] == 401
    assert ask(base, "POST", "/events")[0] == 405
    with contextlib.closing(Listener(base, session, **{"Sec-Fetch-Site": "cross-site"})) as other:
        assert other.response.status == 403
    with contextlib.closing(Listener(base, session, **{"Sec-Fetch-Site": "same-origin"})) as own:
        assert own.response.status == 200
        assert own.response.getheader("X-Accel-Buffering") == "no"
        assert own.response.getheader("Cache-Control") == "no-store"


def test_a_browser_that_comes_back_hears_what_it_missed(cast: Cast, listen: Listen) -> None:
    first = listen(cast.ana)
    first.close()
    made = make_callback(cast.support, cast.ana)
    again = listen(cast.ana, **{"Last-Event-ID": first.last_id})
    assert until(lambda: again.names(made.pk) == ["mine", "queue"])
    assert "resync" not in again.names()
    long_away = listen(cast.ana, **{"Last-Event-ID": f"{time.time() - 3600:.3f}"})
    assert until(lambda: long_away.names() == ["resync"])


def test_who_may_not_any_more_hears_nothing_any_more(cast: Cast, listen: Listen) -> None:
    stays, logs_out, is_deactivated = (listen(u) for u in (cast.sam, cast.ana, cast.ben))
    moves = listen(cast.otto)
    for session in Session.objects.all():
        if session.get_decoded()["_auth_user_id"] == str(cast.ana.pk):
            session.delete()
    User.objects.filter(pk=cast.ben.pk).update(is_active=False)
    cast.support.members.add(cast.otto.pk)
    assert until(lambda: logs_out.has_ended and is_deactivated.has_ended)
    made = make_callback(cast.support, cast.sam)
    assert until(lambda: "queue" in stays.names(made.pk))
    assert until(lambda: moves.names(made.pk) == ["queue"])
    assert not stays.has_ended


@pytest.fixture
def already(cast: Cast) -> int:
    """How many other servers listen: that of the browser's tests may."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = %s AND datname = current_database()",
            [APPLICATION_NAME],
        )
        return int(cursor.fetchone()[0])


def test_after_a_gap_everybody_asks_anew(cast: Cast, already: int, listen: Listen) -> None:
    ana = listen(cast.ana)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = %s AND datname = current_database()",
            [APPLICATION_NAME],
        )
        own = cursor.rowcount - already
        assert own == 1, "one connection for the whole process"
    assert until(lambda: ana.names() == ["resync"])
    made = make_callback(cast.support, cast.ana)
    assert until(lambda: "mine" in ana.names(made.pk))


def test_so_many_changes_at_once_are_told_as_one(cast: Cast, listen: Listen) -> None:
    ana = listen(cast.ana)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_notify('ringback', json_build_object('callback', n, 'people', "
            "ARRAY[%s])::text) FROM generate_series(1, 5000) AS n",
            [str(cast.ana.pk)],
        )
    assert until(lambda: "resync" in ana.names())
    assert len(ana.names()) < 500


def test_whoever_listens_is_seen_and_the_web_is_heard(cast: Cast, listen: Listen) -> None:
    before = timezone.now() - timedelta(seconds=1)
    listen(cast.ana)
    listen(cast.sam)
    assert Attendance.objects.get().agent_id == cast.ana.pk, "at once, and Sam is no agent"
    assert Attendance.objects.get().seen_at > before
    assert until(lambda: Heartbeat.objects.filter(part="web", at__gt=before).exists())
    first = Attendance.objects.get().seen_at
    assert until(lambda: Attendance.objects.get().seen_at > first)


@pytest.mark.django_db
def test_nobody_is_away_because_the_web_was(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Agent.objects.filter(pk__in=[cast.ana.pk, cast.lena.pk]).update(presence=Presence.ON_QUEUE)
    for user in (cast.ana, cast.ben):
        Attendance.objects.create(agent_id=user.pk, seen_at=long_ago)
    Heartbeat.beat("web", timezone.now() - timedelta(seconds=25))
    attendance.web_beats([])
    assert Attendance.objects.get(agent=cast.ana.pk).seen_at == long_ago, "the web was there"
    Heartbeat.objects.update(at=timezone.now() - timedelta(seconds=50))
    attendance.web_beats([cast.otto.pk])
    seen = dict(Attendance.objects.values_list("agent", "seen_at"))
    assert seen[cast.ana.pk] > long_ago, "On Queue while the web was silent"
    assert seen[cast.ben.pk] == long_ago, "not On Queue"
    assert seen[cast.otto.pk] > long_ago, "has a window open"
    assert cast.lena.pk not in seen, "On Queue by other means, without any window"


def test_streams_end_with_the_server(cast: Cast, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with serving(workers=2, log=log) as base:
        session = session_of(cast.ana)
        opened = [Listener(base, session) for _ in range(20)]
        assert until(lambda: all(one.heard for one in opened))
        gone = Listener(base, session)
        gone.close()
    assert until(lambda: all(one.has_ended for one in opened))
    for one in opened:
        one.close()
    said = log.read_text()
    assert "Traceback" not in said, said
    assert "Cancel" not in said, said
