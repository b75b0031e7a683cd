"""The promises of the demonstration: each a small story of events that ends in a status.

The same seed tells the same stories, up to the moment that they are told around.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from callbacks.demonstration import names
from callbacks.demonstration.copying import key_at
from callbacks.lifecycle import Status
from callbacks.models import Agent, Queue
from callbacks.rules import moments

if TYPE_CHECKING:
    from callbacks.demonstration.centre import Centre

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ENDINGS = {
    Status.COMPLETED: 62, Status.CANCELLED: 12, Status.FAILED: 9, Status.EXPIRED: 8, Status.CONVERTED: 5,
}  # fmt: skip
OF_TODAY = 800
"""Among so many are the calls that Ana and Ben made in the last hours."""
NAMED = 24
"""So many of the first open ones are Ana's, Ben's, or in their queue to take."""


@dataclass
class Event:
    """One event of a story."""

    what: str
    at: datetime
    by: Agent | None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass
class Call:
    """One attempt of a story."""

    agent: Agent
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None


@dataclass
class Ring:
    """One offer of a story."""

    agent: Agent
    made_at: datetime
    ended_at: datetime | None
    reason: str


@dataclass
class Promise:
    """One callback with all that happened to it."""

    place: int
    status: Status
    queue: Queue
    requested_at: datetime
    created_at: datetime
    maker: Agent
    owner: Agent | None
    preferred: Agent | None
    ended_at: datetime | None
    number: str
    contact_zone: str
    zone: str
    contact: str
    reason: str
    ticket: str
    events: list[Event] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)

    @property
    def at_hand_of(self) -> Agent | None:
        """Who is being rung for it, or on the phone about it."""
        is_at_hand = self.status in (Status.OFFERED, Status.IN_PROGRESS)
        return self.rings[-1].agent if is_at_hand and self.rings else None


class Promises:
    """All promises of a centre, and the rows that they are."""

    def __init__(self, centre: "Centre") -> None:
        self.centre = centre
        self.now = centre.now
        self.random = Random(centre.size.seed + 1)
        self.at_work: set[Any] = {agent.pk for agent in centre.agents[:3]}
        """Who has one at hand already, or is played by a person."""

    def all(self) -> Iterator[Promise]:
        """The open ones first, then those that are over."""
        size = self.centre.size
        plentiful = size.callbacks > 1_500
        for place in range(size.callbacks):
            number, zone = (names.plentiful_number if plentiful else names.fictional_number)(place)
            is_open = place < min(size.open, size.callbacks)
            promise = self._open(place) if is_open else self._ended(place)
            promise.number, promise.contact_zone = number, zone
            promise.zone = self.random.choice((zone, promise.maker.user.time_zone))
            self._tell(promise)
            yield promise

    # --- the tables ---------------------------------------------------------------------------

    def callbacks(self, told: Iterable[Promise]) -> Iterator[dict[str, Any]]:
        """Rows of the callbacks."""
        for promise in told:
            moment = moments.at_instant(promise.requested_at, promise.zone)
            is_open = promise.ended_at is None
            period = promise.queue.ownership_period
            yield {
                "id": self._key(promise),
                "status": str(promise.status),
                "queue_id": promise.queue.pk,
                "contact_name": promise.contact,
                "phone_number": promise.number,
                "contact_time_zone": promise.contact_zone,
                "wall_date": moment.local.date(),
                "wall_time": moment.local.time(),
                "time_zone": promise.zone,
                "fold": moment.fold,
                "requested_at": promise.requested_at,
                "tzdata_version": moments.TZDATA_VERSION,
                "window_starts_at": promise.requested_at,
                "window_ends_at": promise.requested_at + promise.queue.window_duration,
                "agent_id": promise.at_hand_of.pk if promise.at_hand_of else None,
                "attempts_made": len(promise.calls),
                "owner_id": promise.owner.pk if promise.owner else None,
                "ownership_expires_at": promise.requested_at + period if promise.owner else None,
                "preferred_agent_id": promise.preferred.pk if promise.preferred else None,
                "reason": promise.reason,
                "ticket_id": promise.ticket,
                "external_data": {"crm": f"C-{40_000 + promise.place}"}
                if promise.place % 3
                else {},
                "consent": True,
                "consent_recorded_at": promise.created_at,
                "consent_recorded_by_id": promise.maker.pk,
                "due_by": promise.requested_at + DAY,
                "next_action_at": max(promise.requested_at, self.now) if is_open else None,
                "ended_at": promise.ended_at,
                "created_by_id": promise.maker.pk,
                "created_at": promise.created_at,
                "updated_at": promise.events[-1].at,
                "version": len(promise.events),
            }

    def offers(self, told: Iterable[Promise]) -> Iterator[dict[str, Any]]:
        """Rows of the offers."""
        for promise in told:
            for number, ring in enumerate(promise.rings, start=1):
                yield {
                    "id": key_at(ring.made_at, "offer", promise.place, number),
                    "callback_id": self._key(promise),
                    "agent_id": ring.agent.pk,
                    "made_at": ring.made_at,
                    "expires_at": ring.made_at + promise.queue.alerting_timeout,
                    "ended_at": ring.ended_at,
                    "result": "accepted" if ring.ended_at else "",
                    "reason": ring.reason,
                    "candidates": [[str(ring.agent), "offered to", True]],
                }

    def attempts(self, told: Iterable[Promise]) -> Iterator[dict[str, Any]]:
        """Rows of the attempts."""
        outcomes = {name: outcome.pk for name, outcome in self.centre.outcomes.items()}
        for promise in told:
            for number, call in enumerate(promise.calls, start=1):
                yield {
                    "id": key_at(call.started_at, "attempt", promise.place, number),
                    "callback_id": self._key(promise),
                    "number": number,
                    "agent_id": call.agent.pk,
                    "started_at": call.started_at,
                    "ended_at": call.ended_at,
                    "outcome_id": outcomes[call.outcome] if call.outcome else None,
                }

    def events(self, told: Iterable[Promise]) -> Iterator[dict[str, Any]]:
        """Rows of the history."""
        for promise in told:
            for version, event in enumerate(promise.events, start=1):
                yield {
                    "id": self._event_key(promise, version),
                    "callback_id": self._key(promise),
                    "what": event.what,
                    "at": event.at,
                    "actor_kind": "person" if event.by else "clock",
                    "actor_id": event.by.pk if event.by else None,
                    "actor_name": str(event.by) if event.by else "Clock",
                    "before": event.before,
                    "after": event.after,
                    "reason": event.reason,
                    "version": version,
                }

    def messages(self, told: Iterable[Promise]) -> Iterator[dict[str, Any]]:
        """Rows of the outbox: the platform knows all but the newest."""
        for promise in told:
            last = promise.events[-1]
            is_new = promise.ended_at is None and promise.place % 9 == 0 and promise.place < 90
            action = "create" if len(promise.events) == 1 else "update"
            yield {
                "callback_id": self._key(promise),
                "event_id": self._event_key(promise, len(promise.events)),
                "action": "cancel" if promise.status == Status.CANCELLED else action,
                "state": "waiting" if is_new else "sent",
                "created_at": last.at,
                "settled_at": None if is_new else last.at,
            }

    def _key(self, promise: Promise) -> Any:
        return key_at(promise.created_at, "callback", promise.place)

    def _event_key(self, promise: Promise, version: int) -> Any:
        at = promise.events[version - 1].at
        return key_at(at, "event", promise.place, version)

    # --- who, where, when ---------------------------------------------------------------------

    def _open(self, place: int) -> Promise:
        if place < NAMED:
            return self._named(place)
        random = self.random
        queue = random.choice(self.centre.queues)
        agents = self.centre.agents_of[queue.pk] or self.centre.agents
        ahead = timedelta(minutes=5 * int(random.triangular(-12, 12 * 24 * 20, 12 * 30)))
        owner = (
            random.choice(agents) if self._may_own(queue, ahead) and random.random() < 0.4 else None
        )
        status = Status.PENDING if ahead > timedelta(0) else Status.WAITING
        if place % 25 == 24:
            return self._at_work(place, queue, agents)
        return self._promise(place, status, queue, ahead, random.choice(agents), owner)

    def _may_own(self, queue: Queue, ahead: timedelta) -> bool:
        return queue.ownership_enabled and ahead < queue.schedule_ahead_limit

    def _at_work(self, place: int, queue: Queue, agents: list[Agent]) -> Promise:
        """Somebody is on the phone, or is being rung."""
        agent = self.random.choice(agents)
        status = Status.IN_PROGRESS if place % 50 == 49 else Status.OFFERED
        if agent.pk in self.at_work:
            status = Status.WAITING
        self.at_work.add(agent.pk)
        return self._promise(place, status, queue, -6 * MINUTE, agent, None)

    def _named(self, place: int) -> Promise:
        """What the people of the log-in page find when they come."""
        queue, (ana, ben, lena) = self.centre.queues[0], self.centre.agents[:3]
        ahead, owner, status = {
            0: (10 * MINUTE, ana, Status.PENDING),
            1: (50 * MINUTE, ana, Status.PENDING),
            2: (2 * HOUR + 20 * MINUTE, ana, Status.PENDING),
            3: (4 * HOUR, ana, Status.PENDING),
            4: (22 * HOUR, ana, Status.PENDING),
            5: (3 * DAY, ana, Status.PENDING),
            6: (-2 * HOUR, ana, Status.WAITING),
            7: (35 * MINUTE, ben, Status.PENDING),
            8: (3 * HOUR, ben, Status.PENDING),
            9: (26 * HOUR, ben, Status.PENDING),
            10: (-25 * MINUTE, ben, Status.WAITING),
            11: (90 * MINUTE, lena, Status.PENDING),
            12: (-15 * MINUTE, None, Status.WAITING),
        }.get(place, ((place - 12) * 75 * MINUTE, None, Status.PENDING))
        maker = (ana, ben, lena)[place % 3] if owner is None else owner
        promise = self._promise(place, status, queue, ahead, maker, owner)
        if place == 14:
            promise.preferred = ana
        return promise

    def _ended(self, place: int) -> Promise:
        random = self.random
        if place % 40 == 7 and place < OF_TODAY:
            return self._of_today(place)
        queue = random.choice(self.centre.queues)
        agents = self.centre.agents_of[queue.pk] or self.centre.agents
        reach = 60 if self.centre.size.callbacks < 10_000 else 365
        ahead = -timedelta(minutes=5 * random.randint(12 * 6, 12 * 24 * reach))
        status = random.choices(list(ENDINGS), weights=list(ENDINGS.values()))[0]
        if status == Status.EXPIRED and not queue.ownership_enabled:
            status = Status.CANCELLED  # nothing expires that nobody owned
        is_owned = queue.ownership_enabled and (status == Status.EXPIRED or random.random() < 0.4)
        agent = random.choice(agents)
        return self._promise(place, status, queue, ahead, agent, agent if is_owned else None)

    def _of_today(self, place: int) -> Promise:
        """Calls that Ana and Ben made in the last hours."""
        agent = self.centre.agents[(place // 40) % 2]
        ahead = -timedelta(minutes=25 + 20 * ((place // 40) % 9))
        return self._promise(place, Status.COMPLETED, self.centre.queues[0], ahead, agent, agent)

    def _promise(
        self,
        place: int,
        status: Status,
        queue: Queue,
        ahead: timedelta,
        maker: Agent,
        owner: Agent | None,
    ) -> Promise:
        random = self.random
        requested = _round(self.now + ahead)
        created = min(requested, self.now) - timedelta(minutes=random.randint(35, 3 * 24 * 60))
        first, last = random.choice(names.FIRST_NAMES), random.choice(names.LAST_NAMES)
        reasons = names.REASONS.get(queue.name, names.REASONS["Support"])
        return Promise(
            place, status, queue, requested, created, maker, owner,
            preferred=maker if owner is None and random.random() < 0.15 else None,
            ended_at=None, number="", contact_zone="UTC", zone="UTC",
            contact=f"{first} {last}", reason=random.choice(reasons),
            ticket=f"INC-{100_000 + place}" if random.random() < 0.7 else "",
        )  # fmt: skip

    # --- what happened ------------------------------------------------------------------------

    def _tell(self, promise: Promise) -> None:
        """The events in order; the last one leads to the status."""
        self._made(promise)
        if promise.status != Status.PENDING:
            self._went_on(promise)

    def _made(self, promise: Promise) -> None:
        later = self.random.random() < 0.25
        owner = str(promise.owner) if promise.owner else None
        local = promise.requested_at.astimezone(moments.zone(promise.zone))
        wall = f"{local:%Y-%m-%d %H:%M} {promise.zone}"
        moved = promise.place % 6 == 5
        earlier = local - timedelta(hours=1)
        first_wall = f"{earlier:%Y-%m-%d %H:%M} {promise.zone}" if moved else wall
        promise.events.append(
            Event("scheduled", promise.created_at, promise.maker, {}, {
                "status": "pending", "wall": first_wall, "phone_number": promise.number,
                "contact_name": promise.contact, "contact_time_zone": promise.contact_zone,
                "queue": promise.queue.name, "owner": None if later else owner,
                "reason": promise.reason, "ticket_id": promise.ticket,
            })
        )  # fmt: skip
        if later and promise.owner:
            at = promise.created_at + 3 * MINUTE
            promise.events.append(
                Event("ownership_taken", at, promise.owner, {"owner": None}, {"owner": owner})
            )
        if moved:
            at = promise.created_at + 20 * MINUTE
            promise.events.append(
                Event("rescheduled", at, promise.maker, {"wall": first_wall}, {"wall": wall})
            )

    def _went_on(self, promise: Promise) -> None:
        if promise.status in (Status.CANCELLED, Status.CONVERTED):
            self._ended_early(promise)
            return
        due = promise.requested_at
        self._step(promise, "fell_due", due, None, Status.WAITING)
        if promise.status == Status.EXPIRED:
            end = min(due + promise.queue.ownership_period, self.now - MINUTE)
            self._end(
                promise,
                "expired",
                max(end, due),
                None,
                "The ownership period ended; the owner was not available.",
            )
        elif promise.status != Status.WAITING:
            self._called(promise, due)

    def _ended_early(self, promise: Promise) -> None:
        at = promise.created_at + 30 * MINUTE
        if promise.status == Status.CANCELLED:
            reason = self.random.choice(names.CANCELLED_BECAUSE)
            self._end(promise, "cancelled", at, promise.maker, reason)
        else:
            self._end(promise, "converted", at, promise.maker, "The contact prefers e-mail.")

    def _called(self, promise: Promise, due: datetime) -> None:
        agent = promise.owner or promise.maker
        why = "owner, on queue" if promise.owner else "idle for longest"
        offered = self.now if promise.status == Status.OFFERED else due + MINUTE
        ring = Ring(agent, offered, None, f"Offered to {agent}: {why}.")
        promise.rings.append(ring)
        self._step(promise, "offered", offered, None, Status.OFFERED, ring.reason)
        if promise.status == Status.OFFERED:
            return
        ring.ended_at = accepted = due + MINUTE + timedelta(seconds=9)
        self._step(promise, "accepted", accepted, agent, Status.IN_PROGRESS)
        if promise.status == Status.IN_PROGRESS:
            promise.calls.append(Call(agent, accepted, None, None))
            return
        ended = accepted + timedelta(seconds=self.random.randint(40, 900))
        reached = promise.status == Status.COMPLETED
        outcome = (
            "Reached" if reached else self.random.choice(("Wrong number", "Declined by contact"))
        )
        promise.calls.append(Call(agent, accepted, ended, outcome))
        self._end(promise, "completed" if reached else "failed", ended, agent, outcome)

    def _step(
        self,
        promise: Promise,
        what: str,
        at: datetime,
        by: Agent | None,
        to: Status,
        reason: str = "",
    ) -> None:
        before = next(e.after["status"] for e in reversed(promise.events) if "status" in e.after)
        promise.events.append(Event(what, at, by, {"status": before}, {"status": str(to)}, reason))

    def _end(
        self, promise: Promise, what: str, at: datetime, by: Agent | None, reason: str
    ) -> None:
        promise.ended_at = at
        self._step(promise, what, at, by, promise.status, reason)


def _round(moment: datetime) -> datetime:
    """To the next five minutes, as people promise."""
    return moment + timedelta(seconds=-moment.timestamp() % 300)
