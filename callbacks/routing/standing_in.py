"""Give a callback whose owner cannot take it to a peer, else the team lead, else its queue.

Rules §3.5 for one that is due, §4.7 for those of an agent who is deactivated.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F

from callbacks import journal
from callbacks.models import Agent, Callback, Presence
from callbacks.models.callback import OPEN
from callbacks.routing.snapshots import AT_HAND
from callbacks.rules import ownership
from callbacks.rules.standing_in import Peer, StandIn, stand_in
from callbacks.rules.terms import OwnerFacts, QueueTerms
from callbacks.scheduling import facts

NOTHING_GIVEN: Mapping[uuid.UUID, int] = {}
REACHABLE = frozenset({Presence.ON_QUEUE, Presence.AVAILABLE, Presence.BUSY})
"""Whoever is in another presence is not there: offline, on a break, in a meeting …"""


def why_cannot_own(owner: OwnerFacts, terms: QueueTerms, at: datetime) -> str:
    """Why this agent cannot take it at all any more, in words; empty when they could (rules §2.11)."""
    return ownership.why_unable(owner, terms, at, at) if _is_unable(owner) else ""


def _is_unable(owner: OwnerFacts) -> bool:
    return not owner.is_active or not owner.is_member or bool(owner.lacking_skills)


def why_not_in_window(
    callback: Callback, owner: OwnerFacts, terms: QueueTerms, agent: Agent, at: datetime
) -> str:
    """Why the owner cannot take a due callback in its window, in words; empty while they still may.

    Where the queue reassigns, that is: not there now (offline, on a break, not responding …), absent
    by the schedule for the rest of the window, or the window is over (rules §3.5). Of whoever stands
    in, the window asks nothing more; and a lead who stands in keeps it: nobody else is left.
    """
    if callback.is_stood_in_for and owner.team_lead_id == owner.id:
        return ""
    if agent.presence not in REACHABLE:
        return f"{owner.name} cannot take it now ({Presence(agent.presence).label})"
    if agent.not_responding_since:
        return f"{owner.name} is not responding"
    if callback.is_stood_in_for:
        return ""
    if callback.window_ends_at <= at:
        return f"{owner.name} could not take it in the callback window"
    rest = (max(at, callback.window_starts_at), callback.window_ends_at)
    return ownership.why_unable(owner, terms, *rest)


def find(
    callback: Callback,
    terms: QueueTerms,
    why_owner_cannot: str,
    at: datetime,
    given: Mapping[uuid.UUID, int] = NOTHING_GIVEN,
) -> StandIn:
    """Who gets an owned callback instead of its owner. Two or three statements.

    ``given``: how many each agent got meanwhile that are not written yet.
    """
    is_due = callback.requested_at <= at
    peers = [
        replace(peer, load=peer.load + given.get(peer.id, 0))
        for peer in _peers(callback, terms, at, is_due=is_due)
    ]
    return stand_in(callback.owner_id, why_owner_cannot, peers, terms.name)


def _peers(callback: Callback, terms: QueueTerms, at: datetime, *, is_due: bool) -> list[Peer]:
    owner = callback.owner
    if owner is None or owner.team_id is None:
        return []
    able = Agent.objects.able_to_own_in(callback.queue_id, callback.skills).filter(
        team=owner.team_id
    )
    rows: list[Any] = list(
        able.annotate(
            name=F("user__name"),
            lead_id=F("team__lead_id"),
            is_engaged=Exists(AT_HAND),
        )
    )
    loads = _loads({row.pk for row in rows})
    planned = {} if is_due else facts.of_owners(callback.queue_id, [row.pk for row in rows], at)
    return [
        Peer(
            id=row.pk,
            name=row.name,
            is_available=_is_free(row) if is_due else _is_planned(row, callback, terms, planned),
            is_lead=row.pk == row.lead_id,
            idle_since=row.idle_since,
            load=loads.get(row.pk, 0),
        )
        for row in rows
    ]


def _is_free(agent: Any) -> bool:
    return agent.takes_callbacks and not agent.is_engaged


def _is_planned(
    agent: Any,
    callback: Callback,
    terms: QueueTerms,
    planned: Mapping[uuid.UUID, OwnerFacts],
) -> bool:
    owner = planned[agent.pk]
    window = (callback.window_starts_at, callback.window_ends_at)
    return not ownership.why_unable(owner, terms, *window)


def _loads(agent_ids: set[uuid.UUID]) -> dict[uuid.UUID, int]:
    owned = Callback.objects.filter(OPEN, owner__in=agent_ids).order_by().values("owner_id")
    return dict(owned.annotate(count=Count("pk")).values_list("owner_id", "count"))


def give(callback: Callback, to: StandIn, *, period_from: datetime | None = None) -> str:
    """Set the new owner, or none; what history calls it. The caller writes both.

    The period stays as it was, since the contact's wait does not start over; with ``period_from``
    (UTC), where the old owner is gone for good, the new one has a whole period.
    """
    if to.agent_id is None:
        callback.owner, callback.ownership_expires_at = None, None
        callback.is_stood_in_for = False
        return journal.What.RETURNED
    callback.owner = Agent.objects.select_related("user").get(pk=to.agent_id)
    callback.is_stood_in_for = True
    if period_from:
        starts = max(period_from, callback.requested_at)
        callback.ownership_expires_at = starts + callback.queue.ownership_period
    return journal.What.REASSIGNED
