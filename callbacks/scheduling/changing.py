"""Change: reschedule, or change number, queue, reason and contact, in one go."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from callbacks import journal
from callbacks.access import Actor
from callbacks.holding import heed_edit_lock, hold, store
from callbacks.lifecycle import Move, Status, status_after
from callbacks.models import Callback, Queue
from callbacks.rules import moments
from callbacks.scheduling.examination import Clear, Examination, Scope
from callbacks.scheduling.examining import examine
from callbacks.scheduling.request import CallbackRequest


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is to be different; ``None`` leaves it as it is. Texts as they were typed."""

    date: str | None = None
    time: str | None = None
    time_zone: str | None = None
    fold: int | None = None
    requested_at: datetime | None = None
    phone_number: str | None = None
    queue_id: uuid.UUID | None = None
    contact_name: str | None = None
    contact_time_zone: str | None = None
    reason: str | None = None
    ticket_id: str | None = None
    allow_outside_calling_hours: bool = False


def request_after(callback: Callback, changes: Changes) -> CallbackRequest:
    """The callback as a request, with the changes made: what ``examine`` and previews look at."""
    return CallbackRequest(
        queue_id=changes.queue_id or callback.queue_id,
        phone_number=_or(changes.phone_number, number_as_typed(callback)),
        contact_name=_or(changes.contact_name, callback.contact_name),
        contact_time_zone=_or(changes.contact_time_zone, callback.contact_time_zone),
        reason=_or(changes.reason, callback.reason),
        ticket_id=_or(changes.ticket_id, callback.ticket_id),
        owner_id=callback.owner_id,
        preferred_agent_id=callback.preferred_agent_id,
        window_duration=(
            None if changes.queue_id not in (None, callback.queue_id) else callback.window_duration
        ),
        window_lead=callback.requested_at - callback.window_starts_at,
        external_data=callback.external_data,
        consent=callback.consent,
        allow_outside_calling_hours=changes.allow_outside_calling_hours,
        **_moment_after(callback, changes),
    )


def _moment_after(callback: Callback, changes: Changes) -> dict[str, Any]:
    if changes.requested_at is not None:
        zone = changes.time_zone or callback.time_zone
        return {"requested_at": changes.requested_at, "time_zone": zone}
    said = {
        "date": _or(changes.date, callback.wall_date.isoformat()),
        "time": _or(changes.time, time_as_typed(callback)),
        "time_zone": _or(changes.time_zone, callback.time_zone),
    }
    # The same wall time without a fold means the promise as it stands, not a new question.
    stands = changes.fold is None and tuple(said.values()) == _promised(callback)
    return {**said, "fold": callback.fold if stands else changes.fold}


def _promised(callback: Callback) -> tuple[str, str, str]:
    """The wall time of the promise, as the panel's fields show it."""
    return callback.wall_date.isoformat(), time_as_typed(callback), callback.time_zone


def _or(value: str | None, otherwise: str) -> str:
    return otherwise if value is None else value


def number_as_typed(callback: Callback) -> str:
    """Number and extension in a notation that reads back as the same."""
    extension = f" ext. {callback.phone_extension}" if callback.phone_extension else ""
    return f"{callback.phone_number}{extension}"


def time_as_typed(callback: Callback) -> str:
    """The promised wall time as the panel's field shows it."""
    return callback.wall_time.isoformat("seconds" if callback.wall_time.second else "minutes")


def examine_change(
    callback: Callback, changes: Changes, *, by: Actor, at: datetime, lock: bool = False
) -> Examination:
    """Every problem of the changes, held only to the rules of what they touch (rules §3.6)."""
    request = request_after(callback, changes)
    scope = Scope(
        leaving_out=callback.pk,
        created_at=callback.created_at,
        time=_touches_time(callback, request),
        number=request.phone_number.strip() != number_as_typed(callback),
        queue=request.queue_id != callback.queue_id,
        consent=False,
    )
    return examine(request, by=by, at=at, scope=scope, lock=lock)


def _touches_time(callback: Callback, request: CallbackRequest) -> bool:
    if request.requested_at is not None:
        return request.requested_at != callback.requested_at
    said = (request.date, request.time, request.time_zone)
    return said != _promised(callback) or request.fold not in (None, callback.fold)


@transaction.atomic
def change(
    callback_id: uuid.UUID,
    changes: Changes,
    *,
    by: Actor,
    at: datetime,
    version: int | None,
    override_reason: str = "",
) -> Callback:
    """Make the changes, or raise ``Refused``, ``Stale``, ``Locked``, ``Ended``, ``NotAllowed``.

    An owned callback keeps its owner, whose period moves along with the time. Reason, ticket and
    contact name may change in the last 15 minutes, too (rules §3.2 closes the rest).
    """
    callback = hold(callback_id, by=by, version=version, move=Move.CHANGE)
    found = examine_change(callback, changes, by=by, at=at, lock=True)
    touches_promise = found.scope.time or found.scope.number or found.scope.queue
    if touches_promise:
        heed_edit_lock(callback, by=by, at=at, override_reason=override_reason)
    clear = found.clear()
    before = journal.snapshot(callback)
    store(callback, at=at, **new_values(callback, found, clear))
    if journal.snapshot(callback) != before:
        what = journal.What.RESCHEDULED if found.scope.time else journal.What.CHANGED
        remarks = [w.message for w in found.warnings if w.code == "calling.hours"]
        journal.record(
            callback,
            what,
            by=by,
            at=at,
            before=before,
            reason=" ".join([override_reason.strip(), *remarks]).strip(),
        )
    return callback


def new_values(callback: Callback, found: Examination, clear: Clear) -> dict[str, Any]:
    """What the callback is to hold after an examination without problems."""
    request = found.request
    values: dict[str, Any] = {
        "contact_name": request.contact_name.strip(),
        "contact_time_zone": moments.canonical(found.contact_time_zone),
        "reason": request.reason.strip(),
        "ticket_id": request.ticket_id.strip(),
    }
    if found.scope.number:
        values |= {
            "phone_number": clear.number.e164,
            "phone_extension": clear.number.extension,
        }
    if found.scope.queue:
        values["queue"] = Queue.objects.get(pk=clear.terms.id)
    if found.scope.time or found.scope.queue:
        values |= _new_times(callback, found, clear)
    is_due = callback.held_for or callback.status == Status.WAITING
    if is_due and (found.scope.number or found.scope.queue):
        # Perhaps held back for the old number: looked at again with the new one.
        values.setdefault("next_action_at", found.at)
    return values


def _new_times(callback: Callback, found: Examination, clear: Clear) -> dict[str, Any]:
    moment = clear.moment
    values: dict[str, Any] = {
        "window_starts_at": clear.window.starts_at,
        "window_ends_at": clear.window.ends_at,
        "due_by": clear.due_by,
        "is_outside_hours_agreed": found.is_outside_hours,
    }
    if callback.owner_id:
        values["ownership_expires_at"] = moment.instant + clear.terms.ownership_period
    if found.scope.time:
        values |= {
            "wall_date": moment.local.date(),
            "wall_time": moment.local.time(),
            "time_zone": moments.canonical(moment.zone),
            "fold": moment.fold,
            "requested_at": moment.instant,
            "tzdata_version": moments.TZDATA_VERSION,
            "status": status_after(Move.RESCHEDULE, callback.status),
            "next_action_at": moment.instant,
            "held_for": "",
            "is_stood_in_for": False,
            # Another time was agreed upon: its attempts and its last 15 minutes count anew.
            "attempts_made": 0,
        }
    return values


def reschedule(
    callback_id: uuid.UUID,
    to: CallbackRequest,
    *,
    by: Actor,
    at: datetime,
    version: int | None,
    override_reason: str = "",
) -> Callback:
    """Move the promise to the request's moment, and nothing else of it: see ``change``."""
    return change(
        callback_id, moved_to(to), by=by, at=at, version=version, override_reason=override_reason
    )


def moved_to(request: CallbackRequest) -> Changes:
    """The request's moment alone, as changes."""
    if request.requested_at is not None:
        return Changes(
            requested_at=request.requested_at,
            time_zone=request.time_zone or None,
            allow_outside_calling_hours=request.allow_outside_calling_hours,
        )
    return Changes(
        date=request.date,
        time=request.time,
        time_zone=request.time_zone,
        fold=request.fold,
        allow_outside_calling_hours=request.allow_outside_calling_hours,
    )
