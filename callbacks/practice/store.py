"""The platform's callbacks, in memory. Every change goes through ``Store.put`` and so into the ledger."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callbacks.practice.ledger import Ledger
from callbacks.practice.moments import instant, stamp

LOCKED_FOR = timedelta(minutes=15)
"""So long before its time nobody edits an owned callback."""
ENDED = frozenset({"completed", "cancelled", "expired"})


@dataclass(frozen=True)
class Leg:
    """An agent's part in a callback."""

    id: str
    agent_id: str
    offered_at: datetime
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    disconnect_type: str = ""
    wrap_up: str = ""
    notes: str = ""

    @property
    def state(self) -> str:
        """In the platform's words."""
        if self.ended_at:
            return "disconnected"
        return "connected" if self.connected_at else "alerting"


@dataclass(frozen=True)
class Callback:
    """One callback. A value: a change makes a new one (``Store.change``)."""

    id: str
    conversation_id: str
    number: str
    requested_at: datetime
    created_at: datetime
    updated_at: datetime
    queue_id: str
    dialect: str
    status: str = "pending"
    agent_id: str | None = None
    is_owned: bool = False
    name: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    reference: str = ""
    tag: str = ""
    priority: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    legs: tuple[Leg, ...] = ()
    ended_at: datetime | None = None
    disconnect_type: str = ""
    version: int = 1

    @property
    def is_live(self) -> bool:
        """Whether it is still to be done."""
        return self.status not in ENDED

    def status_at(self, now: datetime) -> str:
        """Its status; what is pending waits from its time on."""
        return "waiting" if self.status == "pending" and self.requested_at <= now else self.status


class Store:
    """All callbacks, also as they were a while ago: that is what a search that lags shows."""

    def __init__(self, file: Path | None = None, reference_key: str = "extId") -> None:
        self.reference_key = reference_key
        self.ledger = Ledger(file)
        self.callbacks: dict[str, Callback] = {}
        self._pasts: dict[str, list[tuple[datetime, Callback | None]]] = {}
        self.listeners: list[Callable[[str, Callback], None]] = []
        self._conversations: dict[str, list[str]] = {}
        self._numbers: dict[str, set[str]] = {}
        self._tags: dict[str, set[str]] = {}
        for line in self.ledger.lines:
            self._keep(line["id"], _revived(line["callback"]), instant(line["at"]) or _EARLY)

    def put(self, effect: str, callback: Callback, *, by: str, at: datetime) -> Callback:
        """Make an effect: it is in the ledger before anybody gets an answer."""
        callback = replace(callback, reference=self._reference(callback))
        self.ledger.write(effect, callback.id, callback.reference, _plain(callback), by=by, at=at)
        self._keep(callback.id, callback, at)
        for listener in self.listeners:
            listener(effect, callback)
        return callback

    def change(
        self, callback: Callback, *, effect: str, by: str, at: datetime, **changes: Any
    ) -> Callback:
        """The callback with these changes, a version later."""
        changed = replace(callback, **changes, updated_at=at, version=callback.version + 1)
        return self.put(effect, changed, by=by, at=at)

    def end(
        self, callback: Callback, status: str, *, by: str, at: datetime, disconnect: str = "client"
    ) -> Callback:
        """Cancelled, completed or expired, with the legs that were still open."""
        legs = tuple(
            leg if leg.ended_at else replace(leg, ended_at=at, disconnect_type=disconnect)
            for leg in callback.legs
        )
        effect = {"cancelled": "cancel", "completed": "done", "expired": "expire"}[status]
        return self.change(
            callback, effect=effect, by=by, at=at,
            status=status, ended_at=at, disconnect_type=disconnect, legs=legs,
        )  # fmt: skip

    def lose(self, callback: Callback, *, at: datetime) -> None:
        """Forget it, as no platform should."""
        gone = callback.id, callback.reference
        self.ledger.write("lose", *gone, None, by="practice", at=at)
        self._keep(callback.id, None, at)

    def in_conversation(self, conversation_id: str) -> list[Callback]:
        """Oldest first; more than one where callbacks were made on a conversation."""
        keys = self._conversations.get(conversation_id, [])
        return [self.callbacks[key] for key in keys if key in self.callbacks]

    def live_for(self, number: str) -> list[Callback]:
        """Those that are still to be done for a number."""
        found = (self.callbacks.get(key) for key in self._numbers.get(digits(number), ()))
        return [one for one in found if one and one.is_live and one.number == number]

    def live(self) -> Iterator[Callback]:
        """Those that are still to be done."""
        return (one for one in self.callbacks.values() if one.is_live)

    def as_of(self, moment: datetime, keys: Iterable[str] | None = None) -> list[Callback]:
        """All callbacks, or those with these ids, as they were then."""
        found = (self._past(key, moment) for key in (self._pasts if keys is None else keys))
        return [one for one in found if one is not None]

    def ever_with(self, *, number: str = "", tag: str = "") -> list[str]:
        """Ids of callbacks that ever had this number or tag, with all of their conversations."""
        keys = self._numbers.get(digits(number), set()) if number else self._tags.get(tag, set())
        rooms = {one.conversation_id for key in keys for _, one in self._pasts[key] if one}
        return [key for room in rooms for key in self._conversations[room]]

    def doubles(self) -> dict[str, list[str]]:
        """References with more than one live callback, and the ids of these."""
        found: dict[str, list[str]] = {}
        for callback in self.live():
            if callback.reference:
                found.setdefault(callback.reference, []).append(callback.id)
        return {reference: keys for reference, keys in found.items() if len(keys) > 1}

    def plain(self, callback: Callback) -> dict[str, Any]:
        """The callback as the ledger keeps it."""
        return _plain(callback)

    def clear(self) -> None:
        """Forget everything, also in the ledger's file."""
        self.ledger.clear()
        for held in (
            self.callbacks,
            self._pasts,
            self._conversations,
            self._numbers,
            self._tags,
        ):
            held.clear()

    def _past(self, key: str, moment: datetime) -> Callback | None:
        return next((one for at, one in reversed(self._pasts[key]) if at <= moment), None)

    def _keep(self, key: str, callback: Callback | None, at: datetime) -> None:
        if callback is None:
            self.callbacks.pop(key, None)
        else:
            if key not in self.callbacks:
                self._conversations.setdefault(callback.conversation_id, []).append(key)
            self._numbers.setdefault(digits(callback.number), set()).add(key)
            self._tags.setdefault(callback.tag, set()).add(key)
            self.callbacks[key] = callback
        past = self._pasts.setdefault(key, [])
        past.append((at, callback))
        while len(past) > 1 and past[1][0] < at - timedelta(hours=1):
            past.pop(0)

    def _reference(self, callback: Callback) -> str:
        return str(callback.data.get(self.reference_key) or callback.tag or "")


_EARLY = datetime(2000, 1, 1, tzinfo=UTC)


def digits(number: str) -> str:
    """A number without what people write between its digits."""
    return "".join(letter for letter in number if letter.isdigit())


def new_id() -> str:
    """A UUID, as both dialects' ids are."""
    return str(uuid.uuid4())


def _plain(value: Any) -> dict[str, Any]:
    """As the ledger keeps it."""
    plain = {
        name: stamp(held) if isinstance(held, datetime) else held
        for name, held in asdict(value).items()
    }
    if isinstance(value, Callback):
        plain["legs"] = [_plain(leg) for leg in value.legs]
    return plain


def _revived(plain: dict[str, Any] | None) -> Callback | None:
    if plain is None:
        return None
    legs = tuple(Leg(**_moments(leg, Leg)) for leg in plain["legs"])
    return Callback(**{**_moments(plain, Callback), "legs": legs})


def _moments(plain: dict[str, Any], kind: type[Callback] | type[Leg]) -> dict[str, Any]:
    names = {one.name for one in fields(kind) if one.name.endswith("_at")}
    return {
        name: instant(held) if name in names and held is not None else held
        for name, held in plain.items()
    }
