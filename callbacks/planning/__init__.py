"""Planned schedules: shifts come in, and tell who is free when."""

from callbacks.planning.agents import AgentAvailability, availability_of
from callbacks.planning.availability import Availability, Busy, availability
from callbacks.planning.intervals import require_interval
from callbacks.planning.reading import ShiftsRefused
from callbacks.planning.shifts import Import, import_shifts

__all__ = [
    "AgentAvailability",
    "Availability",
    "Busy",
    "Import",
    "ShiftsRefused",
    "availability",
    "availability_of",
    "import_shifts",
    "require_interval",
]
