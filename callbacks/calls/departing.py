"""An agent is deactivated: what they owned or had at hand goes on at once (rules §4.7)."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from callbacks import holding, journal
from callbacks.access import Actor
from callbacks.calls import interrupting
from callbacks.models import Agent, Callback, Presence
from callbacks.models.callback import OPEN
from callbacks.routing import standing_in
from callbacks.scheduling import facts

AT_ONCE = 100


def depart(agent_id: uuid.UUID, *, by: Actor, at: datetime) -> int:
    """Hand over every open callback of an agent who is not there any more; how many they were.

    To a peer who can own it, else the team lead, else the queue, each with a whole ownership
    period. What rings is withdrawn, a call that nobody can wrap up any more is interrupted.
    """
    Agent.objects.filter(pk=agent_id).exclude(presence=Presence.OFFLINE).update(
        presence=Presence.OFFLINE, presence_changed_at=at
    )
    count = 0
    while done := _hand_over_some(agent_id, by, at):
        count += done
    return count


def depart_the_deactivated(at: datetime) -> int:
    """The same for whoever was deactivated by other ways than the admin; how many callbacks."""
    owners = Callback.objects.filter(OPEN, owner__user__is_active=False).order_by()
    busy = Callback.objects.filter(agent__user__is_active=False).order_by()
    agents = {*owners.values_list("owner_id", flat=True).distinct()}
    agents |= {*busy.values_list("agent_id", flat=True)}
    counts: list[int] = [depart(key, by=Actor.engine(), at=at) for key in agents if key]
    return sum(counts)


@transaction.atomic
def _hand_over_some(agent_id: uuid.UUID, by: Actor, at: datetime) -> int:
    theirs = (
        Callback.objects.filter(OPEN)
        .filter(Q(owner=agent_id) | Q(agent=agent_id))
        .select_for_update(of=("self",))
        .select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
        .order_by("pk")[:AT_ONCE]
    )
    callbacks = list(theirs)
    terms = facts.of_queues({callback.queue_id for callback in callbacks}, at)
    for callback in callbacks:
        if callback.agent_id == agent_id:
            interrupting.release(callback, f"{callback.agent} is deactivated.", by=by, at=at)
        if callback.owner_id == agent_id:
            why = f"{callback.owner} is deactivated"
            before = journal.snapshot(callback)
            to = standing_in.find(callback, terms[callback.queue_id], why, at)
            what = standing_in.give(callback, to, period_from=at)
            _store(callback, at)
            journal.record(callback, what, by=by, at=at, before=before, reason=to.reason)
    return len(callbacks)


def _store(callback: Callback, at: datetime) -> None:
    is_due = callback.requested_at <= at and callback.is_editable
    holding.store(
        callback,
        at=at,
        owner=callback.owner,
        ownership_expires_at=callback.ownership_expires_at,
        is_stood_in_for=callback.is_stood_in_for,
        next_action_at=at if is_due else callback.next_action_at,
    )
