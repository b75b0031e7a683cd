"""What happens to a callback next, and when, in a sentence for whoever reads."""

from datetime import datetime

from callbacks.lifecycle import Status
from callbacks.models import Callback, Queue
from callbacks.models.callback import Hold
from callbacks.rules import limits
from dashboard.clocks import city, day_and_time


def next_step(callback: Callback, at: datetime, zone: str) -> str:
    """The sentence, with times on the clocks of this zone (``at``: aware UTC, now)."""
    if not callback.is_open:
        ended = _when(callback.ended_at or at, zone)
        return f"Over since {ended}: {callback.get_status_display().lower()}."
    if callback.is_editable:
        return _to_come(callback, at, zone)
    if callback.status == Status.OFFERED:
        return f"{callback.agent} is being rung for it; missed or declined, it goes on at once."
    return f"{callback.agent} is on the phone with the contact."


def _coming(callback: Callback, at: datetime, zone: str) -> str:
    when = limits.distance_in_words(callback.next_action_at or callback.requested_at, at)
    falls = f"Falls due {when}"
    if callback.attempts_made:
        falls = f"Is tried again {when}, attempt {callback.attempts_made + 1}"
    if callback.owner:
        return f"{falls}, then waits for {callback.owner}."
    if callback.preferred_agent:
        return f"{falls}, offered to {callback.preferred_agent} first."
    return f"{falls}, then goes to the next agent of {callback.queue}."


def _to_come(callback: Callback, at: datetime, zone: str) -> str:
    """Nobody has it at hand."""
    if callback.queue.is_routed_by_platform:
        return _watched(callback, at)
    if callback.held_for:
        return _held(callback, zone)
    if callback.status == Status.PENDING:
        return _coming(callback, at, zone)
    return _waiting(callback, at, zone)


def _watched(callback: Callback, at: datetime) -> str:
    when = limits.distance_in_words(callback.requested_at, at)
    falls = "Was due" if callback.status == Status.WAITING else "Falls due"
    return f"{falls} {when}; the telephony platform routes it, and tells us what becomes of it."


def _held(callback: Callback, zone: str) -> str:
    if callback.held_for == Hold.UNCALLABLE:
        return (
            "Due, but held back: its number must not be called until a supervisor changes the list."
        )
    opens = _when(callback.next_action_at or callback.requested_at, zone)
    return f"Due, but held back: outside the contact's calling hours until {opens}."


def _waiting(callback: Callback, at: datetime, zone: str) -> str:
    due = limits.distance_in_words(callback.requested_at, at)
    if callback.owner and callback.ownership_expires_at:
        until = _when(callback.ownership_expires_at, zone)
        then = (
            "returns to the queue"
            if callback.queue.on_expiry == Queue.OnExpiry.RETURN_TO_QUEUE
            else "expires"
        )
        return f"Was due {due}; waits for {callback.owner} until {until}, then {then}."
    return f"Was due {due}; goes to the next agent of {callback.queue} who is on queue and idle."


def _when(instant: datetime, zone: str) -> str:
    return f"{day_and_time(instant, zone)} ({city(zone)})"
