"""Signed events from a platform: kept at once, applied by the exchange, each of them once.

The request that brings one only checks it and writes it down, so ten thousand in a minute are no
burden. What it says is applied in bulk, and only where it is newer than what is known: events come
twice, late, and in another order. One about a callback that nobody knows here proves nothing by
itself: it hastens the next look at the platform.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from callbacks.models import Connection, Counterpart, PlatformEvent
from callbacks.models.connection import Dialect
from callbacks.models.encrypted import Sealed, Unreadable
from callbacks.sync import returning
from callbacks.sync.platforms.base import Remote
from callbacks.sync.platforms.guide import portrayed
from callbacks.sync.returning import Tidings

TOLERANCE = timedelta(minutes=5)
"""So far a signature's moment may lie from ours, either way."""
KEPT_FOR = timedelta(days=3)
"""So long an event's id is remembered: longer than anybody sends it again."""
AT_ONCE = 200
LOOKS_APART = timedelta(seconds=5)
READERS: Mapping[str, Callable[[Mapping[str, Any]], Remote]] = {Dialect.GUIDE: portrayed}


class Forged(Exception):
    """It does not come from the platform, or somebody recorded it and sends it again."""


class Meaningless(Exception):
    """It comes from the platform, and is no event."""


def set_secret(connection: Connection, secret: str) -> None:
    """From now on the platform's events are signed with this; empty: none are taken."""
    connection.webhook_secret = Sealed.of(secret) if secret else None
    connection.save(update_fields=["webhook_secret"])


def take_in(connection_id: uuid.UUID, signature: str, body: bytes, at: datetime) -> bool:
    """Write the event down; whether it is new. Two statements. Raises ``Forged``, ``Meaningless``.

    ``signature``: ``t=<unix>,v1=<hex>``, of which one ``v1`` must fit (docs/webhooks.md).
    """
    connection = (
        Connection.objects.only("webhook_secret", "dialect").filter(pk=connection_id).first()
    )
    if connection is None or connection.dialect not in READERS:
        raise Forged
    if not is_signed(connection, signature, body, at):
        raise Forged
    event, callback = _read(body)
    made = PlatformEvent.objects.bulk_create(
        [
            PlatformEvent(
                connection=connection, event=event, received_at=at, body=callback,
                external_id=str(callback.get("id", "")) if callback else "",
                applied_at=None if callback else at,
            )
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    return bool(made)


def is_signed(connection: Connection, signature: str, body: bytes, at: datetime) -> bool:
    """Whether whoever sent it knows the secret, and sent it within five minutes of ``at``."""
    try:
        secret = connection.webhook_secret.open() if connection.webhook_secret else ""
    except Unreadable:
        return False
    fields = [field.strip().partition("=") for field in signature[:2000].split(",")]
    moment = next((value for name, _, value in fields if name == "t"), "")
    if not secret or not (moment.isascii() and moment.isdigit() and len(moment) < 12):
        return False
    if abs(at.timestamp() - int(moment)) > TOLERANCE.total_seconds():
        return False
    right = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return any(
        hmac.compare_digest(right.encode(), value.encode())
        for name, _, value in fields
        if name == "v1"
    )


def _read(body: bytes) -> tuple[str, dict[str, Any] | None]:
    """The event's id and its callback; ``None`` where it is about none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Meaningless from None
    if not isinstance(said, dict) or b"\\u0000" in body:
        raise Meaningless
    event, callback = said.get("id"), said.get("callback")
    if not isinstance(event, str) or not 0 < len(event) <= 255:
        raise Meaningless
    if callback is None:
        return event, None
    if not isinstance(callback, dict) or not 0 < len(str(callback.get("id", ""))) <= 255:
        raise Meaningless
    return event, callback


# --- applying ----------------------------------------------------------------------------------


def apply(connection: Connection, at: datetime) -> int:
    """Let what was told hold here, too, the newest about each callback; how many events it took.

    One statement where there are none. What is being sent waits for its own answer first.
    """
    sending = Counterpart.objects.filter(
        connection=connection, external_id=OuterRef("external_id"), state=Counterpart.State.SENDING
    )
    waiting = PlatformEvent.objects.filter(connection=connection, applied_at__isnull=True)
    events = list(waiting.exclude(Exists(sending)).order_by("id")[:AT_ONCE])
    if not events:
        return 0
    with transaction.atomic():
        _apply(connection, events, at)
    return len(events)


def _apply(connection: Connection, events: Sequence[PlatformEvent], at: datetime) -> None:
    read = READERS[connection.dialect]
    newest: dict[str, Remote] = {}
    for event in events:
        remote = read(event.body or {})
        newest[remote.id] = _newer(newest.get(remote.id), remote)
    asked_at = min(event.received_at for event in events)
    told = Tidings(connection, at, asked_at, is_event=True)
    unknown = returning.apply_all(list(newest.values()), told)
    if any(not remote.is_over for remote in unknown):
        _hasten(connection, at)
    keys = [event.pk for event in events]
    PlatformEvent.objects.filter(pk__in=keys).update(applied_at=at, body=None)


def _newer(one: Remote | None, other: Remote) -> Remote:
    """By the platform's own account; without one, in the order in which they came."""
    if one is None or one.changed_at is None or other.changed_at is None:
        return other
    return other if other.changed_at >= one.changed_at else one


def _hasten(connection: Connection, at: datetime) -> None:
    """Look at the platform now, unless that was just done: it may have something that we have not."""
    last = connection.polled_at
    if connection.poll_began_at is None and (last is None or at - last > LOOKS_APART):
        connection.poll_at = at
        connection.save(update_fields=["poll_at"])


def prune(at: datetime) -> int:
    """Forget events that nobody sends again; how many."""
    old = PlatformEvent.objects.filter(received_at__lt=at - KEPT_FOR).order_by("received_at")
    gone = 0
    while keys := list(old.values_list("pk", flat=True)[:5_000]):
        gone += PlatformEvent.objects.filter(pk__in=keys).delete()[0]
    return gone
