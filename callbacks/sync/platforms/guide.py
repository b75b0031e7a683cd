"""The guide's contract as a client: also how one Ringback keeps another one in step.

Only fields that the guide itself names are sent, and strings alone as external data: whoever serves
that contract to the letter takes every request. What it has no field for travels as strings.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from callbacks.sync.platforms.base import (
    CannotPatch,
    Change,
    Content,
    Gone,
    InTheWay,
    NoAnswer,
    Page,
    Person,
    PlatformError,
    QueueLimits,
    Refused,
    Remote,
    Result,
    Standing,
)
from callbacks.sync.platforms.web import Session, Told

CALLBACKS = "/api/v2/callbacks"
REFERENCE = "extId"
"""Where our reference stands among the external data; another one may use it otherwise."""
PAGE = 200
STANDINGS: Mapping[str, str] = {
    "pending": Standing.SCHEDULED,
    "waiting": Standing.WAITING,
    "offered": Standing.OFFERED,
    "in_progress": Standing.IN_PROGRESS,
    "completed": Standing.DONE,
    "converted": Standing.DONE,
    "cancelled": Standing.CANCELLED,
    "expired": Standing.EXPIRED,
    "failed": Standing.FAILED,
}
OVER = ("callback.ended", "callback.over")


class Guide:
    """One platform that speaks the guide's contract."""

    takes_many = True
    changes_many = False
    finds_at_once = True
    cannot_hold = frozenset({"preferred", "priority"})

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- out -----------------------------------------------------------------------------------

    def create(self, content: Content) -> Remote:
        """POST; 409 names the callback that is in the way."""
        payload = _payload(content)
        headers = {"Idempotency-Key": _key(content, payload)}
        told = self._session.ask(
            "POST", CALLBACKS, payload, seen=(409,), headers=headers, is_permitted=True
        )
        if told.status == 409:
            raise _in_the_way(told.content, told.text)
        return _remote(told)

    def create_many(self, contents: Sequence[Content]) -> Sequence[Result]:
        """POST of a batch. What the answer does not tell of stays open."""
        payloads = [_payload(content) for content in contents]
        key = hashlib.sha256(json.dumps(payloads, sort_keys=True).encode()).hexdigest()
        told = self._session.ask(
            "POST", f"{CALLBACKS}/batch", {"callbacks": payloads},
            headers={"Idempotency-Key": key}, is_permitted=True,
        )  # fmt: skip
        results = _results(told)
        return [
            _result(results.get(index), content, told.text)
            for index, content in enumerate(contents)
        ]

    def mark(self, remote: Remote, content: Content) -> None:
        """The reference went along when it was made."""

    def update(self, remote: Remote, before: Content | None, wanted: Content) -> Remote:
        """PATCH of what differs."""
        changes = _changes(before, wanted)
        if not changes:
            return remote
        told = self._session.ask(
            "PATCH", _address(remote.id), changes, seen=(409,), is_permitted=True
        )
        if told.status == 409:
            raise self._conflict(told)
        return _remote(told)

    def goes_with_others(self, change: Change) -> bool:
        """The contract's batch only makes."""
        return False

    def update_many(self, changes: Sequence[Change]) -> Sequence[Result]:
        """None can go together."""
        raise CannotPatch("The contract has no request for many changes.")

    def cancel(self, remote: Remote, reason: str) -> None:
        """PATCH of the status; one that is over already is fine."""
        told = self._session.ask(
            "PATCH", _address(remote.id), {"status": "cancelled"}, seen=(409,), is_permitted=True
        )
        if told.status == 409 and _code(told.content) not in OVER:
            raise self._conflict(told)

    def _conflict(self, told: Told) -> PlatformError:
        if _code(told.content) in OVER:
            return Gone("It is over there.", answer=told.text)
        if _code(told.content) == "callback.exists":
            return _in_the_way(told.content, told.text)
        return Refused(_said(told.content) or "It answered 409.", answer=told.text)

    # --- what it has ---------------------------------------------------------------------------

    def find(self, content: Content) -> Sequence[Remote]:
        """All of this number that carry the reference."""
        found, cursor = [], None
        while True:
            page = self._page(phoneNumber=content.number, cursor=cursor)
            found += [one for one in page.remotes if one.reference == content.reference]
            if page.cursor is None:
                return found
            cursor = page.cursor

    def fetch(self, external_id: str) -> Remote:
        """GET."""
        return _remote(self._session.get(_address(external_id)))

    def changes(self, since: datetime, cursor: str | None) -> Page:
        """All that is open there: the contract cannot be asked for changes alone."""
        return self._page(status="pending", cursor=cursor)

    def _page(self, **query: Any) -> Page:
        told = self._session.get(CALLBACKS, pageSize=PAGE, **query)
        content = told.content
        if not isinstance(content, dict) or not isinstance(content.get("entities"), list):
            raise NoAnswer("The list has no entities.", answer=told.text[:1000])
        cursor = content.get("nextCursor")
        return Page(
            [portrayed(one) for one in content["entities"] if isinstance(one, dict)],
            str(cursor) if cursor else None,
        )

    def people(self) -> Iterable[Person]:
        """Its agents, where it tells of them."""
        for one in self._entities("/api/v2/agents"):
            yield Person(
                str(one.get("id", "")),
                str(one.get("name", "")),
                presence=str(one.get("presence", "")),
            )

    def queues(self) -> Mapping[str, str]:
        """Its queues, where it tells of them."""
        return {
            str(one.get("id")): str(one.get("name")) for one in self._entities("/api/v2/queues")
        }

    def limits(self) -> Mapping[str, QueueLimits]:
        """The contract tells only their names."""
        return {key: QueueLimits(name) for key, name in self.queues().items()}

    def _entities(self, path: str) -> Iterable[Mapping[str, Any]]:
        cursor = None
        while True:
            try:
                content = self._session.get(path, pageSize=PAGE, cursor=cursor).content
            except Gone:
                return
            if not isinstance(content, dict):
                return
            yield from (one for one in content.get("entities", ()) if isinstance(one, dict))
            if not (cursor := content.get("nextCursor")):
                return


# --- what is sent ------------------------------------------------------------------------------


def _payload(content: Content) -> dict[str, Any]:
    """The guide's payload; a queue only where we know what it is called there."""
    payload: dict[str, Any] = {
        "target": {"id": content.number, "type": "phoneNumber"},
        "requestedTime": stamp(content.requested_at),
        "callbackWindow": _window(content),
        "externalData": _data(content),
        "status": "pending",
    }
    if content.owner:
        payload["agentId"] = content.owner
    if content.queue:
        payload["queueId"] = content.queue
    return payload


def _changes(before: Content | None, wanted: Content) -> dict[str, Any]:
    """What differs; without a before, all of it."""
    changes: dict[str, Any] = {}
    if before is None or before.number != wanted.number:
        changes["target"] = {"id": wanted.number, "type": "phoneNumber"}
    if before is None or _when(before) != _when(wanted):
        changes["requestedTime"] = stamp(wanted.requested_at)
        changes["callbackWindow"] = _window(wanted)
    if before is None or before.owner != wanted.owner:
        changes["agentId"] = wanted.owner
    if wanted.queue and (before is None or before.queue != wanted.queue):
        changes["queueId"] = wanted.queue
    if before is None or _data(before) != _data(wanted):
        changes["externalData"] = _data(wanted)
    return changes


def _when(content: Content) -> tuple[datetime, datetime, int]:
    return content.requested_at, content.window_starts_at, content.window_seconds


def _window(content: Content) -> dict[str, Any]:
    return {"duration": content.window_seconds, "startTime": stamp(content.window_starts_at)}


def _data(content: Content) -> dict[str, str]:
    named = {"contactName": content.name} if content.name else {}
    return {**content.data, **named, REFERENCE: content.reference}


def _key(content: Content, payload: Mapping[str, Any]) -> str:
    """The same request has the same key; another one never has."""
    written = json.dumps(payload, sort_keys=True).encode()
    return f"{content.reference}:{hashlib.sha256(written).hexdigest()[:16]}"


def _address(external_id: str) -> str:
    return f"{CALLBACKS}/{quote(external_id, safe='')}"


def stamp(moment: datetime) -> str:
    """UTC, in milliseconds, with ``Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


# --- what comes back ---------------------------------------------------------------------------


def _remote(told: Told) -> Remote:
    """The callback that an answer holds; without an id, it leaves open what happened."""
    content = told.content
    if not isinstance(content, dict) or not content.get("id"):
        raise NoAnswer("The answer holds no callback.", answer=told.text[:1000])
    return portrayed(content)


def portrayed(one: Mapping[str, Any]) -> Remote:
    """A callback as the contract shows it, in answers and in events."""
    data = one.get("externalData")
    strings = {str(k): _string(v) for k, v in data.items()} if isinstance(data, dict) else {}
    target, window = one.get("target"), one.get("callbackWindow")
    owner = one.get("agentId")
    return Remote(
        id=str(one.get("id", "")),
        standing=STANDINGS.get(str(one.get("status")), Standing.UNKNOWN),
        number=str(target.get("id", "")) if isinstance(target, dict) else "",
        requested_at=moment_in(one.get("requestedTime")),
        reference=strings.pop(REFERENCE, ""),
        owner=str(owner) if owner else None,
        queue=str(one.get("queueId") or ""),
        name=strings.pop("contactName", "") or _name(one.get("contact")),
        window_seconds=_whole(window.get("duration")) if isinstance(window, dict) else None,
        data=strings,
        changed_at=moment_in(one.get("updatedAt")),
        outcome=str(one.get("status", "")),
        attempts=_whole(one.get("attempts")),
    )


def _name(contact: Any) -> str:
    return str(contact.get("name") or "") if isinstance(contact, dict) else ""


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment_in(said: Any) -> datetime | None:
    """An ISO 8601 moment with Z or an offset, in UTC; ``None`` for anything else."""
    try:
        moment = datetime.fromisoformat(str(said))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _results(told: Told) -> dict[int, Mapping[str, Any]]:
    """What the answer tells, by index: it may come in any order, and lack some."""
    content = told.content
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, list):
        raise NoAnswer("The answer to the batch tells no results.", answer=told.text[:1000])
    return {
        one["index"]: one
        for one in results
        if isinstance(one, dict) and isinstance(one.get("index"), int)
    }


def _result(one: Mapping[str, Any] | None, content: Content, text: str) -> Result:
    if one is None:
        return NoAnswer("The answer to the batch does not tell of it.", answer=text[:1000])
    made = one.get("callback")
    if isinstance(made, dict) and made.get("id"):
        remote = portrayed(made)
        if remote.reference in ("", content.reference):
            return remote
        return NoAnswer("The answer to the batch tells of another one.", answer=str(one)[:1000])
    return _refused(one)


def _refused(one: Mapping[str, Any]) -> PlatformError:
    error = one.get("error")
    answer = json.dumps(one, ensure_ascii=False)[:1000]
    if not isinstance(error, dict):
        return NoAnswer("The answer to the batch says neither yes nor no.", answer=answer)
    status = _whole(one.get("status")) or _whole(error.get("status")) or 400
    if status == 409:
        return _in_the_way(error, answer)
    if status == 429 or status >= 500:
        return NoAnswer(_said(error) or f"It answered {status}.", answer=answer)
    return Refused(_said(error) or f"It answered {status}.", answer=answer)


def _in_the_way(error: Any, answer: str) -> InTheWay:
    existing = error.get("existing") if isinstance(error, dict) else None
    key = existing.get("id") if isinstance(existing, dict) else existing
    said = _said(error) or "It has a callback for this contact already."
    return InTheWay(said, existing_id=str(key or ""), answer=answer[:1000])


def _code(error: Any) -> str:
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def _said(error: Any) -> str:
    return str(error.get("message", ""))[:500] if isinstance(error, dict) else ""


__all__ = ["CannotPatch", "Guide", "moment_in", "portrayed", "stamp"]
