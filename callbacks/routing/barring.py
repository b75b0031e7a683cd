"""What bars a call at this very moment: the number, the contact's clock (rules §2.9, §2.10).

Checked when a callback falls due, while it waits, and again at the moment of an offer, so that no
retry and no outage ever leads to a call outside the contact's hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callbacks import holding, journal
from callbacks.access import Actor
from callbacks.lifecycle import Move, status_after
from callbacks.models import Callback
from callbacks.models.callback import Hold
from callbacks.rules import looks
from callbacks.rules.terms import QueueTerms
from callbacks.scheduling import facts

CLOCK = Actor.engine()


@dataclass(frozen=True)
class Bar:
    """Why nobody may call now, and when to look again (UTC)."""

    hold: Hold
    until: datetime
    reason: str


def bar(callback: Callback, terms: QueueTerms, at: datetime) -> Bar | None:
    """What bars the call now; ``None`` when nothing does. The callback must be ``flagged()``."""
    if callback.is_uncallable:
        return Bar(
            Hold.UNCALLABLE,
            at + looks.BARRED_AGAIN,
            "A contact list says that this number must not be called. It stays scheduled until a "
            "supervisor changes the list.",
        )
    zone = callback.contact_time_zone
    closed = terms.hours.why_closed(at, zone)
    if not closed or _is_agreed(callback, at):
        return None
    opens = terms.hours.opens_after(at, zone)
    return Bar(Hold.CALLING_HOURS, opens, _outside(terms, zone, at, closed))


def _is_agreed(callback: Callback, at: datetime) -> bool:
    """The contact asked for this very time; that covers its window, and no later retry."""
    in_window = callback.window_starts_at <= at < callback.window_ends_at
    return callback.is_outside_hours_agreed and in_window and callback.attempts_made == 0


def _outside(terms: QueueTerms, zone: str, at: datetime, closed: str) -> str:
    now_there = closed.replace("it will be", "it is")
    return f"Outside {terms.name}'s calling hours in {zone}: {now_there}."


def closes_at(callback: Callback, terms: QueueTerms, at: datetime) -> datetime | None:
    """When the call, allowed now, will be barred by the contact's clock (UTC)."""
    if _is_agreed(callback, at):
        return callback.window_ends_at
    return terms.hours.closes_after(at, callback.contact_time_zone)


def part(
    callbacks: Sequence[Callback], at: datetime
) -> tuple[list[Callback], list[tuple[Callback, Bar]]]:
    """Those that may be called now, and the others with what bars them. One statement."""
    terms = facts.of_queues({callback.queue_id for callback in callbacks}, at)
    fit, barred = [], []
    for callback in callbacks:
        if found := bar(callback, terms[callback.queue_id], at):
            barred.append((callback, found))
        else:
            fit.append(callback)
    return fit, barred


def hold_back(barred: Sequence[tuple[Callback, Bar]], at: datetime) -> None:
    """Take them out of the queue until the call is allowed. The rows are locked by the caller."""
    entries = []
    for callback, found in barred:
        before = journal.snapshot(callback)
        apply(callback, found, at)
        entries.append(journal.Entry(callback, journal.What.HELD, before, None, found.reason))
    holding.store_all(
        [callback for callback, _ in barred], "status", "held_for", "next_action_at", at=at
    )
    journal.record_all(entries, by=CLOCK, at=at)


def apply(callback: Callback, found: Bar, at: datetime) -> None:
    """Set what holding back means; the caller writes it. An ownership may end meanwhile."""
    callback.status = status_after(Move.HOLD, callback.status)
    callback.held_for = found.hold
    callback.next_action_at = looks.earliest(at, found.until - at, callback.ownership_expires_at)
