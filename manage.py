#!/usr/bin/env python3
"""Django's commands, with the embedded servers where no others are set."""

import os
import sys
from pathlib import Path

if sys.version_info < (3, 11):
    raise SystemExit("Ringback needs Python 3.11 or newer. Run it as: python3.12 manage.py")

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "bin"))

import engines
import environment
import servers


def main() -> None:
    """Run a command; finds the servers of a running ``bin/start``, or starts them meanwhile."""
    environment.use_venv()
    environment.read_env_file()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        with servers.running(
            environment.data_dir(),
            database=not environment.setting("DATABASE_URL"),
            broker=not environment.setting("BROKER_URL"),
        ) as found:
            os.environ.update(found)
            _execute()
    except engines.NoServer as failed:
        raise SystemExit(str(failed)) from failed


def _execute() -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as wrong:
        # Settings say in words what is missing; where in the code it was noticed helps nobody.
        raise SystemExit(str(wrong)) from wrong


if __name__ == "__main__":
    main()
