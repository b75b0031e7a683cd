"""How fast a platform is told, against what it permits.

    told(data, batch, workers, callbacks) -> seconds until all were told, and what the platform counted

The platform is the practice one, in a process of its own, with ten requests a second and no faults.
Workers are processes with a memory of their own, as on several machines; the pace is theirs together.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from environment import ROOT

from callbacks.access import Actor
from callbacks.models import ConnectedQueue, Connection, Counterpart, OutboxMessage, Queue, User
from callbacks.models.encrypted import Sealed
from callbacks.scheduling import CallbackRequest, schedule_many

WORKER = """
import os, sys, time, uuid, django
django.setup()
from callbacks.sync import exchange
print("ready", flush=True)
while True:
    if not exchange(uuid.UUID(sys.argv[1])):
        time.sleep(0.02)
"""
NUMBERS = count(20_000_000)
RATE = 10


def told(data: Path, *, batch: int, workers: int, callbacks: int) -> tuple[float, dict[str, Any]]:
    """Seconds from the first request to the last answer, and the platform's own figures."""
    with _platform(data) as base:
        connection = _connected(base, batch)
        _promise(connection, callbacks)
        running = [_worker(connection) for _ in range(workers)]
        try:
            seconds = _wait(connection, callbacks)
        finally:
            for process in running:
                process.terminate()
                process.wait()
        with urllib.request.urlopen(f"{base}/practice/status", timeout=10) as answer:
            status: dict[str, Any] = json.load(answer)["clients"]["practice"]
        ConnectedQueue.objects.all().delete()
        Connection.objects.filter(pk=connection.pk).update(paused_reason="Measured.")
        OutboxMessage.objects.filter(settled_at__isnull=True).delete()
        return seconds, status


@contextmanager
def _platform(data: Path) -> Iterator[str]:
    command = [sys.executable, "manage.py", "practice_platform", "--port", "0", "--dialect", "guide",
               "--rate", f"{RATE}/s", "--allow-duplicates"]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def _connected(base: str, batch: int) -> Connection:
    made = Connection.objects.create(
        name=f"Bench {next(NUMBERS)}", dialect="guide", base_url=base,
        token_url=f"{base}/oauth/token", client_id="practice",
        client_secret=Sealed.of("practice"), requests=RATE, per_seconds=1, batch_size=batch,
        poll_seconds=3600, poll_at=datetime.now(UTC) + timedelta(hours=1),
    )  # fmt: skip
    queue = Queue.objects.order_by("name").first()
    ConnectedQueue.objects.update_or_create(queue=queue, defaults={"connection": made})
    OutboxMessage.objects.filter(settled_at__isnull=True).delete()
    return made


def _promise(connection: Connection, many: int) -> None:
    now, queue = datetime.now(UTC), connection.queues.get().queue
    by = Actor.person(User.objects.filter(role="admin").first())  # type: ignore[arg-type]
    schedule_many(
        [
            CallbackRequest(
                queue_id=queue.pk, phone_number=f"+4420{next(NUMBERS):08d}", consent=True,
                requested_at=now + timedelta(days=2), contact_time_zone="Europe/London",
                allow_outside_calling_hours=True,
            )
            for _ in range(many)
        ],
        by=by,
        at=now,
    )  # fmt: skip


def _worker(connection: Connection) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(connection.pk)], cwd=ROOT, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout
    process.stdout.readline()
    return process


def _wait(connection: Connection, many: int) -> float:
    """From the first that was sent to the last that was confirmed."""
    there = Counterpart.objects.filter(connection=connection, state="there")
    end = time.monotonic() + 300
    while there.count() < many:
        if time.monotonic() > end:
            raise AssertionError(f"only {there.count()} of {many} were told")
        time.sleep(0.02)
    moments = there.order_by("sent_at").values_list("sent_at", flat=True)
    last = there.order_by("-synced_at").values_list("synced_at", flat=True)[0]
    return float((last - moments[0]).total_seconds())
