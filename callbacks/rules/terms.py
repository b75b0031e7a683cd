"""A queue's terms as plain values: what its admin promises, without any database."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from callbacks.rules.calling_hours import CallingHours


@dataclass(frozen=True)
class ServiceLevelTerms:
    """The service level that holds for a queue."""

    name: str
    threshold: timedelta
    starts_at_creation: bool = False
    business_hours_only: bool = False

    def due_by(
        self, requested_at: datetime, created_at: datetime, hours: CallingHours, zone: str
    ) -> datetime:
        """By when the callback must have been made (UTC)."""
        start = created_at if self.starts_at_creation else requested_at
        if self.business_hours_only:
            return hours.after_open_time(start, self.threshold, zone)
        return start + self.threshold


DEFAULT_LEVEL = ServiceLevelTerms("Callback Response", timedelta(hours=24))
"""For the case that an admin deleted every service level."""


@dataclass(frozen=True)
class QueueTerms:
    """What holds for callbacks of one queue."""

    id: uuid.UUID
    name: str
    is_active: bool = True
    default_region: str = "US"
    window_duration: timedelta = timedelta(hours=1)
    consent_required: bool = False
    ownership_enabled: bool = True
    schedule_ahead_limit: timedelta = timedelta(days=30)
    ownership_period: timedelta = timedelta(days=1)
    level: ServiceLevelTerms = DEFAULT_LEVEL
    hours: CallingHours = field(default_factory=CallingHours)
    slot_capacity: int | None = None
    """How many promises fit into each half hour; ``None``: any number."""
    platform: str = ""
    """The connection that is told of its callbacks; empty where none is."""


@dataclass(frozen=True)
class OwnerFacts:
    """What decides whether an agent can own a callback in a queue (rules §2.11)."""

    id: uuid.UUID
    name: str
    is_active: bool = True
    is_member: bool = True
    lacking_skills: tuple[str, ...] = ()
    absences: tuple[tuple[datetime, datetime, str], ...] = ()
    """Planned stretches off the queue, from the agent's shifts: start, end (UTC), activity."""
    team_lead_id: uuid.UUID | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "OwnerFacts":
        """Facts from the JSON that the database puts together."""
        return cls(
            id=uuid.UUID(row["id"]),
            name=row["name"],
            is_active=row["is_active"],
            is_member=row["is_member"],
            lacking_skills=tuple(row["lacking_skills"]),
            absences=tuple(
                (datetime.fromisoformat(a["from"]), datetime.fromisoformat(a["to"]), a["what"])
                for a in row["absences"]
            ),
            team_lead_id=uuid.UUID(row["team_lead_id"]) if row["team_lead_id"] else None,
        )
