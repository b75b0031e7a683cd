"""Celery: the application and, on the same page, everything that happens by the clock.

Celery only wakes work up. What must not be lost lies in PostgreSQL.
"""

import os

from celery import Celery
from celery.exceptions import OperationalError
from celery.signals import beat_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

app = Celery("ringback")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["callbacks"])

app.conf.beat_schedule = {
    "due callbacks find their agents": {
        "task": "callbacks.tasks.tick",
        "schedule": 1.0,
        # The next tick does what this one would have done.
        "options": {"expires": 10},
    },
    "nobody who left keeps a promise": {
        "task": "callbacks.tasks.sweep",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "webhooks are told": {
        "task": "callbacks.tasks.deliver_to_webhooks",
        "schedule": 2.0,
        "options": {"expires": 2},
    },
    "webhooks are told of what time makes happen": {
        "task": "callbacks.tasks.watch_for_webhooks",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "imports go on": {
        "task": "callbacks.tasks.go_on_with_imports",
        "schedule": 1.0,
        "options": {"expires": 2},
    },
    "platforms are kept in step": {
        "task": "callbacks.tasks.sync_wake",
        "schedule": 1.0,
        "options": {"expires": 1},
    },
    "what no platform is to know is forgotten": {
        "task": "callbacks.tasks.sync_forget",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "what nobody can ask for any more is forgotten": {
        "task": "callbacks.tasks.forget",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}


def broker_answers() -> bool:
    """Whether the broker answers within about a second; one that is frozen does not."""
    try:
        with app.connection_for_write() as connection:
            return bool(connection.default_channel)
    except (OperationalError, OSError):
        return False


@beat_init.connect
def show_life_at_once(**kwargs: object) -> None:
    """Not only after the first interval: somebody may be looking already."""
    app.send_task("callbacks.tasks.tick", expires=10)
