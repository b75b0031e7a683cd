"""Planned schedules: shifts come in, and tell who is free when."""

from callbacks.planning.availability import Availability, availability
from callbacks.planning.reading import ShiftsRefused
from callbacks.planning.shifts import Import, import_shifts

__all__ = ["Availability", "Import", "ShiftsRefused", "availability", "import_shifts"]
