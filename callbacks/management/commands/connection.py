"""``manage.py connection``: telephony platforms that Ringback keeps in step with."""

import json
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from callbacks import sync
from callbacks.access import Actor
from callbacks.errors import Refused
from callbacks.models import Connection, Queue, Role, User
from callbacks.models.connection import Dialect

SECRET = "CONNECTION_SECRET"  # noqa: S105 (the name of a variable)
PROBLEM = 1


class Command(BaseCommand):
    """Add, list, try out, pause, resume and remove connections; answers are JSON."""

    help = "Telephony platforms that Ringback keeps in step with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command for each thing to do."""
        does = parser.add_subparsers(dest="does", required=True)
        _add_arguments(does.add_parser("add", help="connect a platform"))
        does.add_parser("list", help="the connections there are, and how they are doing")
        for name, what in (
            ("test", "ask for a token and a list; exit status 1 where that fails"),
            ("pause", "send nothing until it is resumed"),
            ("resume", "go on at once"),
            ("events", "what the platform signs its own events with, and where it sends them"),
            ("remove", "forget it; refused while it holds callbacks of ours"),
        ):
            one = does.add_parser(name, help=what)
            one.add_argument("name")
            if name == "pause":
                one.add_argument("--reason", default="", help="people read it under /sync")
            if name == "events":
                one.add_argument("--secret", required=True, help="- reads it; empty: take none")
            if name == "remove":
                one.add_argument("--force", action="store_true", help="leave there what is there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and print what came of it."""
        try:
            told = getattr(self, f"_{options['does']}")(**options)
        except Refused as refused:
            said = [f"{p.field}: {p.message}" if p.field else p.message for p in refused.problems]
            raise CommandError("\n".join(said)) from None
        self.stdout.write(json.dumps(told, ensure_ascii=False))
        if options["does"] == "test" and not told["ok"]:
            sys.exit(PROBLEM)

    def _add(self, queues: str, **options: Any) -> dict[str, Any]:
        wish = sync.Wish(
            name=options["name"],
            dialect=options["dialect"],
            base_url=options["base_url"],
            token_url=options["token_url"],
            client_id=options["client_id"],
            client_secret=_secret(options["client_secret"]),
            rate=options["rate"],
            batch_size=options["batch"],
            settle_seconds=options["settle"],
            poll_seconds=options["poll"],
        )
        made = sync.add(wish, _queues(queues), by=_by(), at=timezone.now())
        return _told(made)

    def _list(self, **options: Any) -> list[dict[str, Any]]:
        return [_told(one) for one in Connection.objects.all()]

    def _test(self, name: str, **options: Any) -> dict[str, Any]:
        tested = sync.test(_connection(name), at=timezone.now())
        return {"name": name, "ok": tested.is_good, "said": list(tested.said)}

    def _pause(self, name: str, reason: str, **options: Any) -> dict[str, Any]:
        held = _connection(name)
        sync.pause(held, reason=reason, by=_by())
        return _told(held)

    def _resume(self, name: str, **options: Any) -> dict[str, Any]:
        held = _connection(name)
        sync.resume(held)
        return _told(held)

    def _events(self, name: str, secret: str, **options: Any) -> dict[str, Any]:
        held, said = _connection(name), _read(secret)
        sync.set_secret(held, said)
        return {"name": name, "path": f"/sync/{held.pk}/events", "taken": bool(said)}

    def _remove(self, name: str, force: bool, **options: Any) -> dict[str, Any]:
        left = sync.remove(_connection(name), is_forced=force, by=_by(), at=timezone.now())
        return {"name": name, "removed": True, "leftThere": left}


def _add_arguments(add: ArgumentParser) -> None:
    add.add_argument("name", help="as screens and history call it, such as Genesys")
    add.add_argument("--dialect", required=True, choices=Dialect.values)
    add.add_argument("--base-url", required=True)
    add.add_argument("--token-url", default="", help="a region of Genesys Cloud has its own")
    add.add_argument("--client-id", required=True)
    add.add_argument(
        "--client-secret", default="",
        help=f"- reads it from the first line of standard input; without it, from ${SECRET}",
    )  # fmt: skip
    add.add_argument("--rate", default="", help="10/s or 300/min; default: as the dialect permits")
    add.add_argument("--batch", type=int, help="so many callbacks in one request")
    add.add_argument(
        "--queues", default="", help="names, with commas; Support=ID maps the id there"
    )
    add.add_argument("--settle", type=int, help="seconds after a lost answer")
    add.add_argument("--poll", type=int, default=30, help="seconds between looks at what happened")


def _secret(said: str) -> str:
    """As an argument it stands in the list of processes: for what is real, there are other ways."""
    return _read(said) or os.environ.get(SECRET, "")


def _read(said: str) -> str:
    return sys.stdin.readline().strip() if said == "-" else said


def _by() -> Actor:
    """In the name of the first admin, as the import does; of the shell, where there is none."""
    admin = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").first()
    return Actor.person(admin) if admin else Actor.engine("manage.py")


def _connection(name: str) -> Connection:
    found = Connection.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no connection named {name}.")
    return found


def _queues(said: str) -> dict[Queue, str]:
    """``Support,Billing=ID`` as queues with the platform's id for each."""
    pairs = [one.partition("=") for one in said.split(",") if one.strip()]
    wanted = {name.strip(): remote.strip() for name, _, remote in pairs}
    found = {queue.name.lower(): queue for queue in Queue.objects.all()}
    if unknown := [name for name in wanted if name.lower() not in found]:
        raise CommandError(f"There is no queue named {', '.join(unknown)}.")
    return {found[name.lower()]: remote for name, remote in wanted.items()}


def _told(held: Connection) -> dict[str, Any]:
    """All but its secrets."""
    return {
        "id": str(held.pk),
        "name": held.name,
        "dialect": held.dialect,
        "baseUrl": held.base_url,
        "clientId": held.client_id,
        "rate": sync.rate_in_words(held),
        "batch": held.batch_size,
        "queues": {str(one.queue): one.remote_id for one in held.queues.select_related("queue")},
        "paused": held.paused_reason or None,
        "refused": held.refused_reason or None,
        "lastSuccessAt": held.last_success_at.isoformat() if held.last_success_at else None,
        "lastError": held.last_error or None,
    }
