"""Wrap up: how a call ended, and what becomes of the callback (rules §4.5)."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from callbacks import access, holding, journal, routing
from callbacks.access import Actor
from callbacks.errors import Ended, Problem, Refused
from callbacks.lifecycle import Move, Status, status_after
from callbacks.models import Agent, Attempt, Callback, Outcome, Task
from callbacks.rules import limits, texts
from callbacks.scheduling import facts

Effect, What, Action = Outcome.Effect, journal.What, journal.Action


@dataclass(frozen=True, kw_only=True)
class WrapUp:
    """What the agent says after the call, as it was filled in."""

    outcome_id: uuid.UUID | None
    notes: str = ""
    task: str = ""
    """What is to be done instead of another call; empty: nothing."""


def finish(callback_id: uuid.UUID, wrap_up: WrapUp, *, by: Actor, at: datetime) -> Callback:
    """End the agent's call with its outcome; the agent is free again.

    Completed, to be tried again after the queue's delay with the owner kept, or failed, as the
    outcome says; after the last of the queue's attempts it has failed. With a task, it became that.
    Raises ``Refused`` for a wrap-up with problems, ``Ended`` where this is not the agent's call.
    """
    with transaction.atomic():
        callback, attempt = _at_hand(callback_id, by)
        outcome = _examined(wrap_up)
        _end_attempt(attempt, outcome, wrap_up, at)
        before = journal.snapshot(callback)
        what, action, reason, values = _what_follows(callback, outcome, wrap_up, at)
        holding.store(callback, at=at, agent=None, **values)
        journal.record(callback, what, by=by, at=at, before=before, reason=reason, action=action)
        if wrap_up.task.strip():
            Task.objects.create(
                callback=callback, description=wrap_up.task.strip(), assignee_id=by.id,
                created_at=at, created_by=by.user,
            )  # fmt: skip
        Agent.objects.filter(pk=by.id).update(idle_since=at)
    routing.match(at)
    return callback


def _at_hand(callback_id: uuid.UUID, by: Actor) -> tuple[Callback, Attempt]:
    """The call that this agent is in, both rows locked."""
    callback = (
        access.readable(by)
        .select_for_update(of=("self",))
        .select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
        .filter(pk=callback_id)
        .first()
    )
    if callback is None and not Attempt.objects.filter(callback=callback_id, agent=by.id).exists():
        raise Callback.DoesNotExist
    if (
        callback is None
        or callback.status != Status.IN_PROGRESS
        or not access.may_answer(by, callback)
    ):
        raise Ended("This call is over already: its callback is no longer with you.")
    return callback, Attempt.objects.select_for_update().get(
        callback=callback, ended_at__isnull=True
    )


def _examined(wrap_up: WrapUp) -> Outcome:
    """The outcome, or every problem of the wrap-up at once."""
    problems = []
    key = wrap_up.outcome_id
    outcome = Outcome.objects.filter(pk=key, is_active=True).first() if key else None
    if outcome is None:
        problems.append(Problem("invalid.value", "outcome", "Say how the call ended."))
    for name, text in (("notes", wrap_up.notes), ("task", wrap_up.task)):
        if problem := texts.problem_with(text, texts.REASON):
            problems.append(Problem("invalid.value", name, problem))
    if outcome is None or problems:
        raise Refused(problems)
    return outcome


def _end_attempt(attempt: Attempt, outcome: Outcome, wrap_up: WrapUp, at: datetime) -> None:
    attempt.ended_at = max(at, attempt.started_at)
    attempt.outcome, attempt.notes = outcome, wrap_up.notes.strip()
    attempt.save(update_fields=["ended_at", "outcome", "notes"])


def _what_follows(
    callback: Callback, outcome: Outcome, wrap_up: WrapUp, at: datetime
) -> tuple[str, str, str, dict[str, Any]]:
    """What history calls it, what the platform is told, why, and the new values."""
    over = {"ended_at": at, "next_action_at": None}
    if wrap_up.task.strip():
        values = {"status": status_after(Move.CONVERT, callback.status), **over}
        return What.CONVERTED, Action.CANCEL, f"{outcome}: {wrap_up.task.strip()}", values
    if outcome.effect == Effect.COMPLETED:
        values = {"status": status_after(Move.COMPLETE, callback.status), **over}
        return What.COMPLETED, Action.CANCEL, outcome.name, values
    failed = {"status": status_after(Move.FAIL, callback.status), **over}
    if outcome.effect == Effect.FAILED:
        return What.FAILED, Action.CANCEL, outcome.name, failed
    most = callback.queue.maximum_attempts
    if callback.attempts_made >= most:
        reason = f"{outcome}, on attempt {callback.attempts_made} of at most {most}."
        return What.FAILED, Action.CANCEL, reason, failed
    return What.RETRY, Action.UPDATE, *_retry(callback, outcome, at)


def _retry(callback: Callback, outcome: Outcome, at: datetime) -> tuple[str, dict[str, Any]]:
    """After the queue's delay, moved into the contact's calling hours; the owner stays."""
    delay = callback.queue.retry_delay
    terms = facts.of_queues([callback.queue_id], at)[callback.queue_id]
    again = terms.hours.opens_after(at + delay, callback.contact_time_zone)
    values: dict[str, Any] = {
        "status": status_after(Move.RETRY, callback.status),
        "next_action_at": again,
    }
    if callback.owner_id and callback.ownership_expires_at:
        values["ownership_expires_at"] = max(
            callback.ownership_expires_at, again + callback.queue.ownership_period
        )
    moved = "" if again == at + delay else ", when calls may be made again there"
    number = f"{callback.attempts_made + 1} of at most {callback.queue.maximum_attempts}"
    when = limits.in_words(again - at)
    return f"{outcome}. Attempt {number} follows in {when}{moved}.", values
