"""The journal: every change leaves a history event and an outbox message, in its transaction.

Every verb of the domain ends here. Nothing else writes these two tables.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from callbacks.access import Actor
from callbacks.lifecycle import Status
from callbacks.models import Callback, HistoryEvent, OutboxMessage
from callbacks.models.callback import Hold
from callbacks.models.compiled import insert, insert_all

What = HistoryEvent.What
Action = OutboxMessage.Action

LABELS: Mapping[str, str] = {
    "status": "Status",
    "wall": "Time",
    "requested_at": "Moment",
    "window": "Callback window",
    "phone_number": "Phone number",
    "phone_extension": "Extension",
    "contact_name": "Contact name",
    "contact_time_zone": "Contact is in",
    "queue": "Queue",
    "owner": "Owner",
    "ownership_expires_at": "Owned until",
    "agent": "With",
    "held_for": "Held back",
    "preferred_agent": "Routed if possible to",
    "reason": "Reason",
    "ticket_id": "Ticket",
    "priority": "Priority",
    "skills": "Skills",
    "external_data": "External data",
    "is_outside_hours_agreed": "Outside calling hours",
    "due_by": "Due by",
    "tzdata_version": "Zone data",
}
"""What is kept of a callback in its history, in the order of display, with its name."""
DERIVED = frozenset({"requested_at", "window", "ownership_expires_at", "due_by", "tzdata_version"})
"""Kept for the record, but not worth telling a person beside what they follow from."""
OF_PEOPLE = frozenset({LABELS["owner"], LABELS["preferred_agent"], LABELS["agent"]})

NOTHING = (None, "", False, 0)
"""Not worth a line in the history of a callback that was just made."""


@dataclass(frozen=True)
class Names:
    """What history calls a callback's queue and people: as they were called then."""

    queue: str
    owner: str | None
    preferred_agent: str | None
    agent: str | None = None

    @classmethod
    def of(cls, callback: Callback) -> "Names":
        """Read from the callback's own relations, which should be loaded."""
        owner, preferred, agent = callback.owner, callback.preferred_agent, callback.agent
        return cls(
            str(callback.queue),
            str(owner) if owner else None,
            str(preferred) if preferred else None,
            str(agent) if agent else None,
        )


def snapshot(callback: Callback, names: Names | None = None) -> dict[str, Any]:
    """The callback's tracked values, as JSON holds them."""
    names = names or Names.of(callback)
    return {
        "status": str(callback.status),
        "wall": wall_in_words(callback),
        "requested_at": _stamp(callback.requested_at),
        "window": f"{_stamp(callback.window_starts_at)}/{_stamp(callback.window_ends_at)}",
        "phone_number": callback.phone_number,
        "phone_extension": callback.phone_extension,
        "contact_name": callback.contact_name,
        "contact_time_zone": callback.contact_time_zone,
        "queue": names.queue,
        "owner": names.owner,
        "ownership_expires_at": _stamp(callback.ownership_expires_at),
        "agent": names.agent,
        "held_for": callback.held_for,
        "preferred_agent": names.preferred_agent,
        "reason": callback.reason,
        "ticket_id": callback.ticket_id,
        "priority": callback.priority,
        "skills": ", ".join(callback.skills),
        "external_data": _written(callback.external_data),
        "is_outside_hours_agreed": callback.is_outside_hours_agreed,
        "due_by": _stamp(callback.due_by),
        "tzdata_version": callback.tzdata_version,
    }


def _written(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True) if data else ""


def wall_in_words(callback: Callback) -> str:
    """The promise as it was given: wall time and zone, and which of two where it exists twice."""
    which = " (the second one)" if callback.fold else ""
    return f"{callback.wall_date} {callback.wall_time:%H:%M}{which} {callback.time_zone}"


def record(
    callback: Callback,
    what: str,
    *,
    by: Actor,
    at: datetime,
    before: Mapping[str, Any],
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    action: str | None = Action.UPDATE,
) -> HistoryEvent:
    """Write down what just changed, and put it into the outbox unless ``action`` is ``None``.

    Must run in the transaction of the change. ``before`` is the snapshot taken before it; only
    what differs is kept.
    """
    entry = Entry(callback, what, before, after, reason, action)
    event = _event(entry, by, at)
    insert(event)
    if action is not None:
        insert(OutboxMessage(callback=callback, event=event, action=action, created_at=at))
    return event


@dataclass(frozen=True)
class Entry:
    """What is to be written down of one callback, where many change together."""

    callback: Callback
    what: str
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None = None
    reason: str = ""
    action: str | None = None
    at: datetime | None = None
    """When, where it is not the moment of all (aware UTC)."""


def record_all(entries: Sequence[Entry], *, by: Actor, at: datetime) -> None:
    """Write down many changes, as ``record`` does one. Two statements however many they are."""
    events = [_event(entry, by, at) for entry in entries]
    insert_all(events)
    insert_all(
        OutboxMessage(callback=entry.callback, event=event, action=entry.action, created_at=at)
        for entry, event in zip(entries, events, strict=True)
        if entry.action is not None
    )


def _event(entry: Entry, by: Actor, at: datetime) -> HistoryEvent:
    before, after = entry.before, entry.after
    if after is None:
        after = snapshot(entry.callback)
    changed = [name for name in after if before.get(name) != after[name]]
    return HistoryEvent(
        callback=entry.callback,
        what=entry.what,
        at=entry.at or at,
        actor_kind=by.kind,
        actor=by.user,
        actor_name=by.name,
        before={name: before[name] for name in changed if name in before},
        after={name: after[name] for name in changed},
        reason=entry.reason,
        version=entry.callback.version,
    )


def changes_in_words(event: HistoryEvent) -> list[str]:
    """What an event changed, one sentence each: ``Queue: Support → Billing``."""
    return [
        _change_in_words(label, event.before.get(name), event.after[name])
        for name, label in LABELS.items()
        if name in event.after
        and name not in DERIVED
        and (event.before or event.after[name] not in NOTHING)
    ]


def _change_in_words(label: str, before: object, after: object) -> str:
    if before in (None, "", False):
        return f"{label}: {_value(label, after)}"
    return f"{label}: {_value(label, before)} → {_value(label, after)}"


def _value(label: str, value: object) -> str:
    if value in (None, ""):
        return "nobody" if label in OF_PEOPLE else "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if label == LABELS["status"]:
        return str(Status(str(value)).label)
    if label == LABELS["held_for"]:
        return str(Hold(str(value)).label).lower()
    return str(value)


def _stamp(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def since(callback_id: Any, version: int) -> models.QuerySet[HistoryEvent]:
    """The events after a version: what happened since somebody looked, latest last."""
    return HistoryEvent.objects.filter(callback=callback_id, version__gt=version)
