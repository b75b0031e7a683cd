"""What to do next for a callback: nothing, make it there, change it, end it; or look what became of it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from callbacks.models import Callback, ConnectedQueue, Connection, Counterpart
from callbacks.models.compiled import update_all
from callbacks.sync import jobs
from callbacks.sync.contents import as_json, content_of, from_json, is_same, late
from callbacks.sync.jobs import SENT, Job, Kind, Task
from callbacks.sync.lines import Line, settle_told
from callbacks.sync.platforms.base import Change, Content, Platform, Remote

State = Counterpart.State


def plan(
    connection: Connection, platform: Platform, waiting: Sequence[Line], at: datetime
) -> tuple[Job | None, list[Line]]:
    """The first piece of work that these lines call for, and the lines that are left after it.

    What needs no request is settled on the way. New callbacks go together, as many as the platform
    takes at once, and so do changes where it takes many of these. Four statements for each batch.
    """
    most = connection.batch_size if platform.takes_many or platform.changes_many else 1
    taken, rest = list(waiting[:most]), list(waiting[most:])
    planned = _planned(connection, platform, taken, at)
    told = [(task.counterpart, task.last_message) for kind, task in planned if kind is None]
    settle_told(told, at)
    wanted = [(kind, task) for kind, task in planned if kind is not None]
    if not wanted:
        return None, rest
    job = _first(platform, wanted)
    later = {task.counterpart.callback_id for _, task in wanted} - set(job.callback_ids)
    return job, [line for line in taken if line.callback_id in later] + rest


def _first(platform: Platform, wanted: Sequence[tuple[Kind, Task]]) -> Job:
    """What goes together where there is such, else what has waited for longest."""
    makes = [task for kind, task in wanted if kind is Kind.CREATE]
    if len(makes) > 1 and platform.takes_many:
        return _create(makes)
    changing = [task for kind, task in wanted if kind is Kind.UPDATE] * platform.changes_many
    together = [task for task in changing if platform.goes_with_others(_change(task))]
    if len(together) > 1:
        work = jobs.update_many([_change(task) for task in together])
        return Job(Kind.UPDATE, work, together)
    return _job(*wanted[0])


def _planned(
    connection: Connection, platform: Platform, waiting: Sequence[Line], at: datetime
) -> list[tuple[Kind | None, Task]]:
    keys = [line.callback_id for line in waiting]
    counterparts = _counterparts(connection, keys, at)
    callbacks = Callback.objects.for_display().in_bulk(keys)
    places = ConnectedQueue.objects.filter(connection=connection).in_bulk()
    return [
        _meant(
            callbacks[line.callback_id],
            counterparts[line.callback_id],
            places,
            line.last_message,
            at,
            cannot_hold=platform.cannot_hold,
        )
        for line in waiting
        if line.callback_id in callbacks
    ]


def _counterparts(
    connection: Connection, keys: Sequence[uuid.UUID], at: datetime
) -> Mapping[uuid.UUID, Counterpart]:
    known = Counterpart.objects.filter(connection=connection, callback__in=keys)
    found = {counterpart.callback_id: counterpart for counterpart in known}
    if missing := [key for key in keys if key not in found]:
        made = [
            Counterpart(connection=connection, callback_id=key, next_attempt_at=at)
            for key in missing
        ]
        Counterpart.objects.bulk_create(made, ignore_conflicts=True)
        found |= {counterpart.callback_id: counterpart for counterpart in made}
    return found


def _meant(
    callback: Callback,
    counterpart: Counterpart,
    places: Mapping[uuid.UUID, ConnectedQueue],
    last_message: int,
    at: datetime,
    *,
    cannot_hold: Collection[str],
) -> tuple[Kind | None, Task]:
    """What the platform must still do so that it agrees with us; ``None``: nothing."""
    place = places.get(callback.queue_id)
    is_there = bool(counterpart.external_id) and counterpart.state != State.OVER
    if callback.ended_at or place is None:
        kind = Kind.CANCEL if is_there else None
        return kind, Task(counterpart, None, last_message)
    if counterpart.state == State.OVER:
        # Revived here: what is over there stays so, and a new one is made.
        anew(counterpart)
    wanted = content_of(callback, counterpart, place)
    if not is_there or counterpart.state == State.CONFLICT:
        made = late(wanted, at) if wanted.requested_at <= at else wanted
        return Kind.CREATE, Task(counterpart, made, last_message)
    task = Task(counterpart, wanted, last_message)
    before = confirmed(counterpart)
    is_held = before is not None and is_same(before, wanted, but=cannot_hold)
    return (None if is_held else Kind.UPDATE), task


def anew(counterpart: Counterpart) -> None:
    """From now on it is about another one there, under a new reference."""
    counterpart.generation += 1
    counterpart.state, counterpart.external_id = State.ABSENT, ""
    counterpart.content, counterpart.handle = None, {}


def confirmed(counterpart: Counterpart) -> Content | None:
    """What the platform confirmed last."""
    return from_json(counterpart.content) if counterpart.content else None


def remote_of(counterpart: Counterpart) -> Remote:
    """What we know of it there."""
    return Remote(counterpart.external_id, "", handle=counterpart.handle)


def _job(kind: Kind, task: Task) -> Job:
    if kind is Kind.CREATE:
        return _create([task])
    remote = remote_of(task.counterpart)
    if kind is Kind.CANCEL or task.content is None:
        return Job(Kind.CANCEL, jobs.cancel(remote, "It is over."), [task])
    return Job(Kind.UPDATE, jobs.update(_change(task)), [task])


def _change(task: Task) -> Change:
    there = task.counterpart
    if task.content is None:
        raise ValueError("What is over is cancelled, not changed.")
    return Change(remote_of(there), confirmed(there), task.content)


def _create(tasks: Sequence[Task]) -> Job:
    contents = [task.content for task in tasks if task.content]
    work = jobs.create(contents[0]) if len(contents) == 1 else jobs.create_many(contents)
    return Job(Kind.CREATE, work, tasks)


@transaction.atomic
def write_down(job: Job, at: datetime) -> None:
    """What is about to leave, before it leaves: whoever dies now has left a trace. One statement."""
    if job.kind not in SENT:
        return
    for task in job.tasks:
        counterpart = task.counterpart
        content = as_json(task.content) if task.content else None
        counterpart.sending = {"kind": job.kind, "content": content}
        counterpart.state, counterpart.sent_at = State.SENDING, at
        counterpart.tried_message = task.last_message
    update_all([task.counterpart for task in job.tasks], WRITTEN)


WRITTEN = (
    "state", "sending", "sent_at", "tried_message", "generation", "external_id", "content", "handle",
)  # fmt: skip


# --- what is not sure --------------------------------------------------------------------------


def unsure(connection: Connection, at: datetime, *, but: Collection[uuid.UUID]) -> Job | None:
    """A look at what became of a request whose answer was lost, once it has settled there.

    Also of what was on its way when its worker died. Two statements, where nothing is unsure.
    """
    ours = Counterpart.objects.filter(connection=connection).exclude(callback__in=but)
    settled_before = at - timedelta(seconds=connection.settle_seconds)
    lost = ours.filter(state=State.SENDING, sent_at__lte=settled_before).order_by("sent_at").first()
    if lost is not None:
        return _look(lost)
    doubtful = ours.filter(check_at__lte=at).order_by("check_at").first()
    return _check(doubtful) if doubtful else None


def _look(counterpart: Counterpart) -> Job:
    sending = counterpart.sending or {}
    content = from_json(sending["content"]) if sending.get("content") else None
    task = Task(counterpart, content, counterpart.tried_message)
    if sending.get("kind") == Kind.CREATE and content:
        return Job(Kind.LOOK_UP, jobs.look_up(content), [task])
    return Job(Kind.SEE, jobs.whereabouts(remote_of(counterpart)), [task])


def _check(counterpart: Counterpart) -> Job:
    kept = counterpart.sending or {}
    content = counterpart.content or kept.get("content")
    task = Task(counterpart)
    if content is None:
        return Job(Kind.CHECK, lambda platform: [jobs.Doubles(None, ())], [task])
    return Job(Kind.CHECK, jobs.check(from_json(content), counterpart.external_id), [task])
