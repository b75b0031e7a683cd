"""``manage.py import_callbacks``: the import of the screens, for the shell."""

import json
import math
import time
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from callbacks import access, imports
from callbacks.access import Actor
from callbacks.errors import CallbackError
from callbacks.models import CallbackImport, Role, User

DATE_FORMATS = {
    "YYYY-MM-DD": CallbackImport.DateFormat.YEAR_FIRST,
    "DD/MM/YYYY": CallbackImport.DateFormat.DAY_FIRST,
    "MM/DD/YYYY": CallbackImport.DateFormat.MONTH_FIRST,
}
LOOK_AGAIN = 0.5
"""Seconds, while a worker is at it."""


class Command(BaseCommand):
    """Import callbacks from a CSV file: the good rows; the others are told with their reasons."""

    help = (
        "Import callbacks from a CSV file. Columns are known by their names: phone number, date, time, "
        "time zone (or one with both and an offset), contact name, queue, owner, reason, ticket, … "
        "Exit status 0 only if no row was rejected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, and what holds for all of its rows."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="check every row, write nothing")
        parser.add_argument(
            "--rejects", type=Path, help="write the rejected rows with their reasons"
        )
        parser.add_argument("--queue", default="", help="name of the queue of rows that name none")
        parser.add_argument("--time-zone", default="", help="of rows that name none")
        parser.add_argument(
            "--consent", action="store_true", help="all contacts agreed to be called"
        )
        parser.add_argument("--date-format", choices=list(DATE_FORMATS), default="YYYY-MM-DD")
        parser.add_argument("--by", default="", help="user name; default: the first admin")
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it, tell how far it is, and what came of it."""
        by = _actor(options["by"])
        try:
            with options["file"].open("rb") as file:
                job = self._upload(file, by, options)
            begin = imports.check if options["dry_run"] else imports.start
            job = begin(job.pk, by=by, at=timezone.now())
        except OSError as wrong:
            raise CommandError(f"{options['file']}: {wrong.strerror}.") from wrong
        except CallbackError as refused:
            raise CommandError(f"{refused}\nNothing was imported.") from refused
        self._finish(job)
        if options["rejects"]:
            _write(options["rejects"], job)
        self._tell(job, options)
        if job.rows_bad or job.failure:
            raise SystemExit(1)

    def _upload(self, file: BinaryIO, by: Actor, options: dict[str, Any]) -> CallbackImport:
        job = imports.upload(file, options["file"].name, by=by, at=timezone.now())
        choice = imports.Choice(
            columns=imports.guess(job.header),
            date_format=DATE_FORMATS[options["date_format"]],
            queue_id=_queue(options["queue"], by) if options["queue"] else None,
            time_zone=options["time_zone"],
            is_consent_given=options["consent"],
        )
        return imports.choose(job.pk, choice, by=by, at=timezone.now())

    def _finish(self, job: CallbackImport) -> None:
        """Work at it, or watch the worker that was quicker, until it is over."""
        while job.is_under_way:
            if not imports.go_on_with(job, seconds=math.inf, tell=self._tell_progress):
                time.sleep(LOOK_AGAIN)
            job.refresh_from_db()
            self._tell_progress(job)

    def _tell_progress(self, job: CallbackImport) -> None:
        if self.stderr.isatty():
            said = f"\r{job.rows_done:,} of {job.rows:,} rows ({job.percent} %)"
            self.stderr.write(said, ending="" if job.rows_done < job.rows else "\r")

    def _tell(self, job: CallbackImport, options: dict[str, Any]) -> None:
        if options["json"]:
            found = {
                "id": str(job.pk), "state": job.state, "dry_run": options["dry_run"],
                "rows": job.rows, "good": job.rows_good, "rejected": job.rows_bad,
                "failure": job.failure,
            }  # fmt: skip
            self.stdout.write(json.dumps(found))
            return
        for reject in job.rejects.all()[:20]:
            self.stdout.write(f"Line {reject.line}: {reject.reasons}")
        if job.rows_bad > 20:
            self.stdout.write(f"… and {job.rows_bad - 20:,} more; --rejects FILE writes all.")
        if job.failure:
            self.stdout.write(job.failure)
        what = "would be imported" if options["dry_run"] else "imported"
        self.stdout.write(f"{job.rows_good:,} rows {what}, {job.rows_bad:,} rejected.")


def _actor(username: str) -> Actor:
    people = User.objects.filter(is_active=True)
    if username:
        found = people.filter(username__iexact=username).first()
    else:
        found = people.filter(role=Role.ADMIN).order_by("created_at", "pk").first()
    if found is None:
        raise CommandError(
            f"There is no active person with the user name {username!r}."
            if username
            else "There is no admin. Say with --by in whose name to import."
        )
    return Actor.person(found)


def _queue(name: str, by: Actor) -> Any:
    found = access.queues_for_creating(by).filter(name__iexact=name).first()
    if found is None:
        raise CommandError(f"There is no queue called {name!r} that takes new callbacks.")
    return found.pk


def _write(path: Path, job: CallbackImport) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as out:
            out.writelines(imports.rejects_as_csv(job))
    except OSError as wrong:
        raise CommandError(f"{path}: {wrong.strerror}.") from wrong
