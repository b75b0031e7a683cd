"""``manage.py practice_platform``: a telephony platform to practise on."""

import json
from argparse import ArgumentParser
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callbacks.practice.faults import Faults, Nonsense
from callbacks.practice.pace import Rate
from callbacks.practice.platform import GENESYS, GUIDE, Options
from callbacks.practice.play import Habits
from callbacks.practice.server import serve

DIALECTS = {"both": frozenset({GUIDE, GENESYS}), GUIDE: frozenset({GUIDE}), GENESYS: frozenset({GENESYS})}  # fmt: skip


class Command(BaseCommand):
    """Serve the practice platform until it is told to end."""

    help = "The practice telephony platform: both dialects, rate-limited, with faults on demand."
    requires_system_checks: list[str] = []  # it has nothing to do with the project's settings

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See docs/practice-platform.md."""
        parser.add_argument("--port", type=int, required=True, help="0: any that is free")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--login-port", type=int, help="another port, for tokens as well")
        parser.add_argument("--dialect", choices=DIALECTS, default="both")
        parser.add_argument("--rate", default="10/s", help="10/s, 300/min or none")
        parser.add_argument("--burst", type=int, help="so many at once, with a rate a second")
        parser.add_argument("--client", action="append", help="id:secret (practice:practice)")
        parser.add_argument("--token-lifetime", type=float, default=86_400, help="seconds")
        parser.add_argument("--ledger", type=Path, help="a file that outlives the process")
        parser.add_argument("--reference-key", default="extId", help="where our reference stands")
        parser.add_argument("--batch", type=int, default=500, help="the largest batch")
        self._add_faults(parser)
        self._add_variants(parser)
        self._add_play(parser)

    def _add_faults(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--fail", type=float, default=0.0, help="share of the usual mix")
        parser.add_argument(
            "--fault", action="append", default=[], help="KIND=SHARE, again and again"
        )
        parser.add_argument("--lag", type=float, default=0.0, help="seconds that searches lag")
        parser.add_argument("--skew", type=float, default=0.0, help="seconds that its clock is off")
        parser.add_argument("--slow", type=float, default=3.0, help="seconds of what is slow")
        parser.add_argument("--retry-after", type=int, default=1, help="seconds of ordered 429s")

    def _add_variants(self, parser: ArgumentParser) -> None:
        parser.add_argument("--allow-duplicates", action="store_true", help="guide: no 409")
        parser.add_argument("--forget-keys", action="store_true", help="guide: no Idempotency-Key")
        parser.add_argument("--patch-agent", choices=["sets", "ignored"], default="sets")
        parser.add_argument("--unowned", choices=["silent", "refused"], default="silent")
        parser.add_argument("--numbers", choices=["as-typed", "tel"], default="as-typed")
        parser.add_argument("--interval-days", type=int, default=31)
        parser.add_argument("--ratelimit-headers", action="store_true", help="as before 2021")

    def _add_play(self, parser: ArgumentParser) -> None:
        parser.add_argument("--play", action="store_true", help="agents answer what is due")
        parser.add_argument("--play-every", type=float, default=1.0, help="seconds between steps")
        parser.add_argument(
            "--habit", action="append", default=[], help="NAME=SHARE, again and again"
        )
        parser.add_argument("--people", type=Path, help="JSON, as POST /practice/people takes it")
        parser.add_argument("--hook", default="", help="an address that gets all events")
        parser.add_argument("--hook-secret", default="practice", help="what signs them")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve."""
        try:
            wanted, faults = _options(options), _faults(options)
        except (Nonsense, ValueError, OSError) as wrong:
            raise CommandError(str(wrong)) from wrong
        ports = [options["port"], *([options["login_port"]] if options["login_port"] else [])]
        serve(wanted, faults, host=options["host"], ports=ports)


def _options(said: dict[str, Any]) -> Options:
    return Options(
        dialects=DIALECTS[said["dialect"]],
        rate=Rate.parse(said["rate"], said["burst"]),
        clients=dict(_client(one) for one in said["client"] or ["practice:practice"]),
        token_lifetime=timedelta(seconds=said["token_lifetime"]),
        allows_duplicates=said["allow_duplicates"],
        forgets_keys=said["forget_keys"],
        plays=said["play"],
        habits=_habits(said["habit"]),
        people=json.loads(said["people"].read_text()) if said["people"] else {},
        **{name: said[name] for name in _ALIKE},
    )


_ALIKE = (
    "ledger", "reference_key", "batch", "patch_agent", "unowned", "numbers", "interval_days",
    "ratelimit_headers", "play_every", "hook", "hook_secret",
)  # fmt: skip


def _habits(said: list[str]) -> dict[str, float]:
    known = {one.name for one in fields(Habits)}
    pairs = [one.partition("=") for one in said]
    if unknown := [name for name, _, _ in pairs if name not in known]:
        raise ValueError(f"--habit {unknown[0]}: there is {', '.join(sorted(known))}.")
    return {name: float(share) for name, _, share in pairs}


def _client(said: str) -> tuple[str, str]:
    name, colon, secret = said.partition(":")
    if not (name and colon and secret):
        raise ValueError(f"--client {said}: say it as id:secret.")
    return name, secret


def _faults(said: dict[str, Any]) -> Faults:
    faults = Faults(seed=said["seed"])
    named = {name: said[name] for name in ("lag", "skew", "slow", "retry_after")}
    if said["fault"] and said["fail"]:
        raise Nonsense("Say --fail or --fault, not both.")
    shares = {"fail": said["fail"]} if said["fail"] else {"shares": _shares(said["fault"])}
    faults.order({**named, **shares})
    return faults


def _shares(said: list[str]) -> dict[str, float]:
    pairs = [one.partition("=") for one in said]
    return {kind: float(share) for kind, _, share in pairs}
