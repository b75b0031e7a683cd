"""The telephony platform of the demonstration: the practice platform, for one queue, with our people.

Queue *Billing*, so that the people of the log-in page, who work in *Support*, are called by Ringback,
and a newcomer sees both. Nothing of the practice platform is known here but what it is told.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from callbacks import sync
from callbacks.access import Actor
from callbacks.models import Agent, Connection, Queue, Role, User
from callbacks.models.connection import Dialect

NAME = "Practice platform"
QUEUE = "Billing"
CLIENT = "practice"


def people() -> Mapping[str, Any]:
    """Our queues and agents as the practice platform is told of them, under the ids that we know."""
    agents = Agent.objects.exclude(platform_id="").select_related("user")
    return {
        "queues": [
            {"name": queue.name, "id": str(queue.pk), "owns": queue.ownership_enabled}
            for queue in Queue.objects.all()
        ],
        "agents": [
            {
                "userName": agent.user.username,
                "id": agent.platform_id,
                "name": agent.user.name,
                "queues": [str(queue.pk) for queue in agent.queues.all()],
            }
            for agent in agents.prefetch_related("queues")
        ],
    }


@transaction.atomic
def connect(base_url: str, *, is_first: bool, at: datetime) -> None:
    """Lead the connection to where the platform is now; make it the first time.

    Somebody who removed it since does not get it back.
    """
    token_url = f"{base_url}/oauth/token"
    moved = Connection.objects.filter(name=NAME)
    if moved.update(base_url=base_url, token_url=token_url, token=None) or not is_first:
        return
    queue = Queue.objects.filter(name=QUEUE).first()
    admin = User.objects.filter(role=Role.ADMIN).order_by("pk").first()
    if queue is None or admin is None:
        return
    wish = sync.Wish(
        NAME, Dialect.GUIDE, base_url, token_url, CLIENT, CLIENT,
        batch_size=20, settle_seconds=2, poll_seconds=10,
    )  # fmt: skip
    sync.add(wish, {queue: str(queue.pk)}, by=Actor.person(admin), at=at)
    # Its agents take the calls; what came of them comes back.
    Queue.objects.filter(pk=queue.pk).update(routing_mode=Queue.RoutingMode.PLATFORM)
