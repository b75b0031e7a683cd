"""What the pages of synchronisation show: how each platform is doing, and what waits for a person."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q

from callbacks import access, sync
from callbacks.access import Actor
from callbacks.models import Callback, ConnectedQueue, Connection, Counterpart, OutboxMessage
from callbacks.models.connection import CounterpartQuerySet
from callbacks.rules import numbers
from callbacks.rules.limits import distance_in_words

PAGE = 50
State = Counterpart.State
FAILS_AFTER = 3
"""So many failures in a row are no hiccup."""
STATES = (("", "All"), (State.PARKED, "Parked"), (State.CONFLICT, "Conflict"))
NUMBER = re.compile(r"(?:\+|%2[Bb])[1-9][0-9]{6,14}")
SECRET = re.compile(r'("(?:access_token|refresh_token|client_secret)"\s*:\s*)"[^"]*"')
LET_IN = re.compile(r"\b(Bearer|Basic) [\w.~+/=-]+")


# --- connections ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """How a platform is doing, in a word and a sentence."""

    label: str
    tone: str
    sentence: str = ""


@dataclass(frozen=True)
class Shown:
    """A connection as the page shows it: as far as the queues go that the reader watches."""

    connection: Connection
    at: datetime
    waiting: int = 0
    """Callbacks that it is to be told of."""
    waits_since: datetime | None = None
    parked: int = 0
    conflicts: int = 0
    there: int = 0
    """Callbacks that it holds."""
    places: Sequence[ConnectedQueue] = field(default_factory=list)
    """The queues, as far as the reader watches them."""

    @property
    def queues(self) -> str:
        """Their names."""
        return ", ".join(str(place.queue) for place in self.places)

    @property
    def names(self) -> str:
        """Their names, with those that they have there."""
        return ", ".join(
            f"{place.queue} (there {place.remote_id})" if place.remote_id else str(place.queue)
            for place in self.places
        )

    @property
    def rate(self) -> str:
        """How fast it may be asked."""
        return sync.rate_in_words(self.connection)

    @property
    def standing(self) -> Standing:
        """The first of these that is so."""
        held = self.connection
        if held.paused_reason:
            return Standing("Paused", "warn", f"{_sentence(held.paused_reason)} Nothing is sent.")
        if not held.client_secret.is_readable:
            said = (
                "Its secret cannot be read: ENCRYPTION_KEYS does not hold the key. Enter it anew."
            )
            return Standing("Not sending", "danger", said)
        if held.refused_reason:
            return Standing("Refused", "danger", refusal(held))
        return self._failing() or self._flowing()

    def _failing(self) -> Standing | None:
        held, rests = self.connection, self.connection.rests_until
        again = (
            f" It is asked again {distance_in_words(rests, self.at)}."
            if rests and rests > self.at
            else ""
        )
        if held.failing_since and held.failures >= FAILS_AFTER:
            since = distance_in_words(held.failing_since, self.at)
            return Standing("Failing", "danger", f"Nothing comes through; it began {since}.{again}")
        if again and not held.failing_since:
            return Standing("Resting", "warn", f"It asked us to be slower (429).{again}")
        if held.failures:
            return Standing("Trying again", "warn", f"The last request failed.{again}")
        return None

    def _flowing(self) -> Standing:
        if self.waiting:
            since = distance_in_words(self.waits_since, self.at) if self.waits_since else "now"
            what = f"{self.waiting:,} callback{'s' if self.waiting > 1 else ''}"
            return Standing(
                "Waiting", "accent", f"{what} to be told; the longest waits since {since}."
            )
        if self.connection.last_success_at is None:
            return Standing("New", "accent", "Nothing was asked of it yet. Test it.")
        return Standing("In step", "good")


def refusal(held: Connection) -> str:
    """That a platform does not let us in, for whoever can do something about it."""
    return f"{held} does not let Ringback in: {_sentence(held.refused_reason)}"


def _sentence(text: str) -> str:
    said = text.strip()
    return said if said.endswith((".", "!", "?")) else f"{said}."


def overview(by: Actor, at: datetime, only: uuid.UUID | None = None) -> list[Shown]:
    """The connections of the queues that somebody watches. Four statements however many they are."""
    held = access.connections_of(by)
    shown = list((held.filter(pk=only) if only else held).prefetch_related("queues__queue"))
    waiting, counted = _waiting(by), _counted(by)
    nothing: tuple[int, datetime | None] = (0, None)
    return [
        Shown(
            one,
            at,
            waiting=waiting.get(one.pk, nothing)[0],
            waits_since=waiting.get(one.pk, nothing)[1],
            parked=counted.get((one.pk, State.PARKED), 0),
            conflicts=counted.get((one.pk, State.CONFLICT), 0),
            there=sum(counted.get((one.pk, state), 0) for state in Counterpart.LIVE),
            places=[
                place
                for place in one.queues.all()
                if by.is_admin or place.queue_id in by.supervises
            ],
        )
        for one in shown
    ]


def _waiting(by: Actor) -> Mapping[uuid.UUID, tuple[int, datetime]]:
    """By connection: how many callbacks wait, but for those that wait for a person; since when."""
    place = "callback__queue__connected__connection"
    stopped = Counterpart.objects.in_need().filter(
        callback=OuterRef("callback"), connection=OuterRef(place)
    )
    found = OutboxMessage.objects.filter(
        _of(by, "callback__queue"), ~Exists(stopped), settled_at=None, **{f"{place}__isnull": False}
    )
    rows = (
        found.order_by()
        .values_list(place)
        .annotate(Count("callback", distinct=True), Min("created_at"))
    )
    return {key: (count, oldest) for key, count, oldest in rows}


def _counted(by: Actor) -> Mapping[tuple[uuid.UUID, str], int]:
    there = access.counterparts_of(by).filter(state__in={*Counterpart.LIVE, *Counterpart.IN_NEED})
    rows = there.order_by().values_list("connection", "state").annotate(Count("pk"))
    return {(key, state): count for key, state, count in rows}


def _of(by: Actor, queue: str) -> Q:
    return Q() if by.is_admin else Q(**{f"{queue}__in": by.supervises})


# --- callbacks that wait for a person ----------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A callback with which a platform does not agree, for one person."""

    there: Counterpart
    callback: Callback
    by: Actor

    @property
    def contact(self) -> str:
        """The contact's name, or what stands for it."""
        return self.callback.contact_name or "Unnamed contact"

    @property
    def masked_number(self) -> str:
        """As lists show it."""
        return numbers.mask(self.callback.phone_number)

    @property
    def fate(self) -> str:
        """Its state, in a word."""
        return self.there.get_state_display().partition(":")[0]

    @property
    def is_in_need(self) -> bool:
        """Whether it waits for a person."""
        return self.there.state in Counterpart.IN_NEED

    @property
    def can_retry(self) -> bool:
        """Whether it would be sent again, and the reader may ask for it."""
        would = self.is_in_need or (self.there.attempts > 0 and self.there.state != State.SENDING)
        return would and access.may_edit(self.by, self.callback)

    @property
    def can_mend(self) -> bool:
        """Whether the reader decides what becomes of it there."""
        return self.is_in_need and access.may_mend(self.by, self.callback)

    @property
    def can_adopt(self) -> bool:
        """Whether the platform named the one that is in the way."""
        return self.can_mend and self.there.state == State.CONFLICT and bool(self.there.existing_id)

    @property
    def error(self) -> str:
        """What the platform says against it."""
        return discreet(self.there.last_error)

    @property
    def request(self) -> str:
        """What was sent last, of those that failed."""
        return discreet(self.there.last_request)

    @property
    def answer(self) -> str:
        """What the platform answered."""
        return discreet(self.there.last_answer)


def discreet(text: str) -> str:
    """Without what lets anybody in, and with numbers masked: also those that a platform repeats."""
    text = SECRET.sub(r'\1"…"', text)
    text = LET_IN.sub(r"\1 …", text)
    return NUMBER.sub(
        lambda found: numbers.mask(found[0].replace("%2B", "+").replace("%2b", "+")), text
    )


def row_of(there: Counterpart, by: Actor) -> Row:
    """The row, where the callback should be at hand."""
    return Row(there, there.callback, by)


def on_platform(callback: Callback, by: Actor) -> Row | None:
    """What is known of a callback on its platform; a statement where there is something."""
    key = callback.standing.counterpart
    if not key:
        return None
    return Row(Counterpart.objects.select_related("connection").get(pk=key), callback, by)


def _in_need(by: Actor, connection: uuid.UUID | None, state: str) -> CounterpartQuerySet:
    found = access.counterparts_of(by).in_need()
    if connection:
        found = found.filter(connection=connection)
    return found.filter(state=state) if state in Counterpart.IN_NEED else found


def listed(by: Actor, asked: Mapping[str, str]) -> dict[str, Any]:
    """One page of those that wait for a person, the newest first, with the way to the next one."""
    connection, before = key_in(asked.get("connection", "")), key_in(asked.get("before", ""))
    state = asked.get("state", "")
    found = _in_need(by, connection, state).select_related("callback__queue", "connection")
    if before:
        found = found.filter(pk__lt=before)
    some = list(found.order_by("-pk")[: PAGE + 1])
    return {
        "rows": [row_of(one, by) for one in some[:PAGE]],
        "more": some[PAGE - 1].pk if len(some) > PAGE else None,
        "state": state if state in Counterpart.IN_NEED else "",
        "states": STATES,
        "chosen": str(connection or ""),
        "before": str(before or ""),
    }


def key_in(text: str) -> uuid.UUID | None:
    """A key from an address, where it is one."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def refusals(by: Actor) -> Iterable[str]:
    """The platforms that let us in no more, in a sentence each. One statement."""
    held = access.connections_of(by).exclude(refused_reason="").filter(paused_reason="")
    return [refusal(one) for one in held]
