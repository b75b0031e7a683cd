"""Genesys Cloud as the practice platform plays it, and a client that counts its permits."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from callbacks.sync.platforms.base import Content, Remote
from callbacks.sync.platforms.genesys_cloud import GenesysCloud
from callbacks.sync.platforms.web import Place, Session
from tests.practice.platforms import ANA, GENESYS, SUPPORT, Practice

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBER = "+12025550101"


@dataclass
class Permits:
    """How many requests asked for one."""

    taken: int = 0

    def __call__(self) -> None:
        """Take one."""
        self.taken += 1


@contextmanager
def speaking(practice: Practice, *, ahead: timedelta = timedelta()) -> Iterator[GenesysCloud]:
    """A client of the platform, whose clock may be ahead of the platform's."""
    with session(practice) as (spoken, _):
        yield GenesysCloud(spoken, now=lambda: datetime.now(UTC) + ahead)


@contextmanager
def session(practice: Practice) -> Iterator[tuple[Session, Permits]]:
    """A session without a token yet, and its permits."""
    place = Place(
        practice.base, f"{practice.base}/oauth/token", "practice", "practice", is_private=True
    )
    permits = Permits()
    opened = Session(place, permit=permits)
    try:
        yield opened, permits
    finally:
        opened.close()


def content(**changes: Any) -> Content:
    """A callback in two hours, in Support, that nobody owns."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    moment = changes.get("requested_at", due)
    values: dict[str, Any] = {
        "reference": "7f4d.1",
        "number": NUMBER,
        "name": "Liam Byrne",
        "requested_at": due,
        "window_starts_at": moment,
        "window_seconds": 1800,
        "queue": SUPPORT,
        "data": {"timeZone": "Europe/London", "consent": "yes", "windowSeconds": "1800"},
    }
    return Content(**{**values, **changes})


def owned(**changes: Any) -> Content:
    """A callback that Ana owns."""
    return content(**{"owner": ANA, **changes})


def kept(practice: Practice) -> list[dict[str, Any]]:
    """All callbacks that the platform has, over or not."""
    lines: list[dict[str, Any]] = practice.console("GET", "callbacks")["lines"]
    return lines


def only(practice: Practice) -> dict[str, Any]:
    """The one callback that it has."""
    (line,) = kept(practice)
    return line


def requests(practice: Practice) -> list[str]:
    """What it was asked, but for tokens, with ids left out."""
    lines = practice.console("GET", "requests")["lines"]
    asked = [line["endpoint"] for line in lines if "oauth" not in line["endpoint"]]
    return [ID.sub("{id}", endpoint.replace("/api/v2/", "")) for endpoint in asked]


def give(practice: Practice, made: Remote, *, agent: str = ANA) -> str:
    """Somebody there gives it to an agent, whose client rings; the participant's id."""
    told = practice.post(f"/api/v2/conversations/{made.id}/assign", {"id": agent})
    assert told.status_code == 204, told.text
    people = practice.get(f"{GENESYS}/{made.id}").json()["participants"]
    return str(next(one["id"] for one in people if one["purpose"] == "agent"))


def do(practice: Practice, made: Remote, participant: str, **body: Any) -> None:
    """What the agent does with it."""
    told = practice.patch(f"{GENESYS}/{made.id}/participants/{participant}", body)
    assert told.status_code == 202, told.text


def everything(genesys: GenesysCloud, *, days: int = 40) -> list[Remote]:
    """All pages of a look at what is open there."""
    since = datetime.now(UTC) - timedelta(days=days)
    page = genesys.changes(since, None)
    found = list(page.remotes)
    while page.cursor:
        page = genesys.changes(since, page.cursor)
        found += page.remotes
    return found
