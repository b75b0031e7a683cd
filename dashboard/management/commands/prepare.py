"""``manage.py prepare``: everything before the first page, in one process."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Migrate, collect the static files, and fill in the demonstration centre where it is wanted."""

    help = "Migrates, collects static files, and fills in the demonstration centre if DEMO is on."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all of it; each step does nothing where it was done before."""
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if settings.DEMO:
            call_command("demo", if_empty=True)
