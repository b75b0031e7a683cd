"""Who hears what: a pure decision on what the database told, and on whom it may concern.

It follows ``callbacks.access``: whoever may read a callback hears that it changed, and so does
whoever could read it until then, since it has to leave their screen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callbacks.models import Role

MINE = "mine"
"""It concerns the person themselves."""
QUEUE = "queue"
"""It concerns a queue in which they work, or that they watch."""


@dataclass(frozen=True, slots=True)
class Hearer:
    """Somebody with a stream; keys as texts, as the database tells them."""

    user: str
    role: str
    member_of: frozenset[str] = frozenset()
    supervises: frozenset[str] = frozenset()

    def hears(self, told: Mapping[str, Any]) -> tuple[str, ...]:
        """As what it concerns this person: ``MINE``, ``QUEUE``, both, or nothing."""
        if "agent" in told:
            return self._hears_of_agent(told["agent"])
        of_them = self.user in (told.get("people") or ())
        of_queue = self._watches(told)
        return ((MINE,) if of_them else ()) + ((QUEUE,) if of_queue else ())

    def _watches(self, told: Mapping[str, Any]) -> bool:
        queues = told.get("queues") or ()
        if self.role == Role.ADMIN or not self.supervises.isdisjoint(queues):
            return True
        return bool(told.get("unowned")) and not self.member_of.isdisjoint(queues)

    def _hears_of_agent(self, agent: str) -> tuple[str, ...]:
        watches = self.role in {Role.SUPERVISOR, Role.ADMIN}
        return ((MINE,) if agent == self.user else ()) + ((QUEUE,) if watches else ())
