"""From a payload to what the domain understands: people, queues and moments that were meant."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Q

from callbacks import access
from callbacks.access import Actor
from callbacks.errors import Problem
from callbacks.models import Agent, Callback, Queue
from callbacks.rules import moments
from callbacks.scheduling import KEEP, CallbackRequest, Changes, Keep
from dashboard.api.reading import Body
from dashboard.api.schemas import CallbackChange, CallbackIn, Target, Wish

NO_QUEUE = "No queue was named, and neither the agent nor this installation has a default one. Send queueId."
UNKNOWN_AGENT = "There is no agent with this id. Send our id, or the one on the platform."


class Directory:
    """Agents and queues by what programs call them; of each, the database is asked once."""

    def __init__(self) -> None:
        self.agent_called = cache(agent_called)
        self.only_queue_of = cache(_only_queue_of)
        self.default_queue = cache(_default_queue)


@dataclass
class Meant:
    """What a payload means, and what in it means nothing."""

    by: Actor
    problems: list[Problem]
    directory: Directory = field(default_factory=Directory)
    agent: Agent | None = None
    queue_id: uuid.UUID | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def refuse(self, code: str, place: str, message: str) -> None:
        """Note a problem at its place in the payload."""
        self.problems.append(Problem(code, place, message))


def wish_for(
    body: Body[CallbackIn], *, by: Actor, directory: Directory
) -> tuple[CallbackRequest, list[Problem]]:
    """The request for a new callback, and what of the payload means nothing."""
    meant = Meant(by, list(body.problems), directory)
    content, sent = body.content, body.content.model_fields_set
    _agent(meant, content, sent)
    _queue(meant, content, sent)
    _moment(meant, content, sent)
    _about(meant, content, sent)
    owner_id = meant.agent.pk if meant.agent else None
    request = CallbackRequest(
        queue_id=meant.queue_id,
        owner_id=owner_id,
        preferred_agent_id=_preferred(meant, content, sent),
        falls_back=True,
        # Where the time could not be read, the rest of the payload is still looked at.
        as_soon_as_possible=meant.values.get("requested_at") is None,
        phone_number=_number(_of(content, sent, "target")),
        priority=_of(content, sent, "priority") or 0,
        consent=_of(content, sent, "consent"),
        conversation_id=_of(content, sent, "conversationId") or "",
        allow_outside_calling_hours=_may_be_outside(meant, content, sent),
        **meant.values,
    )
    return request, meant.problems


def change_meant(
    callback: Callback, body: Body[CallbackChange], *, by: Actor
) -> tuple[Changes, list[Problem]]:
    """The changes, and what of the payload means nothing."""
    meant = Meant(by, list(body.problems))
    content, sent = body.content, body.content.model_fields_set
    _agent(meant, content, sent)
    if said := _of(content, sent, "queueId"):
        meant.queue_id = _queue_named(meant, said)
    _moment(meant, content, sent)
    _about(meant, content, sent)
    target = _of(content, sent, "target")
    owner: uuid.UUID | Keep | None = KEEP
    if "agentId" in sent and "agentId" not in body.wrong:
        owner = meant.agent.pk if meant.agent else None
    preferred: uuid.UUID | Keep | None = KEEP
    if _of(content, sent, "routeToMe") is not None:
        preferred = _preferred(meant, content, sent, otherwise=callback.owner_id)
    return Changes(
        queue_id=meant.queue_id,
        owner_id=owner,
        preferred_agent_id=preferred,
        phone_number=_number(target) if target else None,
        priority=_of(content, sent, "priority"),
        allow_outside_calling_hours=_may_be_outside(meant, content, sent),
        **meant.values,
    ), meant.problems


def _of(content: Wish, sent: set[str], name: str) -> Any:
    """A part of the payload that was sent and could be read."""
    return getattr(content, name) if name in sent else None


# --- people and queues -----------------------------------------------------------------------


def _agent(meant: Meant, content: Wish, sent: set[str]) -> None:
    said = _of(content, sent, "agentId")
    if said is None:
        return
    meant.agent = meant.directory.agent_called(said)
    if meant.agent is None:
        meant.refuse("invalid.value", "agentId", UNKNOWN_AGENT)


def agent_called(said: str) -> Agent | None:
    """The agent with this id of ours, or of the platform."""
    named = Q(platform_id=said) if said and "\0" not in said else Q(pk__in=[])
    if key := key_in(said):
        named |= Q(pk=key)
    try:
        return Agent.objects.select_related("user").filter(named).first()
    except (UnicodeEncodeError, ValueError):
        return None


def key_in(said: str) -> uuid.UUID | None:
    """The key that a text is, as we write keys."""
    try:
        key = uuid.UUID(said)
    except ValueError:
        return None
    return key if str(key) == said.lower() else None


def _queue(meant: Meant, content: Wish, sent: set[str]) -> None:
    """The queue that was named, else the agent's default one, else that of the installation."""
    if said := _of(content, sent, "queueId"):
        meant.queue_id = _queue_named(meant, said)
        return
    agent = meant.agent or meant.by.agent
    if agent and agent.default_queue_id:
        meant.queue_id = agent.default_queue_id
    else:
        directory = meant.directory
        meant.queue_id = directory.only_queue_of(agent) or directory.default_queue()
    if meant.queue_id is None:
        meant.refuse("invalid.value", "queueId", NO_QUEUE)


def _queue_named(meant: Meant, said: str) -> uuid.UUID | None:
    """Its key; whether it is there for this caller, the examination says."""
    if key := key_in(said):
        return key
    meant.refuse("invalid.value", "queueId", "There is no queue with this id.")
    return None


def _only_queue_of(agent: Agent | None) -> uuid.UUID | None:
    if agent is None:
        return None
    keys: list[uuid.UUID] = [queue.pk for queue in agent.queues.filter(is_active=True)[:2]]
    return keys[0] if len(keys) == 1 else None


def _default_queue() -> uuid.UUID | None:
    keys: list[uuid.UUID] = [queue.pk for queue in Queue.objects.filter(is_default=True)]
    return keys[0] if keys else None


def _preferred(
    meant: Meant, content: Wish, sent: set[str], otherwise: uuid.UUID | None = None
) -> uuid.UUID | None:
    """Who “me” is: the person who asks, else the agent whom the program names."""
    if not _of(content, sent, "routeToMe"):
        return None
    if meant.by.agent:
        return meant.by.agent.user_id
    if meant.agent:
        return meant.agent.user_id
    if otherwise is None and "agentId" not in {one.field for one in meant.problems}:
        said = "Who is “me”? Send agentId along with routeToMe."
        meant.refuse("invalid.value", "routeToMe", said)
    return otherwise


# --- moments ---------------------------------------------------------------------------------


def _moment(meant: Meant, content: Wish, sent: set[str]) -> None:
    if said := _of(content, sent, "requestedTime"):
        meant.values["requested_at"] = instant(meant, "requestedTime", said)
    elif said == "":
        meant.refuse("time.invalid", "requestedTime", "Send a time, or leave it out.")
    if window := _of(content, sent, "callbackWindow"):
        if window.duration is not None:
            meant.values["window_duration"] = timedelta(seconds=window.duration)
        if window.startTime is not None:
            starts = instant(meant, "callbackWindow.startTime", window.startTime)
            meant.values["window_starts_at"] = starts


def instant(meant: Meant, place: str, said: str) -> datetime | None:
    """An ISO 8601 time with Z or an offset, in UTC; anything else is refused and explained."""
    try:
        moment = datetime.fromisoformat(said) if len(said) <= 40 and said.isascii() else None
    except ValueError:
        moment = None
    if moment is None or "T" not in said.upper():
        shown = moments.quoted(said)
        why = f"{shown} is not a time. Send ISO 8601 with Z or an offset: 2026-12-01T14:00:00.000Z."
        meant.refuse("time.invalid", place, why)
        return None
    if moment.tzinfo is None:
        meant.refuse("time.naive", place, _naive(meant, moment))
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        meant.refuse("time.invalid", place, f"The year {moment.year} is out of reach.")
        return None


def zone_named(meant: Meant, place: str, said: str) -> str:
    """The zone, as it was sent; what is none is told."""
    if said not in moments.ZONES:
        shown = moments.quoted(said, 64)
        why = f"{shown} is not a time zone. Send an IANA name, such as Europe/London."
        meant.refuse("zone.unknown", place, why)
    return said


def _naive(meant: Meant, moment: datetime) -> str:
    """What it would have meant, so that nobody has to guess which was meant."""
    agent = meant.agent or meant.by.agent
    zone = agent.user.time_zone if agent else ""
    as_utc = moment.isoformat(timespec="milliseconds")
    said = f"A time without Z or an offset could mean any zone. Read as UTC it would be {as_utc}Z"
    if not zone or moment.year not in moments.YEARS:
        return f"{said}. Send it with Z or an offset."
    there = moment.replace(tzinfo=moments.zone(zone)).astimezone(UTC)
    would = f"{there:%Y-%m-%dT%H:%M:%S}.000Z"
    return f"{said}; read in the agent's zone, {zone}, it would be {would}. Send the one you mean."


# --- the contact -----------------------------------------------------------------------------


def _number(target: Target | None) -> str:
    if target is None:
        return ""
    extension = f" ext. {target.extension}" if target.extension else ""
    return f"{target.id}{extension}"


def _about(meant: Meant, content: Wish, sent: set[str]) -> None:
    """Contact, skills and external data; what people see of the latter gets its own place."""
    contact = _of(content, sent, "contact")
    if contact and contact.name is not None:
        meant.values["contact_name"] = contact.name
    if contact and contact.timeZone is not None:
        meant.values["contact_time_zone"] = contact.timeZone
    if (skills := _of(content, sent, "skills")) is not None:
        meant.values["skills"] = skills
    if (data := _of(content, sent, "externalData")) is not None:
        _external(meant, data)


def _external(meant: Meant, data: Mapping[str, Any]) -> None:
    rest = dict(data)
    for name, ours in (("reason", "reason"), ("ticketId", "ticket_id")):
        if isinstance(data.get(name), (str, int, float)):
            meant.values[ours] = str(rest.pop(name))
    meant.values["external_data"] = rest
    zone = data.get("timeZone")
    if isinstance(zone, str) and "contact_time_zone" not in meant.values:
        meant.values["contact_time_zone"] = zone


def _may_be_outside(meant: Meant, content: Wish, sent: set[str]) -> bool:
    """Outside calling hours only on purpose, by somebody who may (rules §2.10)."""
    return bool(_of(content, sent, "allowOutsideCallingHours")) and access.may_call_outside_hours(
        meant.by
    )
