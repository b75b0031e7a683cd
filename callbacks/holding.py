"""How every verb takes hold of a callback before it changes anything.

1. The row is locked until the end of the transaction: two people cannot both be first.
2. The actor must be allowed to do it, and somebody who looked at an older version is told what
   changed meanwhile, before anything else is said.
3. The move must be possible from the status that the callback has now, not had when it was shown.
4. An owned callback is closed to edits in its last 15 minutes, by the clock of this moment.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import connection

from callbacks import access, journal
from callbacks.access import Actor
from callbacks.errors import Change, Ended, Locked, Problem, Refused, Stale
from callbacks.lifecycle import Move, Status, permits
from callbacks.models import Callback, HistoryEvent, Offer


def hold(
    callback_id: uuid.UUID,
    *,
    by: Actor,
    version: int | None,
    move: Move,
    allowed: Callable[[Actor, Callback], bool] = access.may_edit,
) -> Callback:
    """The callback, locked and fit for the move; call it inside a transaction.

    Raises ``Callback.DoesNotExist`` for one that the actor may not read, and ``NotAllowed``,
    ``Stale``, ``Ended``.
    """
    callback = (
        access.readable(by)
        .select_for_update(of=("self",))
        .select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
        .get(pk=callback_id)
    )
    access.require(allowed(by, callback), "You may look at this callback, but not do this with it.")
    if version is not None and version != callback.version:
        raise stale(callback, version)
    if not permits(move, callback.status):
        raise _ended(callback, move)
    return callback


def heed_edit_lock(callback: Callback, *, by: Actor, at: datetime, override_reason: str) -> None:
    """Raise ``Locked`` in the last 15 minutes, unless a supervisor gives a reason (rules §3.2)."""
    if not callback.is_locked(at):
        return
    if not access.may_override_lock(by, callback):
        raise Locked(
            "This callback is owned and less than 15 minutes away, so it can no longer be changed. "
            "Call at the agreed time, cancel it, or ask a supervisor."
        )
    if not override_reason.strip():
        raise Refused(
            [
                Problem(
                    "callback.locked",
                    "override_reason",
                    "This callback is owned and less than 15 minutes away. Give the reason for "
                    "changing it all the same; it goes into the history.",
                )
            ]
        )


def stale(callback: Callback, version: int) -> Stale:
    """The refusal for somebody who saw this version: who changed what since then."""
    changes = [
        Change(event.actor_name, event.at, _told(event))
        for event in journal.since(callback.pk, version)
    ]
    who = " and ".join(dict.fromkeys(change.who for change in changes)) or "Somebody"
    return Stale(
        f"{who} changed this callback since you opened it. Nothing of yours is saved yet: look at "
        "what changed, and save again if it still holds.",
        changes,
        callback.version,
    )


def _told(event: HistoryEvent) -> str:
    words = "; ".join(journal.changes_in_words(event)) or event.get_what_display()
    return f"{words} ({event.reason})" if event.reason else words


def _ended(callback: Callback, move: Move) -> Ended:
    if move == Move.REVIVE:
        now = callback.get_status_display().lower()
        return Ended(f"Only an expired promise can be revived, and this one is: {now}.")
    if callback.status == Status.IN_PROGRESS:
        return Ended("The contact is being called right now. Wait for the call to end.")
    if callback.status == Status.OFFERED:
        return Ended("This callback is being offered to an agent right now. Try again in a moment.")
    return Ended(f"This callback is over: {callback.get_status_display().lower()}.")


def store(callback: Callback, *, at: datetime, **changes: object) -> None:
    """Write these values alone, by compare-and-set on the version, and count it up."""
    seen = callback.version
    for name, value in changes.items():
        setattr(callback, name, value)
    callback.version, callback.updated_at = seen + 1, at
    written = Callback.objects.filter(pk=callback.pk, version=seen).update(
        **changes, version=callback.version, updated_at=at
    )
    if written != 1:
        raise stale(callback, seen)


def end_offer(callback: Callback, result: str, at: datetime) -> None:
    """Note how the standing offer of this callback ended, if there is one."""
    Offer.objects.filter(callback=callback, ended_at__isnull=True).update(
        ended_at=at, result=result
    )


def store_all(callbacks: Sequence[Callback], *names: str, at: datetime) -> None:
    """Write these values of many callbacks, each counted up. One statement.

    The caller holds their rows' locks since it read them, so nobody can have been first.
    """
    for callback in callbacks:
        callback.version, callback.updated_at = callback.version + 1, at
    write_all(callbacks, *names, "version", "updated_at")


def write_all(callbacks: Sequence[Callback], *names: str) -> None:
    """Write these columns of many callbacks and nothing else. One statement."""
    if not callbacks:
        return
    fields = [Callback._meta.get_field(name) for name in ("id", *names)]
    columns = [str(field.column) for field in fields]  # type: ignore[union-attr]
    arrays = [f"%s::{field.db_type(connection)}[]" for field in fields]
    values = [[getattr(callback, field.attname) for callback in callbacks] for field in fields]  # type: ignore[union-attr]
    new = ", ".join(f"{column} = new.{column}" for column in columns[1:])
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE callbacks_callback SET {new} "  # noqa: S608 (names of our own columns)
            f"FROM unnest({', '.join(arrays)}) AS new({', '.join(columns)}) "
            "WHERE callbacks_callback.id = new.id",
            values,
        )
