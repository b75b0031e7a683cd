"""Take ownership, give it up, hand it over (rules §3.7)."""

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from callbacks import access, journal
from callbacks.access import Actor
from callbacks.errors import Problem, Refused
from callbacks.holding import heed_edit_lock, hold, store
from callbacks.lifecycle import Move, Status
from callbacks.models import Agent, Callback
from callbacks.rules import ownership
from callbacks.scheduling import facts


def problem_with_owner(
    callback: Callback, agent_id: uuid.UUID, at: datetime, field: str = ownership.FIELD
) -> Problem | None:
    """Why this agent cannot own this callback; ``None`` when they can. One statement."""
    sheet = facts.of_queue(callback.queue_id, agent_id, None, at)
    if sheet is None or sheet.owner is None:
        return Problem("invalid.value", field, "Only agents can own a callback.")
    if problem := ownership.problem_with_terms(sheet.terms, callback.requested_at, at):
        return Problem(problem.code, field, problem.message, problem.data)
    unable = ownership.why_unable(
        facts.with_skills(sheet.owner, callback.skills),
        sheet.terms,
        callback.window_starts_at,
        callback.window_ends_at,
    )
    if unable:
        return Problem("ownership.agent.unable", field, f"{unable}, so cannot own this callback.")
    return None


@transaction.atomic
def take_ownership(
    callback_id: uuid.UUID, *, by: Actor, at: datetime, version: int | None
) -> Callback:
    """Make the actor the owner of an unowned callback in one of their queues.

    Two agents at once: the row's lock lets one be first; the other is told who was.
    """
    callback = hold(callback_id, by=by, version=version, move=Move.CHANGE, allowed=_sees)
    if callback.owner_id is not None:
        raise Refused([_taken(callback)])
    access.require(
        access.may_take(by, callback), "Only agents of this queue can take ownership of it."
    )
    return _set_owner(callback, _agent(by.id), journal.What.OWNERSHIP_TAKEN, by=by, at=at)


def _sees(by: Actor, callback: Callback) -> bool:
    return True


def _taken(callback: Callback) -> Problem:
    return Problem(
        "ownership.taken", ownership.FIELD, f"{callback.owner} owns this callback already."
    )


@transaction.atomic
def give_up_ownership(
    callback_id: uuid.UUID,
    *,
    by: Actor,
    at: datetime,
    version: int | None,
    override_reason: str = "",
) -> Callback:
    """Leave the callback to its queue. Only before its last 15 minutes (rules §3.2)."""
    callback = hold(
        callback_id, by=by, version=version, move=Move.CHANGE, allowed=access.may_assign
    )
    if callback.owner_id is None:
        raise Refused([Problem("ownership.nobody", ownership.FIELD, "Nobody owns this callback.")])
    heed_edit_lock(callback, by=by, at=at, override_reason=override_reason)
    before = journal.snapshot(callback)
    store(
        callback,
        at=at,
        owner=None,
        ownership_expires_at=None,
        is_stood_in_for=False,
        **_looked_at_anew(callback, at),
    )
    journal.record(
        callback,
        journal.What.OWNERSHIP_GIVEN_UP,
        by=by,
        at=at,
        before=before,
        reason=override_reason.strip(),
    )
    return callback


@transaction.atomic
def hand_over(
    callback_id: uuid.UUID,
    to_agent_id: uuid.UUID,
    *,
    by: Actor,
    at: datetime,
    version: int | None,
    reason: str = "",
    override_reason: str = "",
) -> Callback:
    """Make another agent the owner, who must be able to own it (rules §3.7).

    Owners hand over what they own; supervisors assign any callback of their queues.
    """
    callback = hold(
        callback_id, by=by, version=version, move=Move.CHANGE, allowed=access.may_assign
    )
    if callback.owner_id == to_agent_id:
        raise Refused([Problem("ownership.taken", "agent", f"{callback.owner} owns it already.")])
    heed_edit_lock(callback, by=by, at=at, override_reason=override_reason)
    why = " ".join(part for part in (override_reason.strip(), reason.strip()) if part)
    to = _agent(to_agent_id)
    return _set_owner(callback, to, journal.What.HANDED_OVER, by=by, at=at, why=why, field="agent")


def _agent(agent_id: uuid.UUID | None) -> Agent:
    agent = Agent.objects.select_related("user").filter(pk=agent_id).first()
    if agent is None:
        raise Refused([Problem("invalid.value", "agent", "Choose an agent.")])
    return agent


def _set_owner(
    callback: Callback,
    agent: Agent,
    what: str,
    *,
    by: Actor,
    at: datetime,
    why: str = "",
    field: str = ownership.FIELD,
) -> Callback:
    if problem := problem_with_owner(callback, agent.pk, at, field):
        raise Refused([problem])
    before = journal.snapshot(callback)
    # Somebody who takes on a callback that is due already gets the whole period, too.
    period_starts: Any = max(callback.requested_at, at)
    store(
        callback,
        at=at,
        owner=agent,
        ownership_expires_at=period_starts + callback.queue.ownership_period,
        is_stood_in_for=False,
        **_looked_at_anew(callback, at),
    )
    journal.record(callback, what, by=by, at=at, before=before, reason=why)
    return callback


def _looked_at_anew(callback: Callback, at: datetime) -> dict[str, Any]:
    """One that is due waits for somebody else now; the clock must reckon with that at once."""
    return {"next_action_at": at} if callback.status == Status.WAITING else {}


def able_owners(callback: Callback) -> Any:
    """The agents to whom it can be handed over: active, in the queue, with its skills."""
    return (
        Agent.objects.able_to_own_in(callback.queue_id, callback.skills)
        .exclude(pk=callback.owner_id)
        .select_related("user", "team")
        .order_by("user__name")
    )
