"""The storm over synchronisation: workers die and freeze, the broker is emptied, and the platform fails.

Afterwards the platform's own ledger is the judge: every open callback is there exactly once, live, with
what it is now; nothing that is over is; and nothing waits any more. The platform is told to keep no
net against doubles: no 409, no idempotency keys.
"""

import argparse
import json
import random
import signal
import sys
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from typing import Any

from django.db import close_old_connections
from environment import ROOT, say
from storming import Process, Processes

from callbacks.access import Actor
from callbacks.errors import CallbackError
from callbacks.models import (
    Agent,
    Callback,
    CallingHours,
    ConnectedQueue,
    Connection,
    Counterpart,
    OutboxMessage,
    Queue,
    User,
)
from callbacks.models.encrypted import Sealed
from callbacks.scheduling import CallbackRequest, Changes, cancel, change, schedule_many
from dashboard.celery import app

AT_ONCE = 100
COURIERS = 4
TELL_EVERY = 10
REPAIRED_WITHIN = 60
"""Seconds after the end in which a double may still be found and cancelled."""


def storm(processes: Processes, asked: argparse.Namespace, chance: random.Random) -> dict[str, Any]:
    """Make, change and cancel; kill, freeze and empty; then count. ``broken`` names what does not hold."""
    base = _platform(processes, asked, chance)
    centre = Centre(asked, base, chance)
    _couriers(processes, blind=asked.blind)
    processes.start(webs=0, workers=0, clocks=1)
    began = time.monotonic()
    faults = Faults(processes, asked, chance)
    faults.start()
    centre.live()
    say(
        f"  {asked.callbacks} callbacks made, {centre.changed} changed, {centre.cancelled} cancelled"
    )
    faults.join()
    is_calm = _wait_until_calm(asked, began)
    seconds = round(time.monotonic() - began)
    ledger = Ledger(base)
    broken = [] if is_calm else [f"something still waits after {asked.minutes:g} minutes"]
    broken += ledger.findings(is_repair=asked.lag > asked.settle)
    return {
        "callbacks": asked.callbacks,
        "changed": centre.changed,
        "cancelled": centre.cancelled,
        "kills": faults.kills,
        "freezes": faults.freezes,
        "broker emptied": faults.emptied,
        "seconds": seconds,
        "requests": ledger.status["clients"]["practice"]["requests"],
        "answers": json.dumps(ledger.status["clients"]["practice"]["answers"]),
        "found after lost answers": _found(),
        "made twice, one cancelled": len(ledger.doubles["createdTwice"]),
        "broken": broken,
    }


def _platform(processes: Processes, asked: argparse.Namespace, chance: random.Random) -> str:
    """A practice platform that nobody kills; its address."""
    command = [
        sys.executable, str(ROOT / "manage.py"), "practice_platform", "--port", "0",
        "--dialect", asked.dialect, "--rate", f"{asked.rate}/s", "--burst", str(asked.rate),
        "--fail", str(asked.fail), "--seed", str(chance.randrange(10**6)), "--slow", "1",
        "--lag", str(asked.lag), "--allow-duplicates", "--forget-keys",
        "--ledger", str(processes.data / "ledger"),
    ]  # fmt: skip
    log = processes.data / "platform.log"
    part = Process("platform", command)
    part.start(log)
    processes.parts_to_end.append(part)
    for _ in range(600):
        if "listens at" in (said := log.read_text()):
            return said.split("listens at")[1].split()[0]
        time.sleep(0.1)
    raise AssertionError(f"the platform did not start: {log.read_text()}")


def _couriers(processes: Processes, *, blind: bool) -> None:
    celery = [str(ROOT / "bin" / "storm_blind.py")] if blind else ["-m", "celery"]
    for number in range(COURIERS):
        command = [
            sys.executable, "-W", "ignore", *celery, "--quiet", "-A", "dashboard", "worker",
            "--queues", "sync", "--pool", "threads", "--concurrency", "4", "--loglevel", "ERROR",
            "--without-gossip", "--without-mingle", "-n", f"courier{number}@%h",
        ]  # fmt: skip
        processes.parts.append(Process(f"courier {number}", command))


# --- what happens here ------------------------------------------------------------------------


class Centre:
    """A queue that is connected, and what people do with its callbacks."""

    def __init__(self, asked: argparse.Namespace, base: str, chance: random.Random) -> None:
        self.asked, self.chance = asked, chance
        self.changed = self.cancelled = 0
        admin = User.objects.create_user("admin", None, name="Admin", role="admin")
        self.by = Actor.person(admin)
        self.queue = Queue.objects.create(name="Support", ownership_enabled=True)
        midnight = clock_time(0)
        CallingHours.objects.bulk_create(
            CallingHours(queue=self.queue, weekday=day, opens=midnight, closes=midnight)
            for day in range(7)
        )
        people = _console(base, "people")
        for person in people["agents"][:3]:
            user = User.objects.create_user(person["user_name"], None, name=person["name"])
            Agent.objects.create(user=user, platform_id=person["id"]).queues.add(self.queue)
        connection = Connection.objects.create(
            name="Practice", dialect=asked.dialect, base_url=base, token_url=f"{base}/oauth/token",
            client_id="practice", client_secret=Sealed.of("practice"), requests=asked.rate,
            per_seconds=1, batch_size=asked.batch, settle_seconds=asked.settle, poll_seconds=60,
        )  # fmt: skip
        remote = next(one["id"] for one in people["queues"] if one["name"] == "Support")
        ConnectedQueue.objects.create(queue=self.queue, connection=connection, remote_id=remote)
        self.made: list[Callback] = []

    def live(self) -> None:
        """Make all of them; between, change and cancel some."""
        while len(self.made) < self.asked.callbacks:
            self._make(min(AT_ONCE, self.asked.callbacks - len(self.made)))
            for _ in range(AT_ONCE // 5):
                self._touch(self.chance.choice(self.made))
            time.sleep(self.chance.uniform(0.05, 0.3))

    def _make(self, many: int) -> None:
        now, first = datetime.now(UTC), len(self.made)
        wishes = [
            CallbackRequest(
                queue_id=self.queue.pk,
                phone_number=f"+4420{70_000_000 + first + n:08d}",
                requested_at=(now + timedelta(days=1)).replace(microsecond=0),
                contact_name=f"Contact {first + n}",
                contact_time_zone="Europe/London",
                consent=True,
            )
            for n in range(many)
        ]
        answers = schedule_many(wishes, by=self.by, at=now)
        self.made += [answer.callback for answer in answers]  # type: ignore[union-attr]

    def _touch(self, callback: Callback) -> None:
        now = datetime.now(UTC)
        try:
            if self.chance.random() < 0.2:
                cancel(callback.pk, reason="No more.", by=self.by, at=now, version=None)
                self.cancelled += 1
                return
            later = callback.requested_at + timedelta(minutes=self.chance.randrange(600))
            wanted = self.chance.choice(
                (Changes(reason=f"Reason {self.chance.random()}"), Changes(requested_at=later))
            )
            change(callback.pk, wanted, by=self.by, at=now, version=None)
            self.changed += 1
        except CallbackError:
            return


# --- what goes wrong --------------------------------------------------------------------------


class Faults(threading.Thread):
    """A courier is killed every second, or frozen for a while; twice the broker loses everything."""

    def __init__(
        self, processes: Processes, asked: argparse.Namespace, chance: random.Random
    ) -> None:
        super().__init__(daemon=True)
        self.processes, self.asked = processes, asked
        self.chance = random.Random(chance.random())
        self.kills = self.freezes = self.emptied = 0

    def run(self) -> None:
        while self.kills < self.asked.kills or self.freezes < self.asked.freezes:
            if self.kills < self.asked.kills:
                time.sleep(1)
                self.chance.choice(self._couriers()).kill()
                self.kills += 1
            if self.freezes < self.asked.freezes:
                self._freeze(self.chance.choice(self._couriers()))
            if self.kills in (self.asked.kills // 3, 2 * self.asked.kills // 3) and self.kills:
                self._empty_broker()

    def _couriers(self) -> list[Process]:
        return [part for part in self.processes.parts if part.name.startswith("courier")]

    def _freeze(self, part: Process) -> None:
        part.signal(signal.SIGSTOP)
        time.sleep(6)
        part.signal(signal.SIGCONT)
        self.freezes += 1

    def _empty_broker(self) -> None:
        with app.connection_for_write() as connection:
            connection.default_channel.client.flushall()
        self.emptied += 1


def _wait_until_calm(asked: argparse.Namespace, began: float) -> bool:
    told = 0.0
    while time.monotonic() - began < asked.minutes * 60:
        waiting = OutboxMessage.objects.filter(settled_at__isnull=True)
        doubtful = Counterpart.objects.filter(check_at__isnull=False)
        unsure = Counterpart.objects.filter(state=Counterpart.State.SENDING)
        left = [one.count() for one in (waiting.values("callback").distinct(), unsure, doubtful)]
        if not any(left):
            return True
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            say(
                f"  {round(told - began)} s: {left[0]} to tell, {left[1]} unsure, {left[2]} to check"
            )
        close_old_connections()
        time.sleep(1)
    return False


def _found() -> int:
    from callbacks.models import HistoryEvent

    return HistoryEvent.objects.filter(what="synchronised", reason__startswith="Found on").count()


# --- the judge --------------------------------------------------------------------------------


def _console(base: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{base}/practice/{path}", data, timeout=60) as answer:
        return json.load(answer)


class Ledger:
    """What the platform says that it holds."""

    def __init__(self, base: str) -> None:
        self.status = _console(base, "status")
        self.doubles = _console(base, "doubles")
        self.live: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for one in self._lines(base):
            reference = one["data"].get("extId") or one["reference"] or one["tag"]
            self.live[str(reference).split(".")[0]].append(one)

    def _lines(self, base: str) -> Iterator[dict[str, Any]]:
        after = 0
        while after is not None:
            page = _console(base, f"callbacks?live=1&limit=1000&after={after}")
            yield from page["lines"]
            after = page["next"]

    def findings(self, *, is_repair: bool) -> list[str]:
        """Whatever is there otherwise than here."""
        found = Counter[str]()
        for callback in Callback.objects.all():
            there = self.live.pop(str(callback.pk), [])
            if len(there) != (0 if callback.ended_at else 1):
                found[f"{callback.status} here, and {len(there)} × live there"] += 1
            elif there and not _is_same(callback, there[0]):
                found["another time or reason there"] += 1
        if self.live:
            found["there, and unknown here"] += len(self.live)
        twice = len(self.doubles["createdTwice"])
        if twice and not is_repair:
            found["made twice there"] += twice
        states = Counterpart.objects.exclude(state__in=["there", "over"]).values_list("state")
        found.update(f"left {state}" for (state,) in states)
        return [f"{number} × {what}" for what, number in found.items()]


def _is_same(callback: Callback, there: Mapping[str, Any]) -> bool:
    at = callback.requested_at.astimezone(UTC).replace(tzinfo=None)
    return (
        there["requested_at"] == f"{at.isoformat(timespec='milliseconds')}Z"
        and there["data"].get("reason", "") == callback.reason
        and there["number"] == callback.phone_number
    )
