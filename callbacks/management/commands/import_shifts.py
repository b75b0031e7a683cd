"""``manage.py import_shifts``: agents' planned schedules."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from callbacks.planning import ShiftsRefused, import_shifts


class Command(BaseCommand):
    """Import shifts from a CSV file, all of it or nothing."""

    help = "Import agents' planned schedules: columns agent, start, end, activity."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, and how to read it."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--time-zone", default="", help="of times without an offset")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="let the file take the place of the agents' shifts in its span",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it, and say what came of it."""
        try:
            with options["file"].open("rb") as file:
                done = import_shifts(
                    file,
                    time_zone=options["time_zone"],
                    replaces=options["replace"],
                    dry_run=options["dry_run"],
                )
        except OSError as wrong:
            raise CommandError(f"{options['file']}: {wrong.strerror}.") from wrong
        except ShiftsRefused as refused:
            raise CommandError(f"{refused}\nNothing was imported.") from refused
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            f"{done.added:,} shifts {would}added, {done.known:,} were there already, "
            f"{done.removed:,} {would}removed."
        )
