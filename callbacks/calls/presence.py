"""An agent's presence: only On Queue takes callbacks (rules §1, §4.1, §4.4).

Callbacks are locked before agents, as everybody does who needs both.
"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists

from callbacks import access, attendance, journal, routing
from callbacks.access import Actor
from callbacks.calls import answering
from callbacks.lifecycle import Status
from callbacks.models import Agent, Attendance, Callback, Heartbeat, Offer, Presence

LEFT_AFTER = timedelta(seconds=60)
"""So long after their last window closed, an agent On Queue is set to Away."""


def set_presence(
    agent_id: uuid.UUID, presence: str, *, by: Actor, at: datetime, because: str = ""
) -> None:
    """Set what the agent is doing, from now on (``at``: aware UTC).

    Going on queue finds what waits at once; leaving passes on what rings. ``because`` is told to
    the agent on return, where somebody else decided. Whoever was not responding is back.

    1. What rings is locked and passed on first; the router cannot offer more until 2 is done, as
       it holds nobody whose row is locked, and looks at the presence when it has locked it.
    2. The agent's row is locked and written.
    3. Another offer that came between 1 and 2 is passed on likewise.
    """
    stays = presence == Presence.ON_QUEUE
    with transaction.atomic():
        if not stays:
            _withdraw(agent_id, presence, by, at)
        agent = Agent.objects.select_for_update().get(pk=agent_id)
        agent.presence, agent.presence_changed_at = presence, at
        agent.presence_reason = because
        agent.not_responding_since = None
        agent.idle_since = at
        agent.save(
            update_fields=[
                "presence", "presence_changed_at", "presence_reason", "not_responding_since",
                "idle_since",
            ]
        )  # fmt: skip
        if not stays:
            # The queue may want a stand-in for an owner who left (rules §3.5).
            Callback.objects.filter(owner=agent_id, status=Status.WAITING).update(next_action_at=at)
    if not stays:
        with transaction.atomic():
            _withdraw(agent_id, presence, by, at)
    routing.match(at)


def _withdraw(agent_id: uuid.UUID, presence: str, by: Actor, at: datetime) -> None:
    ringing = (
        Callback.objects.filter(agent=agent_id, status=Status.OFFERED)
        .select_for_update(of=("self",))
        .select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
        .first()
    )
    if ringing:
        reason = f"{ringing.agent} left the queue ({Presence(presence).label})."
        answering.pass_on(
            ringing, journal.What.WITHDRAWN, Offer.Result.WITHDRAWN, reason, by=by, at=at
        )


def come_back(agent_id: uuid.UUID, *, at: datetime) -> None:
    """The agent answers again after a missed offer (rules §4.4)."""
    Agent.objects.filter(pk=agent_id, not_responding_since__isnull=False).update(
        not_responding_since=None, idle_since=at
    )
    routing.match(at)


def set_away_who_left(at: datetime) -> int:
    """Set to Away who is On Queue and closed their last window a minute ago; how many they were.

    Nobody while the web itself is silent: then windows are closed that people left open. Agents
    who never had a window are on queue by other means. One statement when there is nobody.
    """
    since = at - attendance.WEB_SILENT_AFTER
    web_is_heard = Heartbeat.objects.filter(part=attendance.WEB, at__gt=since)
    left = Attendance.objects.filter(
        Exists(web_is_heard), agent__presence=Presence.ON_QUEUE, seen_at__lt=at - LEFT_AFTER
    ).values_list("agent_id", flat=True)
    count = 0
    for agent_id in left:
        set_presence(
            agent_id,
            Presence.AWAY,
            by=access.Actor.engine(),
            at=at,
            because="You were set to Away because your last Ringback window was closed.",
        )
        count += 1
    return count
