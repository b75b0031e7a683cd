"""The journal: every change leaves a history event and an outbox message, in its transaction.

Every verb of the domain ends here. Nothing else writes these two tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from callbacks.access import Actor
from callbacks.lifecycle import Status
from callbacks.models import Callback, HistoryEvent, OutboxMessage

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
    "preferred_agent": "Routed if possible to",
    "reason": "Reason",
    "ticket_id": "Ticket",
    "priority": "Priority",
    "is_outside_hours_agreed": "Outside calling hours",
    "due_by": "Due by",
    "tzdata_version": "Zone data",
}
"""What is kept of a callback in its history, in the order of display, with its name."""
DERIVED = frozenset({"requested_at", "window", "ownership_expires_at", "due_by", "tzdata_version"})
"""Kept for the record, but not worth telling a person beside what they follow from."""

NOTHING = (None, "", False, 0)
"""Not worth a line in the history of a callback that was just made."""


@dataclass(frozen=True)
class Names:
    """What history calls a callback's queue and people: as they were called then."""

    queue: str
    owner: str | None
    preferred_agent: str | None

    @classmethod
    def of(cls, callback: Callback) -> "Names":
        """Read from the callback's own relations, which should be loaded."""
        owner, preferred = callback.owner, callback.preferred_agent
        return cls(
            str(callback.queue),
            str(owner) if owner else None,
            str(preferred) if preferred else None,
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
        "preferred_agent": names.preferred_agent,
        "reason": callback.reason,
        "ticket_id": callback.ticket_id,
        "priority": callback.priority,
        "is_outside_hours_agreed": callback.is_outside_hours_agreed,
        "due_by": _stamp(callback.due_by),
        "tzdata_version": callback.tzdata_version,
    }


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
    after = after or snapshot(callback)
    changed = [name for name in after if before.get(name) != after[name]]
    event = HistoryEvent.objects.create(
        callback=callback,
        what=what,
        at=at,
        actor_kind=by.kind,
        actor=by.user,
        actor_name=by.name,
        before={name: before[name] for name in changed if name in before},
        after={name: after[name] for name in changed},
        reason=reason,
        version=callback.version,
    )
    if action is not None:
        OutboxMessage.objects.create(callback=callback, event=event, action=action, created_at=at)
    return event


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
        return "nobody" if label in {LABELS["owner"], LABELS["preferred_agent"]} else "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if label == LABELS["status"]:
        return str(Status(str(value)).label)
    return str(value)


def _stamp(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def since(callback_id: Any, version: int) -> models.QuerySet[HistoryEvent]:
    """The events after a version: what happened since somebody looked, latest last."""
    return HistoryEvent.objects.filter(callback=callback_id, version__gt=version)
