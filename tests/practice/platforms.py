"""Practice platforms for the tests: as a real process, or within this one, where no line is cut."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from callbacks.practice.application import Application
from callbacks.practice.faults import Faults
from callbacks.practice.hooks import Courier
from callbacks.practice.moments import stamp
from callbacks.practice.people import key_of
from callbacks.practice.platform import Options, Platform
from callbacks.practice.play import Players

ROOT = Path(__file__).resolve().parents[2]
SUPPORT, BILLING = key_of("queue", "Support"), key_of("queue", "Billing")
ANA, BEN = key_of("agent", "ana"), key_of("agent", "ben")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OPEN = "/api/v2/callbacks"
GENESYS = "/api/v2/conversations/callbacks"
QUERY = "/api/v2/analytics/conversations/details/query"
Ask = Callable[..., httpx.Response]


def ahead(**delta: float) -> str:
    """A moment from now on, as the platform reads it."""
    return stamp(datetime.now(UTC) + timedelta(**delta)) or ""


def promise(number: str = "+12025550101", **changes: Any) -> dict[str, Any]:
    """A payload of the guide."""
    return {
        "target": {"id": number, "type": "phoneNumber"},
        "requestedTime": ahead(hours=2),
        "externalData": {"extId": f"ref-{number}"},
        **changes,
    }


def command(number: str = "+12025550101", **changes: Any) -> dict[str, Any]:
    """A payload of Genesys Cloud."""
    return {
        "callbackNumbers": [number],
        "queueId": SUPPORT,
        "callbackScheduledTime": ahead(hours=2),
        "data": {"extId": f"ref-{number}"},
        **changes,
    }


def owned(agent: str = ANA, queue: str = SUPPORT) -> dict[str, Any]:
    """The routing of an agent owned callback."""
    return {
        "queueId": queue,
        "scoredAgents": [{"agent": {"id": agent}, "score": 100}],
        "routingFlags": ["AGENT_OWNED_CALLBACK"],
    }


def query(**changes: Any) -> dict[str, Any]:
    """A details query over what began today."""
    return {
        "interval": f"{ahead(days=-1)}/{ahead(hours=1)}",
        "paging": {"pageSize": 100, "pageNumber": 1},
        **changes,
    }


@dataclass
class Practice:
    """A client of a practice platform, with a token; it repeats nothing by itself."""

    ask: Ask
    token: str = field(default="", repr=False)
    base: str = ""
    """Its address, where it is a process of its own."""

    def log_in(self, secret: str = "practice", **form: str) -> httpx.Response:
        """Get a token."""
        content = {"grant_type": "client_credentials", **form}
        told = self.ask("POST", "/oauth/token", data=content, auth=("practice", secret))
        self.token = told.json().get("access_token", "") if told.status_code == 200 else ""
        return told

    def send(
        self, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A request with the token."""
        if not self.token:
            self.log_in()
        more = {"json": json} if json is not None else {}
        bearer = {"Authorization": f"Bearer {self.token}"}
        return self.ask(method, path, headers={**bearer, **(headers or {})}, **more)

    def post(self, path: str, json: Any, **headers: str) -> httpx.Response:
        """POST with the token."""
        return self.send("POST", path, json, {k.replace("_", "-"): v for k, v in headers.items()})

    def patch(self, path: str, json: Any, **headers: str) -> httpx.Response:
        """PATCH with the token."""
        return self.send("PATCH", path, json, {k.replace("_", "-"): v for k, v in headers.items()})

    def get(self, path: str) -> httpx.Response:
        """GET with the token."""
        return self.send("GET", path)

    def console(self, method: str, path: str, json: Any = None) -> Any:
        """A request to the platform's own console, which must succeed."""
        told = self.ask(method, f"/practice/{path}", json=json)
        assert told.status_code == 200, told.text
        return told.json()

    def order(self, **faults: Any) -> Any:
        """Order faults."""
        return self.console("POST", "faults", faults)

    def effects(self) -> dict[str, int]:
        """How many of each kind stand in the ledger."""
        found: dict[str, int] = self.console("GET", "status")["effects"]
        return found


class _Transport:
    def is_closing(self) -> bool:
        return False


@dataclass
class Within:
    """A platform within this process."""

    options: Options = field(default_factory=Options)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.platform = Platform(self.options, self.faults)
        self.players = Players(self.platform, self.faults.seed)
        self.application = Application(self.platform, self.players, Courier(self.platform))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As the server would call it."""
        await self.application({**scope, "state": {"transport": _Transport()}}, receive, send)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self)
            async with httpx.AsyncClient(transport=transport, base_url="http://practice") as client:
                return await client.request(method, path, **more)

        # In a thread of its own: a browser's tests leave a loop behind in this one.
        with ThreadPoolExecutor(1) as aside:
            return aside.submit(asyncio.run, asked()).result()


def within(options: Options | None = None, faults: Faults | None = None) -> Practice:
    """A client of a platform within this process."""
    return Practice(Within(options or Options(), faults or Faults()).ask)


@contextlib.contextmanager
def process(*arguments: str, end: signal.Signals = signal.SIGTERM) -> Iterator[Practice]:
    """A client of a platform in a process of its own, on a free port; asked to end, it ends well."""
    line = [sys.executable, "manage.py", "practice_platform", "--port", "0", *arguments]
    with subprocess.Popen(line, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE) as started:
        try:
            assert started.stdout
            said = started.stdout.readline().decode()
            assert said.startswith("The practice platform listens at "), said
            with httpx.Client(base_url=said.split()[-1], timeout=5, trust_env=False) as client:
                yield Practice(client.request, base=str(client.base_url).rstrip("/"))
        finally:
            started.send_signal(end)
            status = started.wait(10)
    assert status == (-signal.SIGKILL if end == signal.SIGKILL else 0)


def wait(until: Callable[[], bool]) -> None:
    """Wait for what another process does, at most as long as a person would."""
    end = time.monotonic() + 10
    while not until():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.01)
