"""Agents who play: they go on queue, answer what is due, and now and then do something of their own."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from callbacks.practice.people import Agent, People
from callbacks.practice.platform import GUIDE, Platform
from callbacks.practice.store import LOCKED_FOR, Callback, Leg, new_id

WRAP_UPS = ("Reached", "No answer", "Wrong number", "Solved")
LATER = timedelta(hours=1)


@dataclass
class Habits:
    """How often, as shares from 0 to 1: at each step for each callback, or for the whole centre."""

    declines: float = 0.1
    cancels: float = 0.01
    moves: float = 0.01
    makes: float = 0.05


class Players:
    """All the agents. A step takes every callback one move further, in the order of their times."""

    def __init__(self, platform: Platform, seed: int) -> None:
        self._platform = platform
        self._dice = Random(f"{seed}:play")  # noqa: S311
        self.habits = Habits(**platform.options.habits)

    def step(self) -> None:
        """One move of everybody."""
        now = self._platform.now
        self._go_on_queue(now)
        for callback in sorted(
            self._platform.store.live(), key=lambda one: (one.requested_at, one.id)
        ):
            self._move(callback, now)
        if self._often(self.habits.makes):
            self._make(now)

    def _go_on_queue(self, now: datetime) -> None:
        for agent in self._platform.people.agents.values():
            if agent.presence != "OnQueue" or agent.routing == "NOT_RESPONDING":
                agent.goes("OnQueue", now)

    def _move(self, callback: Callback, now: datetime) -> None:
        status = callback.status_at(now)
        if status == "waiting":
            self._offer(callback, now)
        elif status == "offered":
            self._answer(callback, now)
        elif status == "in_progress":
            self._finish(callback, now)
        else:
            self._meddle(callback, now)

    def _offer(self, callback: Callback, now: datetime) -> None:
        store, people = self._platform.store, self._platform.people
        if _has_expired(callback, people, now):
            store.end(callback, "expired", by="platform", at=now, disconnect="system")
            return
        chosen = self._chosen(callback)
        if chosen is None:
            return
        chosen.routing = "INTERACTING"
        legs = (*callback.legs, Leg(new_id(), chosen.id, now))
        store.change(callback, effect="update", by="platform", at=now, status="offered", legs=legs)

    def _chosen(self, callback: Callback) -> Agent | None:
        """The owner and nobody else, or the preferred agent, or anybody who is idle."""
        people = self._platform.people
        wanted = people.agents.get(callback.agent_id or "")
        if wanted and wanted.routing == "IDLE":
            return wanted
        idle = [] if callback.is_owned else people.on_queue(callback.queue_id)
        return self._dice.choice(idle) if idle else None

    def _answer(self, callback: Callback, now: datetime) -> None:
        agent, leg = self._agent(callback), callback.legs[-1]
        if self._often(self.habits.declines):
            leg = replace(leg, ended_at=now, disconnect_type="transfer.noanswer")
            status, routing = "pending", "NOT_RESPONDING"
        else:
            leg = replace(leg, connected_at=now)
            status, routing = "in_progress", "INTERACTING"
        if agent:
            agent.routing = routing
        self._platform.store.change(
            callback, effect="update", by=leg.agent_id, at=now,
            status=status, legs=(*callback.legs[:-1], leg),
        )  # fmt: skip

    def _finish(self, callback: Callback, now: datetime) -> None:
        agent, leg = self._agent(callback), callback.legs[-1]
        if agent:
            agent.routing = "IDLE"
        done = replace(
            leg, ended_at=now, disconnect_type="client",
            wrap_up=self._dice.choice(WRAP_UPS), notes="Practised.",
        )  # fmt: skip
        callback = replace(callback, legs=(*callback.legs[:-1], done))
        self._platform.store.end(callback, "completed", by=leg.agent_id, at=now)

    def _meddle(self, callback: Callback, now: datetime) -> None:
        store = self._platform.store
        if self._often(self.habits.cancels):
            store.end(callback, "cancelled", by="platform", at=now)
        elif self._often(self.habits.moves) and not _is_locked(callback, now):
            later = callback.requested_at + LATER
            store.change(callback, effect="update", by="platform", at=now, requested_at=later)

    def _make(self, now: datetime) -> None:
        people = self._platform.people
        queue = self._dice.choice(list(people.queues.values()))
        made = Callback(
            id=new_id(), conversation_id=new_id(), queue_id=queue.id, dialect=GUIDE,
            number=f"+1202555{self._dice.randrange(100, 200):04}", name="Made on the platform",
            requested_at=now + LATER, created_at=now, updated_at=now,
        )  # fmt: skip
        self._platform.store.put("create", made, by="platform", at=now)

    def _agent(self, callback: Callback) -> Agent | None:
        return self._platform.people.agents.get(callback.legs[-1].agent_id)

    def _often(self, share: float) -> bool:
        return self._dice.random() < share


def _has_expired(callback: Callback, people: People, now: datetime) -> bool:
    hours = people.queues[callback.queue_id].owned_hours
    return callback.is_owned and now > callback.requested_at + timedelta(hours=hours)


def _is_locked(callback: Callback, now: datetime) -> bool:
    return callback.is_owned and now > callback.requested_at - LOCKED_FOR
