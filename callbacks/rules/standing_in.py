"""Who stands in for an owner who cannot take a callback: peer, else team lead, else queue (rules §3.5)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Peer:
    """An agent of the owner's team who could own it: active, a member, with the skills."""

    id: uuid.UUID
    name: str
    is_available: bool
    """Due now: On Queue and idle. Still to come: no planned absence over the whole window."""
    is_lead: bool = False
    idle_since: datetime = LONG_AGO
    load: int = 0
    """How many open callbacks they own already."""


@dataclass(frozen=True)
class StandIn:
    """Who gets it: an agent, or with ``None`` the queue; and why, in words."""

    agent_id: uuid.UUID | None
    name: str
    reason: str


def stand_in(
    owner_id: uuid.UUID | None, why_owner_cannot: str, peers: Sequence[Peer], queue: str
) -> StandIn:
    """The available peer with the fewest promises, else the team lead, else the queue."""
    others = [peer for peer in peers if peer.id != owner_id]
    able = [peer for peer in others if peer.is_available and not peer.is_lead]
    if able:
        best = min(able, key=lambda peer: (peer.load, peer.idle_since, str(peer.id)))
        return StandIn(
            best.id, best.name, f"{why_owner_cannot}; {best.name} of the team is available."
        )
    lead = next((peer for peer in others if peer.is_lead), None)
    if lead:
        return StandIn(
            lead.id,
            lead.name,
            f"{why_owner_cannot}; nobody of the team is available, so it goes to the team lead, "
            f"{lead.name}.",
        )
    return StandIn(
        None, queue, f"{why_owner_cannot}; nobody of the team can take it, so it goes to {queue}."
    )
