"""Answer an offer: accept it, or decline it (rules §4.4, §4.5).

The callback's row is locked first: of an answer and the clock's miss one is first, and the other
finds the offer gone.
"""

import uuid
from datetime import datetime

from django.db import transaction

from callbacks import access, holding, journal, routing
from callbacks.access import Actor
from callbacks.errors import OfferGone
from callbacks.lifecycle import Move, Status, status_after
from callbacks.models import Agent, Attempt, Callback, HistoryEvent, Offer
from callbacks.rules import looks


def offered_to(by: Actor, callback_id: uuid.UUID) -> Callback:
    """The callback that this agent is being rung for, locked; or ``OfferGone``, saying where it is.

    Call it inside a transaction. For somebody who never had to do with it, it does not exist.
    """
    callback = (
        access.readable(by)
        .select_for_update(of=("self",))
        .select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
        .filter(pk=callback_id)
        .first()
    )
    if callback is None:
        if not Offer.objects.filter(callback=callback_id, agent=by.id).exists():
            raise Callback.DoesNotExist
        raise OfferGone("This callback went on to somebody else.")
    if callback.status != Status.OFFERED or not access.may_answer(by, callback):
        raise OfferGone(_where_it_went(by, callback))
    return callback


def _where_it_went(by: Actor, callback: Callback) -> str:
    if callback.status == Status.IN_PROGRESS and access.may_answer(by, callback):
        return "You accepted this callback already: the call is open."
    last = HistoryEvent.objects.filter(callback=callback).order_by("-version", "-at").first()
    why = f" {last.reason}" if last and last.reason else ""
    return f"This offer is over; the callback is now: {callback.get_status_display().lower()}.{why}"


@transaction.atomic
def accept(callback_id: uuid.UUID, *, by: Actor, at: datetime) -> Callback:
    """Take the call: the callback is in progress from now on, and an attempt begins.

    Raises ``OfferGone``. Late by a moment is in time, as long as nobody else has it.
    """
    callback = offered_to(by, callback_id)
    before = journal.snapshot(callback)
    holding.store(
        callback,
        at=at,
        status=status_after(Move.ACCEPT, callback.status),
        attempts_made=callback.attempts_made + 1,
        next_action_at=at + looks.CALL_AGAIN,
    )
    holding.end_offer(callback, Offer.Result.ACCEPTED, at)
    number = Attempt.objects.filter(callback=callback).count() + 1
    Attempt.objects.create(
        callback=callback, number=number, agent_id=callback.agent_id, started_at=at
    )
    journal.record(callback, journal.What.ACCEPTED, by=by, at=at, before=before, action=None)
    return callback


def decline(callback_id: uuid.UUID, *, by: Actor, at: datetime, reason: str = "") -> Callback:
    """Leave it to the next agent, at once; this one is not offered it again for a while.

    Raises ``OfferGone``.
    """
    with transaction.atomic():
        callback = offered_to(by, callback_id)
        pass_on(callback, journal.What.DECLINED, Offer.Result.DECLINED, reason, by=by, at=at)
        Agent.objects.filter(pk=by.id).update(idle_since=at)
    routing.match(at)
    return callback


def pass_on(
    callback: Callback, what: str, result: str, reason: str, *, by: Actor, at: datetime
) -> None:
    """End a standing offer, so that the callback waits again and is looked at now.

    In the caller's transaction, with the callback's row locked.
    """
    before = journal.snapshot(callback)
    holding.store(
        callback,
        at=at,
        status=status_after(Move.PASS_ON, callback.status),
        agent=None,
        next_action_at=at,
    )
    holding.end_offer(callback, result, at)
    journal.record(callback, what, by=by, at=at, before=before, reason=reason.strip(), action=None)
