"""What happened on the platform comes back: the end of a callback, another time, another owner.

Terminal states win; else the newest change does, field by field (rules §6.8): what only one side
changed since both agreed is no conflict. What comes back is never told to the platform again.

Which is the newest is decided by order where it is known. The platform's ``changed_at`` is compared
with its own earlier ones, which needs no clock of ours; and whoever saw the platform unchanged after
our change knows that theirs came later. Only between these are two clocks compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F, Max

from callbacks import holding, journal
from callbacks.access import Actor
from callbacks.calls import interrupting
from callbacks.lifecycle import EDITABLE, Move, Status, permits, status_after
from callbacks.models import Agent, Callback, ConnectedQueue, Connection, Counterpart, Queue
from callbacks.rules import ownership
from callbacks.rules.numbers import PhoneNumber
from callbacks.scheduling.changing import Changes, examine_change, new_values
from callbacks.scheduling.examination import Clear, Examination
from callbacks.sync import lines
from callbacks.sync.contents import as_json, content_of, from_json
from callbacks.sync.platforms.base import Content, Remote, Standing

State = Counterpart.State
What = journal.What
ENDINGS: Mapping[str, tuple[Move, str]] = {
    Standing.DONE: (Move.COMPLETE_THERE, What.COMPLETED),
    Standing.CANCELLED: (Move.CANCEL, What.CANCELLED),
    Standing.EXPIRED: (Move.EXPIRE, What.EXPIRED),
    Standing.FAILED: (Move.FAIL_THERE, What.FAILED),
}
DUE_THERE = frozenset({Standing.WAITING, Standing.OFFERED, Standing.IN_PROGRESS})
IN_WORDS: Mapping[str, str] = {
    Standing.SCHEDULED: "scheduled",
    Standing.WAITING: "waiting for an agent",
    Standing.OFFERED: "offered to an agent",
    Standing.IN_PROGRESS: "an agent is on the phone",
}
CONFIRMED = (State.THERE, State.PARKED)
"""What is being sent says itself how it stands, once its answer is there."""
COLUMNS = (
    "state", "content", "remote_changed_at", "standing", "shown", "synced_message", "lost_at",
)  # fmt: skip


@dataclass(frozen=True)
class Tidings:
    """What a platform told of its callbacks, and how much it proves."""

    connection: Connection
    at: datetime
    asked_at: datetime
    """When it was asked, by our clock: what we told it since may not be in it."""
    is_event: bool = False
    """Pushed to us, perhaps late and in another order: only what is newer counts."""


def apply_all(remotes: Sequence[Remote], told: Tidings) -> Sequence[Remote]:
    """Let all of it hold here, too; those of which we know nothing. Two statements where nothing changed."""
    known = Counterpart.objects.filter(
        connection=told.connection, external_id__in=[remote.id for remote in remotes]
    )
    locked = known.annotate(routing=MODE).select_for_update(of=("self",), no_key=True)
    found = {one.external_id: one for one in locked.order_by("pk")}
    if not told.is_event:
        live = [found[one.id].pk for one in remotes if one.id in found and not one.is_over]
        Counterpart.objects.filter(pk__in=live).update(seen_at=told.at, lost_at=None)
    for remote in remotes:
        if remote.id in found:
            _take_in(found[remote.id], remote, told)
    return [remote for remote in remotes if remote.id not in found]


MODE = F("callback__queue__routing_mode")


def _take_in(there: Counterpart, remote: Remote, told: Tidings) -> None:
    before = [getattr(there, name) for name in COLUMNS]
    if there.state in CONFIRMED and _is_worth_a_look(there, remote, told):
        apply(there, remote, told)
    if not told.is_event and not _is_older(there, remote):
        there.shown, there.lost_at = otherwise(there, remote), None
    if before != [getattr(there, name) for name in COLUMNS]:
        there.save(update_fields=COLUMNS)


def _is_worth_a_look(there: Counterpart, remote: Remote, told: Tidings) -> bool:
    is_watched = getattr(there, "routing", "") == Queue.RoutingMode.PLATFORM
    is_step = is_watched and _is_step(there, remote)
    return remote.is_over or is_step or bool(_differences(there, remote))


def _is_older(there: Counterpart, remote: Remote) -> bool:
    last, now = there.remote_changed_at, remote.changed_at
    return last is not None and now is not None and now < last


def _is_step(there: Counterpart, remote: Remote) -> bool:
    """Whether it stands otherwise there than before; a word that nobody knows says nothing."""
    return remote.standing in IN_WORDS and remote.standing != (there.standing or Standing.SCHEDULED)


def _differences(there: Counterpart, remote: Remote) -> set[str]:
    """What of a time and an owner is other than what the platform confirmed last."""
    if there.content is None:
        return set()
    known = from_json(there.content)
    found = {"owner"} if remote.is_owner_sure and remote.owner != known.owner else set()
    if remote.requested_at and remote.requested_at != known.requested_at:
        found.add("time")
    return found


def otherwise(there: Counterpart, remote: Remote) -> dict[str, Any] | None:
    """What is shown and is not what was confirmed: a drift, for a person to see."""
    if there.state == State.OVER:
        return None if remote.is_over else {"standing": remote.standing}
    if there.state not in CONFIRMED:
        return None
    if remote.is_over:
        return {"standing": remote.standing}
    found: dict[str, Any] = {}
    different = _differences(there, remote)
    if "time" in different and remote.requested_at:
        found["requested_at"] = remote.requested_at.isoformat()
    if "owner" in different:
        found["owner"] = remote.owner
    if there.content and remote.number and remote.number != from_json(there.content).number:
        found["number"] = remote.number
    return found or None


# --- one callback ------------------------------------------------------------------------------


def apply(there: Counterpart, remote: Remote, told: Tidings) -> None:
    """Let it hold here, too, where it wins. Changes ``there`` without saving it.

    A call that is under way here is never cut, and what is being rung for is not moved: what came
    back waits, unconfirmed, and is looked at again the next time.
    """
    if _is_known(there, remote, told):
        return
    callback = (
        Callback.objects.for_display().select_for_update(of=("self",)).get(pk=there.callback_id)
    )
    if remote.is_over:
        _end(callback, there, remote, told)
        return
    if _change(callback, there, remote, told):
        there.remote_changed_at = remote.changed_at or there.remote_changed_at
    _follow(callback, there, remote, told)


def _is_known(there: Counterpart, remote: Remote, told: Tidings) -> bool:
    """Whether it tells only what we know, by the order that the platform itself gives."""
    last, now = there.remote_changed_at, remote.changed_at
    if remote.is_over and not told.is_event:
        return False
    if last is not None and now is not None:
        return _is_older(there, remote) or (now == last and not _is_step(there, remote))
    # It does not say when it changed: what was asked before our own last word settled is not news.
    confirmed_at = there.synced_at
    return confirmed_at is not None and told.asked_at < confirmed_at + told.connection.settle


def _end(callback: Callback, there: Counterpart, remote: Remote, told: Tidings) -> None:
    """Over there: over here (rules §6.8), with all that was still to be told of it."""
    by = Actor.platform(told.connection.name)
    if callback.status == Status.IN_PROGRESS:
        if there.remote_changed_at != remote.changed_at or there.standing != remote.standing:
            there.remote_changed_at, there.standing = remote.changed_at, remote.standing
            said = f"{_words(remote)} The call that is under way here goes on."
            _note(callback, said, by, told.at)
        there.shown = {"standing": remote.standing}
        return
    there.shown = None
    there.state, there.remote_changed_at = State.OVER, remote.changed_at or there.remote_changed_at
    there.standing = remote.standing
    if callback.ended_at is None:
        interrupting.release(callback, "It is over on the platform.", by=by, at=told.at)
        _store_end(callback, remote, by, told.at)
    last = callback.outbox.aggregate(last=Max("id"))["last"] or 0
    there.synced_message = max(there.synced_message, last)
    lines.settle([(there, last)], told.at)


def _store_end(callback: Callback, remote: Remote, by: Actor, at: datetime) -> None:
    move, what = ENDINGS[remote.standing]
    before = journal.snapshot(callback)
    holding.store(
        callback, at=at, status=status_after(move, callback.status), ended_at=at,
        next_action_at=None, agent=None, held_for="",
        attempts_made=max(callback.attempts_made, remote.attempts or 0),
    )  # fmt: skip
    said = _words(remote)
    journal.record(callback, what, by=by, at=at, before=before, reason=said, action=None)


def _words(remote: Remote) -> str:
    times = f", after {remote.attempts} attempts" if remote.attempts else ""
    times = times.removesuffix("s") if remote.attempts == 1 else times
    return f"On the platform: {remote.outcome or remote.standing}{times}."


def _note(callback: Callback, said: str, by: Actor, at: datetime) -> None:
    """In the callback's history, where nothing of the callback itself changed."""
    journal.record(
        callback, What.SYNCHRONISED, by=by, at=at, before={}, after={}, reason=said, action=None
    )


# --- another time, another owner ---------------------------------------------------------------


def _change(callback: Callback, there: Counterpart, remote: Remote, told: Tidings) -> bool:
    """Take what was changed there, where it is the newest; whether it is dealt with."""
    different = _differences(there, remote)
    place = ConnectedQueue.objects.filter(queue=callback.queue, connection=told.connection).first()
    if not different or place is None or there.content is None or callback.ended_at:
        return True
    known = from_json(there.content)
    ours = content_of(callback, there, place)
    contested = different & _changed_by_us(known, ours)
    if contested and _is_ours_newer(callback, there, remote, told):
        different -= contested
    if different and callback.status not in EDITABLE:
        return False
    if different:
        take(callback, remote, different, told)
    # What the platform holds now, whoever won: what of ours is newer is told as a difference to it.
    there.content = as_json(confirmed(known, remote))
    return True


def _changed_by_us(known: Content, ours: Content) -> set[str]:
    found = {"owner"} if ours.owner != known.owner else set()
    return found | ({"time"} if ours.requested_at != known.requested_at else set())


def _is_ours_newer(callback: Callback, there: Counterpart, remote: Remote, told: Tidings) -> bool:
    """Whether our change that the platform does not know yet came after theirs."""
    unsent = callback.outbox.filter(settled_at__isnull=True, id__gt=there.synced_message)
    changed_at = unsent.aggregate(last=Max("created_at"))["last"]
    if changed_at is None:
        return False
    if there.seen_at and changed_at < there.seen_at - told.connection.settle:
        # After our change it was seen there as it had been confirmed: theirs came later.
        return False
    if changed_at > told.asked_at or remote.changed_at is None:
        return True
    return bool(changed_at >= remote.changed_at)


def take(callback: Callback, remote: Remote, what: set[str], told: Tidings) -> None:
    """Change time or owner as the platform did, by the rules of scheduling; with the row locked.

    What those rules would refuse to a person is taken all the same, since it was agreed upon there;
    the history says so. Only an owner who cannot own it here does not become one.
    """
    by = Actor.platform(told.connection.name)
    before, remarks = journal.snapshot(callback), []
    if "time" in what and remote.requested_at is not None:
        moved = examine_change(callback, _moved(remote.requested_at), by=by, at=told.at)
        remarks += _take_time(callback, moved, told.at)
    if "owner" in what:
        remarks += _take_owner(callback, remote.owner, by, told.at)
    after = journal.snapshot(callback)
    reason = " ".join(["Changed on the platform.", *remarks])
    if before == after:
        _note(callback, reason, by, told.at)
        return
    kind = _what(before, after)
    journal.record(callback, kind, by=by, at=told.at, before=before, reason=reason, action=None)


def _moved(requested_at: datetime) -> Changes:
    return Changes(requested_at=requested_at, allow_outside_calling_hours=True)


def _take_time(callback: Callback, found: Examination, at: datetime) -> list[str]:
    clear = _clear(callback, found)
    if clear is None:
        return ["Its new time cannot be read, so it stays as it was."]
    values = new_values(callback, found, clear)
    # Nobody there was told of our calling hours: they hold it back, as they protect the contact.
    values["is_outside_hours_agreed"] = False
    if values.get("ownership_expires_at"):
        starts = max(clear.moment.instant, at)
        values["ownership_expires_at"] = starts + clear.terms.ownership_period
    holding.store(callback, at=at, **values)
    told = [problem.message for problem in found.problems if problem.field != ownership.FIELD]
    return told + [w.message for w in found.warnings if w.code == "calling.hours"]


def _clear(callback: Callback, found: Examination) -> Clear | None:
    """What it means, whatever problems a person would be told of; ``None`` without a moment."""
    if not (found.terms and found.moment and found.window and found.due_by):
        return None
    number = found.number or PhoneNumber(callback.phone_number, callback.phone_extension)
    return Clear(found.terms, found.moment, number, found.window, found.due_by)


def _take_owner(callback: Callback, named: str | None, by: Actor, at: datetime) -> list[str]:
    owner = owner_called(named)
    if named and owner is None:
        return [f"Its owner there ({named}) is nobody whom Ringback knows."]
    changes = Changes(owner_id=owner.pk if owner else None)
    found = examine_change(callback, changes, by=by, at=at)
    unable = next((p.message for p in found.problems if p.field == ownership.FIELD), "")
    clear = _clear(callback, found)
    if unable or clear is None:
        return [f"{owner} owns it there, and cannot here: {unable}"]
    holding.store(callback, at=at, **new_values(callback, found, clear))
    return []


def owner_called(named: str | None) -> Agent | None:
    """The agent whom the platform calls so."""
    if not named or "\0" in named:
        return None
    return Agent.objects.select_related("user").filter(platform_id=named).first()


def _what(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if before["requested_at"] != after["requested_at"]:
        return What.RESCHEDULED
    return What.HANDED_OVER if after["owner"] else What.OWNERSHIP_GIVEN_UP


def confirmed(known: Content, remote: Remote) -> Content:
    """What the platform holds, as far as it shows: the window keeps its place around the time."""
    requested_at = remote.requested_at or known.requested_at
    shift = requested_at - known.requested_at
    return replace(
        known,
        requested_at=requested_at,
        window_starts_at=known.window_starts_at + shift,
        owner=remote.owner if remote.is_owner_sure else known.owner,
    )


def has_theirs(before: Content | None, sent: Content, remote: Remote) -> bool:
    """Whether the answer to a change shows what we did not send: somebody else was there, too."""
    if before is None:
        return False
    is_time_sent = before.requested_at != sent.requested_at
    is_their_time = remote.requested_at not in (None, sent.requested_at) and not is_time_sent
    is_their_owner = remote.is_owner_sure and remote.owner != sent.owner
    return is_their_time or (is_their_owner and before.owner == sent.owner)


# --- who routes --------------------------------------------------------------------------------


def _follow(callback: Callback, there: Counterpart, remote: Remote, told: Tidings) -> None:
    """Where the platform routes it: how it stands there is how it stands, as far as our words go."""
    if not _is_step(there, remote):
        return
    there.standing = remote.standing
    if callback.ended_at or not callback.queue.is_routed_by_platform:
        return
    by = Actor.platform(told.connection.name)
    before, what, values = journal.snapshot(callback), What.SYNCHRONISED, {}
    if remote.standing in DUE_THERE and permits(Move.FALL_DUE, callback.status):
        status = status_after(Move.FALL_DUE, callback.status)
        what, values = What.FELL_DUE, {"status": status, "held_for": ""}
    # Something happened to it: it is not stuck.
    holding.store(callback, at=told.at, **values)
    said = f"On the platform: {IN_WORDS[remote.standing]}."
    journal.record(callback, what, by=by, at=told.at, before=before, reason=said, action=None)
