"""The step that a callback takes when its moment has come, by the rules; nothing is written here.

A step sets the callback's new values, always with the moment of the next look, and says what
history calls it and why. One step at a time: one that leads on leaves the next look for now.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from callbacks import journal
from callbacks.lifecycle import Move, Status, status_after
from callbacks.models import Callback, Queue
from callbacks.models.callback import Hold
from callbacks.routing import barring, standing_in
from callbacks.rules import limits, looks
from callbacks.rules.terms import OwnerFacts, QueueTerms

What, Action = journal.What, journal.Action


@dataclass(frozen=True)
class Around:
    """What is true around the callbacks at this moment (UTC)."""

    at: datetime
    terms: Mapping[uuid.UUID, QueueTerms]
    owners: Mapping[uuid.UUID, Mapping[uuid.UUID, OwnerFacts]]
    """For each queue what decides whether an owner could own there."""
    given: Counter[uuid.UUID] = field(default_factory=Counter)
    """How many of these callbacks each stand-in got: not all to the one who had the fewest."""

    def owner_of(self, callback: Callback) -> OwnerFacts | None:
        """The owner's facts; ``None`` where nobody owns it."""
        if callback.owner_id is None:
            return None
        return self.owners[callback.queue_id][callback.owner_id]

    def terms_of(self, callback: Callback) -> QueueTerms:
        """Its queue's terms."""
        return self.terms[callback.queue_id]


@dataclass(frozen=True)
class Step:
    """What happened, as history tells it; and what the platform is told, if anything."""

    what: str
    reason: str
    action: str | None = None


def step_of(callback: Callback, around: Around) -> Step | None:
    """Take the callback's step; ``None`` where there is none but to look again later."""
    return STEPS[Status(callback.status)](callback, around)


# --- before the agents have it ----------------------------------------------------------------


def _pending(callback: Callback, around: Around) -> Step | None:
    """Its time has come: it falls due, or is held back (rules §4.1, §2.9, §2.10)."""
    was_held = callback.held_for
    if callback.requested_at > around.at:
        callback.next_action_at = callback.requested_at
        return None
    if callback.queue.is_routed_by_platform:
        return _leave_to_platform(callback, around)
    if was_held and _is_period_over(callback, around.at):
        return _end_period(callback, around)
    if barred := barring.bar(callback, around.terms_of(callback), around.at):
        barring.apply(callback, barred, around.at)
        return None if was_held == barred.hold else Step(What.HELD, barred.reason)
    callback.status = status_after(Move.FALL_DUE, callback.status)
    callback.held_for = ""
    # Looked at again at once: the owner may be away, or the period over after an outage.
    callback.next_action_at = around.at if callback.owner_id else _next_look(callback, around)
    return Step(What.FELL_DUE, _why_due(callback, Hold(was_held) if was_held else None))


def _leave_to_platform(callback: Callback, around: Around) -> Step:
    """It falls due, and that is all: hours, owners and agents are the platform's business there."""
    callback.status = status_after(Move.FALL_DUE, callback.status)
    callback.held_for = ""
    callback.next_action_at = around.at + looks.WAITING_AGAIN
    return Step(What.FELL_DUE, "The platform routes it.")


def _why_due(callback: Callback, was_held: Hold | None) -> str:
    freed = {
        Hold.CALLING_HOURS: "It is within calling hours again. ",
        Hold.UNCALLABLE: "The number may be called again. ",
        None: "",
    }[was_held]
    if callback.owner:
        return f"{freed}Waits for {callback.owner}, the owner."
    if callback.preferred_agent:
        return (
            f"{freed}For {callback.preferred_agent} if possible, else the next of {callback.queue}."
        )
    return f"{freed}For the next agent of {callback.queue}."


# --- while it waits ---------------------------------------------------------------------------


def _waiting(callback: Callback, around: Around) -> Step | None:
    """Its owner's period may be over, its owner away, the contact asleep (rules §3.3–§3.5)."""
    if callback.queue.is_routed_by_platform:
        callback.next_action_at = around.at + looks.WAITING_AGAIN
        return None
    if _is_period_over(callback, around.at):
        return _end_period(callback, around)
    if step := _without_its_owner(callback, around):
        return step
    if barred := barring.bar(callback, around.terms_of(callback), around.at):
        barring.apply(callback, barred, around.at)
        return Step(What.HELD, barred.reason)
    callback.next_action_at = _next_look(callback, around)
    return None


def _is_period_over(callback: Callback, at: datetime) -> bool:
    ends = callback.ownership_expires_at
    return ends is not None and ends <= at


def _end_period(callback: Callback, around: Around) -> Step:
    """The owner was never available: by the queue's setting it ends, or returns (rules §3.4)."""
    period = limits.in_words(callback.queue.ownership_period)
    why = f"The ownership period ({period}) is over, and {callback.owner} did not take it"
    if callback.queue.on_expiry == Queue.OnExpiry.RETURN_TO_QUEUE:
        callback.owner, callback.ownership_expires_at = None, None
        callback.is_stood_in_for = False
        callback.next_action_at = around.at
        return Step(What.RETURNED, f"{why}: back to {callback.queue}.", Action.UPDATE)
    callback.status = status_after(Move.EXPIRE, callback.status)
    callback.held_for = ""
    callback.ended_at, callback.next_action_at = around.at, None
    return Step(What.EXPIRED, f"{why}: disconnected.", Action.CANCEL)


def _without_its_owner(callback: Callback, around: Around) -> Step | None:
    """To a stand-in, where the owner cannot: for good, or in the window where the queue says so."""
    owner, terms = around.owner_of(callback), around.terms_of(callback)
    if owner is None:
        return None
    gone = standing_in.why_cannot_own(owner, terms, around.at)
    why = gone or _why_not_in_window(callback, owner, terms, around.at)
    if not why:
        return None
    to = standing_in.find(callback, terms, why, around.at, around.given)
    if to.agent_id:
        around.given[to.agent_id] += 1
    what = standing_in.give(callback, to, period_from=around.at if gone else None)
    callback.next_action_at = _next_look(callback, around)
    return Step(what, to.reason, Action.UPDATE)


def _why_not_in_window(
    callback: Callback, owner: OwnerFacts, terms: QueueTerms, at: datetime
) -> str:
    reassigns = callback.queue.when_owner_cannot == Queue.OwnerCannot.REASSIGN
    if not reassigns or callback.owner is None:
        return ""
    return standing_in.why_not_in_window(callback, owner, terms, callback.owner, at)


def _next_look(callback: Callback, around: Around) -> datetime:
    """When something may change without anybody's doing (rules §4.8)."""
    at = around.at
    return looks.earliest(
        at,
        looks.WAITING_AGAIN,
        callback.ownership_expires_at,
        callback.window_ends_at if callback.owner_id else None,
        barring.closes_at(callback, around.terms_of(callback), at),
    )


# --- while somebody has it --------------------------------------------------------------------


def _offered(callback: Callback, around: Around) -> Step | None:
    """Nobody answered in time: the next agent, at once (rules §4.4)."""
    timeout = limits.in_words(callback.queue.alerting_timeout)
    reason = f"{callback.agent} did not answer within {timeout}, and is not responding now."
    callback.status = status_after(Move.PASS_ON, callback.status)
    callback.agent, callback.next_action_at = None, around.at
    return Step(What.MISSED, reason)


def _in_progress(callback: Callback, around: Around) -> Step | None:
    """A call is never cut, however long it takes (rules §3.4)."""
    callback.next_action_at = around.at + looks.CALL_AGAIN
    return None


STEPS: Mapping[Status, Callable[[Callback, Around], Step | None]] = {
    Status.PENDING: _pending,
    Status.WAITING: _waiting,
    Status.OFFERED: _offered,
    Status.IN_PROGRESS: _in_progress,
}
