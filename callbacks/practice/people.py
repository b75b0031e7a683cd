"""Who and what the platform has: queues, agents, and what these do at the moment."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_SPACE = uuid.UUID("7d3f5a0e-51c9-4f0b-9d53-6f4a4b1c8e21")
QUEUES = ("Support", "Billing", "Sales", "Retention", "Technical")
SKILLS = ("Billing", "Networking", "Spanish", "Contracts")
AGENTS = (
    ("ana", "Ana Reyes", ("Support",)),
    ("ben", "Ben Hughes", ("Support",)),
    ("lena", "Lena Vogt", ("Support", "Billing")),
    ("amara", "Amara Nwosu", ("Billing", "Sales")),
    ("bao", "Bao Nguyen", ("Technical",)),
    ("carmen", "Carmen Ibarra", ("Sales", "Retention")),
)
PRESENCES = (
    "Available", "Away", "Busy", "Offline", "Idle", "OnQueue", "Meal", "Training", "Meeting", "Break",
)  # fmt: skip
"""System presences, as they are written in answers; OnQueue is the one that routing cares for."""


def key_of(kind: str, name: str) -> str:
    """The id of what has this name: the same on every platform that practises."""
    return str(uuid.uuid5(_SPACE, f"{kind}:{name.lower()}"))


@dataclass
class Queue:
    """A queue, with what makes ownership possible on it."""

    id: str
    name: str
    owns: bool = True
    owned_hours: int = 168
    ahead_hours: int = 720
    routing_rules: int = 1

    @property
    def can_own(self) -> bool:
        """Ownership needs its switch and at least one Preferred Agent Routing rule."""
        return self.owns and self.routing_rules > 0


@dataclass
class Agent:
    """A person who answers callbacks."""

    id: str
    user_name: str
    name: str
    queues: list[str]
    skills: list[str] = field(default_factory=list)
    presence: str = "Offline"
    routing: str = "OFF_QUEUE"
    state: str = "active"
    out_of_office: bool = False
    changed_at: datetime | None = None

    def goes(self, presence: str, at: datetime) -> None:
        """Change the presence, and with it whether callbacks reach them."""
        self.presence, self.changed_at = presence, at
        self.routing = "IDLE" if presence == "OnQueue" else "OFF_QUEUE"


class People:
    """All of them, by id."""

    def __init__(self, told: Mapping[str, Any] | None = None) -> None:
        self.queues: dict[str, Queue] = {}
        self.agents: dict[str, Agent] = {}
        for name in QUEUES:
            self.add_queue({"name": name})
        for place, (user_name, name, queues) in enumerate(AGENTS):
            skill = SKILLS[place % len(SKILLS)]
            self.add_agent(
                {"userName": user_name, "name": name, "queues": list(queues), "skills": [skill]}
            )

        self.add_all(told or {})

    def add_all(self, told: Mapping[str, Any]) -> None:
        """Add queues and agents, or put them in the places of those with their ids."""
        for queue in told.get("queues", []):
            self.add_queue(queue)
        for agent in told.get("agents", []):
            self.add_agent(agent)

    @property
    def default_queue(self) -> Queue:
        """Where a callback goes that names no queue."""
        return next(iter(self.queues.values()))

    def add_queue(self, told: dict[str, Any]) -> Queue:
        """Add a queue, or put it in the place of the one with its id."""
        name = str(told["name"])
        queue = Queue(str(told.get("id") or key_of("queue", name)), name)
        queue.owns = bool(told.get("owns", True))
        queue.owned_hours = int(told.get("ownedHours", 168))
        queue.ahead_hours = int(told.get("aheadHours", 720))
        queue.routing_rules = int(told.get("routingRules", 1))
        self.queues[queue.id] = queue
        return queue

    def add_agent(self, told: dict[str, Any]) -> Agent:
        """Add an agent, or put them in the place of the one with their id; queues by name or id."""
        user_name = str(told["userName"])
        agent = Agent(
            id=str(told.get("id") or key_of("agent", user_name)),
            user_name=user_name,
            name=str(told.get("name") or user_name),
            queues=[self._queue_id(str(name)) for name in told.get("queues", [])],
            skills=[str(skill) for skill in told.get("skills", [])],
        )
        self.agents[agent.id] = agent
        return agent

    def on_queue(self, queue_id: str) -> list[Agent]:
        """Those who would take a callback of this queue now."""
        return [
            agent
            for agent in self.agents.values()
            if queue_id in agent.queues and agent.routing == "IDLE" and agent.state == "active"
        ]

    def _queue_id(self, told: str) -> str:
        return told if told in self.queues else key_of("queue", told)
