"""What differs between Ringback and its telephony platforms, and its safe repair."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from callbacks.access import Actor
from callbacks.models import Connection
from callbacks.sync import drift


class Command(BaseCommand):
    """Tell the drift; with --repair, put right what can be put right without regret."""

    help = "Compare Ringback with its platforms, as the last complete look showed them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See docs/synchronisation.md."""
        parser.add_argument("--connection", help="the name of one; else all")
        parser.add_argument("--repair", action="store_true", help="the safe repair of each")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Report, and repair where that was said."""
        found = Connection.objects.all()
        if options["connection"]:
            found = found.filter(name=options["connection"])
            if not found.exists():
                raise CommandError(f"There is no connection {options['connection']}.")
        told = [self._told(one, repair=options["repair"]) for one in found]
        if options["json"]:
            self.stdout.write(json.dumps([line for line, _ in told], indent=2))
        else:
            self.stdout.write("\n\n".join(text for _, text in told) or "Nothing is connected.")

    def _told(self, connection: Connection, *, repair: bool) -> tuple[dict[str, Any], str]:
        report, at = drift.report(connection), timezone.now()
        by = Actor.engine("Drift, by command")
        repaired = drift.repair_all(report, by=by, at=at) if repair else 0
        told = {
            "connection": connection.name,
            "lookedAt": report.looked_at.isoformat() if report.looked_at else None,
            "compared": report.compared,
            "isHeld": report.is_held,
            "drifts": [one.as_json() for one in report.drifts],
            "repaired": repaired,
        }
        return told, self._in_words(report, repaired if repair else None)

    def _in_words(self, report: drift.Report, repaired: int | None) -> str:
        looked = f"{report.looked_at:%Y-%m-%d %H:%M:%S} UTC" if report.looked_at else "never"
        lines = [
            f"{report.connection}: {len(report.drifts)} of {report.compared} differ, "
            f"by the look of {looked}."
        ]
        if report.is_held:
            lines.append("So much is missing there that nothing is made anew before you say so.")
        for one in report.drifts:
            whose = f" (callback {one.callback.pk})" if one.callback else ""
            lines.append(f"  {one.kind}: {one.external_id}{whose}. {one.cause}")
            lines += [f"    {name}: {mine or '–'} here, {other} there" for name, (mine, other) in one.differences.items()]  # fmt: skip
        if repaired is not None:
            lines.append(f"Repaired: {repaired}. What the platform must be told is on its way.")
        return "\n".join(lines)
