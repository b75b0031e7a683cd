"""Revive an expired promise: expiry is never silent, and never the last word (rules §3.4)."""

import uuid
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from callbacks import access, holding, journal
from callbacks.access import Actor
from callbacks.lifecycle import Move
from callbacks.models import Callback
from callbacks.rules import limits, ownership
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
    Raises ``Refused``, ``Stale``, ``Ended`` for one that has not expired, ``NotAllowed``.
    """
    callback = holding.hold(
        callback_id, by=by, version=version, move=Move.REVIVE, allowed=access.may_revive
    )
    found, why_unowned = _examined(callback, to or Changes(requested_at=at), by, at)
    clear = found.clear()
    before = journal.snapshot(callback)
    values = new_values(callback, found, clear)
    if why_unowned:
        values |= {"owner": None, "ownership_expires_at": None}
    holding.store(callback, at=at, **(values | {"ended_at": None}))
    journal.record(
        callback,
        journal.What.REVIVED,
        by=by,
        at=at,
        before=before,
        reason=" ".join(part for part in (reason.strip(), why_unowned) if part),
        action=journal.Action.CREATE,
    )
    return callback


def _examined(callback: Callback, to: Changes, by: Actor, at: datetime) -> tuple[Examination, str]:
    """The promise anew; and why its owner cannot own it any more, where that is so."""
    scope = Scope(
        leaving_out=callback.pk, created_at=callback.created_at, queue=False, consent=False
    )
    request = request_after(callback, to)
    found = examine(request, by=by, at=at, scope=scope, lock=True)
    unable = next((p for p in found.problems if p.field == ownership.FIELD), None)
    if unable is None:
        return found, ""
    without = replace(request, owner_id=None)
    remark = f"{callback.owner} cannot own it any more, so it is for the queue."
    return examine(without, by=by, at=at, scope=scope, lock=True), remark


def expired_recently(by: Actor, at: datetime) -> int:
    """How many promises of the actor's queues expired within a day. One statement."""
    return access.expired(by).filter(ended_at__gt=at - limits.RECENTLY).count()
