"""Drift: what differs between us and a platform, why, and what would put it right.

Told from what the last complete look has shown, without asking the platform anew. What follows from
the rules was repaired already when it came back; here is what no rule decides, or what is so much
that a person must say so (``mending``). Every repair leaves a line in the callback's history.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from callbacks import journal
from callbacks.access import Actor
from callbacks.models import (
    Callback,
    ConnectedQueue,
    Connection,
    Counterpart,
    Newcomer,
    OutboxMessage,
)
from callbacks.sync import mending, returning
from callbacks.sync.contents import as_json, content_of, from_json, is_same
from callbacks.sync.platforms.base import Content, Remote, Standing
from callbacks.sync.returning import Tidings

State = Counterpart.State


class Kind(StrEnum):
    """In which way both sides differ."""

    MISSING = "missing there"
    UNKNOWN = "unknown here"
    DIFFERS = "differs"
    LIVE_THERE = "over here, open there"
    LIVE_HERE = "open here, over there"
    DOUBLE = "twice there"


class Repair(StrEnum):
    """What can be done about it."""

    TELL_AGAIN = "tell again"
    TAKE_THEIRS = "take theirs"
    MAKE_ANEW = "make anew"
    CANCEL_THERE = "cancel there"
    TAKE_OVER = "take over"


SAFE: Mapping[Kind, Repair] = {
    Kind.MISSING: Repair.MAKE_ANEW,
    Kind.DIFFERS: Repair.TELL_AGAIN,
    Kind.LIVE_THERE: Repair.CANCEL_THERE,
    Kind.LIVE_HERE: Repair.TAKE_THEIRS,
}
"""What nobody can regret: ours holds, save that what is over stays so. Who is unknown waits."""


@dataclass(frozen=True)
class Drift:
    """One difference."""

    key: uuid.UUID
    """Of the counterpart; of what is unknown here, the newcomer's."""
    kind: Kind
    external_id: str
    cause: str
    repairs: Sequence[Repair]
    callback: Callback | None = None
    differences: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By what it is called: ours, and theirs."""

    @property
    def safe_repair(self) -> Repair | None:
        """What a repair of everything does; ``None``: this one is left to a person."""
        return SAFE.get(self.kind)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "key": str(self.key),
            "kind": str(self.kind),
            "callback": str(self.callback.pk) if self.callback else None,
            "externalId": self.external_id,
            "cause": self.cause,
            "differences": {
                name: {"ours": ours, "theirs": theirs}
                for name, (ours, theirs) in self.differences.items()
            },
            "repairs": [str(repair) for repair in self.repairs],
        }


@dataclass(frozen=True)
class Report:
    """What differs between us and one platform."""

    connection: Connection
    looked_at: datetime | None
    """When the look began that this stands on; ``None``: there was none yet."""
    compared: int
    """How many callbacks both sides should have open."""
    drifts: Sequence[Drift]
    is_held: bool
    """So much is missing there that nothing is made anew before a person says so."""


def report(connection: Connection) -> Report:
    """Everything that differs (at most some statements, whatever the history)."""
    live = Counterpart.objects.filter(connection=connection).live().count()
    drifts = [*_missing(connection), *_otherwise(connection), *_newcomers(connection)]
    return Report(connection, connection.polled_at, live, drifts, mending.is_held(connection))


def _counterparts(connection: Connection) -> Any:
    return Counterpart.objects.filter(connection=connection).select_related(
        "callback__queue", "callback__owner__user", "callback__preferred_agent__user"
    )


def _missing(connection: Connection) -> Iterator[Drift]:
    lost = _counterparts(connection).filter(lost_at__isnull=False, state=State.THERE)
    for there in lost.order_by("lost_at", "id"):
        yield Drift(
            there.pk, Kind.MISSING, there.external_id,
            "The platform has it no more, and never said that it ended.",
            [Repair.MAKE_ANEW], there.callback,
        )  # fmt: skip


def _otherwise(connection: Connection) -> Iterator[Drift]:
    """What the platform showed otherwise than it confirmed; or holds otherwise than we do."""
    places = ConnectedQueue.objects.filter(connection=connection).in_bulk()
    known = _counterparts(connection).filter(lost_at__isnull=True).exclude(external_id="")
    untold = OutboxMessage.objects.filter(callback=OuterRef("callback"), settled_at__isnull=True)
    shown = known.filter(shown__isnull=False).exclude(state=State.SENDING)
    for there in shown.order_by("callback__requested_at", "id"):
        yield _shown(there, places.get(there.callback.queue_id))
    settled = known.filter(shown__isnull=True, state=State.THERE, callback__ended_at__isnull=True)
    for there in settled.exclude(Exists(untold)).order_by("id").iterator(chunk_size=1000):
        place = places.get(there.callback.queue_id)
        if place is None or there.content is None:
            continue
        ours, theirs = content_of(there.callback, there, place), from_json(there.content)
        if not is_same(ours, theirs):
            yield Drift(
                there.pk, Kind.DIFFERS, there.external_id,
                "It was changed here, or there, and the other side did not take it over.",
                [Repair.TELL_AGAIN, Repair.TAKE_THEIRS], there.callback, _compared(ours, theirs),
            )  # fmt: skip


def _shown(there: Counterpart, place: ConnectedQueue | None) -> Drift:
    shown, callback = there.shown or {}, there.callback
    standing = shown.get("standing")
    if standing in Standing.OVER:
        return Drift(
            there.pk, Kind.LIVE_HERE, there.external_id,
            f"It is {standing} there; somebody is on the phone about it here.",
            [Repair.TAKE_THEIRS], callback,
        )  # fmt: skip
    if standing:
        cause = "It is over here, and the platform shows it as open: it came late, or was revived."
        return Drift(
            there.pk, Kind.LIVE_THERE, there.external_id, cause, [Repair.CANCEL_THERE], callback
        )
    ours = content_of(callback, there, place) if place else from_json(there.content or {})
    theirs = _as_shown(there)
    return Drift(
        there.pk, Kind.DIFFERS, there.external_id,
        "It was changed there while it was busy here, or the platform did not do as it confirmed.",
        [Repair.TELL_AGAIN, Repair.TAKE_THEIRS], callback, _compared(ours, theirs),
    )  # fmt: skip


def _as_shown(there: Counterpart) -> Content:
    """What was confirmed, with what the last look showed otherwise."""
    shown, known = there.shown or {}, there.content or {}
    return from_json({**known, **{name: shown[name] for name in DETAILS if name in shown}})


DETAILS = ("requested_at", "owner", "number")


def _compared(ours: Content, theirs: Content) -> dict[str, tuple[str, str]]:
    """What differs, in words."""
    told = {
        "Time": (_stamp(ours.requested_at), _stamp(theirs.requested_at)),
        "Window": (f"{ours.window_seconds} s", f"{theirs.window_seconds} s"),
        "Owner": (ours.owner or "nobody", theirs.owner or "nobody"),
        "Number": (ours.number, theirs.number),
        "Name": (ours.name, theirs.name),
        "Queue": (ours.queue, theirs.queue),
        "Data": (_data(ours), _data(theirs)),
    }
    return {name: (mine, other) for name, (mine, other) in told.items() if mine != other}


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _data(content: Content) -> str:
    return ", ".join(f"{name}: {text}" for name, text in sorted(content.data.items()))


def _newcomers(connection: Connection) -> Iterator[Drift]:
    found = Newcomer.objects.filter(connection=connection).select_related("existing__queue")
    for one in found:
        is_double = bool(one.content.get("reference")) and one.existing is not None
        may_come = one.existing is not None and not is_double and not one.is_welcome
        theirs = {
            "Time": ("", str(one.content.get("requested_at") or "none")),
            "Number": ("", str(one.content.get("number") or "none")),
        }
        yield Drift(
            one.pk, Kind.DOUBLE if is_double else Kind.UNKNOWN, one.external_id, one.why,
            [Repair.TAKE_OVER] if may_come else [], one.existing, theirs,
        )  # fmt: skip


# --- repairs -----------------------------------------------------------------------------------


def repair(drift: Drift, how: Repair, connection: Connection, *, by: Actor, at: datetime) -> bool:
    """Do it, where it still is as it was; whether anything was done.

    What the platform must be told goes through the outbox, as everything does.
    """
    if how not in drift.repairs:
        return False
    if how == Repair.TAKE_OVER:
        Newcomer.objects.filter(pk=drift.key).update(is_welcome=True)
        Connection.objects.filter(pk=connection.pk).update(poll_at=at)
        return True
    with transaction.atomic():
        found = Counterpart.objects.select_for_update(no_key=True).filter(pk=drift.key).first()
        if found is None or found.state == State.SENDING:
            return False
        return REPAIRS[how](found, connection, by, at)


def repair_all(told: Report, *, by: Actor, at: datetime) -> int:
    """The safe repair of each, by a person's word: there is no threshold then; how many were done."""
    return sum(
        repair(drift, drift.safe_repair, told.connection, by=by, at=at)
        for drift in told.drifts
        if drift.safe_repair
    )


def find(connection: Connection, key: uuid.UUID) -> Drift | None:
    """The drift of this key, if it is still one."""
    return next((drift for drift in report(connection).drifts if drift.key == key), None)


def _make_anew(there: Counterpart, connection: Connection, by: Actor, at: datetime) -> bool:
    return mending.make_anew(there, connection, at, by=by)


def _tell_again(there: Counterpart, connection: Connection, by: Actor, at: datetime) -> bool:
    """Everything of it, whatever was confirmed."""
    there.content, there.shown, there.next_attempt_at = None, None, at
    there.save(update_fields=["content", "shown", "next_attempt_at"])
    _note(there, "It is told to the platform again.", journal.Action.UPDATE, by, at)
    return True


def _cancel_there(there: Counterpart, connection: Connection, by: Actor, at: datetime) -> bool:
    there.state, there.shown, there.next_attempt_at = State.THERE, None, at
    there.save(update_fields=["state", "shown", "next_attempt_at"])
    _note(there, "It is over here, so it is cancelled there.", journal.Action.CANCEL, by, at)
    return True


def _take_theirs(there: Counterpart, connection: Connection, by: Actor, at: datetime) -> bool:
    """As if it had just been changed there, and ours were older."""
    told = Tidings(connection, at, at)
    standing = (there.shown or {}).get("standing")
    if standing in Standing.OVER:
        over = Remote(there.external_id, standing, changed_at=there.remote_changed_at)
        returning.apply(there, over, told)
        there.save()
        _note(there, TAKEN, None, by, at)
        return bool(there.state == State.OVER)
    theirs = _as_shown(there)
    callback = Callback.objects.for_display().select_for_update(of=("self",)).get(pk=there.callback_id)  # fmt: skip
    if not callback.is_editable:
        return False
    remote = Remote(
        there.external_id, Standing.SCHEDULED, requested_at=theirs.requested_at, owner=theirs.owner
    )
    returning.take(callback, remote, {"time", "owner"}, told)
    there.content, there.shown = as_json(returning.confirmed(theirs, remote)), None
    there.save(update_fields=["content", "shown"])
    _note(there, TAKEN, None, by, at)
    return True


TAKEN = "As the platform has it, so it holds here."


def _note(there: Counterpart, said: str, action: str | None, by: Actor, at: datetime) -> None:
    callback = Callback.objects.for_display().get(pk=there.callback_id)
    journal.record(
        callback, journal.What.SYNCHRONISED, by=by, at=at, before={}, after={}, reason=said,
        action=action,
    )  # fmt: skip


Doing = Callable[[Counterpart, Connection, Actor, datetime], bool]
REPAIRS: Mapping[Repair, Doing] = {
    Repair.TELL_AGAIN: _tell_again,
    Repair.TAKE_THEIRS: _take_theirs,
    Repair.MAKE_ANEW: _make_anew,
    Repair.CANCEL_THERE: _cancel_there,
}
