"""Which platforms there are: connections are added, changed, paused, tried out, removed; queues join.

When a queue is connected, its open callbacks are announced. When it is disconnected, what the platform
holds of it is cancelled there, or left there and forgotten here: then it is found again by its
reference should the queue ever come back.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from callbacks import journal
from callbacks.access import Actor
from callbacks.errors import Problem, Refused
from callbacks.journal import Entry, What
from callbacks.models import Callback, ConnectedQueue, Connection, Counterpart, OutboxMessage, Queue
from callbacks.models.connection import CounterpartQuerySet, Dialect
from callbacks.models.encrypted import Sealed, Unreadable
from callbacks.rules import targets, texts
from callbacks.sync.exchange import wait_for_the_exchange
from callbacks.sync.opening import PLATFORMS, opened
from callbacks.sync.platforms import regions
from callbacks.sync.platforms.base import PlatformError, QueueLimits

NAME = CLIENT_ID = 100
SECRET = 500
REASON = 200
CHUNK = 2000
LOOKED_BACK = timedelta(days=1)
RATE = re.compile(r"([0-9]{1,6})\s*/\s*([0-9]{1,4})?\s*(s|sec|second|min|minute|h|hour)")
SECONDS: Mapping[str, int] = {
    "s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
}  # fmt: skip
USUAL_RATE: Mapping[str, str] = {Dialect.GUIDE: "10/s", Dialect.GENESYS_CLOUD: "300/min"}
"""What platforms of a dialect permit where nobody says otherwise (rules §6.2)."""
USUAL: Mapping[str, Mapping[str, int]] = {
    Dialect.GUIDE: {"batch_size": 1, "settle_seconds": 10},
    # What its search does not show yet may be there all the same, for longer than elsewhere.
    Dialect.GENESYS_CLOUD: {"batch_size": 50, "settle_seconds": 30},
}
"""What else is usual for a dialect."""
RANGES: Mapping[str, tuple[int, int]] = {
    "batch_size": (1, 500), "settle_seconds": (0, 3600), "poll_seconds": (1, 3600),
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """A connection as somebody wishes it to be."""

    name: str
    dialect: str
    base_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    """Empty in a change: as it is."""
    rate: str = ""
    """Such as ``10/s`` or ``300/min``; empty: as is usual for the dialect."""
    batch_size: int | None = None
    """``None``: as is usual for the dialect, and so is how long it takes to settle."""
    settle_seconds: int | None = None
    poll_seconds: int = 30

    def number(self, name: str) -> int:
        """What was wished for, or is usual."""
        wished: int | None = getattr(self, name)
        return USUAL[self.dialect][name] if wished is None else wished

    @property
    def addresses(self) -> tuple[str, str]:
        """Of the API and of the log-in; those of a region, where one is named."""
        region = None
        if self.dialect == Dialect.GENESYS_CLOUD:
            region = regions.called(self.base_url)
        return regions.addresses(region) if region else (self.base_url, self.token_url)


@transaction.atomic
def add(wish: Wish, queues: Mapping[Queue, str], *, by: Actor, at: datetime) -> Connection:
    """Add a connection, and connect these queues, each with the platform's id for it.

    Raises ``Refused`` with every problem at once.
    """
    if problems := problems_of(wish, queues):
        raise Refused(problems)
    made = Connection(created_at=at)
    _take(made, wish)
    _save(made)
    for queue, remote_id in queues.items():
        connect_queue(made, queue, remote_id, by=by, at=at)
    return made


@transaction.atomic
def change(held: Connection, wish: Wish) -> Connection:
    """Make it as wished. Where it leads elsewhere, its token is worth nothing any more."""
    if problems := problems_of(wish, {}, held):
        raise Refused(problems)
    _take(held, wish)
    held.token, held.token_until = None, None
    _save(held)
    _try_anew(held)
    return held


def _take(held: Connection, wish: Wish) -> None:
    held.name, held.dialect = wish.name.strip(), wish.dialect
    base_url, token_url = wish.addresses
    held.base_url, held.token_url = _address(base_url).rstrip("/"), _address(token_url)
    held.client_id = wish.client_id.strip()
    held.requests, held.per_seconds = read_rate(wish.rate or USUAL_RATE[wish.dialect])
    for name in RANGES:
        setattr(held, name, wish.number(name))
    if wish.client_secret:
        held.client_secret = Sealed.of(wish.client_secret)


def _save(held: Connection) -> None:
    try:
        with transaction.atomic():
            held.save()
    except IntegrityError:
        raise Refused([_twin(held.name)]) from None


def _address(url: str) -> str:
    return targets.parse(url, private=settings.PRIVATE_PLATFORMS).url


def read_rate(said: str) -> tuple[int, int]:
    """``10/s`` or ``300/min`` as requests in so many seconds. Raises ``Refused``."""
    found = RATE.fullmatch(said.strip().lower())
    requests = int(found[1]) if found else 0
    seconds = int(found[2] or 1) * SECONDS[found[3]] if found else 0
    if not 1 <= requests <= 100_000 or not 1 <= seconds <= 3600:
        raise Refused([Problem("invalid.value", "rate", "Say it as 10/s or 300/min.")])
    return requests, seconds


def rate_in_words(held: Connection) -> str:
    """The pace as it is typed: ``10/s``, ``300/min``."""
    unit = {1: "s", 60: "min", 3600: "h"}.get(held.per_seconds, f"{held.per_seconds} s")
    return f"{held.requests}/{unit}"


# --- what can be wrong -------------------------------------------------------------------------


def problems_of(
    wish: Wish, queues: Mapping[Queue, str], held: Connection | None = None
) -> list[Problem]:
    """All that speaks against a new connection with these queues, or against changing one to it."""
    problems = [*_problems(wish, held), *_queue_problems(queues, held)]
    if held is None and not wish.client_secret:
        problems.append(Problem("invalid.value", "client_secret", "Give the client's secret."))
    return problems


def _problems(wish: Wish, held: Connection | None = None) -> Iterator[Problem]:
    yield from _text_problems(wish)
    twins = Connection.objects.filter(name=wish.name.strip())
    if (twins.exclude(pk=held.pk) if held else twins).exists():
        yield _twin(wish.name.strip())
    if wish.dialect not in PLATFORMS:
        known = ", ".join(str(dialect) for dialect in PLATFORMS)
        yield Problem("invalid.value", "dialect", f"Ringback speaks these dialects: {known}.")
    yield from _address_problems(wish)
    try:
        read_rate(wish.rate or "10/s")
    except Refused as refused:
        yield from refused.problems
    for name, (least, most) in RANGES.items():
        wished = getattr(wish, name)
        if wished is not None and not least <= wished <= most:
            yield Problem("invalid.value", name, f"Choose a number from {least} to {most:,}.")


def _text_problems(wish: Wish) -> Iterator[Problem]:
    for name, limit, missing in (
        ("name", NAME, "Give it a name, such as Genesys."),
        ("client_id", CLIENT_ID, "Give the client's id on the platform."),
        ("client_secret", SECRET, ""),
    ):
        text = getattr(wish, name)
        if missing and not text.strip():
            yield Problem("invalid.value", name, missing)
        elif problem := texts.problem_with(text, limit):
            yield Problem("invalid.value", name, problem)


def _address_problems(wish: Wish) -> Iterator[Problem]:
    base_url, token_url = wish.addresses
    if wish.dialect == Dialect.GENESYS_CLOUD:
        try:
            regions.checked(base_url, token_url, is_private=settings.PRIVATE_PLATFORMS)
        except regions.NoRegion as refused:
            yield Problem("invalid.value", "base_url", str(refused))
            return
    for name, address in (("base_url", base_url), ("token_url", token_url)):
        try:
            found = targets.parse(address, private=settings.PRIVATE_PLATFORMS)
        except targets.TargetRefused as refused:
            missing = "Give the platform's address, such as https://api.example.com."
            said = refused.message if address.strip() else missing
            yield Problem("invalid.value", name, said)
        else:
            if name == "base_url" and "?" in found.path:
                yield Problem("invalid.value", name, "Leave out what begins with ?.")


def _queue_problems(queues: Mapping[Queue, str], ours: Connection | None) -> Iterator[Problem]:
    for place in ConnectedQueue.objects.filter(queue__in=list(queues)).select_related(
        "queue", "connection"
    ):
        if ours is None or place.connection_id != ours.pk:
            said = f"{place.queue} is connected with {place.connection} already."
            yield Problem("queue.connected", "queues", said)
    for queue, remote_id in queues.items():
        if problem := texts.problem_with(remote_id, 255):
            yield Problem("invalid.value", "queues", f"{queue}: {problem}")


def _twin(name: str) -> Problem:
    return Problem("connection.exists", "name", f"There is a connection named {name} already.")


# --- what people do with one -------------------------------------------------------------------


def pause(held: Connection, *, reason: str = "", by: Actor) -> None:
    """Send nothing, until somebody resumes it. What happens meanwhile is told then."""
    said = " ".join(reason.split())
    if problem := texts.problem_with(said, REASON // 2):
        raise Refused([Problem("invalid.value", "reason", problem)])
    paused = f"{by.name}: {said}" if said else f"Paused by {by.name}."
    _store(held, paused_reason=paused[:REASON])


def resume(held: Connection) -> None:
    """Go on at once, whatever it rested for; the platform is asked first what it has."""
    _store(held, paused_reason="", poll_at=None)
    _try_anew(held)


def _try_anew(held: Connection) -> None:
    _store(held, rests_until=None, failures=0, busies=0, failing_since=None)


def _store(held: Connection, **values: object) -> None:
    for name, value in values.items():
        setattr(held, name, value)
    Connection.objects.filter(pk=held.pk).update(**values)


@dataclass(frozen=True)
class Tested:
    """What came of asking a platform for a token and a list, in words."""

    is_good: bool
    said: Sequence[str]


def test(held: Connection, *, at: datetime) -> Tested:
    """Ask for a new token, for what happened there lately, and for its queues. Changes nothing there.

    Where it works, the connection goes on at once. Needs no transaction, and must have none: the
    platform may take its time.
    """
    asked = Connection.objects.get(pk=held.pk)
    asked.token = None
    said: list[str] = []
    try:
        with opened(asked) as (platform, _):
            page = platform.changes(at - LOOKED_BACK, None)
            said.append("It gave a token.")
            more = " or more" if page.cursor else ""
            said.append(f"It shows {len(page.remotes)}{more} callbacks.")
            known = platform.limits()
    except (PlatformError, Unreadable, regions.NoRegion) as failed:
        return Tested(False, [*said, str(failed)])
    said += _about_queues(asked, known)
    _try_anew(held)
    _store(held, refused_reason="")
    return Tested(True, said)


def _about_queues(held: Connection, known: Mapping[str, QueueLimits]) -> Iterator[str]:
    """Whether the platform knows the queues that are connected, and lets people own what we do."""
    if not known:
        return
    yield f"It has {len(known)} queue{'s' if len(known) > 1 else ''}."
    for place in held.queues.select_related("queue"):
        if place.remote_id and place.remote_id not in known:
            yield f"It does not know {place.remote_id}, which {place.queue} is to be called there."
        elif place.remote_id and place.queue.ownership_enabled:
            yield from _about_ownership(place.queue, known[place.remote_id])


def _about_ownership(queue: Queue, there: QueueLimits) -> Iterator[str]:
    """Where the platform holds less for owners than we promise."""
    if there.owns is False:
        yield (
            f"{queue} holds no callbacks for their owners there: it needs agent owned callbacks "
            "switched on, and a Preferred Agent Routing rule."
        )
        return
    for what, theirs, ours in (
        ("lets owners promise", there.ahead, queue.schedule_ahead_limit),
        ("waits for owners", there.waits, queue.ownership_period),
    ):
        if theirs is not None and theirs < ours:
            yield f"{queue} {what} at most {_hours(theirs)} there, and {_hours(ours)} here."


def _hours(time: timedelta) -> str:
    return f"{time / timedelta(hours=1):g} hours"


@transaction.atomic
def remove(held: Connection, *, is_forced: bool = False, by: Actor, at: datetime) -> int:
    """Remove a connection, and all that is known of callbacks there; how many are left there.

    Raises ``Refused`` while the platform holds callbacks, unless it is forced: then these are left
    there, their histories say so, and nobody looks after them.
    """
    live = Counterpart.objects.filter(connection=held).live()
    if not is_forced and (count := live.count()):
        said = (
            f"{held} holds {count:,} callback{'s' if count > 1 else ''} of ours. Disconnect its "
            "queues first, so that they are cancelled there; or remove it all the same, and they "
            "are left there."
        )
        raise Refused([Problem("connection.live", "", said)])
    wait_for_the_exchange(held)
    said = f"Left on {held.name}, whose connection is removed."
    count = _record(live, said, None, by=by, at=at)
    held.delete()
    return count


# --- queues ------------------------------------------------------------------------------------


@transaction.atomic
def connect_queue(
    held: Connection, queue: Queue, remote_id: str = "", *, by: Actor, at: datetime
) -> int:
    """Keep a queue in step with the platform; how many open callbacks were announced.

    1. From now on every change of its callbacks is told: nobody forgets their messages any more.
    2. Every open one that has no message under way gets one. So do all of them when the queue is
       called otherwise there from now on.
    """
    if problems := list(_queue_problems({queue: remote_id}, held)):
        raise Refused(problems)
    named = remote_id.strip()
    known = ConnectedQueue.objects.filter(queue=queue).first()
    if known and known.remote_id == named:
        return 0
    ConnectedQueue.objects.update_or_create(
        queue=queue, defaults={"connection": held, "remote_id": named}
    )
    said = f"{queue} is called otherwise on {held.name}." if known else f"Announced to {held.name}."
    action = journal.Action.UPDATE if known else journal.Action.CREATE
    return _write(_silent(queue), said, action, by=by, at=at)


def _silent(queue: Queue) -> QuerySet[Callback]:
    """The open callbacks of which nothing is to be told yet."""
    under_way = OutboxMessage.objects.filter(callback=OuterRef("pk"), settled_at__isnull=True)
    return Callback.objects.open().filter(queue=queue).exclude(Exists(under_way))


@transaction.atomic
def disconnect_queue(queue: Queue, *, is_left: bool = False, by: Actor, at: datetime) -> int:
    """Keep it in step no longer; how many callbacks the platform held of it.

    They are cancelled there, as soon as the exchange comes to it. Or they are left there
    (``is_left``): nothing that happens to them is told any more.
    """
    place = ConnectedQueue.objects.select_related("connection").filter(queue=queue).first()
    if place is None:
        raise Refused([Problem("queue.not.connected", "queue", f"{queue} is not connected.")])
    held = place.connection
    wait_for_the_exchange(held)
    there = Counterpart.objects.filter(connection=held, callback__queue=queue)
    place.delete()
    became = f"left on {held.name}" if is_left else f"to be cancelled on {held.name}"
    action = None if is_left else journal.Action.CANCEL
    said = f"{queue} is no longer connected: {became}."
    count = _record(there.live(), said, action, by=by, at=at)
    forgotten = (*Counterpart.LIVE, State.CONFLICT) if is_left else (State.CONFLICT,)
    _forget(there.filter(state__in=forgotten))
    return count


State = Counterpart.State


def _forget(there: CounterpartQuerySet) -> None:
    """As if they had never been there; but for the reference, by which they may be found again."""
    there.update(
        state=State.ABSENT, external_id="", existing_id="", handle={}, content=None, sending=None,
        check_at=None, checks_left=0, shown=None, lost_at=None, last_error="", last_request="", last_answer="",
    )  # fmt: skip


def _record(
    live: CounterpartQuerySet, said: str, action: str | None, *, by: Actor, at: datetime
) -> int:
    return _write(Callback.objects.filter(counterparts__in=live), said, action, by=by, at=at)


def _write(
    callbacks: QuerySet[Callback], said: str, action: str | None, *, by: Actor, at: datetime
) -> int:
    """An event in each one's history, and a message where ``action`` is one; how many.

    Two statements for each chunk.
    """
    keys = list(callbacks.order_by("requested_at").values_list("pk", "version"))
    for start in range(0, len(keys), CHUNK):
        entries = [
            Entry(Callback(pk=key, version=version), What.SYNCHRONISED, {}, {}, said, action)
            for key, version in keys[start : start + CHUNK]
        ]
        journal.record_all(entries, by=by, at=at)
    return len(keys)
