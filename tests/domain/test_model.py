"""A model checker: a small reading of rules §3 and §4, against the real engine on the real database.

Hypothesis invents what people do and how time passes; after every step both must agree on every
callback: whether it is open, ringing, spoken about or over, who owns it and who has it at hand. The
model knows no locks, no looks and no database, and shares no decision with the engine.
"""

import itertools
import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from callbacks import calls, clock
from callbacks.models import Agent, Attempt, Callback, HistoryEvent, Offer, Outcome, Skill, User
from callbacks.scheduling import Changes, cancel, change, hand_over, schedule
from tests.cast import agent as make_agent
from tests.cast import by, make_cast, make_queue, person, wish_at

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ALERTING, PERIOD, RETRY, PAUSE = 30 * SECOND, 24 * HOUR, 30 * MINUTE, 2 * MINUTE
AWAY = {"offline", "break", "meal", "meeting", "training", "away"}
NAMES = ("ana", "ben", "kim", "lena")
STEPS = (SECOND, 29 * SECOND, ALERTING, MINUTE, PAUSE, 5 * MINUTE, RETRY, HOUR, 5 * HOUR, 13 * HOUR, PERIOD)  # fmt: skip


def is_open_hour(at: datetime) -> bool:
    """London in November: its clocks show UTC; calls are made from eight to nine in the evening."""
    return 8 <= at.hour < 21


def opening(at: datetime) -> datetime:
    morning = at.replace(hour=8, minute=0, second=0)
    if is_open_hour(at):
        return at
    return morning if at.hour < 8 else morning + timedelta(days=1)


@dataclass
class Person:
    """An agent, as the rules see one."""

    id: uuid.UUID
    skilled: bool
    presence: str = "offline"
    responds: bool = True
    active: bool = True
    idle_since: datetime = START

    @property
    def takes(self) -> bool:
        return self.active and self.presence == "on_queue" and self.responds


@dataclass
class Promise:
    """A callback, as the rules see one. ``state``: open, offered, called, or how it ended."""

    order: int
    queue: str
    requested: datetime
    owner: str | None
    preferred: str | None
    priority: int
    due: datetime
    expires: datetime | None
    is_due: bool = False
    stands_in: bool = False
    state: str = "open"
    agent: str | None = None
    rings_until: datetime | None = None
    attempts: int = 0
    declined: dict[str, datetime] = field(default_factory=dict)


class Model:
    """The rules in a few dozen lines."""

    def __init__(self, people: dict[str, Person]) -> None:
        self.people = people
        self.promises: dict[uuid.UUID, Promise] = {}

    def busy(self) -> set[str | None]:
        return {p.agent for p in self.promises.values()}

    def idle(self, name: str) -> bool:
        return self.people[name].takes and name not in self.busy()

    def able(self, name: str, queue: str) -> bool:
        who = self.people[name]
        return who.active and (who.skilled or queue == "plain")

    def in_order(self) -> list[Promise]:
        return sorted(self.promises.values(), key=lambda p: p.order)

    def tick(self, at: datetime) -> None:
        for p in self.in_order():
            if p.state == "offered" and p.rings_until and p.rings_until <= at:
                who = self.people[p.agent or ""]
                who.responds, who.idle_since = False, at
                p.state, p.agent = "open", None
        given: dict[str, int] = {}
        for p in self.in_order():
            if p.state == "open":
                self.look(p, at, given)
        self.match(at)

    def look(self, p: Promise, at: datetime, given: dict[str, int]) -> None:
        if not p.is_due:
            if p.due > at or not is_open_hour(at):
                self.expire(p, at)
                return
            p.is_due = True
        if self.expire(p, at):
            return
        self.stand_in(p, at, given)
        if not is_open_hour(at):
            p.is_due, p.due = False, at

    def expire(self, p: Promise, at: datetime) -> bool:
        """§3.4: never for one whose time has not come."""
        if p.expires is None or p.expires > at:
            return False
        if p.queue == "plain":
            p.state = "expired"
        else:
            self.give(p, None)
        return p.state != "open"

    def stand_in(self, p: Promise, at: datetime, given: dict[str, int]) -> None:
        """§3.5."""
        if p.owner is None or p.queue == "plain":
            return
        who = self.people[p.owner]
        is_there = who.presence not in AWAY and who.responds
        is_over = p.requested + HOUR <= at and not p.stands_in
        if (p.stands_in and p.owner == "lena") or (is_there and not is_over):
            return
        self.give(p, self.replacement(p, given, lambda name: self.idle(name)))
        if p.owner:
            given[p.owner] = given.get(p.owner, 0) + 1

    def replacement(self, p: Promise, given: dict[str, int], is_free: Any) -> str | None:
        peers = [n for n in ("ana", "ben", "kim") if n != p.owner and self.able(n, p.queue)]
        free = [n for n in peers if is_free(n)]
        if free:
            return min(free, key=lambda n: (self.load(n) + given.get(n, 0), self.people[n].idle_since,
                                            str(self.people[n].id)))  # fmt: skip
        return "lena" if p.owner != "lena" and self.able("lena", p.queue) else None

    def load(self, name: str) -> int:
        return sum(p.owner == name and p.state in ("open", "offered", "called") for p in self.promises.values())  # fmt: skip

    def give(self, p: Promise, to: str | None) -> None:
        p.owner, p.stands_in = to, to is not None
        if to is None:
            p.expires = None

    def match(self, at: datetime) -> None:
        """§4.1–§4.3."""
        if not is_open_hour(at):
            for p in self.promises.values():
                if p.state == "open" and p.is_due and self.takers(p, at):
                    p.is_due, p.due = False, at
            return
        waiting = [p for p in self.promises.values() if p.state == "open" and p.is_due]
        for p in sorted(waiting, key=lambda p: (-p.priority, p.requested, p.order)):
            takers = self.takers(p, at)
            if not takers:
                continue
            longest = min(takers, key=lambda n: (self.people[n].idle_since, str(self.people[n].id)))
            p.agent = p.preferred if p.preferred in takers else longest
            p.state, p.rings_until = "offered", at + ALERTING

    def takers(self, p: Promise, at: datetime) -> list[str]:
        return [
            name
            for name in NAMES
            if self.idle(name) and self.able(name, p.queue)
            and p.owner in (None, name)
            and not (name in p.declined and p.declined[name] > at - PAUSE)
        ]  # fmt: skip


KIND = {"pending": "open", "waiting": "open", "offered": "offered", "in_progress": "called"}
presences = st.sampled_from(["on_queue", "on_queue", "on_queue", "available", "break", "offline"])


class Centre(RuleBasedStateMachine):
    """What people do, in the engine and in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.at = START
        self.orders = itertools.count()
        self.cast = make_cast()
        self._set_up()

    def _set_up(self) -> None:
        cast = self.cast
        kim = person("kim", "Kim Ito", "Asia/Tokyo")
        passing = {"when_owner_cannot": "reassign", "on_expiry": "return_to_queue"}
        self.queues = {"plain": cast.support, "passing": make_queue("Passing", **passing)}
        make_agent(kim, cast.ana.agent.team, cast.support)
        self.users = {"ana": cast.ana, "ben": cast.ben, "kim": kim, "lena": cast.lena}
        self.names = {user.pk: name for name, user in self.users.items()}
        french = Skill.objects.create(name="French")
        passing_queue = self.queues["passing"]
        passing_queue.required_skills.add(french)
        passing_queue.supervisors.add(cast.sam)
        passing_queue.members.set([user.pk for user in self.users.values()])
        for name in ("ana", "ben", "lena"):
            self.users[name].agent.skills.add(french)
        Agent.objects.update(idle_since=START)
        self.model = Model(
            {name: Person(user.pk, name != "kim") for name, user in self.users.items()}
        )
        self.outcomes = {
            effect: Outcome.objects.filter(effect=effect)[0].pk
            for effect in ("completed", "retry", "failed")
        }

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    # --- people ------------------------------------------------------------------------------

    @rule(
        queue=st.sampled_from(["plain", "passing"]),
        owner=st.sampled_from([None, None, *NAMES]),
        preferred=st.sampled_from([None, None, *NAMES]),
        priority=st.integers(0, 1),
        ahead=st.sampled_from([0, 1, 5, 60, 200]),
    )
    def promise(
        self, queue: str, owner: str | None, preferred: str | None, priority: int, ahead: int
    ) -> None:
        requested = self.at + ahead * MINUTE
        if len(self.model.promises) > 8 or not is_open_hour(requested):
            return
        owner = owner if owner and self.model.able(owner, queue) else None
        request = wish_at(
            self.queues[queue], requested, priority=priority,
            owner_id=self.users[owner].pk if owner else None,
            preferred_agent_id=self.users[preferred].pk if preferred else None,
        )  # fmt: skip
        made = schedule(request, by=by(self.cast.ada), at=self.at).callback
        expires = requested + PERIOD if owner else None
        self.model.promises[made.pk] = Promise(
            next(self.orders), queue, requested, owner, preferred, priority, requested, expires
        )

    @rule(step=st.sampled_from(STEPS))
    def time_passes(self, step: timedelta) -> None:
        self.at += step
        clock.tick(self.at)
        self.model.tick(self.at)

    @rule(name=st.sampled_from(NAMES), presence=presences)
    def changes_presence(self, name: str, presence: str) -> None:
        who = self.model.people[name]
        if not who.active:
            return
        user = self.users[name]
        calls.set_presence(user.pk, presence, by=by(user), at=self.at)
        for p in self.model.promises.values():
            if p.agent == name and p.state == "offered" and presence != "on_queue":
                p.state, p.agent = "open", None
        who.presence, who.responds, who.idle_since = presence, True, self.at
        self.model.match(self.at)

    @rule(name=st.sampled_from(NAMES))
    def comes_back(self, name: str) -> None:
        who = self.model.people[name]
        calls.come_back(self.users[name].pk, at=self.at)
        if not who.responds:
            who.responds, who.idle_since = True, self.at
        self.model.match(self.at)

    def _ringing(self) -> list[uuid.UUID]:
        return [key for key, p in self.model.promises.items() if p.state == "offered"]

    def _called(self) -> list[uuid.UUID]:
        return [key for key, p in self.model.promises.items() if p.state == "called"]

    @precondition(lambda self: self._ringing())
    @rule(pick=st.integers(0, 9), accepts=st.booleans())
    def answers(self, pick: int, accepts: bool) -> None:
        key = self._ringing()[pick % len(self._ringing())]
        p = self.model.promises[key]
        user, who = self.users[p.agent or ""], self.model.people[p.agent or ""]
        if accepts:
            calls.accept(key, by=by(user), at=self.at)
            p.state, p.attempts = "called", p.attempts + 1
            return
        calls.decline(key, by=by(user), at=self.at)
        p.declined[p.agent or ""] = self.at
        who.idle_since = self.at
        p.state, p.agent = "open", None
        self.model.match(self.at)

    @precondition(lambda self: self._called())
    @rule(pick=st.integers(0, 9), effect=st.sampled_from(["completed", "retry", "failed"]))
    def wraps_up(self, pick: int, effect: str) -> None:
        key = self._called()[pick % len(self._called())]
        p = self.model.promises[key]
        user = self.users[p.agent or ""]
        wrap_up = calls.WrapUp(outcome_id=self.outcomes[effect])
        calls.finish(key, wrap_up, by=by(user), at=self.at)
        self.model.people[p.agent or ""].idle_since = self.at
        p.agent = None
        if effect == "retry" and p.attempts < 3:
            p.state, p.is_due, p.due = "open", False, opening(self.at + RETRY)
            if p.owner and p.expires:
                p.expires = max(p.expires, p.due + PERIOD)
        else:
            p.state = "failed" if effect == "retry" else effect
        self.model.match(self.at)

    def _editable(self) -> list[uuid.UUID]:
        return [key for key, p in self.model.promises.items() if p.state == "open"]

    @precondition(lambda self: self._editable())
    @rule(pick=st.integers(0, 9), name=st.sampled_from(NAMES))
    def is_handed_over(self, pick: int, name: str) -> None:
        key = self._editable()[pick % len(self._editable())]
        p = self.model.promises[key]
        if p.owner == name or not self.model.able(name, p.queue):
            return
        to = self.users[name].pk
        hand_over(key, to, by=by(self.cast.ada), at=self.at, version=None, override_reason="Must")
        p.owner, p.expires = name, max(p.requested, self.at) + PERIOD
        p.stands_in = False

    @precondition(lambda self: self._editable())
    @rule(pick=st.integers(0, 9), ahead=st.sampled_from([0, 20, 600]))
    def is_rescheduled(self, pick: int, ahead: int) -> None:
        key = self._editable()[pick % len(self._editable())]
        p, to = self.model.promises[key], self.at + ahead * MINUTE
        if not is_open_hour(to) or to == p.requested:
            return
        if p.owner and not self.model.able(p.owner, p.queue):
            return
        change(
            key, Changes(requested_at=to), by=by(self.cast.ada), at=self.at, version=None,
            override_reason="Must",
        )  # fmt: skip
        p.requested, p.due, p.is_due, p.attempts = to, to, False, 0
        p.expires, p.stands_in = (to + PERIOD if p.owner else None), False

    @rule(pick=st.integers(0, 9))
    def is_cancelled(self, pick: int) -> None:
        keys = [k for k, p in self.model.promises.items() if p.state in ("open", "offered")]
        if not keys:
            return
        p = self.model.promises[keys[pick % len(keys)]]
        cancel(
            keys[pick % len(keys)], reason="Called us", by=by(self.cast.ada), at=self.at,
            version=None,
        )  # fmt: skip
        p.state, p.agent = "cancelled", None

    @rule(name=st.sampled_from(NAMES[:3]))
    def is_deactivated(self, name: str) -> None:
        """§4.7."""
        who = self.model.people[name]
        if not who.active or sum(p.active for p in self.model.people.values()) < 3:
            return
        user = self.users[name]
        User.objects.filter(pk=user.pk).update(is_active=False)
        who.active, who.presence = False, "offline"
        calls.depart(user.pk, by=by(self.cast.ada), at=self.at)
        for p in self.model.in_order():
            if p.state not in ("open", "offered", "called"):
                continue
            if p.agent == name:
                p.state, p.agent = "open", None
                p.is_due = True
            if p.owner == name:
                is_due = p.requested <= self.at
                free = self.model.idle if is_due else (lambda n: n != "lena")
                self.model.give(p, self.model.replacement(p, {}, free))
                if p.owner:
                    p.expires = max(p.requested, self.at) + PERIOD

    # --- agreement ---------------------------------------------------------------------------

    @invariant()
    def both_agree(self) -> None:
        found = {
            c.pk: (
                KIND.get(c.status, c.status),
                self.names.get(c.owner_id) if c.owner_id else None,
                self.names.get(c.agent_id) if c.agent_id else None,
            )
            for c in Callback.objects.all()
        }
        expected = {key: (p.state, p.owner, p.agent) for key, p in self.model.promises.items()}
        assert found == expected, self.at

    @invariant()
    def the_record_is_whole(self) -> None:
        for callback in Callback.objects.all():
            events = HistoryEvent.objects.filter(callback=callback).order_by("version")
            assert [e.version for e in events] == list(range(1, callback.version + 1))
            told: dict[str, object] = {}
            for event in events:
                assert {n: told.get(n) for n in event.before} == event.before
                told |= event.after
            assert told["status"] == callback.status
            assert (callback.ended_at is None) == (callback.next_action_at is not None)
            standing = Offer.objects.filter(callback=callback, ended_at__isnull=True).count()
            assert standing == (callback.status == "offered")
            running = Attempt.objects.filter(callback=callback, ended_at__isnull=True).count()
            assert running == (callback.status == "in_progress")


@pytest.mark.django_db
@pytest.mark.slow
def test_rules_3_and_4_engine_and_model_agree_whatever_happens() -> None:
    run_state_machine_as_test(
        Centre,
        settings=settings(
            max_examples=int(os.environ.get("MODEL_EXAMPLES", "30")),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
            print_blob=True,
        ),
    )
