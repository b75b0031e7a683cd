"""What every door hands in: form, API, CSV row and test build the same plain value."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, kw_only=True)
class CallbackRequest:
    """A wish for a callback, as it was given: texts are still texts, so that all can be examined.

    The moment is either a wall time (``date``, ``time``, ``time_zone``, and ``fold`` where that
    time exists twice) or, from a program, an aware ``requested_at``.
    """

    queue_id: uuid.UUID | None
    phone_number: str
    date: str = ""
    time: str = ""
    time_zone: str = ""
    fold: int | None = None
    requested_at: datetime | None = None
    as_soon_as_possible: bool = False
    """No time was wished for: now, or when calls may next be made (a program left it out)."""
    contact_name: str = ""
    contact_time_zone: str = ""
    """Where the contact is; empty: from the number where it tells, else the zone of the promise."""
    window_starts_at: datetime | None = None
    window_lead: timedelta = timedelta(0)
    """How long before the requested time the window opens, where its start is not given."""
    window_duration: timedelta | None = None
    owner_id: uuid.UUID | None = None
    """The agent who takes ownership."""
    preferred_agent_id: uuid.UUID | None = None
    """The agent of “Route callback to me if possible”."""
    falls_back: bool = False
    """Whether a callback whose owner cannot own it goes to the team lead, else to the queue,
    instead of being refused (rules §2.11: programs yes, the panel no)."""
    skills: Sequence[str] = ()
    """Names of skills that the agent needs beside those of the queue."""
    reason: str = ""
    ticket_id: str = ""
    conversation_id: str = ""
    external_data: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0
    consent: bool | None = None
    consent_required: bool = False
    """Whether this door insists on consent, whatever the queue says (rules §2.7: the panel does)."""
    allow_outside_calling_hours: bool = False
    """Warn about the calling hours instead of refusing (rules §2.10)."""
    request_key: uuid.UUID | None = None
    """Unique to the filled-in form: sent twice, it makes one callback."""
