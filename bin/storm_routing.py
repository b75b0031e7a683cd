"""The storm over routing: agents come and go and take calls while everything is killed at random."""

import argparse
import http.client
import itertools
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import close_old_connections
from environment import say
from storming import Processes

from callbacks.access import Actor
from callbacks.models import (
    Agent,
    Attempt,
    Callback,
    CallingHours,
    HistoryEvent,
    Offer,
    OutboxMessage,
    Outcome,
    Queue,
    Skill,
    Team,
    User,
)  # fmt: skip
from callbacks.routing import explain
from callbacks.scheduling import CallbackRequest, schedule

HEAD_START = timedelta(seconds=8)
"""The first callback falls due so long after the last one was made."""
TELL_EVERY = 10
"""Seconds."""
TOLD_TO_PLATFORM = {
    "scheduled",
    "retry",
    "completed",
    "failed",
    "expired",
    "reassigned",
    "returned",
}
NEXT = {
    None: {"pending"},
    "pending": {"waiting", "expired"},
    "waiting": {"offered", "pending", "expired"},
    "offered": {"waiting", "in_progress"},
    "in_progress": {"completed", "failed", "pending"},
}
"""Which status may follow which, as this storm drives callbacks."""


def storm(
    processes: Processes, asked: argparse.Namespace, chance: random.Random
) -> dict[str, object]:
    """Let it blow until every callback is over; then look whether every rule was kept."""
    centre = Centre(asked.agents, asked.callbacks, timedelta(seconds=asked.spread), chance)
    processes.start()
    started = told_at = time.monotonic()
    crowd = [Player(user, processes.ports, chance.randrange(10**9)) for user in centre.players]
    for player in crowd:
        player.start()
    kills: Counter[str] = Counter()
    deadline = started + asked.minutes * 60
    while (left := _left()) and time.monotonic() < deadline:
        if sum(kills.values()) < asked.kills:
            kills[processes.kill_one(chance).split()[0]] += 1
        if time.monotonic() - told_at > TELL_EVERY:
            told_at = time.monotonic()
            say(f"  {left} to go after {told_at - started:.0f} s, {sum(kills.values())} kills")
        time.sleep(chance.uniform(0.3, 1.3))
    for player in crowd:
        player.is_over = True
    for player in crowd:
        player.join(timeout=20)
    return {
        "agents": len(crowd),
        "callbacks": asked.callbacks,
        "seconds": round(time.monotonic() - started),
        "kills": dict(kills),
        "ended": dict(Counter(Callback.objects.values_list("status", flat=True))),
        "offers": dict(Counter(Offer.objects.values_list("result", flat=True))),
        "attempts": Attempt.objects.count(),
        "requests that failed": sum(player.failures for player in crowd),
        "error pages": sum(player.errors for player in crowd),
        "broken": [*broken(), *(f"error page for {p.user}" for p in crowd if p.errors)],
    }


def _left() -> int:
    close_old_connections()
    return Callback.objects.open().count()


# --- the centre -------------------------------------------------------------------------------


class Centre:
    """Three queues with all settings, agents of two teams, and callbacks that fall due soon."""

    def __init__(
        self, agents: int, callbacks: int, spread: timedelta, chance: random.Random
    ) -> None:
        self.chance = chance
        self.admin = User.objects.create_user("ada", None, name="Ada", role="admin")
        self.skill = Skill.objects.create(name="French")
        self.queues = [
            self._queue("Plain"),
            self._queue("Passing", when_owner_cannot="reassign", on_expiry="return_to_queue"),
            self._queue("Skilled"),
        ]
        self.queues[2].required_skills.add(self.skill)
        teams = [Team.objects.create(name=name) for name in ("Red", "Blue")]
        self.players = [self._agent(n, teams[n % 2]) for n in range(agents)]
        self.absent = [self._agent(agents + n, teams[n % 2]) for n in range(3)]
        for team in teams:
            team.lead = team.agents.first()
            team.save()
        self.made = [self._promise(number) for number in range(callbacks)]
        self._fall_due(spread)

    def _queue(self, name: str, **settings: str) -> Queue:
        queue = Queue.objects.create(
            name=name, ownership_enabled=True, alerting_timeout=timedelta(seconds=5),
            retry_delay=timedelta(seconds=3), ownership_period=timedelta(hours=1), **settings,
        )  # fmt: skip
        midnight = clock_time(0)
        CallingHours.objects.bulk_create(
            CallingHours(queue=queue, weekday=day, opens=midnight, closes=midnight)
            for day in range(7)
        )
        return queue

    def _agent(self, number: int, team: Team) -> User:
        user = User.objects.create_user(f"agent{number}", None, name=f"Agent {number}")
        agent = Agent.objects.create(user=user, team=team)
        agent.queues.set(self.queues[: 2 if number % 3 else 3])
        if number % 3 == 0:
            agent.skills.add(self.skill)
        return user

    def _promise(self, number: int) -> tuple[Callback, bool]:
        """A third is owned, a fifth prefers somebody; a twentieth waits for one who never comes."""
        chance, now = self.chance, datetime.now(UTC)
        queue = chance.choice(self.queues)
        able = [u for n, u in enumerate(self.players) if queue != self.queues[2] or n % 3 == 0]
        is_lost = queue != self.queues[2] and chance.random() < 0.05
        owner = chance.choice(self.absent if is_lost else able)
        is_owned = is_lost or chance.random() < 0.33
        request = CallbackRequest(
            queue_id=queue.pk,
            phone_number=f"+4420{79460000 + number:08d}",
            requested_at=now + timedelta(hours=1),
            contact_name=f"Contact {number}",
            owner_id=owner.pk if is_owned else None,
            preferred_agent_id=chance.choice(able).pk if chance.random() < 0.2 else None,
            priority=chance.choice((0, 0, 0, 5)),
            consent=True,
        )
        return schedule(request, by=Actor.person(self.admin), at=now).callback, is_lost

    def _fall_due(self, spread: timedelta) -> None:
        """Move them so that they fall due soon, one after the other."""
        now = datetime.now(UTC)
        for callback, is_lost in self.made:
            due = now + HEAD_START + self.chance.random() * spread
            # Promised an hour ago, so that the shortest ownership period ends during the storm.
            requested = due - timedelta(hours=1) if is_lost else due
            expires = due + timedelta(seconds=15) if is_lost else due + timedelta(hours=1)
            Callback.objects.filter(pk=callback.pk).update(
                requested_at=requested,
                window_starts_at=requested,
                next_action_at=due,
                ownership_expires_at=expires if callback.owner_id else None,
            )


# --- the agents -------------------------------------------------------------------------------


class Player(threading.Thread):
    """An agent at a browser: looks, answers or does not, calls, wraps up, goes for a break."""

    def __init__(self, user: User, ports: Sequence[int], seed: int) -> None:
        super().__init__(daemon=True)
        self.user, self.ports, self.chance = user, ports, random.Random(seed)
        self.is_over = False
        self.failures = self.errors = 0
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        token = "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=32))
        self.token = token
        self.cookies = f"{settings.SESSION_COOKIE_NAME}={session.session_key}; {settings.CSRF_COOKIE_NAME}={token}"  # fmt: skip
        self.outcomes = {o.effect: str(o.pk) for o in Outcome.objects.all()}

    def run(self) -> None:
        self._post("/presence", presence="on_queue")
        while not self.is_over:
            self._live()
            time.sleep(self.chance.uniform(0.4, 1.2))

    def _live(self) -> None:
        page = self._ask("GET", "/now?large=1")
        if ringing := re.search(r'data-rings="([0-9a-f-]+)"', page):
            self._answer(ringing.group(1), is_mine="owner, on queue" in page)
        elif called := re.search(r'data-keeps="([0-9a-f-]+)"', page):
            effect = self.chance.choices(("completed", "retry", "failed"), (7, 2, 1))[0]
            self._post(f"/callbacks/{called.group(1)}/wrap-up", outcome=self.outcomes[effect])
        elif "You are not responding" in page:
            self._post("/presence", back="1")
        elif self.chance.random() < 0.03:
            self._post("/presence", presence="break")
            time.sleep(self.chance.uniform(0.2, 3))
            self._post("/presence", presence="on_queue")
        elif page and 'data-presence="on_queue"' not in page:
            self._post("/presence", presence="on_queue")

    def _answer(self, key: str, *, is_mine: bool) -> None:
        # What one owns one hardly declines, and would then wait for through the pause.
        said = self.chance.choices(
            ("accept", "decline", "nothing"), (85, 0.3 if is_mine else 7, 8)
        )[0]
        if said != "nothing":
            self._post(f"/callbacks/{key}/answer", answer=said)
            return
        # Not even looked at, until the clock passes it on.
        time.sleep(6)

    def _post(self, path: str, **fields: str) -> None:
        self._ask("POST", path, urlencode(fields))

    def _ask(self, method: str, path: str, body: str | None = None) -> str:
        """One request to either web server; it may be dead at this moment, which is the point."""
        headers = {"Cookie": self.cookies, "X-CSRFToken": self.token, "HX-Request": "true"}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        client = http.client.HTTPConnection("127.0.0.1", self.chance.choice(self.ports), timeout=30)
        try:
            client.request(method, path, body, headers)
            response = client.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            self.failures += 1
            time.sleep(0.2)
            return ""
        finally:
            client.close()
        if response.status >= 500:
            self.errors += 1
            say(f"  {response.status} for {method} {path}: {text[:300]}")
        return text


# --- what must hold ---------------------------------------------------------------------------


def broken() -> list[str]:
    """Every rule that was broken, in words; nothing when all of it held."""
    found: list[str] = []
    for callback in Callback.objects.select_related("owner__user", "queue"):
        events = list(HistoryEvent.objects.filter(callback=callback).order_by("version", "at"))
        found += (f"{callback.pk}: {wrong}" for wrong in _wrong_with(callback, events))
    found += _overlapping("agent")
    found += _overlapping("callback")
    found += _without_a_message()
    return found


def _wrong_with(callback: Callback, events: Sequence[HistoryEvent]) -> Iterable[str]:
    if callback.is_open:
        why = explain(callback, datetime.now(UTC)).reason
        yield f"still open: {callback.status} in {callback.queue}, next look {callback.next_action_at}. {why}"
    if [event.version for event in events] != list(range(1, callback.version + 1)):
        yield f"history with a gap: {[event.version for event in events]}"
    status, owner = None, None
    for event in events:
        after = event.after.get("status", status)
        if after != status and after not in NEXT.get(status, set()):
            yield f"{status} → {after} ({event.what})"
        if event.what == "offered" and owner not in (None, event.after["agent"]):
            yield f"offered to {event.after['agent']}, though {owner} owns it"
        status, owner = after, event.after.get("owner", owner)
    if status != callback.status:
        yield f"history ends with {status}, the callback is {callback.status}"
    yield from _wrong_ending(callback)


def _wrong_ending(callback: Callback) -> Iterable[str]:
    attempts = list(Attempt.objects.filter(callback=callback).select_related("outcome"))
    effects = [attempt.outcome.effect if attempt.outcome else None for attempt in attempts]
    if [attempt.number for attempt in attempts] != list(range(1, len(attempts) + 1)):
        yield f"attempts are numbered {[attempt.number for attempt in attempts]}"
    if len(attempts) != Offer.objects.filter(callback=callback, result="accepted").count():
        yield "an attempt without an accepted offer, or the reverse"
    if any(effect != "retry" for effect in effects[:-1]):
        yield f"tried again after {effects[:-1]}"
    if callback.status != _ending_by_the_rules(callback, effects):
        yield f"{callback.status} after {effects or 'no call'}"
    if Offer.objects.filter(callback=callback, ended_at__isnull=True).exists():
        yield "an offer still stands"


def _ending_by_the_rules(callback: Callback, effects: Sequence[str | None]) -> str | None:
    """How it must have ended, by how its calls did."""
    if not effects:
        is_over = callback.ownership_expires_at and callback.ended_at
        in_time = is_over and callback.ended_at >= callback.ownership_expires_at
        return "expired" if in_time else None
    if effects[-1] == "retry":
        return "failed" if len(effects) == callback.queue.maximum_attempts else None
    return effects[-1]


def _overlapping(of: str) -> Iterable[str]:
    """Nobody has two at a time, and nothing is with two."""
    spans: dict[object, list[tuple[datetime, datetime, str]]] = {}
    for offer in Offer.objects.filter(ended_at__isnull=False):
        spans.setdefault(getattr(offer, f"{of}_id"), []).append(
            (offer.made_at, offer.ended_at or offer.made_at, "offer")
        )
    for attempt in Attempt.objects.filter(ended_at__isnull=False):
        spans.setdefault(getattr(attempt, f"{of}_id"), []).append(
            (attempt.started_at, attempt.ended_at or attempt.started_at, "call")
        )
    for key, theirs in spans.items():
        theirs.sort()
        for one, next_one in itertools.pairwise(theirs):
            if next_one[0] < one[1]:
                yield f"{of} {key}: {one[2]} until {one[1]} beside {next_one[2]} from {next_one[0]}"


def _without_a_message() -> Iterable[str]:
    """What the platform must be told stands in the outbox, once; nothing else does."""
    told = set(OutboxMessage.objects.values_list("event_id", flat=True))
    for event in HistoryEvent.objects.all():
        if (event.what in TOLD_TO_PLATFORM) != (event.pk in told):
            yield f"{event.callback_id}: {event.what} and its message do not go together"
