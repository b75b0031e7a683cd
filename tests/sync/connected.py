"""A queue of the cast, connected with a practice platform in a process of its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from callbacks import sync
from callbacks.models import (
    Agent,
    Callback,
    ConnectedQueue,
    Connection,
    Counterpart,
    HistoryEvent,
    Queue,
)
from callbacks.models.encrypted import Sealed
from tests.cast import Cast, make_callback, open_day_and_night, wish_at
from tests.practice.platforms import ANA, SUPPORT, Practice, ahead, promise, stamp

SECRET = "whsec_of the tests"


@dataclass
class Connected:
    """Both sides: the platform with its console, and our connection to it."""

    cast: Cast
    practice: Practice
    key: Any

    @property
    def connection(self) -> Connection:
        """As it is now."""
        return Connection.objects.get(pk=self.key)

    def exchange(self) -> int:
        """One slice, with a look at what happened there."""
        Connection.objects.filter(pk=self.key).update(poll_at=timezone.now())
        return sync.exchange(self.key, seconds=3)

    def exchange_without_a_look(self) -> int:
        """One slice, where it is not time to look."""
        return sync.exchange(self.key, seconds=3)

    def promised(self, **delta: float) -> Callback:
        """A callback of ours that the platform has, too; so far ahead."""
        at = timezone.now()
        moment = (at + timedelta(**(delta or {"hours": 5}))).replace(microsecond=0)
        request = wish_at(self.cast.support, moment)
        made = make_callback(
            self.cast.support, self.cast.sam, at=at,
            date=request.date, time=request.time, fold=request.fold,
        )  # fmt: skip
        self.exchange()
        return made

    def there(self, callback: Callback) -> Counterpart:
        """As we believe it to be there."""
        return Counterpart.objects.get(callback=callback)

    def meddle(self, callback: Callback | str, do: str, **body: Any) -> Any:
        """What somebody does at the platform's console."""
        key = callback if isinstance(callback, str) else self.there(callback).external_id
        return self.practice.console("POST", f"callbacks/{key}", {"do": do, **body})

    def make_there(self, number: str = "+12025550123", **changes: Any) -> str:
        """A callback that an agent of the platform makes there; its id."""
        changes = {"externalData": {"contactName": "Noor Haddad"}, "queueId": SUPPORT, **changes}
        made = self.practice.post("/api/v2/callbacks", promise(number, **changes))
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def remotes(self) -> list[dict[str, Any]]:
        """All that the platform has open."""
        lines: list[dict[str, Any]] = self.practice.console("GET", "callbacks?live=1")["lines"]
        return lines

    def remote(self, callback: Callback) -> dict[str, Any]:
        """The callback as the platform has it."""
        key = self.there(callback).external_id
        lines = self.practice.console("GET", "callbacks")["lines"]
        return next(line for line in lines if line["id"] == key)


def connected(cast: Cast, practice: Practice) -> Connected:
    """Support is kept in step with an emptied platform; Ana is known there."""
    practice.console("POST", "reset", {})
    practice.token = ""
    base = practice.base
    connection = Connection.objects.create(
        name="Practice", dialect="guide", base_url=base, token_url=f"{base}/oauth/token",
        client_id="practice", client_secret=Sealed.of("practice"), requests=10_000,
        settle_seconds=0, batch_size=50, webhook_secret=Sealed.of(SECRET),
    )  # fmt: skip
    open_day_and_night(cast.support)
    ConnectedQueue.objects.create(queue=cast.support, connection=connection, remote_id=SUPPORT)
    Agent.objects.filter(pk=cast.ana.pk).update(platform_id=ANA)
    return Connected(cast, practice, connection.pk)


def fresh(callback: Callback) -> Callback:
    """As it is now."""
    return Callback.objects.select_related("queue", "owner__user").get(pk=callback.pk)


def told(callback: Callback) -> list[tuple[str, str]]:
    """What the history says, and who did it."""
    events = HistoryEvent.objects.filter(callback=callback).order_by("at", "id")
    return [(event.what, event.actor_name) for event in events]


def reasons(callback: Callback) -> str:
    """All that the history gives as reasons."""
    return " ".join(HistoryEvent.objects.filter(callback=callback).values_list("reason", flat=True))


def writes(practice: Practice) -> int:
    """How often anything was changed there by its API."""
    lines = practice.console("GET", "ledger")["lines"]
    return sum(line["by"] != "console" for line in lines)


def by_platform(queue: Queue) -> None:
    """From now on the platform routes the queue."""
    Queue.objects.filter(pk=queue.pk).update(routing_mode=Queue.RoutingMode.PLATFORM)


def moment(text: str) -> datetime:
    """What ``ahead`` said, as a moment."""
    return datetime.fromisoformat(text)


__all__ = ["ANA", "SUPPORT", "ahead", "stamp"]
