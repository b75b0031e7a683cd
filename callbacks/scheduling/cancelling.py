"""Cancel: end a promise without a call, with a reason; allowed until the agent is on the phone."""

import uuid
from datetime import datetime

from django.db import transaction

from callbacks import journal
from callbacks.access import Actor
from callbacks.errors import Problem, Refused
from callbacks.holding import end_offer, hold, store
from callbacks.lifecycle import Move, status_after
from callbacks.models import Callback, Offer
from callbacks.rules import texts


@transaction.atomic
def cancel(
    callback_id: uuid.UUID, *, reason: str, by: Actor, at: datetime, version: int | None
) -> Callback:
    """End the callback as cancelled. Also in its last 15 minutes (rules §3.2), and while it rings."""
    if problem := _problem_with(reason):
        raise Refused([Problem("invalid.value", "cancel_reason", problem)])
    callback = hold(callback_id, by=by, version=version, move=Move.CANCEL)
    before = journal.snapshot(callback)
    store(
        callback,
        at=at,
        status=status_after(Move.CANCEL, callback.status),
        agent=None,
        held_for="",
        ended_at=at,
        next_action_at=None,
    )
    end_offer(callback, Offer.Result.WITHDRAWN, at)
    journal.record(
        callback,
        journal.What.CANCELLED,
        by=by,
        at=at,
        before=before,
        reason=reason.strip(),
        action=journal.Action.CANCEL,
    )
    return callback


def _problem_with(reason: str) -> str:
    if not reason.strip():
        return "Say why it is cancelled; the contact may ask."
    return texts.problem_with(reason, texts.REASON)
