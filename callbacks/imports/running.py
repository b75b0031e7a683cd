"""Checking and importing, a chunk at a time, by whichever worker is free.

An import has one worker at a time, held by a lock that lives as long as its connection to the
database. For each chunk, in one transaction:

1. the import's row is locked, and compared: somebody may have cancelled it;
2. the rows are rehearsed, or made callbacks;
3. what was rejected and how far the file is are written.

So whoever dies on any line leaves a chunk done or not begun, and the next one goes on behind it.
"""

import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from callbacks import access
from callbacks.access import Actor
from callbacks.errors import Problem, Refused
from callbacks.imports import opening
from callbacks.imports.jobs import end
from callbacks.imports.opening import Sheet
from callbacks.imports.rows import Row, RowReader
from callbacks.models import Callback, CallbackImport, ImportReject, RehearsedPromise
from callbacks.models.compiled import insert_all
from callbacks.models.keys import new_key
from callbacks.scheduling import CallbackRequest, Scheduled, rehearse_many, schedule_many

State = CallbackImport.State
AT_ONCE = 500
ANALYZE_AFTER = 20_000
"""Rows after which the planner should know how many there are now."""
SLICE_SECONDS = 5
"""Then the process is free for what fell due meanwhile, and the rest waits behind it."""
Clock = Callable[[], datetime]
Tell = Callable[[CallbackImport], object]
log = logging.getLogger(__name__)


def go_on(now: Clock = timezone.now, seconds: float = SLICE_SECONDS) -> bool:
    """Go on for a slice with every import that nobody is at; whether something of them is left."""
    until = time.monotonic() + seconds
    mine = [
        job.pk
        for job in CallbackImport.objects.under_way()
        if go_on_with(job, now, until - time.monotonic())
    ]
    return CallbackImport.objects.under_way().filter(pk__in=mine).exists()


def go_on_with(
    job: CallbackImport,
    now: Clock = timezone.now,
    seconds: float = SLICE_SECONDS,
    tell: Tell = bool,
) -> bool:
    """Go on with one import for so long at most; whether this process was the one to do it.

    ``tell`` hears after each chunk how far it is.
    """
    with _alone(job) as is_alone:
        if is_alone:
            _go_on(job.pk, now, time.monotonic() + seconds, tell)
    return is_alone


@contextmanager
def _alone(job: CallbackImport) -> Iterator[bool]:
    """Whether this connection is the only one at it, until the block ends or it dies."""
    name = f"import {job.pk}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1947))", [name])
        is_alone = bool(cursor.fetchone()[0])
        try:
            yield is_alone
        finally:
            if is_alone and connection.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1947))", [name])


def _go_on(job_id: uuid.UUID, now: Clock, until: float, tell: Tell) -> None:
    job = CallbackImport.objects.select_related("created_by").get(pk=job_id)
    if not job.is_under_way:
        return
    try:
        _work(job, now, until, tell)
    except (OperationalError, InterfaceError):
        raise  # the database is away: whoever looks next goes on
    except FileNotFoundError:
        _fail(job_id, now(), "The file is not where it was put. Upload it again.")
    except Exception:
        log.exception("Import %s failed", job_id)
        _fail(job_id, now(), "Something broke. What is in stays in; upload the file again.")


def _work(job: CallbackImport, now: Clock, until: float, tell: Tell) -> None:
    by = Actor.person(job.created_by)
    if not access.may_import(by):
        _fail(job.pk, now(), f"{by.name} may not import callbacks any more.")
        return
    with job.file.open("rb") as file:
        sheet = Sheet(job.encoding, job.delimiter, job.header_line, job.header, job.rows)
        waiting = islice(opening.records(file, sheet), job.rows_done, None)
        reader = RowReader(job, by)
        while chunk := [reader.row(line, values) for line, values in islice(waiting, AT_ONCE)]:
            if not _take(job, chunk, by, now()):
                return
            tell(job)
            if job.rows_done % ANALYZE_AFTER == 0:
                _analyze()
            if time.monotonic() > until:
                return
    _finish(job, now())


@transaction.atomic
def _take(job: CallbackImport, chunk: Sequence[Row], by: Actor, at: datetime) -> bool:
    """Do one chunk; ``False`` where the import is not as this worker left it."""
    there = CallbackImport.objects.select_for_update().get(pk=job.pk)
    if (there.state, there.rows_done) != (job.state, job.rows_done):
        return False
    do = _rehearse if job.state == State.CHECKING else _import
    found = do(job, chunk, by, at)
    insert_all(
        ImportReject(
            job=job,
            line=row.line,
            values=[_storable(value) for value in row.values],
            problems=[
                {"field": p.field, "code": p.code, "message": _storable(p.message)}
                for p in problems
            ],
        )
        for row, problems in zip(chunk, found, strict=True)
        if problems
    )
    job.rows_done += len(chunk)
    job.rows_good += sum(not problems for problems in found)
    job.updated_at = at
    job.save(update_fields=["rows_done", "rows_good", "updated_at"])
    return True


Problems = Sequence[Problem]


def _import(job: CallbackImport, chunk: Sequence[Row], by: Actor, at: datetime) -> list[Problems]:
    """Make callbacks of the rows that can be read; the problems of each."""
    requests = _clear(chunk)
    answers = iter(schedule_many(requests, by=by, at=at))
    unclear = iter(rehearse_many(_unclear(chunk), by=by, at=at))
    return [_problems(row, answers, unclear, {}) for row in chunk]


def _rehearse(job: CallbackImport, chunk: Sequence[Row], by: Actor, at: datetime) -> list[Problems]:
    """What importing them would come to; what they would promise is kept for the rows behind."""
    lines: dict[uuid.UUID, int] = {}

    def promised(numbers: Collection[str], conversations: Collection[str]) -> Iterable[Callback]:
        for one in RehearsedPromise.objects.filter(
            Q(phone_number__in=numbers) | Q(conversation_id__in=conversations), job=job
        ):
            callback = Callback(
                id=new_key(), phone_number=one.phone_number, requested_at=one.requested_at,
                conversation_id=one.conversation_id, time_zone=one.time_zone,
            )  # fmt: skip
            lines[callback.pk] = one.line
            yield callback

    answers = rehearse_many(_clear(chunk), by=by, at=at, promised=promised)
    unclear = iter(rehearse_many(_unclear(chunk), by=by, at=at))
    readable = [row for row in chunk if row.request and not row.problems]
    kept = []
    for row, answer in zip(readable, answers, strict=True):
        if isinstance(answer, Scheduled) and answer.is_new:
            lines[answer.callback.pk] = row.line
            kept.append(_promise(job, row, answer.callback))
    insert_all(kept)
    each = iter(answers)
    return [_problems(row, each, unclear, lines) for row in chunk]


def _promise(job: CallbackImport, row: Row, callback: Callback) -> RehearsedPromise:
    return RehearsedPromise(
        job=job, line=row.line, phone_number=callback.phone_number,
        conversation_id=callback.conversation_id, requested_at=callback.requested_at,
        time_zone=callback.time_zone,
    )  # fmt: skip


def _clear(chunk: Sequence[Row]) -> list[CallbackRequest]:
    """What the rows ask for in which nothing was unreadable."""
    return [row.request for row in chunk if row.request and not row.problems]


def _unclear(chunk: Sequence[Row]) -> list[CallbackRequest]:
    """As far as the others can be read: all of their problems are to be told at once."""
    return [row.request for row in chunk if row.request and row.problems]


COVERED = {"requested_at": ("date", "time", "time_zone")}
"""What need not be told as well, where this could not be read."""


def _problems(
    row: Row, clear: Iterator[Any], unclear: Iterator[Any], lines: Mapping[uuid.UUID, int]
) -> Problems:
    """All that is wrong with a row: what reading found, and what the rules found besides."""
    if row.request is None:
        return row.problems
    answer = next(unclear if row.problems else clear)
    if not isinstance(answer, Refused):
        return row.problems
    told = {problem.field for problem in row.problems}
    told |= {name for one in told for name in COVERED.get(one, ())}
    found = [_of_file(problem, lines) for problem in answer.problems if problem.field not in told]
    return [*row.problems, *found]


def _of_file(problem: Problem, lines: Mapping[uuid.UUID, int]) -> Problem:
    """A row that doubles another one of the file names its line."""
    existing = problem.data.get("existing")
    line = lines.get(existing.pk) if isinstance(existing, Callback) else None
    if line is None:
        return problem
    return Problem(
        problem.code, problem.field, f"Line {line} of this file promises a call to them already."
    )


def _storable(text: str) -> str:
    """The text, with a mark in the place of what PostgreSQL cannot store."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE callbacks_callback, callbacks_rehearsedpromise")


@transaction.atomic
def _finish(job: CallbackImport, at: datetime) -> None:
    there = CallbackImport.objects.select_for_update().get(pk=job.pk)
    if there.state == State.CHECKING:
        there.rehearsed.all().delete()
        there.state, there.updated_at = State.CHECKED, at
        there.save(update_fields=["state", "updated_at"])
    elif there.state == State.IMPORTING:
        end(there, State.DONE, at)


@transaction.atomic
def _fail(job_id: uuid.UUID, at: datetime, why: str) -> None:
    job = CallbackImport.objects.select_for_update().get(pk=job_id)
    if job.is_under_way:
        end(job, State.FAILED, at, failure=why)
