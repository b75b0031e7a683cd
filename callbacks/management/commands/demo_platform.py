"""``manage.py demo_platform``: the telephony platform of the demonstration; ``bin/start`` runs it."""

import json
import os
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from callbacks.demonstration import platform

HABITS = ("declines=0.1", "cancels=0.0005", "moves=0.0005", "makes=0")
"""Calm enough that a newcomer can follow."""


class Command(BaseCommand):
    """Connect the demonstration with the practice platform, and become it."""

    help = "The demonstration's telephony platform, on a free port of this machine."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say where it is, whom it has, and what it has seen before; then be it."""
        if not settings.DEMO:
            raise CommandError("Only a demonstration practises: set DEMO=1.")
        folder = settings.DATA_DIR / "practice"
        folder.mkdir(parents=True, exist_ok=True)
        ledger, people = folder / "ledger.jsonl", folder / "people.json"
        people.write_text(json.dumps(platform.people()))
        port = _free_port()
        where = f"http://127.0.0.1:{port}"
        platform.connect(where, is_first=not ledger.exists(), at=timezone.now())
        ledger.touch()
        command = [sys.executable, sys.argv[0], "practice_platform", "--port", str(port)]
        command += ["--dialect", "guide", "--ledger", str(ledger), "--people", str(people)]
        command += ["--play", "--play-every", "5"]
        for habit in HABITS:
            command += ["--habit", habit]
        os.execv(sys.executable, command)  # noqa: S606 (itself, with other arguments)


def _free_port() -> int:
    """Another one each time: whoever took the last one meanwhile keeps it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
