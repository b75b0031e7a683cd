"""Which event of a callback's history is told as which type; and what time alone makes happen.

The database's ``ringback_event_type`` says the same, in the trigger that fans out; a test holds the
two together, and every kind of history event is mapped on purpose.
"""

import uuid
from collections.abc import Mapping

from callbacks.models import HistoryEvent
from callbacks.models.webhook import EventType

What = HistoryEvent.What
TYPE_OF: Mapping[str, str | None] = {
    What.SCHEDULED: EventType.CREATED,
    What.RESCHEDULED: EventType.CHANGED,
    What.CHANGED: EventType.CHANGED,
    What.OWNERSHIP_TAKEN: EventType.CHANGED,
    What.OWNERSHIP_GIVEN_UP: EventType.CHANGED,
    What.HANDED_OVER: EventType.CHANGED,
    What.CANCELLED: EventType.CANCELLED,
    What.DUPLICATE_PREVENTED: None,  # nothing became of it
    What.FELL_DUE: EventType.DUE,
    What.HELD: EventType.CHANGED,
    What.REASSIGNED: EventType.CHANGED,
    What.RETURNED: EventType.CHANGED,
    What.OFFERED: EventType.OFFERED,
    What.DECLINED: EventType.CHANGED,
    What.MISSED: EventType.CHANGED,
    What.WITHDRAWN: EventType.CHANGED,
    What.ACCEPTED: EventType.CHANGED,
    What.INTERRUPTED: EventType.CHANGED,
    What.RETRY: EventType.CHANGED,
    What.COMPLETED: EventType.COMPLETED,
    # These are over, too; but a type must not say "completed" where no contact was reached.
    What.FAILED: EventType.CHANGED,
    What.CONVERTED: EventType.CHANGED,
    What.EXPIRED: EventType.EXPIRED,
    What.REVIVED: EventType.CHANGED,
    What.SYNCHRONISED: None,  # between Ringback and the platform; nothing changed for the contact
}
REASONS: Mapping[str, str] = {
    EventType.OVERDUE: "The callback window has ended, and the callback is still open.",
    EventType.STUCK: "It is due, and nothing has happened to it for longer than the queue allows.",
    EventType.SLA_BREACHED: "The service level's deadline passed before any attempt was made.",
}
"""What time makes happen, in words."""
_NAMES = uuid.UUID("0199f4a0-6f3e-7c55-9d0a-6b1f3c2e8d74")


def derived_key(event_type: str, callback_id: uuid.UUID, cause: object) -> uuid.UUID:
    """The key of an event that no history holds: the same for the same callback and cause."""
    return uuid.uuid5(_NAMES, f"{event_type}:{callback_id}:{cause}")
