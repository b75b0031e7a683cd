"""The centre: people, teams, queues, shifts, lists; then its promises."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone

from callbacks.demonstration import names
from callbacks.demonstration.copying import copy_rows, key_at
from callbacks.demonstration.promises import Promises
from callbacks.models import (
    Agent,
    ApiClient,
    Attempt,
    Callback,
    CallingHours,
    ContactList,
    ContactListEntry,
    HistoryEvent,
    Holiday,
    Offer,
    OutboxMessage,
    Outcome,
    Presence,
    Queue,
    Role,
    Shift,
    Skill,
    Team,
    User,
)
from callbacks.models.program import Scope
from callbacks.programs import digest
from callbacks.rules import moments

PASSWORD = "demo"  # noqa: S105 (known to everybody, and refused on any but a loopback host)
PEERS = {"ana", "ben"}
"""Those whom Lena leads."""
CHUNK = 20_000
SHIFT_DAYS = range(-1, 15)


@dataclass(frozen=True)
class Size:
    """How large the centre is to be."""

    agents: int = 23
    queues: int = 5
    callbacks: int = 300
    open: int = 95
    seed: int = 1


@dataclass
class Centre:
    """What the promises are made from."""

    size: Size
    now: datetime
    random: Random
    queues: list[Queue] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    agents_of: dict[Any, list[Agent]] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


def is_empty() -> bool:
    """Whether nobody is there yet."""
    return not User.objects.exists()


@transaction.atomic
def fill(size: Size) -> Centre:
    """Build the centre in one transaction: a death half-way leaves the database empty."""
    centre = Centre(size, timezone.now().replace(microsecond=0), Random(size.seed))
    _people(centre)
    _queues(centre)
    _program()
    _shifts(centre)
    _promises(centre)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return centre


# --- people ----------------------------------------------------------------------------------


def _people(centre: Centre) -> None:
    password = make_password(PASSWORD)
    listed = [(*who, Role.AGENT) for who in _agents(centre)]
    listed.append(("sam", "Sam Okoro", "America/Chicago", Role.SUPERVISOR))
    listed.append(("admin", "Ada Lund", "UTC", Role.ADMIN))
    users = [
        User(
            id=key_at(centre.now - timedelta(days=400), centre.size.seed, username),
            username=username, name=name, time_zone=zone, role=role, password=password,
            created_at=centre.now - timedelta(days=400),
        )
        for username, name, zone, role in listed
    ]  # fmt: skip
    User.objects.bulk_create(users, batch_size=500)
    skills = Skill.objects.bulk_create([Skill(name=name) for name in names.SKILLS])
    agents = [
        Agent(
            user=user,
            # The agent of the guide's own example, whose payload can be sent as it stands.
            platform_id=names.GUIDES_AGENT if user.username == "ana" else f"platform-{place + 1}",
            # Nobody sits there: On Queue they would only miss what they are offered.
            presence=Presence.AVAILABLE if place < 2 else _presence(centre.random),
            presence_changed_at=centre.now - timedelta(minutes=centre.random.randint(1, 90)),
        )
        for place, user in enumerate(u for u in users if u.role == Role.AGENT)
    ]
    centre.agents = Agent.objects.bulk_create(agents, batch_size=500)
    _learn(centre, skills)


def _presence(random: Random) -> Presence:
    absent = [presence for presence in Presence if presence != Presence.ON_QUEUE]
    return random.choices(absent, weights=[5, 3, 2, 2, 1, 1, 2, 1])[0]


def _agents(centre: Centre) -> Iterator[tuple[str, str, str]]:
    yield from names.AGENTS
    for place in range(max(centre.size.agents - len(names.AGENTS), 0)):
        zone = names.AGENT_ZONES[place % len(names.AGENT_ZONES)]
        if place < len(names.MORE_AGENTS):
            name = names.MORE_AGENTS[place]
            yield name.split()[0].lower(), name, zone
        else:
            first, last = (centre.random.choice(n) for n in (names.FIRST_NAMES, names.LAST_NAMES))
            yield f"agent{place + 4}", f"{first} {last}", zone


def _learn(centre: Centre, skills: list[Skill]) -> None:
    """Everybody has the skills that queues require, save a few who are new."""
    through = Agent.skills.through
    rows = [
        through(agent_id=agent.pk, skill_id=skill.pk)
        for place, agent in enumerate(centre.agents)
        for skill in skills
        if not (place % 11 == 10 and skill.name in names.REQUIRED.values())
    ]
    through.objects.bulk_create(rows, batch_size=2000)


def _program() -> None:
    """An API client whose id and secret are ``demo``, with all scopes."""
    ApiClient.objects.create(
        name="Demonstration", client_id="demo", secret_digest=digest(PASSWORD), scopes=Scope.values
    )


# --- queues ----------------------------------------------------------------------------------


def _queues(centre: Centre) -> None:
    listed = [
        *names.QUEUES,
        *(f"Queue {n + 1}" for n in range(len(names.QUEUES), centre.size.queues)),
    ]
    centre.queues = Queue.objects.bulk_create(
        [_queue(name, place) for place, name in enumerate(listed[: centre.size.queues])]
    )
    sam = User.objects.get(username="sam")
    skills = {skill.name: skill for skill in Skill.objects.all()}
    teams: dict[str, Team] = {}
    for queue in centre.queues:
        queue.supervisors.add(sam)
        if skill := names.REQUIRED.get(queue.name):
            queue.required_skills.add(skills[skill])
        team = names.TEAMS.get(queue.name, f"Team {queue.name}")
        teams.setdefault(team, Team.objects.create(name=team) if team not in teams else teams[team])
    _members(centre, teams)
    centre.outcomes = {outcome.name: outcome for outcome in Outcome.objects.all()}
    _hours_and_lists(centre)


def _queue(name: str, place: int) -> Queue:
    """Each with limits of its own; owned callbacks are switched off in *Sales*."""
    ahead, period = ((7, 24), (14, 48), (30, 72), (3, 4), (30, 168))[place % 5]
    return Queue(
        name=name,
        is_default=place == 0,
        slot_capacity=(4, 6, None)[place % 3],
        ownership_enabled=name != "Sales",
        schedule_ahead_limit=timedelta(days=ahead),
        ownership_period=timedelta(hours=period),
        when_owner_cannot="reassign" if place % 2 else "keep_waiting",
        on_expiry="return_to_queue" if place == 3 else "disconnect",
    )


def _members(centre: Centre, teams: dict[str, Team]) -> None:
    """Ana, Ben and Lena in *Support*; the others in one queue each, every third in two."""
    members, through = [], Queue.members.through
    centre.agents_of = {queue.pk: [] for queue in centre.queues}
    for place, agent in enumerate(centre.agents):
        home = centre.queues[0 if place < 3 else place % len(centre.queues)]
        also = (
            [centre.queues[(place + 1) % len(centre.queues)]]
            if place % 3 == 0 and place > 2
            else []
        )
        for queue in {q.pk: q for q in (home, *also)}.values():
            members.append(through(queue_id=queue.pk, agent_id=agent.pk))
            centre.agents_of[queue.pk].append(agent)
        agent.team = teams[names.TEAMS.get(home.name, f"Team {home.name}")]
    through.objects.bulk_create(members, batch_size=2000)
    Agent.objects.bulk_update(centre.agents, ["team"], batch_size=500)
    for team in teams.values():
        able = [a for a in centre.agents if a.team == team and a.user.username not in PEERS]
        team.lead = able[0] if able else None
        team.save(update_fields=["lead"])


def _hours_and_lists(centre: Centre) -> None:
    billing = centre.queues[min(1, len(centre.queues) - 1)]
    CallingHours.objects.bulk_create(
        [
            CallingHours(queue=billing, weekday=day, opens=time(9), closes=time(18))
            for day in range(5)
        ]
    )
    Holiday.objects.create(date=_next_day(centre.now, 12, 25), name="Christmas Day")
    Holiday.objects.create(date=_next_day(centre.now, 1, 1), name="New Year's Day")
    ContactList.objects.create(name="Do not call")
    ContactList.objects.create(name="Spring campaign")


def _next_day(now: datetime, month: int, day: int) -> date:
    this_year = date(now.year, month, day)
    return this_year if this_year >= now.date() else date(now.year + 1, month, day)


def _shifts(centre: Centre) -> None:
    """Nine to half past five in one's own zone, with a break and a meal, on weekdays."""
    copy_rows(Shift, (row for agent in centre.agents for row in _shifts_of(agent, centre)))


def _shifts_of(agent: Agent, centre: Centre) -> Iterator[dict[str, Any]]:
    zone = moments.zone(agent.user.time_zone)
    start = centre.random.choice((8, 9, 9, 10))
    plan = (("on_queue", 0, 510), ("break", 120, 135), ("meal", 240, 270), ("break", 390, 405))
    for offset in SHIFT_DAYS:
        day = centre.now.astimezone(zone).date() + timedelta(days=offset)
        if day.weekday() > 4 and offset != 0:
            continue
        opens = datetime.combine(day, time(start), tzinfo=zone).astimezone(UTC)
        for activity, begins, ends in plan:
            yield {
                "agent_id": agent.pk,
                "activity": activity,
                "starts_at": opens + timedelta(minutes=begins),
                "ends_at": opens + timedelta(minutes=ends),
            }


# --- promises --------------------------------------------------------------------------------


def _promises(centre: Centre) -> None:
    """Chunk by chunk into the four tables, so that memory stays flat whatever the size."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ringback.quiet = 'on'")  # no screen is open yet
    promises = Promises(centre)
    told = promises.all()
    while chunk := list(islice(told, CHUNK)):
        copy_rows(Callback, promises.callbacks(chunk))
        copy_rows(Offer, promises.offers(chunk))
        copy_rows(Attempt, promises.attempts(chunk))
        copy_rows(HistoryEvent, promises.events(chunk))
        copy_rows(OutboxMessage, promises.messages(chunk))
    Agent.objects.filter(callbacks_at_hand__isnull=False).update(presence=Presence.ON_QUEUE)
    _bar_some(centre)


def _bar_some(centre: Centre) -> None:
    """A few numbers are uncallable by now, also some that were promised a call before."""
    barred = ContactList.objects.get(name="Do not call")
    later = Callback.objects.open().filter(requested_at__gt=centre.now + timedelta(hours=6))
    listed = [*later.order_by("requested_at").values_list("phone_number", flat=True)[3:9:2]]
    listed += [names.fictional_number(1900 + place)[0] for place in range(12)]
    ContactListEntry.objects.bulk_create(
        [
            ContactListEntry(
                contact_list=barred, phone_number=number, is_uncallable=True,
                reason="Asked not to be called", changed_at=centre.now - timedelta(hours=5),
            )
            for number in listed
        ]
    )  # fmt: skip
