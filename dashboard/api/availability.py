"""When a callback may be promised, and who is there for it (guide, edge case 2)."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from django.http import HttpResponse
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from callbacks import planning, scheduling
from callbacks.access import Actor
from callbacks.models.program import Scope
from callbacks.planning import AgentAvailability
from callbacks.portrait import stamp
from callbacks.rules.availability import Stretch
from callbacks.rules.slots import Slot
from dashboard.api.answers import Order, as_json, page_of
from dashboard.api.documents import refusals
from dashboard.api.entrance import ApiRequest, OAuth2
from dashboard.api.errors import Misread
from dashboard.api.listing import Paging, moment_in
from dashboard.api.reading import refuse_strangers
from dashboard.api.schemas import AvailabilityPage, Moment, SlotPage
from dashboard.api.wishes import UNKNOWN_AGENT, Meant, agent_called, instant, key_in, zone_named

router = Router(tags=["Availability"])


class Interval(Paging):
    """From when until when; 31 days at most."""

    # A word of Python.
    from_: Annotated[Moment, Field(alias="from")]
    to: Moment


class SlotsAsked(Interval):
    """Which half hours."""

    queueId: Annotated[str, Field(max_length=255)]
    timeZone: Annotated[
        str,
        Field(
            max_length=255,
            description="The contact's, an IANA name: calling hours count there.",
            examples=["Europe/London"],
        ),
    ]
    agentId: Annotated[
        str | None, Field(max_length=255, description="Who is to own the callback.")
    ] = None
    closed: Annotated[
        bool, Field(description="Also those that nothing can be promised in, with the reasons.")
    ] = False


class AvailabilityAsked(Interval):
    """Which agents."""

    queueId: Annotated[str | None, Field(max_length=255)] = None
    skills: Annotated[
        list[Annotated[str, Field(max_length=100)]] | None,
        Field(max_length=50, description="Repeatable: who has all of them."),
    ] = None
    agentId: Annotated[
        str | None, Field(max_length=255, description="This one alone, and what keeps them.")
    ] = None


@router.get(
    "/slots",
    auth=OAuth2(Scope.READ),
    response={200: SlotPage, **refusals(400)},
    summary="Half hours in which a callback may be promised",
)
def slots(request: ApiRequest, asked: Annotated[SlotsAsked, Query()]) -> HttpResponse:
    """Each with what fits in still. ``tight`` ones can be promised, and have their reasons."""
    refuse_strangers(request, asked)
    meant = _Asked(asked, request.actor)
    queue_id, owner_id = meant.queue(asked.queueId), meant.agent(asked.agentId)
    zone = meant.zone(asked.timeZone)
    found = scheduling.slots(
        meant.all_known(queue_id),
        starts_at=meant.starts_at,
        ends_at=meant.ends_at,
        zone=zone,
        owner_id=owner_id,
        by=request.actor,
        at=timezone.now(),
    )
    shown = [slot for slot in found if asked.closed or slot.is_bookable]
    return as_json(page_of(shown, BY_START, _slot, size=asked.pageSize, cursor=asked.cursor))


BY_START: Order[Any] = Order(
    "starts_at", "ends_at", lambda first, second: (moment_in(first), moment_in(second))
)


def _slot(slot: Slot) -> Mapping[str, Any]:
    return {
        "startTime": stamp(slot.starts_at),
        "endTime": stamp(slot.ends_at),
        "localTime": slot.moment.local.isoformat(timespec="seconds"),
        "capacity": slot.capacity,
        "taken": slot.taken,
        "remaining": slot.remaining,
        "status": slot.colour.word,
        "reasons": [{"code": one.code, "message": one.message} for one in slot.reasons],
    }


@router.get(
    "/availability",
    auth=OAuth2(Scope.READ),
    response={200: AvailabilityPage, **refusals(400)},
    summary="Who could take a callback, and when",
)
def availability(request: ApiRequest, asked: Annotated[AvailabilityAsked, Query()]) -> HttpResponse:
    """Planned schedule, less breaks, less callbacks that they own already."""
    refuse_strangers(request, asked)
    meant = _Asked(asked, request.actor)
    queue_id = meant.queue(asked.queueId) if asked.queueId is not None else None
    agent_id = meant.agent(asked.agentId)
    meant.all_known()
    found = planning.availability_of(
        queue_id=queue_id,
        skills=asked.skills or (),
        agent_id=agent_id,
        starts_at=meant.starts_at,
        ends_at=meant.ends_at,
        by=request.actor,
        at=timezone.now(),
    )
    return as_json(page_of(found, BY_NAME, _agent, size=asked.pageSize, cursor=asked.cursor))


BY_NAME: Order[Any] = Order("name", "agent_id", lambda name, key: (name, uuid.UUID(key)))


def _agent(one: AgentAvailability) -> Mapping[str, Any]:
    return {
        "agentId": str(one.agent_id),
        "name": one.name,
        "presence": one.presence,
        "available": one.is_available,
        "whyNot": one.why_not or None,
        "isPlanned": one.planned.is_planned,
        "free": [_stretch(stretch) for stretch in one.planned.free],
        "busy": [{**_stretch(busy.stretch), "what": busy.what} for busy in one.planned.busy],
    }


def _stretch(stretch: Stretch) -> Mapping[str, Any]:
    return {"startTime": stamp(stretch.starts_at), "endTime": stamp(stretch.ends_at)}


class _Asked:
    """What was asked, and what of it means nothing."""

    def __init__(self, asked: Interval, by: Actor) -> None:
        self._meant = Meant(by, [])
        nothing = datetime.min.replace(tzinfo=UTC)
        self.starts_at = instant(self._meant, "from", asked.from_) or nothing
        self.ends_at = instant(self._meant, "to", asked.to) or nothing

    def queue(self, said: str) -> uuid.UUID | None:
        """The key of a queue; whether there is one, the domain says."""
        if key := key_in(said):
            return key
        self._meant.refuse("invalid.value", "queueId", "There is no queue with this id.")
        return None

    def agent(self, said: str | None) -> uuid.UUID | None:
        """The key of an agent called so."""
        if said is None:
            return None
        if agent := agent_called(said):
            return agent.user_id
        self._meant.refuse("invalid.value", "agentId", UNKNOWN_AGENT)
        return None

    def zone(self, said: str) -> str:
        """The name of a zone."""
        return zone_named(self._meant, "timeZone", said)

    def all_known(self, queue_id: uuid.UUID | None = None) -> uuid.UUID:
        """The queue, once nothing speaks against the question; raises ``Misread``."""
        if self._meant.problems:
            raise Misread(self._meant.problems)
        return queue_id or uuid.UUID(int=0)
