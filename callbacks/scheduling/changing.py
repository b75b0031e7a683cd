"""Change: reschedule, or change number, queue, reason and contact, in one go."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from django.db import transaction

from callbacks import access, journal
from callbacks.access import Actor
from callbacks.holding import heed_edit_lock, hold, store
from callbacks.lifecycle import Move, Status, status_after
from callbacks.models import Agent, Callback, Queue
from callbacks.rules import moments
from callbacks.scheduling.examination import Clear, Examination, Scope
from callbacks.scheduling.examining import examine
from callbacks.scheduling.request import CallbackRequest


class Keep(Enum):
    """Where ``None`` is a value of its own: nobody."""

    AS_IT_IS = auto()


KEEP = Keep.AS_IT_IS


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
    window_starts_at: datetime | None = None
    window_duration: timedelta | None = None
    priority: int | None = None
    skills: Sequence[str] | None = None
    external_data: Mapping[str, Any] | None = None
    owner_id: uuid.UUID | Keep | None = KEEP
    """The agent who is to own it; ``None`` leaves it to the queue."""
    preferred_agent_id: uuid.UUID | Keep | None = KEEP
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
        owner_id=_kept(changes.owner_id, callback.owner_id),
        preferred_agent_id=_kept(changes.preferred_agent_id, callback.preferred_agent_id),
        window_starts_at=changes.window_starts_at,
        window_duration=changes.window_duration or _window_kept(callback, changes),
        window_lead=callback.requested_at - callback.window_starts_at,
        priority=callback.priority if changes.priority is None else changes.priority,
        skills=callback.skills if changes.skills is None else changes.skills,
        external_data=(
            callback.external_data if changes.external_data is None else changes.external_data
        ),
        consent=callback.consent,
        allow_outside_calling_hours=changes.allow_outside_calling_hours,
        **_moment_after(callback, changes),
    )


def _kept(value: uuid.UUID | Keep | None, otherwise: uuid.UUID | None) -> uuid.UUID | None:
    return otherwise if isinstance(value, Keep) else value


def _window_kept(callback: Callback, changes: Changes) -> timedelta | None:
    """The window stays as long as it was; in another queue it is as long as there."""
    is_moved = changes.queue_id not in (None, callback.queue_id)
    return None if is_moved else callback.window_duration


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
        window=not (changes.window_starts_at is None and changes.window_duration is None),
        new_owner=request.owner_id is not None
        and (request.owner_id != callback.owner_id or list(request.skills) != callback.skills),
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

    An owned callback keeps its owner, whose period moves along with the time, unless the changes
    name another one or nobody. Reason, ticket and contact name may change in the last 15 minutes,
    too (rules §3.2 closes the rest).
    """
    callback = hold(callback_id, by=by, version=version, move=Move.CHANGE)
    found = examine_change(callback, changes, by=by, at=at, lock=True)
    moves_owner = found.request.owner_id != callback.owner_id
    if moves_owner:
        is_taken = found.request.owner_id == by.id and access.may_take(by, callback)
        may_move = is_taken or access.may_assign(by, callback)
        access.require(may_move, "Only its owner and supervisors say who is to own it.")
    if found.scope.touches_promise or moves_owner:
        heed_edit_lock(callback, by=by, at=at, override_reason=override_reason)
    clear = found.clear()
    before = journal.snapshot(callback)
    store(callback, at=at, **new_values(callback, found, clear))
    if journal.snapshot(callback) != before:
        what = _what(before, journal.snapshot(callback), found)
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


def _what(before: Mapping[str, Any], after: Mapping[str, Any], found: Examination) -> str:
    """What history calls it: by what weighs most."""
    if found.scope.time:
        return journal.What.RESCHEDULED
    if before["owner"] == after["owner"]:
        return journal.What.CHANGED
    return journal.What.HANDED_OVER if after["owner"] else journal.What.OWNERSHIP_GIVEN_UP


def new_values(callback: Callback, found: Examination, clear: Clear) -> dict[str, Any]:
    """What the callback is to hold after an examination without problems."""
    request = found.request
    values: dict[str, Any] = {
        "contact_name": request.contact_name.strip(),
        "contact_time_zone": moments.canonical(found.contact_time_zone),
        "reason": request.reason.strip(),
        "ticket_id": request.ticket_id.strip(),
        "priority": request.priority,
        "skills": found.skills,
        "external_data": dict(request.external_data),
    }
    if request.preferred_agent_id != callback.preferred_agent_id:
        values["preferred_agent"] = _agent(request.preferred_agent_id)
    if request.owner_id != callback.owner_id:
        values |= _new_owner(callback, found, clear)
    if found.scope.number:
        values |= {
            "phone_number": clear.number.e164,
            "phone_extension": clear.number.extension,
        }
    if found.scope.queue:
        values["queue"] = Queue.objects.get(pk=clear.terms.id)
    if found.scope.time or found.scope.queue or found.scope.window:
        values |= _new_times(callback, found, clear)
    is_due = callback.held_for or callback.status == Status.WAITING
    is_other = found.scope.number or found.scope.queue or request.owner_id != callback.owner_id
    if is_due and is_other:
        # Perhaps held back for the old number, or waiting for the old owner: looked at again.
        values.setdefault("next_action_at", found.at)
    return values


def _agent(agent_id: uuid.UUID | None) -> Agent | None:
    if agent_id is None:
        return None
    return Agent.objects.select_related("user").get(pk=agent_id)


def _new_owner(callback: Callback, found: Examination, clear: Clear) -> dict[str, Any]:
    """Whoever takes on a callback that is due already gets the whole period, too."""
    owner = _agent(found.request.owner_id)
    starts = max(clear.moment.instant, found.at)
    return {
        "owner": owner,
        "ownership_expires_at": starts + clear.terms.ownership_period if owner else None,
        "is_stood_in_for": False,
    }


def _new_times(callback: Callback, found: Examination, clear: Clear) -> dict[str, Any]:
    moment = clear.moment
    values: dict[str, Any] = {
        "window_starts_at": clear.window.starts_at,
        "window_ends_at": clear.window.ends_at,
        "due_by": clear.due_by,
    }
    if found.scope.time or found.scope.queue:
        values["is_outside_hours_agreed"] = found.is_outside_hours
    if callback.owner_id and callback.owner_id == found.request.owner_id:
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
