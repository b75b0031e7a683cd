"""What people do about single callbacks with which a platform does not agree.

Send again, discard, take the one that is in the way. Each is in the callback's history.
"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction

from callbacks import access, journal
from callbacks.access import Actor
from callbacks.errors import Problem, Refused
from callbacks.models import Callback, ConnectedQueue, Counterpart, OutboxMessage
from callbacks.rules import texts
from callbacks.sync.outcomes import FIRST_CHECK

State = Counterpart.State
REASON = 500


@transaction.atomic
def retry(counterpart_id: uuid.UUID, *, by: Actor, at: datetime) -> Counterpart:
    """Tell the platform once more, at once; then for another day, if it must be.

    For those that wait for a person, and those that would be tried again later. Raises
    ``Counterpart.DoesNotExist`` for one that the actor may not see, ``NotAllowed`` and ``Refused``.
    """
    there, callback = _held(counterpart_id, by)
    access.require(access.may_edit(by, callback), "This callback is not yours to send again.")
    if there.state == State.SENDING:
        raise _refused("A request is under way, or its answer was lost: it is looked up by itself.")
    if there.state == State.OVER and callback.ended_at:
        raise _refused("It is over here and there.")
    if there.state in Counterpart.IN_NEED:
        _take_up(there, at)
    there.attempts, there.give_up_at, there.next_attempt_at = 0, None, at
    there.save()
    _note(callback, f"Sent again to {there.connection.name}.", by, at, journal.Action.UPDATE)
    return there


def _take_up(there: Counterpart, at: datetime) -> None:
    """As before it failed. Where a request was given up, one of its copies may turn up yet."""
    there.handle.pop("vanished", None)
    there.state = State.THERE if there.external_id else State.ABSENT
    there.existing_id = ""
    if there.state == State.ABSENT:
        pause: timedelta = max(FIRST_CHECK, there.connection.settle)
        there.check_at, there.checks_left = at + pause, 2


@transaction.atomic
def discard(counterpart_id: uuid.UUID, *, reason: str, by: Actor, at: datetime) -> Counterpart:
    """Let the platform not know of what is parked or in conflict; the next change is told again.

    Raises as ``retry`` does; the reason must be given.
    """
    there, callback = _in_need(counterpart_id, by)
    said = reason.strip()
    if not said:
        raise Refused([Problem("invalid.value", "reason", "Say why; it goes into the history.")])
    if problem := texts.problem_with(said, REASON):
        raise Refused([Problem("invalid.value", "reason", problem)])
    there.synced_message = max(there.synced_message, _settle_messages(there, callback, at))
    there.existing_id = ""
    if callback.ended_at:
        there.state = State.OVER
    else:
        there.state = State.THERE if there.external_id else State.ABSENT
    there.save()
    _note(callback, f"Kept from {there.connection.name}: {said}", by, at, None)
    return there


def _settle_messages(there: Counterpart, callback: Callback, at: datetime) -> int:
    """Those under way are discarded, unless another platform is to be told of them; the last one."""
    waiting = OutboxMessage.objects.filter(callback=callback, settled_at__isnull=True)
    last = waiting.order_by("-id").values_list("id", flat=True).first()
    others = callback.counterparts.exclude(pk=there.pk).live().exists()
    place = ConnectedQueue.objects.filter(queue=callback.queue_id)
    if not others and not place.exclude(connection=there.connection_id).exists():
        waiting.update(state=OutboxMessage.State.DISCARDED, settled_at=at)
    return last or there.tried_message


@transaction.atomic
def adopt(counterpart_id: uuid.UUID, *, by: Actor, at: datetime) -> Counterpart:
    """Take the callback that is in the way there as this one's: it is changed to what this one is.

    Raises as ``retry`` does.
    """
    there, callback = _in_need(counterpart_id, by)
    existing = there.existing_id
    if there.state != State.CONFLICT or not existing:
        raise _refused("The platform did not say which callback is in the way.")
    twins = Counterpart.objects.filter(connection=there.connection_id, external_id=existing)
    if twins.exists():
        raise _refused("That one is the counterpart of another callback of ours.")
    there.state, there.external_id, there.existing_id = State.THERE, existing, ""
    # What it holds is not known: all of ours is told.
    there.content, there.handle, there.seen_at = None, {}, at
    there.attempts, there.give_up_at, there.next_attempt_at = 0, None, at
    there.last_error = ""
    there.save()
    said = f"Took {existing} on {there.connection.name} as this one's."
    _note(callback, said, by, at, journal.Action.UPDATE)
    return there


def _in_need(counterpart_id: uuid.UUID, by: Actor) -> tuple[Counterpart, Callback]:
    there, callback = _held(counterpart_id, by)
    said = "Only supervisors of its queue decide what becomes of it on the platform."
    access.require(access.may_mend(by, callback), said)
    if there.state not in Counterpart.IN_NEED:
        raise _refused(f"It does not wait for a person any more: {there.get_state_display()}.")
    return there, callback


def _held(counterpart_id: uuid.UUID, by: Actor) -> tuple[Counterpart, Callback]:
    """Locked, with its callback, where the actor may read that one."""
    there = (
        Counterpart.objects.select_for_update(of=("self",), no_key=True)
        .select_related("connection")
        .filter(callback__in=access.readable(by).values("pk"))
        .get(pk=counterpart_id)
    )
    return there, Callback.objects.get(pk=there.callback_id)


def _refused(said: str) -> Refused:
    return Refused([Problem("sync.not.so", "", said)])


def _note(callback: Callback, said: str, by: Actor, at: datetime, action: str | None) -> None:
    journal.record(
        callback, journal.What.SYNCHRONISED, by=by, at=at, before={}, after={}, reason=said,
        action=action,
    )  # fmt: skip
