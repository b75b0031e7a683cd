"""Signed events in: who may send them, each counts once, and only what is newer (F20, F21)."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.live_server_helper import LiveServer

from callbacks.lifecycle import Status
from callbacks.models import Callback, Connection, Counterpart, PlatformEvent
from callbacks.sync import events
from tests.cast import make_cast
from tests.practice.platforms import Practice, ahead, stamp, wait
from tests.sync.connected import SECRET, Connected, connected, fresh, moment, told

State = Counterpart.State


def body_of(shown: dict[str, Any] | None, kind: str = "callback.changed", **more: Any) -> bytes:
    """An event about a callback as the platform shows it."""
    said = {"id": str(uuid.uuid4()), "type": kind, "version": 2, "callback": shown, **more}
    return json.dumps(said).encode()


def signed(body: bytes, secret: str = SECRET, at: datetime | None = None) -> str:
    """The header that proves it."""
    sent_at = int((at or timezone.now()).timestamp())
    mac = hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256)
    return f"t={sent_at},v1={mac.hexdigest()}"


def send(both: Connected, body: bytes, signature: str | None = None) -> int:
    """Bring it to our door; the status of the answer."""
    answer = Client(enforce_csrf_checks=True).post(
        f"/sync/{both.key}/events", body, "application/json",
        headers={"X-Ringback-Signature": signed(body) if signature is None else signature},
    )  # fmt: skip
    assert not answer.cookies
    return answer.status_code


def shown(both: Connected, callback: Callback, **changes: Any) -> dict[str, Any]:
    """The callback as the guide's contract shows it there now, with changes."""
    key = both.there(callback).external_id
    there: dict[str, Any] = both.practice.get(f"/api/v2/callbacks/{key}").json()
    return {**there, **changes}


def later(seconds: float = 5) -> str:
    """A moment that the platform puts into ``updatedAt``."""
    return stamp(datetime.now(UTC) + timedelta(seconds=seconds)) or ""


def apply(both: Connected) -> int:
    """What the exchange does with what has come."""
    return events.apply(both.connection, timezone.now())


# --- who may send them -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: "",
        lambda body: "t=,v1=",
        lambda body: signed(body, "not the secret"),
        lambda body: signed(body, at=timezone.now() - timedelta(minutes=6)),
        lambda body: signed(body, at=timezone.now() + timedelta(minutes=6)),
        lambda body: signed(body + b" "),
        lambda body: signed(body).replace("v1=", "v0="),
        lambda body: signed(body).replace("t=", "t=٣"),
        lambda body: "t=" + "9" * 5000,
    ],
)
def test_what_is_not_signed_as_it_must_be_is_401_and_nothing_else(
    both: Connected, spoil: Any
) -> None:
    callback = both.promised()
    body = body_of(shown(both, callback, status="completed", updatedAt=later()))
    assert send(both, body, spoil(body)) == 401
    assert not PlatformEvent.objects.exists()
    assert apply(both) == 0
    assert fresh(callback).status == Status.PENDING


def test_a_connection_without_a_secret_or_unknown_takes_nothing(both: Connected) -> None:
    body = body_of(None)
    events.set_secret(both.connection, "")
    assert send(both, body) == 401
    assert send(both, body, signed(body, "")) == 401
    both.key = uuid.uuid4()
    assert send(both, body) == 401


def test_one_of_two_signatures_is_enough_while_a_secret_is_changed(both: Connected) -> None:
    body = body_of(None)
    fitting = signed(body)
    assert send(both, body, fitting.replace("v1=", "v1=00,v1=")) == 204


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b'{"id": 5}', b'{"callback": {"id": "1"}}', b'{"id": "a", "callback": []}',
        b'{"id": "a", "callback": {}}', b'{"id": "a\\u0000"}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_the_platform_signed_and_is_no_event_is_400(both: Connected, body: bytes) -> None:
    assert send(both, body) == 400
    assert not PlatformEvent.objects.exists()


def test_nobody_reads_anything_there(both: Connected) -> None:
    assert Client().get(f"/sync/{both.key}/events").status_code == 405


# --- what they do ------------------------------------------------------------------------------


def test_an_event_is_written_down_in_two_statements_and_applied_by_the_exchange(
    both: Connected, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    callback = both.promised()
    both.meddle(callback, "complete")
    body = body_of(shown(both, callback))
    with django_assert_num_queries(2):
        events.take_in(both.key, signed(body), body, timezone.now())
    assert fresh(callback).status == Status.PENDING
    Connection.objects.update(poll_at=timezone.now() + timedelta(hours=1))
    both.practice.console("DELETE", "status")
    assert both.exchange_without_a_look() == 0
    assert fresh(callback).status == Status.COMPLETED
    event = PlatformEvent.objects.get()
    assert event.applied_at is not None
    assert event.body is None, "names and numbers are not kept"


def test_the_same_event_counts_once(both: Connected) -> None:
    callback = both.promised()
    body = body_of(shown(both, callback, requestedTime=ahead(hours=30), updatedAt=later()))
    assert [send(both, body), apply(both), send(both, body), apply(both)] == [204, 1, 204, 0]
    assert [what for what, _ in told(callback)] == ["scheduled", "rescheduled"]


def test_of_events_in_any_order_the_newest_counts(both: Connected) -> None:
    callback = both.promised()
    first, second = ahead(hours=30), ahead(hours=40)
    for when, seconds in ((second, 9), (first, 5)):
        send(both, body_of(shown(both, callback, requestedTime=when, updatedAt=later(seconds))))
        apply(both)
    assert fresh(callback).requested_at == moment(second)
    assert len(told(callback)) == 2


def test_an_end_that_is_older_than_what_is_known_ends_nothing(both: Connected) -> None:
    callback = both.promised()
    send(both, body_of(shown(both, callback, status="expired", updatedAt=later(-60))))
    assert apply(both) == 1
    assert fresh(callback).status == Status.PENDING


def test_an_event_about_what_is_being_sent_waits_for_its_answer(both: Connected) -> None:
    callback = both.promised()
    Counterpart.objects.update(state=State.SENDING, sending={"kind": "update"}, sent_at=timezone.now())  # fmt: skip
    send(both, body_of(shown(both, callback, status="completed", updatedAt=later())))
    assert apply(both) == 0
    Counterpart.objects.update(state=State.THERE, sending=None)
    assert apply(both) == 1
    assert fresh(callback).status == Status.COMPLETED


def test_an_event_about_a_stranger_hastens_the_next_look(both: Connected) -> None:
    both.exchange()
    long_ago = timezone.now() - timedelta(minutes=1)
    Connection.objects.update(polled_at=long_ago, poll_at=timezone.now() + timedelta(hours=1))
    key = both.make_there()
    unknown = both.practice.get(f"/api/v2/callbacks/{key}").json()
    send(both, body_of({**unknown, "id": str(uuid.uuid4())}))
    assert apply(both) == 1
    assert not Callback.objects.exists(), "an event alone makes nothing"
    both.exchange_without_a_look()
    assert both.there(Callback.objects.get()).external_id == key


def test_what_was_applied_long_ago_is_forgotten(both: Connected) -> None:
    body = body_of(None)
    send(both, body)
    at = timezone.now()
    assert events.prune(at + events.KEPT_FOR - timedelta(minutes=1)) == 0
    assert events.prune(at + events.KEPT_FOR + timedelta(minutes=1)) == 1


# --- a platform that sends them ----------------------------------------------------------------


@pytest.fixture
def pushing(
    transactional_db: None, practising: Practice, live_server: LiveServer, settings: Any
) -> Iterator[Connected]:
    """The platform in its process tells a server of ours what happens, with faults."""
    settings.PRIVATE_PLATFORMS = True
    both = connected(make_cast(), practising)
    wanted = {"url": f"{live_server.url}/sync/{both.key}/events"}
    hook = practising.post("/api/v2/webhooks", wanted).json()
    events.set_secret(both.connection, hook["secret"])
    yield both
    practising.send("DELETE", f"/api/v2/webhooks/{hook['id']}")


FAULTS = {
    "event_twice": ([204, 204], True),
    "event_forged": ([401], False),
    "event_stale": ([401], False),
    "event_unknown": ([204], False),
    "event_late": ([204], True),
}
"""What our door answers each time, and whether the event ends the callback here."""


def test_a_platform_s_own_events_with_their_faults(pushing: Connected) -> None:
    for fault, (statuses, ends) in FAULTS.items():
        pushing.practice.order(shares={})
        made = 1 + len(_delivered(pushing))
        callback = pushing.promised()
        _wait_for(pushing, made)
        pushing.practice.order(shares={fault: 1.0})
        pushing.meddle(callback, "complete")
        _wait_for(pushing, made + len(statuses))
        answers = [line["status"] for line in _delivered(pushing)[made:]]
        assert answers == statuses, fault
        apply(pushing)
        assert (fresh(callback).status == Status.COMPLETED) is ends, fault
        pushing.exchange()
        assert fresh(callback).status == Status.COMPLETED, "what no event told, a look does"
        assert [what for what, _ in told(callback)].count("completed") == 1, fault


def _delivered(both: Connected) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = both.practice.console("GET", "events")["lines"]
    return lines


def _wait_for(both: Connected, count: int) -> None:
    wait(lambda: len(_delivered(both)) >= count)
