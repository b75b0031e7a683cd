"""What Genesys Cloud tells of a callback: a conversation, read by id or found by the details query.

Its answers are put together from two views of which neither is whole. The conversation itself is up to
date but does not say whether the agent *owns* the callback or is only preferred; the details query says
so, but lags. Our own data, written when it was made, tells it in the meantime. Words that nobody has
heard of are tolerated everywhere: nothing follows from them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from callbacks.sync.platforms.base import Content, Remote, Standing
from callbacks.sync.platforms.guide import moment_in

Told = Mapping[str, Any]
REFERENCE, OWNER, WINDOW = "extId", "owner", "windowStartsAt"
"""Names among the data: our reference, who owns it, a window that begins at another time."""
OURS = frozenset({REFERENCE, OWNER, WINDOW})

ENDED = frozenset({"disconnected", "terminated"})
"""An ACD participant may stay ``disconnected`` for ever: it means the same."""
OFFERED = frozenset({"alerting", "contacting", "dialing", "offering"})
TALKING = frozenset({"connected", "converting", "uploading", "transmitting"})
QUEUED = frozenset({"none", "parked"}) | OFFERED | TALKING
"""States of those who are no agents while the callback waits for one."""
TIMED_OUT = frozenset({"timeout", "system", "inactivity", "session.expired"})
ENDED_BY_SOMEBODY = frozenset({"client", "endpoint", "peer", "other", "spam"})


# --- how it stands -----------------------------------------------------------------------------


def standing_of(participants: Sequence[Told], scheduled_at: datetime | None, at: datetime) -> str:
    """How a callback stands by its participants, with states in whichever form they are told.

    An agent who has it in hand comes first; then whether anything of it is still open; only when all
    of it has ended, what became of it.
    """
    states = [(_text(one, "purpose"), _state(one)) for one in participants]
    agents = {state for purpose, state in states if purpose in AGENTS}
    if agents & TALKING:
        return Standing.IN_PROGRESS
    if agents & OFFERED:
        return Standing.OFFERED
    open_ones = {state for _, state in states if state not in ENDED}
    if not open_ones:
        return _ended(participants) if participants else Standing.UNKNOWN
    if "scheduled" in open_ones:
        return Standing.SCHEDULED
    if not open_ones & QUEUED:
        return Standing.UNKNOWN
    is_ahead = scheduled_at is not None and scheduled_at > at
    return Standing.SCHEDULED if is_ahead else Standing.WAITING


AGENTS = frozenset({"agent", "user"})


def _ended(participants: Sequence[Told]) -> str:
    if any(_text(one, "purpose") in AGENTS and one.get("connectedTime") for one in participants):
        return Standing.DONE
    ends = {word for one in participants if (word := end_of(one))}
    if ends & TIMED_OUT:
        return Standing.EXPIRED
    if not ends or ends & ENDED_BY_SOMEBODY:
        return Standing.CANCELLED
    return Standing.FAILED


def _state(participant: Told) -> str:
    return _text(_media(participant), "state")


def end_of(participant: Told) -> str:
    """How its part ended, where it is told; a transfer is no end of the callback."""
    said = _text(_media(participant), "disconnectType")
    return "" if said.startswith("transfer") else said


def _media(participant: Told) -> Told:
    """Where states stand: with the participant, or in the newest of its ``callbacks``."""
    inner = _dicts(participant.get("callbacks"))
    return inner[-1] if inner else participant


# --- the conversation, read by its id ------------------------------------------------------------


@dataclass(frozen=True)
class Portrait:
    """A conversation as it stands, with what is needed to change it."""

    remote: Remote
    held: Content
    """All that it holds of what we tell a platform, to be compared with what is wanted."""
    customer: str
    """The participant who carries the data."""


def portrayed(conversation: Told, at: datetime) -> Portrait:
    """The conversation of ``GET /conversations/callbacks/{id}``; a part that is missing is empty."""
    participants = _dicts(conversation.get("participants"))
    customer = next((one for one in participants if _text(one, "purpose") in CUSTOMERS), {})
    acd = next((one for one in reversed(participants) if _text(one, "purpose") == "acd"), {})
    routing = _dict(acd.get("conversationRoutingData"))
    scheduled_at = moment_in(customer.get("callbackScheduledTime"))
    data = _strings(customer.get("attributes"))
    agent = _scored(routing.get("scoredAgents"), "agent")
    is_owned = OWNER in data
    priority = routing.get("priority")
    held = Content(
        reference=data.get(REFERENCE, ""),
        number=_number(customer.get("callbackNumbers")),
        name=_text(customer, "callbackUserName"),
        requested_at=scheduled_at or NEVER,
        window_starts_at=scheduled_at or NEVER,
        window_seconds=0,
        queue=_text(_dict(acd.get("queue")), "id") or _text(_dict(routing.get("queue")), "id"),
        owner=(agent or data[OWNER]) if is_owned else None,
        preferred=None if is_owned else agent,
        priority=priority if isinstance(priority, int) else 0,
        data=data,
    )
    remote = Remote(
        id=_text(conversation, "id"),
        standing=standing_of(participants, scheduled_at, at),
        number=held.number,
        requested_at=scheduled_at,
        reference=held.reference,
        owner=held.owner,
        is_owner_sure=False,
        queue=held.queue,
        name=held.name,
        window_seconds=_seconds(data),
        data={name: value for name, value in data.items() if name not in OURS},
        outcome=_outcome(participants),
    )
    return Portrait(remote, held, _text(customer, "id"))


CUSTOMERS = frozenset({"customer", "external"})
NEVER = datetime.min.replace(tzinfo=UTC)


def _outcome(participants: Sequence[Told]) -> str:
    """What became of it, in the platform's words: how the agent wrapped it up, or how it ended."""
    for one in reversed(participants):
        wrapped = _dict(one.get("wrapup"))
        if said := _text(wrapped, "name") or _text(wrapped, "code"):
            return said
    return next((word for one in participants if (word := end_of(one))), "")


# --- a row of the details query ------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A conversation as the details query shows it: as it was a while ago."""

    id: str
    references: frozenset[str]
    """By tag and by data; none: it carries neither, or this view does not show them."""
    is_over: bool
    remote: Remote


def row_of(conversation: Told, at: datetime) -> Row:
    """One of the ``conversations`` of the answer."""
    participants = _dicts(conversation.get("participants"))
    sessions = [one for told in participants for one in _dicts(told.get("sessions"))]
    data: dict[str, str] = {}
    for one in participants:
        data |= _strings(one.get("attributes"))
    named = (data.get(REFERENCE, ""), _text(conversation, "externalTag"))
    scheduled_at = _newest_moment(sessions)
    is_over = bool(conversation.get("conversationEnd"))
    remote = Remote(
        id=_text(conversation, "conversationId"),
        standing=Standing.UNKNOWN if is_over else _standing_in(participants, scheduled_at, at),
        number=next((n for one in sessions if (n := _number(one.get("callbackNumbers")))), ""),
        requested_at=scheduled_at,
        reference=named[0] or named[1],
        owner=_owner_in(sessions, data),
        queue=_last(_text(segment, "queueId") for segment in _segments(participants)),
        name=_last(_text(one, "callbackUserName") for one in sessions),
        window_seconds=_seconds(data),
        data={name: value for name, value in data.items() if name not in OURS},
    )
    return Row(remote.id, frozenset(filter(None, named)), is_over, remote)


def _standing_in(participants: Sequence[Told], scheduled_at: datetime | None, at: datetime) -> str:
    """Of an open one. What the segments say of agents; else its time decides."""
    for one in participants:
        if _text(one, "purpose") not in AGENTS:
            continue
        still_open = [segment for segment in _segments([one]) if not segment.get("segmentEnd")]
        kinds = {_text(segment, "segmentType") for segment in still_open}
        if kinds & {"interact", "hold", "callback"}:
            return Standing.IN_PROGRESS
        if kinds & {"alert", "contacting", "dialing"}:
            return Standing.OFFERED
    if scheduled_at is None:
        return Standing.UNKNOWN
    return Standing.SCHEDULED if scheduled_at > at else Standing.WAITING


def _segments(participants: Sequence[Told]) -> Iterator[Told]:
    for one in participants:
        for session in _dicts(one.get("sessions")):
            yield from _dicts(session.get("segments"))


def _newest_moment(sessions: Sequence[Told]) -> datetime | None:
    """Of all that sessions say the last one is how it stands now."""
    said = [moment_in(one.get("callbackScheduledTime")) for one in sessions]
    return next((moment for moment in reversed(said) if moment), None)


def _owner_in(sessions: Sequence[Told], data: Mapping[str, str]) -> str | None:
    """The scored agent where the platform says that it is owned, and where it does not say, we do."""
    flags = [flag for one in sessions if isinstance(flag := one.get("agentOwned"), bool)]
    is_owned = any(flags) if flags else OWNER in data
    if not is_owned:
        return None
    scored = [
        agent
        for session in sessions
        for segment in _dicts(session.get("segments"))
        if (agent := _scored(segment.get("scoredAgents"), "scoredAgentId"))
    ]
    return scored[-1] if scored else data.get(OWNER)


# --- pieces, whatever stands in their place --------------------------------------------------------


def _scored(told: Any, name: str) -> str | None:
    """The first of the scored agents: of an owned callback the only one."""
    for one in _dicts(told):
        agent = one.get(name)
        key = agent.get("id") if isinstance(agent, dict) else agent
        if key:
            return str(key)
    return None


def _number(told: Any) -> str:
    """The first number, without the prefix that some views give it."""
    first = told[0] if isinstance(told, list) and told else ""
    return str(first).removeprefix("tel:")


def _last(said: Iterable[str]) -> str:
    """How it stands now, where the same is told of several moments."""
    return next((word for word in reversed(list(said)) if word), "")


def _seconds(data: Mapping[str, str]) -> int | None:
    """The window, which travels among the data."""
    said = data.get("windowSeconds", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None


def _strings(told: Any) -> dict[str, str]:
    """Data that is there: what was emptied is gone, since nothing can be taken away."""
    return {str(name): str(value) for name, value in _dict(told).items() if value not in ("", None)}


def _text(told: Told, name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _dict(told: Any) -> Told:
    return told if isinstance(told, dict) else {}


def _dicts(told: Any) -> list[Told]:
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
