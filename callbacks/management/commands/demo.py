"""``manage.py demo``: a realistic centre of any size in an empty database."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callbacks.demonstration import Size, fill, is_empty


class Command(BaseCommand):
    """Fills an empty database; without options with the demonstration centre of the README."""

    help = "Fills an empty database with a realistic centre of any size."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The sizes; the defaults are the demonstration centre."""
        usual = Size()
        for name, text in (
            ("agents", "agents"),
            ("queues", "queues"),
            ("callbacks", "callbacks in all"),
            ("open", "of which are open"),
            ("seed", "of the randomness; the same seed tells the same stories"),
        ):
            parser.add_argument(f"--{name}", type=int, default=getattr(usual, name), help=text)
        parser.add_argument("--if-empty", action="store_true", help="do nothing where people are")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill, and say how much."""
        size = Size(
            **{name: options[name] for name in ("agents", "queues", "callbacks", "open", "seed")}
        )
        if min(size.agents - 3, size.queues - 1, size.callbacks, size.open) < 0:
            raise CommandError("At least 3 agents and 1 queue, and no negative numbers.")
        if not is_empty():
            if options["if_empty"]:
                return
            raise CommandError("The database is not empty. A demonstration needs one of its own.")
        started = time.monotonic()
        fill(size)
        self.stdout.write(
            f"A centre with {size.agents} agents, {size.queues} queues and {size.callbacks:,} "
            f"callbacks, {min(size.open, size.callbacks):,} of them open "
            f"({time.monotonic() - started:.1f} s)."
        )
