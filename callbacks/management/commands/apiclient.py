"""``manage.py apiclient``: programs that may call the HTTP API."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callbacks import programs
from callbacks.errors import Refused
from callbacks.models import ApiClient, Queue
from callbacks.models.program import Scope


class Command(BaseCommand):
    """Create, list, renew and switch off API clients; answers are JSON."""

    help = "Programs that may call the HTTP API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command for each thing to do."""
        does = parser.add_subparsers(dest="does", required=True)
        create = does.add_parser("create", help="make a client; its secret is shown once")
        create.add_argument("name", help="as history calls it, such as IVR or CRM")
        create.add_argument(
            "--scopes", default=f"{Scope.READ} {Scope.WRITE}", help=f"of: {' '.join(Scope.values)}"
        )
        create.add_argument("--rate", default="10/s", help="such as 10/s, or none (default: 10/s)")
        create.add_argument("--burst", type=int, default=20, help="so many requests at once")
        create.add_argument("--queues", default="", help="names, with commas; default: all")
        does.add_parser("list", help="the clients there are")
        for name, what in (
            ("renew", "a new secret; the old one and all tokens end"),
            ("deactivate", "let it in no more"),
        ):
            does.add_parser(name, help=what).add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and print what came of it."""
        try:
            told = getattr(self, f"_{options['does']}")(**options)
        except Refused as refused:
            raise CommandError(refused.message) from None
        self.stdout.write(json.dumps(told))

    def _create(
        self, name: str, scopes: str, rate: str, burst: int, queues: str, **options: Any
    ) -> dict[str, str]:
        wanted = scopes.replace(",", " ").split()
        made = programs.create(name, wanted, rate=_rate(rate), burst=burst, queues=_queues(queues))
        return {"client_id": made.client.client_id, "client_secret": made.secret}

    def _list(self, **options: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": client.name,
                "client_id": client.client_id,
                "scopes": client.scopes,
                "rate": client.rate,
                "is_active": client.is_active,
            }
            for client in ApiClient.objects.all()
        ]

    def _renew(self, name: str, **options: Any) -> dict[str, str]:
        client = _client(name)
        return {"client_id": client.client_id, "client_secret": programs.renew_secret(client)}

    def _deactivate(self, name: str, **options: Any) -> dict[str, Any]:
        client = _client(name)
        client.is_active = False
        client.save(update_fields=["is_active"])
        return {"client_id": client.client_id, "is_active": False}


def _client(name: str) -> ApiClient:
    found = ApiClient.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no API client named {name}.")
    return found


def _rate(said: str) -> int | None:
    if said.lower() in {"none", "off", "0"}:
        return None
    number = said.removesuffix("/s")
    if not (number.isascii() and number.isdigit()):
        raise CommandError(f"--rate {said}: say it as 10/s, or none.")
    return int(number)


def _queues(said: str) -> list[Queue]:
    names = [name.strip() for name in said.split(",") if name.strip()]
    found = {queue.name.lower(): queue for queue in Queue.objects.all()}
    if unknown := [name for name in names if name.lower() not in found]:
        raise CommandError(f"There is no queue named {', '.join(unknown)}.")
    return [found[name.lower()] for name in names]
