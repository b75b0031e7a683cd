"""End a call that its agent will not wrap up: deactivated, or gone from a dead computer.

The promise goes back to its queue, or to its owner; nothing is lost.
"""

import uuid
from datetime import datetime

from django.db import transaction

from callbacks import access, holding, journal, routing
from callbacks.access import Actor
from callbacks.calls import answering
from callbacks.errors import Problem, Refused
from callbacks.lifecycle import Move, Status, status_after
from callbacks.models import Agent, Attempt, Callback, Offer


def take_back(
    callback_id: uuid.UUID, *, reason: str, by: Actor, at: datetime, version: int | None
) -> Callback:
    """Take a callback back from the agent who has it at hand, with a reason (supervisors).

    Raises ``Refused`` without a reason, ``Ended`` where nobody is on the phone about it.
    """
    if not reason.strip():
        raise Refused(
            [Problem("invalid.value", "reason", "Say why it is taken back; its agent may ask.")]
        )
    with transaction.atomic():
        callback = holding.hold(
            callback_id,
            by=by,
            version=version,
            move=Move.INTERRUPT,
            allowed=access.may_override_lock,
        )
        interrupt(callback, reason.strip(), by=by, at=at)
    routing.match(at)
    return callback


def interrupt(callback: Callback, reason: str, *, by: Actor, at: datetime) -> None:
    """End the call without a wrap-up. In the caller's transaction, with the row locked."""
    before, agent_id = journal.snapshot(callback), callback.agent_id
    holding.store(
        callback,
        at=at,
        status=status_after(Move.INTERRUPT, callback.status),
        agent=None,
        next_action_at=at,
    )
    Attempt.objects.filter(callback=callback, ended_at__isnull=True).update(
        ended_at=at, was_interrupted=True
    )
    Agent.objects.filter(pk=agent_id).update(idle_since=at)
    journal.record(
        callback, journal.What.INTERRUPTED, by=by, at=at, before=before, reason=reason, action=None
    )


def release(callback: Callback, reason: str, *, by: Actor, at: datetime) -> None:
    """Free a callback from whoever has it at hand, if anybody; in the caller's transaction."""
    if callback.status == Status.OFFERED:
        answering.pass_on(
            callback, journal.What.WITHDRAWN, Offer.Result.WITHDRAWN, reason, by=by, at=at
        )
    elif callback.status == Status.IN_PROGRESS:
        interrupt(callback, reason, by=by, at=at)
