"""Contact lists: mark a number, lift the mark, reset a list, recycle it (rules §2.9).

A mark never touches what is scheduled already: it stays, flagged on every screen, and is held back
at its time. Lifting the mark lets it go on at once. Only a reset disconnects what is still
uncallable; recycling starts the list over, with all its marks lifted.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from callbacks import access, holding, journal
from callbacks.access import Actor
from callbacks.lifecycle import Move, Status, status_after
from callbacks.models import Callback, ContactList, ContactListEntry, Offer
from callbacks.models.callback import OPEN, CallbackQuerySet, Hold

AT_ONCE = 200
"""So many callbacks or marks are changed in one transaction."""
SHOWN = 10
TOUCHED_BY_RESET = (Status.PENDING, Status.WAITING, Status.OFFERED)
"""Nobody is cut off who is on the phone."""


@dataclass(frozen=True)
class ListAction:
    """What a reset or a recycling would do, or did."""

    numbers: int
    """Marked numbers on the list."""
    disconnected: int = 0
    released: int = 0
    left_alone: int = 0
    """Open callbacks in queues that the actor does not supervise."""
    sample: list[Callback] = field(default_factory=list)


@transaction.atomic
def mark(
    contact_list: ContactList, phone_number: str, *, reason: str, by: Actor, at: datetime
) -> ContactListEntry:
    """Mark a number (E.164) as uncallable. What is scheduled stays scheduled, flagged."""
    access.require(access.may_manage_lists(by), "Only supervisors and admins mark numbers.")
    entry, _ = ContactListEntry.objects.update_or_create(
        contact_list=contact_list,
        phone_number=phone_number,
        defaults={
            "is_uncallable": True, "reason": reason.strip(), "changed_at": at, "changed_by": by.user,
        },
    )  # fmt: skip
    return entry


@transaction.atomic
def lift(entry_id: uuid.UUID, *, by: Actor, at: datetime) -> ContactListEntry:
    """Lift a mark: callbacks that were held back for it go on at once."""
    access.require(access.may_manage_lists(by), "Only supervisors and admins lift marks.")
    entry = ContactListEntry.objects.select_for_update().get(pk=entry_id)
    entry.is_uncallable, entry.changed_at, entry.changed_by = False, at, by.user
    entry.save(update_fields=["is_uncallable", "changed_at", "changed_by"])
    entry_changed([entry.phone_number], at)
    return entry


def entry_changed(phone_numbers: list[str], at: datetime) -> int:
    """Look at once at callbacks held back for these numbers; how many there are.

    The clock decides and writes the history: a number may be barred by another list.
    """
    held = Callback.objects.filter(held_for=Hold.UNCALLABLE, phone_number__in=phone_numbers)
    return held.update(next_action_at=at)


def list_switched(contact_list: ContactList, at: datetime) -> int:
    """Look at once at callbacks held back for numbers of a list that was switched off or on."""
    marks = contact_list.entries.filter(is_uncallable=True, phone_number=OuterRef("phone_number"))
    held = Callback.objects.filter(Exists(marks), held_for=Hold.UNCALLABLE)
    return held.update(next_action_at=at)


def preview(contact_list: ContactList, by: Actor) -> ListAction:
    """What a reset would disconnect, and a recycling release. Three statements."""
    theirs, others = _affected(contact_list, by)
    sample = theirs.select_related("queue").order_by("requested_at", "id")
    return ListAction(
        numbers=contact_list.entries.filter(is_uncallable=True).count(),
        disconnected=theirs.count(),
        released=theirs.filter(held_for=Hold.UNCALLABLE).count(),
        left_alone=others.count(),
        sample=list(sample[:SHOWN]),
    )


def reset(contact_list: ContactList, *, by: Actor, at: datetime) -> ListAction:
    """Look again at every open callback to a number of the list; disconnect what is uncallable.

    In chunks, each a transaction of its own: whoever dies half-way does the rest the next time.
    """
    access.require(access.may_manage_lists(by), "Only supervisors and admins reset a list.")
    numbers = contact_list.entries.filter(is_uncallable=True).count()
    count = sum(_disconnect(chunk, contact_list, by, at) for chunk in _chunks(contact_list, by))
    _, others = _affected(contact_list, by)
    return ListAction(numbers, disconnected=count, left_alone=others.count())


def recycle(contact_list: ContactList, *, by: Actor, at: datetime) -> ListAction:
    """Start the list over: all its marks are lifted, and what was held back for them goes on."""
    access.require(access.may_manage_lists(by), "Only supervisors and admins recycle a list.")
    numbers = released = 0
    while lifted := _lift_some(contact_list, by, at):
        numbers += len(lifted)
        released += entry_changed(lifted, at)
    return ListAction(numbers, released=released)


@transaction.atomic
def _lift_some(contact_list: ContactList, by: Actor, at: datetime) -> list[str]:
    entries = contact_list.entries.filter(is_uncallable=True).order_by("pk")
    chunk = list(entries.select_for_update(skip_locked=True)[: AT_ONCE * 5])
    ContactListEntry.objects.filter(pk__in=[entry.pk for entry in chunk]).update(
        is_uncallable=False, changed_at=at, changed_by=by.user
    )
    return [entry.phone_number for entry in chunk]


def _affected(contact_list: ContactList, by: Actor) -> tuple[CallbackQuerySet, CallbackQuerySet]:
    """Open callbacks to marked numbers of the list: of the actor's queues, and of others."""
    marks = ContactListEntry.objects.uncallable().filter(
        contact_list=contact_list, phone_number=OuterRef("phone_number")
    )
    open_ones: CallbackQuerySet = Callback.objects.filter(
        OPEN, Exists(marks), status__in=TOUCHED_BY_RESET
    )
    if by.is_admin:
        return open_ones, open_ones.none()
    of_queues = {"queue__in": by.supervises}
    return open_ones.filter(**of_queues), open_ones.exclude(**of_queues)


def _chunks(contact_list: ContactList, by: Actor) -> Iterator[list[uuid.UUID]]:
    theirs, _ = _affected(contact_list, by)
    keys = list(theirs.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]


@transaction.atomic
def _disconnect(keys: list[uuid.UUID], contact_list: ContactList, by: Actor, at: datetime) -> int:
    """Those of the chunk that are still open and uncallable, once their rows are locked."""
    theirs, _ = _affected(contact_list, by)
    locked = theirs.filter(pk__in=keys).select_for_update(of=("self",)).order_by("pk")
    callbacks = list(
        locked.select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
    )
    reason = f"Uncallable: the contact list “{contact_list}” was reset."
    entries = []
    for callback in callbacks:
        before = journal.snapshot(callback)
        callback.status = status_after(Move.CANCEL, callback.status)
        callback.agent, callback.held_for = None, ""
        callback.ended_at, callback.next_action_at = at, None
        entries.append(
            journal.Entry(
                callback, journal.What.CANCELLED, before, None, reason, journal.Action.CANCEL
            )
        )
    Offer.objects.filter(callback__in=callbacks, ended_at__isnull=True).update(
        ended_at=at, result=Offer.Result.WITHDRAWN
    )
    holding.store_all(callbacks, "status", "agent", "held_for", "ended_at", "next_action_at", at=at)
    journal.record_all(entries, by=by, at=at)
    return len(callbacks)
