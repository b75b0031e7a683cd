"""``bin/storm api``: generated requests to every call of the HTTP API, sound, broken and in sequences.

schemathesis makes them from the OpenAPI document and holds every answer to it: status, type, schema,
headers; and a 5xx to nothing at all.
"""

import argparse
import json
import random
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from environment import ROOT

from callbacks import programs
from callbacks.models.program import Scope

CONFIGURATION = ROOT / "bin" / "storm_api.toml"


def storm(processes, asked: argparse.Namespace, chance: random.Random) -> dict[str, object]:
    """So many requests and what came of them; ``broken`` names whatever was not as documented."""
    call_command("demo", agents=8, queues=3, callbacks=200, open=120, verbosity=0)
    made = programs.create("Storm", list(Scope.values), rate=None)
    # Long runs outlive a token of an hour.
    later = timezone.now() + timedelta(hours=12)
    bearer = f"storm-{chance.getrandbits(128):032x}"
    programs.issue(made.client, bearer, list(Scope.values), at=later)
    connection.close()
    processes.start(webs=1, workers=0, clocks=0)
    base = processes.wait_for_web()
    calls = _calls(base)
    each = max(1, asked.cases // calls)
    report = processes.data / "schemathesis.json"
    done = _generate(base, bearer, each, chance.randrange(2**32), report, asked.phases)
    return _told(report, done, processes.log, calls)


def _calls(base: str) -> int:
    """How many calls the document tells of."""
    with urllib.request.urlopen(f"{base}/api/v2/openapi.json", timeout=30) as answer:
        paths = json.load(answer)["paths"]
    return sum(len(verbs) for verbs in paths.values())


def _generate(
    base: str, bearer: str, each: int, seed: int, report: Path, phases: str
) -> "subprocess.CompletedProcess[str]":
    command = [
        Path(sys.executable).with_name("schemathesis"), "--config-file", CONFIGURATION,
        "run", f"{base}/api/v2/openapi.json", "--header", f"Authorization: Bearer {bearer}",
        "--max-examples", str(each), "--phases", phases, "--seed", str(seed), "--workers", "1",
        "--no-color", "--continue-on-failure", "--no-shrink", "--warnings", "off",
        "--suppress-health-check", "all", "--request-timeout", "30",
        "--report", "json", "--report-json-path", report,
    ]  # fmt: skip
    return subprocess.run(command, cwd=report.parent, capture_output=True, text=True, check=False)


def _told(
    report: Path, done: "subprocess.CompletedProcess[str]", log: Path, calls: int
) -> dict[str, object]:
    if not report.exists():
        return {"broken": [done.stdout[-3000:] + done.stderr[-3000:]]}
    found = json.loads(report.read_text())
    broken = [] if done.returncode == 0 else [done.stdout[-6000:]]
    # What answers politely and screams into the log is broken as well.
    broken += [line for line in log.read_text().splitlines() if "ERROR" in line][:20]
    return {
        "calls": calls,
        "requests": found["test_cases"]["generated"],
        "seconds": round(found["running_time"]),
        "phases": ", ".join(f"{name} {one['status']}" for name, one in found["phases"].items()),
        "broken": broken,
    }
