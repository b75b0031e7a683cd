#!/usr/bin/env python3
"""Django's commands, with the embedded servers where no others are set."""

import os
import sys
from pathlib import Path

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
            database="DATABASE_URL" not in os.environ,
            broker="BROKER_URL" not in os.environ,
        ) as found:
            os.environ.update(found)
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
    except engines.NoServer as failed:
        raise SystemExit(str(failed)) from failed


if __name__ == "__main__":
    main()
