"""What concerns an agent at this moment, on whatever screen they are: the offer, the call, the next
promise. Put together in two statements, and with a mark that tells whether anything changed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from callbacks import journal
from callbacks.access import Actor
from callbacks.lifecycle import EDITABLE, Status
from callbacks.models import Agent, Attempt, Callback, HistoryEvent, Offer, Outcome
from callbacks.models.callback import OPEN
from dashboard.rows import Row

LOOKED_AHEAD = 20
"""So many of the next promises are looked at for reminders."""
EVENTS_AT_MOST = 6


@dataclass(frozen=True)
class Call:
    """What the agent has at hand, with all that is needed to speak to the contact."""

    row: Row
    offer: Offer | None = None
    attempt: Attempt | None = None
    seconds_left: int = 0
    earlier: Sequence[Attempt] = ()
    events: Sequence[tuple[HistoryEvent, list[str]]] = ()
    outcomes: Sequence[Outcome] = ()

    @property
    def why(self) -> str:
        """Why it rings here: the first sentence of the decision; its page tells of all others."""
        return f"{self.offer.reason.partition('. ')[0]}." if self.offer else ""

    @property
    def is_ringing(self) -> bool:
        """Offered, and not answered yet."""
        return self.offer is not None


@dataclass(frozen=True)
class Now:
    """An agent's present."""

    agent: Agent
    call: Call | None = None
    reminders: Sequence[Row] = ()
    """Own promises of the next minutes (``REMIND_BEFORE``)."""
    waiting: Sequence[Row] = ()
    """Own promises that are due and wait for nobody else."""
    remind_in: int | None = None
    """Seconds until there will be another reminder."""
    is_large: bool = False
    fields: Any = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """Changes when what is shown does; a refresh that finds it the same leaves the page alone."""
        call = self.call
        parts = [
            self.agent.presence,
            self.agent.presence_reason,
            str(self.agent.not_responding_since),
            str(
                call and (call.row.callback.pk, call.row.callback.status, call.row.callback.version)
            ),
            *(
                f"{row.callback.pk}{row.callback.version}"
                for row in (*self.reminders, *self.waiting)
            ),
        ]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to say."""
        told = self.call or self.reminders or self.agent.presence_reason
        return not (told or self.agent.not_responding_since or self.is_wanted)

    @property
    def is_wanted(self) -> bool:
        """Whether promises wait for an agent who is not on queue."""
        return bool(self.waiting) and not self.agent.takes_callbacks and not self.call


def now_of(actor: Actor, zone: str, at: datetime, *, is_large: bool = False) -> Now | None:
    """The person's present; ``None`` for somebody who takes no callbacks."""
    agent = actor.agent
    if agent is None:
        return None
    near = [Row(callback, at, actor, zone) for callback in _next(agent)]
    horizon = at + settings.REMIND_BEFORE
    coming = [row for row in near if row.requested_at > at]
    later = [row for row in coming if row.requested_at > horizon]
    return Now(
        agent=agent,
        call=_at_hand(actor, zone, at, in_full=is_large),
        reminders=[row for row in coming if row.requested_at <= horizon],
        waiting=[row for row in near if row.callback.status == Status.WAITING],
        remind_in=int((later[0].requested_at - horizon).total_seconds()) + 1 if later else None,
        is_large=is_large,
    )


def _next(agent: Agent) -> QuerySet[Callback]:
    mine = Callback.objects.promised_by(agent.pk).filter(status__in=EDITABLE, attempts_made=0)
    return mine.for_display().order_by("requested_at", "id")[:LOOKED_AHEAD]


def _at_hand(actor: Actor, zone: str, at: datetime, *, in_full: bool) -> Call | None:
    callback = Callback.objects.filter(OPEN).at_hand_of(actor.id).for_display().first()
    if callback is None:
        return None
    row = Row(callback, at, actor, zone)
    if callback.status == Status.OFFERED:
        return _ringing(row)
    return _in_full(row) if in_full else Call(row)


def _ringing(row: Row) -> Call | None:
    """The offer; ``None`` where it ended between two statements."""
    offer = Offer.objects.filter(callback=row.callback, ended_at__isnull=True).first()
    if offer is None:
        return None
    left = (offer.expires_at - row.at).total_seconds()
    return Call(row, offer=offer, seconds_left=max(int(left), 0))


def _in_full(row: Row) -> Call | None:
    """With notes, history and outcomes, for the call screen; ``None`` where it was just finished."""
    found = Attempt.objects.filter(callback=row.callback)
    attempts = list(found.select_related("agent__user", "outcome"))
    open_one = next((attempt for attempt in attempts if attempt.ended_at is None), None)
    if open_one is None:
        return None
    events = row.callback.history.order_by("-version", "-at")[:EVENTS_AT_MOST]
    return Call(
        row,
        attempt=open_one,
        earlier=[a for a in attempts if a.ended_at is not None],
        events=[(event, journal.changes_in_words(event)) for event in events],
        outcomes=list(Outcome.objects.filter(is_active=True)),
    )
