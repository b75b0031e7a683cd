"""What people do with an import: upload, choose what the columns are, check, start, cancel."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import IO

from django.core.files import File
from django.db import transaction

from callbacks import access
from callbacks.access import Actor
from callbacks.errors import Problem, Refused
from callbacks.imports import opening
from callbacks.imports.columns import EXTERNAL, FIELDS, LEFT_OUT, guess
from callbacks.models import CallbackImport
from callbacks.models.keys import new_key
from callbacks.rules import moments

State = CallbackImport.State
KEPT = timedelta(hours=24)
"""How long a file stays after its import ended, or after nobody went on with it."""
FOLDER = "imports"
REMEMBERED = 20
"""So many former imports of a person tell how they call their columns."""
MAY_START = (State.UPLOADED, State.CHECKED)


@dataclass(frozen=True)
class Choice:
    """What a person chose about a file."""

    columns: Sequence[str]
    """For each column of the file a key of ``FIELDS``, or ``LEFT_OUT``."""
    date_format: str = ""
    queue_id: uuid.UUID | None = None
    time_zone: str = ""
    is_consent_given: bool = False


def upload(file: IO[bytes], name: str, *, by: Actor, at: datetime) -> CallbackImport:
    """Keep a file to be imported, its columns guessed; raises ``FileRefused`` for what is none."""
    access.require(access.may_import(by), "Supervisors and admins import callbacks.")
    sheet = opening.examine(file)
    remembered, latest = _remembered(by)
    job = CallbackImport(
        id=new_key(),
        created_by=by.user,
        created_at=at,
        updated_at=at,
        name=name.replace("\0", "")[-200:] or "callbacks.csv",
        columns=guess(sheet.header, remembered),
        **asdict(sheet),
    )
    if latest and latest.header == sheet.header:
        job.date_format, job.time_zone = latest.date_format, latest.time_zone
        job.queue = latest.queue
    file.seek(0)
    # First the row: a file that no row knows of would never be deleted.
    job.file = f"{FOLDER}/{job.pk}.csv"
    job.save(force_insert=True)
    job.file.storage.save(job.file.name, File(file))
    return job


def _remembered(by: Actor) -> tuple[dict[str, str], CallbackImport | None]:
    """What this person called their columns before, and their last import."""
    former = list(
        CallbackImport.objects.filter(created_by=by.id).exclude(state=State.UPLOADED)[:REMEMBERED]
    )
    named: dict[str, str] = {}
    for job in reversed(former):
        named |= dict(zip(job.header, job.columns, strict=True))
    return named, former[0] if former else None


@transaction.atomic
def choose(job_id: uuid.UUID, choice: Choice, *, by: Actor, at: datetime) -> CallbackImport:
    """Say what the columns are, and what holds for all rows; raises ``Refused``."""
    job = _hold(job_id, by)
    _require_state(job, *MAY_START)
    if problems := _problems(job, choice, by):
        raise Refused(problems)
    job.columns = list(choice.columns)
    job.date_format = choice.date_format
    job.queue_id = choice.queue_id
    job.time_zone = choice.time_zone
    job.is_consent_given = choice.is_consent_given
    _begin(job, State.UPLOADED, at)
    return job


def _problems(job: CallbackImport, choice: Choice, by: Actor) -> list[Problem]:
    columns = [name for name in choice.columns if name != LEFT_OUT]
    if len(choice.columns) != len(job.header) or not set(columns) <= set(FIELDS):
        return [Problem("invalid.value", "columns", "Choose for each column what it is.")]
    problems = [
        Problem("invalid.value", "columns", f"Two columns are chosen as {FIELDS[name]}.")
        for name in FIELDS
        if name != EXTERNAL and columns.count(name) > 1
    ]
    if "phone_number" not in columns:
        problems.append(
            Problem("invalid.value", "columns", "Say which column is the phone number.")
        )
    if "requested_at" not in columns and not {"date", "time"} <= set(columns):
        what = "Say which columns are date and time, or which one has both."
        problems.append(Problem("invalid.value", "columns", what))
    if "queue" not in columns and choice.queue_id is None:
        problems.append(Problem("invalid.value", "queue", "Choose a queue, or a column for it."))
    queues = access.queues_for_creating(by)
    if choice.queue_id and not queues.filter(pk=choice.queue_id).exists():
        problems.append(Problem("invalid.value", "queue", "Choose one of your queues."))
    if choice.time_zone and choice.time_zone not in moments.ZONES:
        problems.append(Problem("zone.unknown", "time_zone", "Choose a time zone of the list."))
    if choice.date_format not in CallbackImport.DateFormat.values:
        problems.append(Problem("invalid.value", "date_format", "Choose a date format."))
    return problems


@transaction.atomic
def check(job_id: uuid.UUID, *, by: Actor, at: datetime) -> CallbackImport:
    """Have every row looked at, and nothing written."""
    job = _hold(job_id, by)
    _require_state(job, *MAY_START)
    _begin(job, State.CHECKING, at)
    return job


@transaction.atomic
def start(job_id: uuid.UUID, *, by: Actor, at: datetime) -> CallbackImport:
    """Have the good rows made callbacks; each is held to the rules again, at its moment."""
    job = _hold(job_id, by)
    _require_state(job, *MAY_START)
    _begin(job, State.IMPORTING, at)
    return job


@transaction.atomic
def cancel(job_id: uuid.UUID, *, by: Actor, at: datetime) -> CallbackImport:
    """Stop it; what is in by then stays in."""
    job = _hold(job_id, by)
    if not job.is_over:
        end(job, State.CANCELLED, at)
    return job


def end(job: CallbackImport, state: str, at: datetime, *, failure: str = "") -> None:
    """Nothing more happens to it. The caller holds its row."""
    job.state, job.ended_at, job.updated_at, job.failure = state, at, at, failure
    job.save(update_fields=["state", "ended_at", "updated_at", "failure"])
    job.rehearsed.all().delete()


def prune(at: datetime) -> int:
    """Delete files and rejected rows a day after the import ended or was left; how many those were.

    The counts stay.
    """
    old = CallbackImport.objects.exclude(file="").filter(updated_at__lte=at - KEPT)
    done = 0
    for key in old.exclude(state__in=(State.CHECKING, State.IMPORTING)).values_list(
        "pk", flat=True
    ):
        with transaction.atomic():
            job = CallbackImport.objects.select_for_update().get(pk=key)
            if job.is_under_way:
                continue
            if not job.is_over:
                end(job, State.CANCELLED, at, failure="Nobody went on with it for a day.")
            job.rejects.all().delete()
            transaction.on_commit(partial(job.file.storage.delete, str(job.file.name)))
            job.file = ""
            job.save(update_fields=["file"])
        done += 1
    return done


def _hold(job_id: uuid.UUID, by: Actor) -> CallbackImport:
    """The import, kept from everybody else; one that is not theirs does not exist."""
    return access.imports_of(by).select_for_update(of=("self",)).get(pk=job_id)


def _require_state(job: CallbackImport, *states: str) -> None:
    if job.state not in states:
        what = f"This import is {job.get_state_display().lower()}; look at its page."
        raise Refused([Problem("import.state", "", what)])


def _begin(job: CallbackImport, state: str, at: datetime) -> None:
    """From its first row on; what was found before does not count any more."""
    job.rejects.all().delete()
    job.rehearsed.all().delete()
    job.state, job.updated_at, job.rows_done, job.rows_good = state, at, 0, 0
    job.save()
