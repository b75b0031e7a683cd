"""Revive an expired promise: expiry is never silent, and never the last word (rules §3.4)."""

import uuid
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from callbacks import access, holding, journal
from callbacks.access import Actor
from callbacks.errors import Problem
from callbacks.lifecycle import Move
from callbacks.models import Callback
from callbacks.rules import limits, ownership, texts
from callbacks.scheduling.changing import Changes, new_values, request_after
from callbacks.scheduling.examination import Examination, Scope
from callbacks.scheduling.examining import examine


@transaction.atomic
def revive(
    callback_id: uuid.UUID,
    to: Changes | None,
    *,
    by: Actor,
    at: datetime,
    version: int | None,
    reason: str = "",
) -> Callback:
    """Promise it again, for another time or (``None``) for now; with its owner if they can own it.

    Held to the rules of a new promise: duplicates, uncallable numbers, calling hours, limits.
    Raises ``Refused`` with every problem, ``Stale``, ``Ended`` for one that has not expired,
    ``NotAllowed``.
    """
    callback = holding.hold(
        callback_id, by=by, version=version, move=Move.REVIVE, allowed=access.may_revive
    )
    found, why_unowned = _examined(callback, to or for_now(at), by, at, lock=True)
    if problem := texts.problem_with(reason, texts.REASON):
        found.problems.append(Problem("invalid.value", "reason", problem))
    clear = found.clear()
    before = journal.snapshot(callback)
    values = new_values(callback, found, clear)
    if why_unowned:
        values |= {"owner": None, "ownership_expires_at": None}
    holding.store(callback, at=at, **(values | {"ended_at": None}))
    outside = [warning.message for warning in found.warnings if warning.code == "calling.hours"]
    journal.record(
        callback,
        journal.What.REVIVED,
        by=by,
        at=at,
        before=before,
        reason=" ".join(part for part in (reason.strip(), why_unowned, *outside) if part),
        # It was disconnected, so the platform no longer has it.
        action=journal.Action.CREATE,
    )
    return callback


def for_now(at: datetime, *, allow_outside_calling_hours: bool = False) -> Changes:
    """As soon as possible, as changes: a whole second, as walls show them (``at``: aware UTC)."""
    return Changes(
        requested_at=at.replace(microsecond=0),
        allow_outside_calling_hours=allow_outside_calling_hours,
    )


def examine_revival(callback: Callback, to: Changes, *, by: Actor, at: datetime) -> Examination:
    """What a revival for this time comes to, with all its problems. Changes nothing."""
    found, _ = _examined(callback, to, by, at)
    return found


def _examined(
    callback: Callback, to: Changes, by: Actor, at: datetime, *, lock: bool = False
) -> tuple[Examination, str]:
    """The promise anew; and why its owner cannot own it any more, where that is so."""
    scope = Scope(
        leaving_out=callback.pk, created_at=callback.created_at, queue=False, consent=False
    )
    # Its interaction may have got another callback since it expired (rules §2.8).
    request = replace(request_after(callback, to), conversation_id=callback.conversation_id)
    found = examine(request, by=by, at=at, scope=scope, lock=lock)
    unable = next((p for p in found.problems if p.field == ownership.FIELD), None)
    if unable is None:
        return found, ""
    remark = (
        f"{callback.owner} cannot own it any more, so it is for the queue: "
        f"{_why_not(found, unable)}."
    )
    without = replace(request, owner_id=None)
    return examine(without, by=by, at=at, scope=scope), remark


def _why_not(found: Examination, unable: Problem) -> str:
    """Why nobody or this owner cannot own it, without the advice for whoever fills in a panel."""
    if found.why_owner_cannot:
        return found.why_owner_cannot
    first, _, _ = unable.message.partition(". ")
    return first.rstrip(".")


def expired_recently(by: Actor, at: datetime) -> int:
    """How many promises of the actor's queues expired within a day. One statement."""
    return access.expired(by).filter(ended_at__gt=at - limits.RECENTLY).count()
