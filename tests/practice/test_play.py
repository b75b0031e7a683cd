"""Agents who play, and the events that tell of it."""

import hashlib
import hmac
from collections.abc import Callable
from time import time

import pytest

from callbacks.practice.faults import Faults
from tests.practice.platforms import (
    ANA,
    GENESYS,
    OPEN,
    Practice,
    ahead,
    command,
    owned,
    process,
    promise,
    wait,
    within,
)  # fmt: skip
from tests.webhooks.receiver import Received, Receiver, receiving

CALM = {"declines": 0, "cancels": 0, "moves": 0, "makes": 0}


def states(practice: Practice, key: str) -> dict[str, str]:
    told = practice.get(f"{GENESYS}/{key}").json()["participants"]
    return {one["purpose"]: one["state"] for one in told}


def test_due_callback_rings_is_answered_and_wrapped_up(practice: Practice) -> None:
    due = command(callbackScheduledTime=ahead(seconds=-1), queueId=None, routingData=owned())
    key = practice.post(GENESYS, due).json()["conversation"]["id"]
    assert states(practice, key) == {"customer": "none", "acd": "none"}

    seen = []
    for _ in range(3):
        practice.console("POST", "play", CALM)
        seen.append(states(practice, key)["agent"])

    assert seen == ["alerting", "connected", "disconnected"]
    told = practice.get(f"/api/v2/conversations/{key}").json()
    agent = told["participants"][2]
    assert agent["user"]["id"] == ANA
    assert agent["wrapup"]["code"]
    assert told["endTime"]
    assert practice.effects() == {"create": 1, "update": 2, "done": 1}


def test_owned_callback_waits_for_its_owner_until_ownership_ends(practice: Practice) -> None:
    practice.console("POST", "people", {
        "queues": [{"name": "Brief", "ownedHours": 1}],
        "agents": [{"userName": "zoe", "queues": ["Brief"]}, {"userName": "yan", "queues": ["Brief"]}],
    })  # fmt: skip
    told = practice.console("GET", "people")
    zoe = next(one["id"] for one in told["agents"] if one["user_name"] == "zoe")
    brief = next(one["id"] for one in told["queues"] if one["name"] == "Brief")
    wanted = {"queueId": None, "routingData": owned(zoe, brief)}
    busy, waits = (
        practice.post(GENESYS, command(callbackScheduledTime=ahead(seconds=-1), **wanted)).json()
        for _ in range(2)
    )
    over = practice.post(GENESYS, command(callbackScheduledTime=ahead(hours=-2), **wanted)).json()
    keys = [one["conversation"]["id"] for one in (busy, waits, over)]

    practice.console("POST", "play", CALM)

    offered = [key for key in keys if "agent" in states(practice, key)]
    assert len(offered) == 1, "only the owner takes it, one at a time, though another one is free"
    for _ in range(9):
        practice.console("POST", "play", CALM)
    effects = practice.effects()
    assert (effects["done"], effects["expire"]) == (2, 1)
    assert "agent" not in states(practice, keys[2]), "its ownership was over before it rang"


def test_agents_decline_cancel_move_and_make_as_often_as_ordered(practice: Practice) -> None:
    path = practice.post(OPEN, promise()).json()["selfUri"]
    before = practice.get(path).json()["requestedTime"]

    practice.console("POST", "play", {**CALM, "moves": 1})
    assert practice.get(path).json()["requestedTime"] > before
    practice.console("POST", "play", {**CALM, "cancels": 1})
    assert practice.get(path).json()["status"] == "cancelled"
    practice.console("POST", "play", {**CALM, "makes": 1})
    assert [one["by"] for one in practice.console("GET", "ledger")["lines"]][-1] == "platform"
    due = practice.post(OPEN, promise("+12025550111", requestedTime=ahead(seconds=-1))).json()
    practice.console("POST", "play", {**CALM, "declines": 1, "steps": 2})
    told = practice.get(due["selfUri"]).json()
    assert (told["status"], told["attempts"]) == ("waiting", 1)


def test_same_seed_plays_the_same_game() -> None:
    def game(seed: int) -> list[tuple[str, str]]:
        practice = within(faults=Faults(seed=seed))
        for place in range(8):
            practice.post(
                OPEN, promise(f"+1202555012{place}", requestedTime=ahead(minutes=60 + place))
            )
        practice.console("POST", "play", {**CALM, "cancels": 0.3, "moves": 0.3, "steps": 4})
        lines = practice.console("GET", "ledger")["lines"]
        return [(line["effect"], line["reference"]) for line in lines]

    assert game(1) == game(1) != game(2)


def test_agents_play_by_themselves_and_tell_a_subscriber() -> None:
    with receiving() as receiver:
        line = (
            "--rate",
            "none",
            "--play",
            "--play-every",
            "0.02",
            "--hook",
            receiver.url,
            "--hook-secret",
            "s",
        )
        with process(*line) as practice:
            practice.console("POST", "play", {**CALM, "steps": 0})
            path = practice.post(OPEN, promise(requestedTime=ahead(seconds=-1))).json()["selfUri"]
            wait(lambda: practice.get(path).json()["status"] == "completed")
            wait(lambda: len(receiver.received) == 4)
        assert receiver.types == [
            "callback.created", "callback.offered", "callback.changed", "callback.completed",
        ]  # fmt: skip
        assert all(is_signed(one, "s") for one in receiver.received)
        assert [one.said["callback"]["version"] for one in receiver.received] == [1, 2, 3, 4]


def test_subscriber_chooses_events_and_leaves(remote: Practice) -> None:
    with receiving() as receiver:
        body = {"url": receiver.url, "events": ["callback.cancelled"]}
        hook = remote.post("/api/v2/webhooks", body).json()
        path = remote.post(OPEN, promise()).json()["selfUri"]
        remote.patch(path, {"status": "cancelled"})
        wait(lambda: bool(receiver.received))
        assert is_signed(receiver.received[0], hook["secret"])
        assert receiver.types == ["callback.cancelled"]
    assert "secret" not in remote.get("/api/v2/webhooks").json()["entities"][0]
    assert remote.send("DELETE", f"/api/v2/webhooks/{hook['id']}").status_code == 204
    assert remote.get("/api/v2/webhooks").json()["total"] == 0


@pytest.mark.parametrize(
    "kind", ["event_twice", "event_forged", "event_stale", "event_late", "event_unknown"]
)
def test_fault_of_an_event(remote: Practice, kind: str) -> None:
    with receiving() as receiver:
        secret = remote.post("/api/v2/webhooks", {"url": receiver.url}).json()["secret"]
        remote.order(shares={kind: 1.0})
        made = [
            remote.post(OPEN, promise(f"+1202555010{place}")).json()["id"] for place in range(2)
        ]
        expected = 4 if kind == "event_twice" else 2
        wait(lambda: len(receiver.received) == expected)

    told = [one.said["callback"]["id"] for one in receiver.received]
    assert FAULTY[kind](receiver, told, made, secret)


FAULTY: dict[str, Callable[[Receiver, list[str], list[str], str], bool]] = {
    "event_twice": lambda receiver, told, made, secret: (
        told == [made[0]] * 2 + [made[1]] * 2 and len({one.event for one in receiver.received}) == 2
    ),
    "event_forged": lambda receiver, told, made, secret: (
        told == made and not any(is_signed(one, secret) for one in receiver.received)
    ),
    "event_stale": lambda receiver, told, made, secret: all(
        is_signed(one, secret) and time() - moment(one) > 590 for one in receiver.received
    ),
    "event_late": lambda receiver, told, made, secret: told == made[::-1],
    "event_unknown": lambda receiver, told, made, secret: not set(told) & set(made),
}


def moment(received: Received) -> int:
    return int(received.headers["x-ringback-signature"].split(",")[0].removeprefix("t="))


def is_signed(received: Received, secret: str) -> bool:
    signed = f"{moment(received)}.".encode() + received.body
    proof = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return received.headers["x-ringback-signature"] == f"t={moment(received)},v1={proof}"
