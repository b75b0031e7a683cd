"""What happened on the platform comes back: the end of a callback, another time, another owner.

Terminal states win; else the newest change does (rules §6.8). Nothing that comes back is told to the
platform again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from callbacks import holding, journal
from callbacks.access import Actor
from callbacks.lifecycle import Status
from callbacks.models import Agent, Callback, Connection, Counterpart
from callbacks.rules import moments
from callbacks.sync.contents import as_json, from_json
from callbacks.sync.platforms.base import Content, Remote, Standing

State = Counterpart.State
What = journal.What
ENDINGS: Mapping[str, tuple[Status, str]] = {
    Standing.DONE: (Status.COMPLETED, What.COMPLETED),
    Standing.CANCELLED: (Status.CANCELLED, What.CANCELLED),
    Standing.EXPIRED: (Status.EXPIRED, What.EXPIRED),
    Standing.FAILED: (Status.FAILED, What.FAILED),
}


def apply_all(remotes: Sequence[Remote], connection: Connection, at: datetime) -> None:
    """All that a page of the platform tells. Three statements where nothing changed there."""
    ours = Counterpart.objects.filter(
        connection=connection, external_id__in=[remote.id for remote in remotes]
    )
    found = {counterpart.external_id: counterpart for counterpart in ours}
    seen = [found[remote.id] for remote in remotes if remote.id in found]
    Counterpart.objects.filter(pk__in=[one.pk for one in seen]).update(seen_at=at)
    for one in seen:
        one.seen_at = at
    for remote in remotes:
        there = found.get(remote.id)
        if there is None or there.state != State.THERE or _is_older(there, remote, connection, at):
            continue
        if _differs(there, remote):
            callback = Callback.objects.for_display().get(pk=there.callback_id)
            apply(callback, there, remote, connection, at)
            there.save()


def _is_older(there: Counterpart, remote: Remote, connection: Connection, at: datetime) -> bool:
    """Whether a list may show it as it was before we last changed it. An end is never taken back."""
    told_lately = there.synced_at is not None and there.synced_at > at - connection.settle
    return told_lately and not remote.is_over


def _differs(there: Counterpart, remote: Remote) -> bool:
    if remote.is_over:
        return True
    if there.content is None:
        return False
    known = from_json(there.content)
    return remote.requested_at != known.requested_at or _owner_of(remote, known) != known.owner


def _owner_of(remote: Remote, known: Content) -> str | None:
    return remote.owner if remote.is_owner_sure else known.owner


def apply(
    callback: Callback, there: Counterpart, remote: Remote, connection: Connection, at: datetime
) -> None:
    """Let it hold here, too, where it wins. Changes ``there`` without saving it."""
    by = Actor.platform(connection.name)
    there.remote_changed_at = remote.changed_at
    if remote.is_over:
        there.state = State.OVER
        if callback.ended_at is None:
            _end(callback, remote, by, at)
    elif there.content is not None and _is_newer(callback, there, remote):
        _change(callback, there, remote, by, at)


def _is_newer(callback: Callback, there: Counterpart, remote: Remote) -> bool:
    """Whether the change there is the newest: ours that it does not know of yet may be newer."""
    changed_here = callback.outbox.filter(
        settled_at__isnull=True, id__gt=there.synced_message
    ).exists()
    if not changed_here:
        return True
    return remote.changed_at is not None and remote.changed_at > callback.updated_at


def _end(callback: Callback, remote: Remote, by: Actor, at: datetime) -> None:
    status, what = ENDINGS[remote.standing]
    before = journal.snapshot(callback)
    holding.end_offer(callback, "withdrawn", at)
    holding.store(
        callback, at=at, status=status, ended_at=at, agent=None, held_for="", next_action_at=None
    )
    said = f"On the platform: {remote.outcome or remote.standing}."
    journal.record(callback, what, by=by, at=at, before=before, reason=said, action=None)


def _change(
    callback: Callback, there: Counterpart, remote: Remote, by: Actor, at: datetime
) -> None:
    known = from_json(there.content or {})
    changes: dict[str, object] = {}
    before = journal.snapshot(callback)
    if remote.requested_at and remote.requested_at != known.requested_at:
        changes |= _moved(callback, remote.requested_at)
    if (key := _owner_of(remote, known)) != known.owner:
        owner = Agent.objects.filter(platform_id=key or "").exclude(platform_id="").first()
        if owner or key is None:
            changes |= _handed_to(owner, callback, remote.requested_at, at)
    if changes and callback.status in (Status.PENDING, Status.WAITING):
        holding.store(callback, at=at, **changes)
        said = "Changed on the platform."
        what = What.RESCHEDULED if "requested_at" in changes else What.HANDED_OVER
        journal.record(callback, what, by=by, at=at, before=before, reason=said, action=None)
    there.content = as_json(_confirmed(there, remote))


def _handed_to(
    owner: Agent | None, callback: Callback, requested_at: datetime | None, at: datetime
) -> dict[str, object]:
    """Its period begins with the time of the callback, and when that has come, now."""
    if owner is None:
        return {"owner": None, "ownership_expires_at": None}
    starts = max(requested_at or callback.requested_at, at)
    return {"owner": owner, "ownership_expires_at": starts + callback.queue.ownership_period}


def _moved(callback: Callback, requested_at: datetime) -> dict[str, object]:
    moment = moments.at_instant(requested_at, callback.time_zone)
    shift = requested_at - callback.requested_at
    expires = callback.ownership_expires_at
    return {
        "requested_at": requested_at,
        "wall_date": moment.local.date(),
        "wall_time": moment.local.time(),
        "fold": moment.fold,
        "window_starts_at": callback.window_starts_at + shift,
        "window_ends_at": callback.window_ends_at + shift,
        "due_by": callback.due_by + shift,
        "ownership_expires_at": expires + shift if expires else None,
        "status": Status.PENDING,
        "held_for": "",
        "next_action_at": requested_at,
    }


def _confirmed(there: Counterpart, remote: Remote) -> Content:
    known = from_json(there.content or {})
    requested_at = remote.requested_at or known.requested_at
    shift = requested_at - known.requested_at
    return replace(
        known,
        requested_at=requested_at,
        window_starts_at=known.window_starts_at + shift,
        owner=_owner_of(remote, known),
    )
