"""Who gets a waiting callback, and why: a pure decision over a snapshot (rules §4).

For every candidate the rule that let them in or kept them out, so that the answer can be shown to
whoever asks. Nothing is fetched and nothing is changed here.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from callbacks.rules import limits

DECLINE_PAUSE = timedelta(minutes=2)
"""For so long an agent is not offered again what they declined; others get it meanwhile."""
NAMED_AT_MOST = 3
"""So many of those left out does the one-sentence reason name."""


LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Candidate:
    """An agent at this moment."""

    id: uuid.UUID
    name: str
    is_on_queue: bool
    presence: str = "On Queue"
    """As people read it."""
    idle_since: datetime = LONG_AGO
    is_active: bool = True
    is_responding: bool = True
    skills: frozenset[str] = frozenset()
    """Names; only where a callback that waits asks for skills of its own."""
    engaged_in: str = ""
    """What keeps them from another callback: a call, an offer; empty while they are idle."""

    @property
    def why_unavailable(self) -> str:
        """What keeps them from any callback now; empty while nothing does (rules §4.1)."""
        if not self.is_active:
            return "deactivated"
        if not self.is_on_queue:
            return f"not on queue ({self.presence})"
        if not self.is_responding:
            return "not responding"
        return self.engaged_in


@dataclass(frozen=True)
class Place:
    """A queue with its members; of whom some may lack a required skill."""

    id: uuid.UUID
    name: str
    is_routed: bool = True
    is_routed_by_platform: bool = False
    """Whether the telephony platform offers its callbacks, not this decision."""
    members: Mapping[uuid.UUID, Sequence[str]] = field(default_factory=dict)
    """For each member the names of the required skills that they lack."""


@dataclass(frozen=True)
class Waiting:
    """A waiting callback."""

    id: uuid.UUID
    queue_id: uuid.UUID
    requested_at: datetime
    priority: int = 0
    owner_id: uuid.UUID | None = None
    preferred_id: uuid.UUID | None = None
    skills: frozenset[str] = frozenset()
    """Names of skills that it needs beside those of its queue."""
    declined_by: frozenset[uuid.UUID] = frozenset()
    """Agents who declined it within ``DECLINE_PAUSE``."""

    @property
    def order(self) -> tuple[int, datetime, uuid.UUID]:
        """Priority, then requested time, then creation: keys grow with time (rules §4.2)."""
        return (-self.priority, self.requested_at, self.id)


@dataclass(frozen=True)
class Snapshot:
    """All that decisions of one moment need."""

    at: datetime
    places: Mapping[uuid.UUID, Place]
    candidates: Mapping[uuid.UUID, Candidate]
    waiting: Sequence[Waiting] = ()


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one candidate."""

    agent_id: uuid.UUID
    name: str
    why: str
    is_let_in: bool = False


@dataclass(frozen=True)
class Decision:
    """Who gets it, or that nobody can, and why."""

    waiting: Waiting
    agent_id: uuid.UUID | None
    reason: str
    verdicts: Sequence[Verdict]


def decide_all(snapshot: Snapshot) -> list[Decision]:
    """The decisions of this moment in the order of the queue: no agent twice (rules §4.1–§4.3)."""
    taken: dict[uuid.UUID, str] = {}
    decisions = []
    for waiting in sorted(snapshot.waiting, key=lambda one: one.order):
        decision = decide(waiting, snapshot, taken)
        if decision.agent_id:
            taken[decision.agent_id] = "being offered another callback"
        decisions.append(decision)
    return decisions


def decide(
    waiting: Waiting, snapshot: Snapshot, taken: Mapping[uuid.UUID, str] | None = None
) -> Decision:
    """The owner alone, else the preferred agent, else who is idle for longest (rules §4.2, §4.3)."""
    place = snapshot.places[waiting.queue_id]
    verdicts = [
        _verdict(candidate, waiting, place, taken or {})
        for candidate in _concerned(waiting, place, snapshot)
    ]
    let_in = [verdict for verdict in verdicts if verdict.is_let_in]
    if place.is_routed_by_platform:
        return Decision(waiting, None, f"The platform routes {place.name}.", verdicts)
    if not place.is_routed:
        return Decision(waiting, None, f"{place.name} has no active routing.", verdicts)
    if not let_in:
        return Decision(waiting, None, _why_nobody(waiting, place, verdicts), verdicts)
    chosen = min(let_in, key=lambda verdict: _rank(verdict, waiting, snapshot))
    why = _why(chosen, waiting, snapshot, is_only_one=len(let_in) == 1)
    ranked = sorted(let_in, key=lambda verdict: _rank(verdict, waiting, snapshot))
    later = [
        Verdict(one.agent_id, one.name, "available, but idle less long", is_let_in=True)
        for one in ranked[1:]
    ]
    kept_out = [verdict for verdict in verdicts if not verdict.is_let_in]
    told = [Verdict(chosen.agent_id, chosen.name, why, is_let_in=True), *later, *kept_out]
    reason = f"Offered to {chosen.name}: {why}.{_not_to(waiting, kept_out)}"
    return Decision(waiting, chosen.agent_id, reason, told)


def _concerned(waiting: Waiting, place: Place, snapshot: Snapshot) -> Iterable[Candidate]:
    """The queue's members, and owner and preferred agent even where they are none any more."""
    keys = dict.fromkeys((waiting.owner_id, waiting.preferred_id, *place.members))
    return [snapshot.candidates[key] for key in keys if key and key in snapshot.candidates]


def _verdict(
    candidate: Candidate, waiting: Waiting, place: Place, taken: Mapping[uuid.UUID, str]
) -> Verdict:
    why = _why_kept_out(candidate, waiting, place) or taken.get(candidate.id, "")
    return Verdict(candidate.id, candidate.name, why or "available", is_let_in=not why)


def _why_kept_out(candidate: Candidate, waiting: Waiting, place: Place) -> str:
    if waiting.owner_id and candidate.id != waiting.owner_id:
        return "not the owner"
    if candidate.id not in place.members:
        return f"no member of {place.name}"
    own = sorted(waiting.skills - candidate.skills)
    if lacking := list(dict.fromkeys((*place.members[candidate.id], *own))):
        return f"lacks the skill {', '.join(lacking)}"
    if why := candidate.why_unavailable:
        return why
    return "declined it a moment ago" if candidate.id in waiting.declined_by else ""


def _rank(verdict: Verdict, waiting: Waiting, snapshot: Snapshot) -> tuple[bool, datetime, str]:
    candidate = snapshot.candidates[verdict.agent_id]
    return (candidate.id != waiting.preferred_id, candidate.idle_since, str(candidate.id))


def _why(chosen: Verdict, waiting: Waiting, snapshot: Snapshot, *, is_only_one: bool) -> str:
    if chosen.agent_id == waiting.owner_id:
        return "owner, on queue"
    if chosen.agent_id == waiting.preferred_id:
        return "preferred, on queue"
    span = snapshot.at - snapshot.candidates[chosen.agent_id].idle_since
    idle = limits.in_words(span) if span >= timedelta(seconds=1) else "a moment"
    return (
        f"the only one available, idle for {idle}" if is_only_one else f"idle longest, for {idle}"
    )


def _why_nobody(waiting: Waiting, place: Place, verdicts: Sequence[Verdict]) -> str:
    if waiting.owner_id:
        owner = next((v for v in verdicts if v.agent_id == waiting.owner_id), None)
        return (
            f"Waits for {owner.name}, the owner: {owner.why}." if owner else "Waits for its owner."
        )
    if not verdicts:
        return f"{place.name} has no members."
    return f"Nobody in {place.name} can take it now.{_not_to(waiting, verdicts)}"


def _not_to(waiting: Waiting, kept_out: Sequence[Verdict]) -> str:
    """`` Not to Ben: lacks the skill Billing.``; the preferred agent first, others by the rule."""
    told = [one for one in kept_out if one.why != "not the owner"]
    told.sort(key=lambda one: (one.agent_id != waiting.preferred_id, _is_common(one.why)))
    if not told:
        return ""
    named = "; ".join(f"{one.name}: {one.why}" for one in told[:NAMED_AT_MOST])
    more = len(told) - NAMED_AT_MOST
    return f" Not to {named}{f'; nor to {more} others' if more > 0 else ''}."


def _is_common(why: str) -> bool:
    """Being away is less worth a word than lacking a skill."""
    return why.startswith("not on queue")
