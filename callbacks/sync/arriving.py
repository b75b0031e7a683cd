"""Callbacks that were made on the platform appear here; those that cannot are shown with the reason.

Nothing is dropped silently, and nobody is called twice: where the contact has a callback here already,
the other one becomes none of ours before a person says so, or the first one is over.
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction

from callbacks import journal
from callbacks.access import Actor
from callbacks.models import Callback, ConnectedQueue, Connection, Counterpart, Newcomer
from callbacks.models.compiled import insert
from callbacks.rules import moments, numbers, ownership, texts, windows
from callbacks.scheduling.examination import Examination, Scope
from callbacks.scheduling.examining import examine
from callbacks.scheduling.request import CallbackRequest
from callbacks.scheduling.scheduling import Scheduled, decide, first_entry
from callbacks.sync import returning
from callbacks.sync.contents import as_json, content_of
from callbacks.sync.platforms.base import Remote
from callbacks.sync.returning import Tidings

State = Counterpart.State
OURS = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{1,6})")
SCOPE = Scope(queue=False, consent=False)
"""The platform needs nobody's permission; else a callback from there is as any new one."""
NOT_DATA = frozenset(
    {"timeZone", "consent", "conversationId", "extension", "windowSeconds", "reason", "ticketId"}
)
"""What travels among the strings because the platform has no field for it."""


@dataclass(frozen=True)
class Arrival:
    """A callback of the platform that we do not know, and where it would belong."""

    remote: Remote
    place: ConnectedQueue | None
    key: uuid.UUID | None
    """Ours, where it carries our reference."""
    generation: int = 1


def welcome(unknown: Sequence[Remote], told: Tidings) -> None:
    """Take over what is open there and unknown here, one by one: a bad one must not stop the others."""
    places = list(ConnectedQueue.objects.filter(connection=told.connection).select_related("queue"))
    # In the order in which everybody locks numbers.
    for remote in sorted(unknown, key=lambda one: one.number):
        if remote.is_over or not remote.id or len(remote.id) > 255 or "\0" in remote.id:
            continue
        arrival = _arrival(remote, places)
        try:
            with transaction.atomic():
                _welcome(arrival, told)
        except (DatabaseError, ValueError, OverflowError) as failed:
            why = f"It cannot be stored here: {type(failed).__name__}."
            _list(arrival, told, why, None)


def _arrival(remote: Remote, places: Sequence[ConnectedQueue]) -> Arrival:
    by_name = {place.remote_id: place for place in places if place.remote_id}
    place = by_name.get(remote.queue)
    if place is None and len(places) == 1 and (not remote.queue or not places[0].remote_id):
        place = places[0]
    ours = OURS.fullmatch(remote.reference)
    if ours is None:
        return Arrival(remote, place, None)
    return Arrival(remote, place, uuid.UUID(ours[1]), int(ours[2]))


def _welcome(arrival: Arrival, told: Tidings) -> None:
    if arrival.key:
        known = Callback.objects.filter(pk=arrival.key).first()
        if known is not None:
            _recognise(known, arrival, told)
            return
    if arrival.place is None:
        if arrival.key:
            _list(
                arrival, told, "It carries our reference, in a queue that is not connected.", None
            )
        # Else it is in a queue of theirs that is none of our business.
        return
    _take_over(arrival, arrival.place, told)


# --- with our reference ------------------------------------------------------------------------


def _recognise(callback: Callback, arrival: Arrival, told: Tidings) -> None:
    """A callback of ours, in a shape that we do not know of."""
    there = Counterpart.objects.filter(connection=told.connection, callback=callback).first()
    if there is None:
        _adopt(Counterpart(connection=told.connection, callback=callback), arrival, told)
    elif there.state in (State.SENDING, State.CONFLICT):
        return  # What became of a request is cleared up by who sent it.
    elif there.state == State.ABSENT and not there.external_id:
        # Perhaps from a request that was given up: it is looked for before another one is made.
        if arrival.generation == there.generation and there.check_at is None:
            _adopt(there, arrival, told)
    elif arrival.generation == there.generation and there.state == State.THERE:
        # Twice there: the look for doubles keeps the one that we know, and cancels the other.
        there.check_at, there.checks_left = told.at, max(1, there.checks_left)
        there.save(update_fields=["check_at", "checks_left"])
    elif there.synced_at is None or told.asked_at >= there.synced_at + told.connection.settle:
        # Else the list may be older than the cancel that made room for the one that we know.
        _list(
            arrival, told, "It is an earlier one of a callback of ours, and still open.", callback
        )


def _adopt(there: Counterpart, arrival: Arrival, told: Tidings) -> None:
    """From now on it is the one that we know; what differs there was changed there (F40)."""
    remote, callback = arrival.remote, there.callback
    there.generation, there.external_id = arrival.generation, remote.id
    there.state, there.handle, there.seen_at = State.THERE, dict(remote.handle), told.at
    place = ConnectedQueue.objects.filter(queue=callback.queue, connection=told.connection).first()
    there.content = as_json(content_of(callback, there, place)) if place else None
    there.save()
    by = Actor.platform(told.connection.name)
    said = f"Found on the platform as {remote.id}, by our reference: it is not made a second time."
    # An open promise is compared once more; one that is over here is ended there.
    action = journal.Action.CANCEL if callback.ended_at else journal.Action.UPDATE
    journal.record(
        callback, journal.What.SYNCHRONISED, by=by, at=told.at, before={}, after={}, reason=said,
        action=action,
    )  # fmt: skip
    if callback.ended_at is None:
        returning.apply(there, remote, told)
        there.save()
    _forget(arrival, told)


# --- made there --------------------------------------------------------------------------------


def _take_over(arrival: Arrival, place: ConnectedQueue, told: Tidings) -> None:
    by = Actor.platform(told.connection.name)
    found = _examined(arrival, place, by, told.at)
    known = Newcomer.objects.filter(
        connection=told.connection, external_id=arrival.remote.id
    ).first()
    if arrival.remote.data.get("consent") == "no":
        _list(arrival, told, "The contact did not agree to be called.", None)
        return
    problems = [p for p in found.problems if not _is_forgiven(p.code, found, known)]
    if problems:
        _list(arrival, told, " ".join(p.message for p in problems), found.existing)
        return
    found.problems.clear()
    made = decide(found, by=by)
    made.callback.is_outside_hours_agreed = False
    if arrival.key:
        made.callback.pk = arrival.key
    insert(made.callback)
    entry = first_entry(found, made, by=by)
    journal.record(
        made.callback, entry.what, by=by, at=told.at, before={}, after=entry.after,
        reason=_said(arrival, entry.reason, known), action=None,
    )  # fmt: skip
    _join(made, arrival, place, told)
    _forget(arrival, told)


def _said(arrival: Arrival, remarks: str, known: Newcomer | None) -> str:
    said = f"Made on the platform ({arrival.remote.id})."
    if arrival.key:
        said = f"Found on the platform by our reference ({arrival.remote.id}); unknown here."
    doubled = (
        "Taken over although the contact has another one." if known and known.is_welcome else ""
    )
    return " ".join(part for part in (said, doubled, remarks) if part)


def _is_forgiven(code: str, found: Examination, known: Newcomer | None) -> bool:
    """What would be refused to a person, and is no obstacle here.

    A time that just passed is a promise for now, as long as its window is open.
    """
    if code == "time.past":
        return found.window is not None and found.window.ends_at > found.at
    return code == "callback.exists" and known is not None and known.is_welcome


def _examined(arrival: Arrival, place: ConnectedQueue, by: Actor, at: datetime) -> Examination:
    """As any new promise: with its owner and its window, where our rules allow these."""
    request = request_from(arrival.remote, place)
    found = examine(request, by=by, at=at, scope=SCOPE, lock=True)
    fields = {problem.field for problem in found.problems}
    if ownership.FIELD in fields:
        request = replace(request, owner_id=None)
    if windows.FIELD in fields:
        request = replace(request, window_duration=None)
    if fields & {ownership.FIELD, windows.FIELD}:
        found = examine(request, by=by, at=at, scope=SCOPE)
    return found


def request_from(remote: Remote, place: ConnectedQueue) -> CallbackRequest:
    """What somebody wished for on the platform, as our doors hand it in."""
    data = remote.data
    owner = returning.owner_called(remote.owner)
    extension = f" ext. {data['extension']}" if data.get("extension") else ""
    seconds = remote.window_seconds
    is_window = seconds is not None and 60 <= seconds <= 30 * 86_400
    return CallbackRequest(
        queue_id=place.queue_id,
        phone_number=f"{remote.number}{extension}",
        requested_at=remote.requested_at or datetime.min.replace(tzinfo=UTC),
        time_zone=_zone(remote),
        contact_time_zone=_zone(remote),
        contact_name=remote.name,
        window_duration=timedelta(seconds=seconds or 0) if is_window else None,
        owner_id=owner.pk if owner else None,
        reason=data.get("reason", ""),
        ticket_id=data.get("ticketId", ""),
        conversation_id=data.get("conversationId", ""),
        external_data={name: text for name, text in data.items() if name not in NOT_DATA},
        consent=True if data.get("consent") == "yes" else None,
        allow_outside_calling_hours=True,
    )


def _zone(remote: Remote) -> str:
    """Where the contact is: as the strings say, else as the number tells."""
    said = remote.data.get("timeZone", "")
    if said in moments.ZONES:
        return said
    return numbers.suggested_zone(remote.number) or "UTC"


def _join(made: Scheduled, arrival: Arrival, place: ConnectedQueue, told: Tidings) -> None:
    """Both are one from now on, and agree: nothing is told back."""
    remote = arrival.remote
    there = Counterpart(
        connection=told.connection, callback=made.callback, generation=arrival.generation,
        state=State.THERE, external_id=remote.id, handle=dict(remote.handle), seen_at=told.at,
        synced_at=told.at, remote_changed_at=remote.changed_at, standing=remote.standing,
    )  # fmt: skip
    agreed = replace(content_of(made.callback, there, place), owner=remote.owner)
    there.content = as_json(agreed)
    there.save()


# --- what cannot be taken over -----------------------------------------------------------------


def _list(arrival: Arrival, told: Tidings, why: str, existing: Callback | None) -> None:
    """Show it to a person; where it doubles one of ours, that one's history says so, once."""
    remote = arrival.remote
    _, is_new = Newcomer.objects.update_or_create(
        connection=told.connection,
        external_id=remote.id,
        defaults={
            "content": portrait(remote), "why": why, "existing": existing, "seen_at": told.at,
        },
        create_defaults={
            "content": portrait(remote), "why": why, "existing": existing, "found_at": told.at,
            "seen_at": told.at,
        },
    )  # fmt: skip
    if is_new and existing is not None:
        when = remote.requested_at.isoformat() if remote.requested_at else "no time"
        journal.record(
            existing, journal.What.DUPLICATE_PREVENTED, by=Actor.platform(told.connection.name),
            at=told.at, before={}, after={}, action=None,
            reason=f"The platform has another one for this contact ({remote.id}, {when}).",
        )  # fmt: skip


def portrait(remote: Remote) -> Mapping[str, Any]:
    """What a person needs to see of it, as JSON holds it."""
    said = asdict(replace(remote, data={}, handle={}))
    kept = {
        name: said[name] for name in ("number", "name", "owner", "queue", "standing", "reference")
    }
    moment = remote.requested_at.isoformat() if remote.requested_at else None
    written = json.dumps({**kept, "requested_at": moment}).replace("\\u0000", "")
    loaded: dict[str, Any] = json.loads(written)
    return {
        name: text[: texts.REASON] if isinstance(text, str) else text
        for name, text in loaded.items()
    }


def _forget(arrival: Arrival, told: Tidings) -> None:
    Newcomer.objects.filter(connection=told.connection, external_id=arrival.remote.id).delete()


def forget_the_gone(connection: Connection, before: datetime) -> None:
    """Those that a whole look has not shown any more need nobody's attention."""
    Newcomer.objects.filter(connection=connection, seen_at__lt=before).delete()
