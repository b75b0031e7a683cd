"""Convert a callback to a task: no call is needed any more, but something is to be done (rules §7)."""

import uuid
from datetime import datetime

from django.db import transaction

from callbacks import access, holding, journal
from callbacks.access import Actor
from callbacks.errors import Ended, Problem, Refused
from callbacks.lifecycle import EDITABLE, Move, Status, status_after
from callbacks.models import Task
from callbacks.rules import texts


@transaction.atomic
def convert(
    callback_id: uuid.UUID, *, description: str, by: Actor, at: datetime, version: int | None
) -> Task:
    """End the callback as a task of whoever owns it, else of the agent who converts it.

    Raises ``Refused`` without a description, ``Ended`` while somebody has it at hand: whoever is
    on the phone converts it by wrapping up.
    """
    if problem := _problem_with(description):
        raise Refused([Problem("invalid.value", "description", problem)])
    callback = holding.hold(
        callback_id, by=by, version=version, move=Move.CONVERT, allowed=access.may_convert
    )
    if callback.status not in EDITABLE:
        doing = "on the phone about it" if callback.status == Status.IN_PROGRESS else "being rung"
        raise Ended(f"{callback.agent} is {doing}: wait until the call is finished.")
    before = journal.snapshot(callback)
    owner = callback.owner or by.agent
    holding.store(
        callback,
        at=at,
        status=status_after(Move.CONVERT, callback.status),
        held_for="",
        ended_at=at,
        next_action_at=None,
    )
    journal.record(
        callback,
        journal.What.CONVERTED,
        by=by,
        at=at,
        before=before,
        reason=description.strip(),
        action=journal.Action.CANCEL,
    )
    return Task.objects.create(
        callback=callback, description=description.strip(), assignee=owner, created_at=at,
        created_by=by.user,
    )  # fmt: skip


def _problem_with(description: str) -> str:
    if not description.strip():
        return "Say what is to be done."
    return texts.problem_with(description, texts.REASON)


@transaction.atomic
def settle_task(task_id: uuid.UUID, *, is_done: bool, by: Actor, at: datetime) -> Task:
    """Note that a task is done, or that it is to be done again."""
    task: Task = access.tasks_of(by).select_for_update(of=("self",)).get(pk=task_id)
    task.done_at, task.done_by = (at, by.user) if is_done else (None, None)
    task.save(update_fields=["done_at", "done_by"])
    return task


@transaction.atomic
def take_task(task_id: uuid.UUID, *, by: Actor) -> Task:
    """Make the actor the one who does it."""
    task: Task = access.tasks_of(by).select_for_update(of=("self",)).get(pk=task_id)
    access.require(by.agent is not None, "Only agents take tasks.")
    task.assignee = by.agent
    task.save(update_fields=["assignee"])
    return task
