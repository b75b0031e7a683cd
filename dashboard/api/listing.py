"""The list of callbacks: which ones are asked for, from a fixed set of filters."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import ConfigDict, Field

from callbacks.access import Actor, readable
from callbacks.errors import Problem
from callbacks.lifecycle import Status
from callbacks.models import Callback, Queue
from callbacks.models.callback import CallbackQuerySet
from callbacks.rules import numbers
from dashboard.api.answers import Order
from dashboard.api.errors import Misread
from dashboard.api.schemas import STATUSES, Moment
from dashboard.api.wishes import Meant, agent_called, instant, key_in

ORDER: Order[Callback] = Order(
    "requested_at", "id", lambda at, key: (moment_in(at), uuid.UUID(key))
)


def moment_in(text: str) -> datetime:
    """The moment in a cursor; raises ``ValueError`` for what is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


class Paging(Schema):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")
    pageSize: Annotated[int, Field(ge=1, le=200)] = 25
    cursor: Annotated[str | None, Field(max_length=500)] = None


class Asked(Paging):
    """Which callbacks."""

    phoneNumber: Annotated[
        str | None, Field(max_length=255, description="In any customary notation.")
    ] = None
    status: Annotated[
        list[STATUSES] | None,
        Field(description="Repeatable. pending means every open one."),
    ] = None
    queueId: Annotated[str | None, Field(max_length=255)] = None
    agentId: Annotated[
        str | None, Field(max_length=255, description="Who owns it: our id or the platform's.")
    ] = None
    conversationId: Annotated[str | None, Field(max_length=255)] = None
    # The names of the contract; both are words of Python or of pydantic.
    from_: Annotated[
        Moment | None, Field(alias="from", description="Requested at this time or later.")
    ] = None
    to: Annotated[Moment | None, Field(description="Requested before this time.")] = None
    overdue: Annotated[
        Literal["true", "false"] | None, Field(description="Open, and its window has ended.")
    ] = None
    stuck: Annotated[
        Literal["true", "false"] | None,
        Field(description="Open, due, and nothing happened for the queue's stuck limit."),
    ] = None


def found(asked: Asked, *, by: Actor, at: datetime) -> CallbackQuerySet:
    """The callbacks that are asked for and may be read; raises ``Misread`` with every problem."""
    meant = Meant(by, [])
    rows = readable(by).for_display()
    if asked.phoneNumber is not None:
        rows = rows.filter(phone_number=_number(meant, asked))
    if asked.status:
        rows = rows.filter(status__in=_statuses(asked.status))
    if asked.queueId is not None:
        rows = rows.filter(queue=_key(meant, "queueId", asked.queueId))
    if asked.agentId is not None:
        rows = rows.filter(owner=_agent(meant, asked.agentId))
    if asked.conversationId is not None:
        rows = rows.filter(conversation_id=_text(meant, "conversationId", asked.conversationId))
    rows = _between(meant, asked, rows)
    rows = rows if asked.overdue is None else _that(rows, rows.overdue(at), asked.overdue)
    rows = rows if asked.stuck is None else _that(rows, rows.stuck(at), asked.stuck)
    if meant.problems:
        raise Misread(meant.problems)
    return rows


def _that(rows: CallbackQuerySet, such: CallbackQuerySet, said: str) -> CallbackQuerySet:
    """Such rows, or all the others."""
    return such if said == "true" else rows.exclude(pk__in=such.order_by().values("pk"))


def _between(meant: Meant, asked: Asked, rows: CallbackQuerySet) -> CallbackQuerySet:
    if asked.from_ is not None and (starts := instant(meant, "from", asked.from_)):
        rows = rows.filter(requested_at__gte=starts)
    if asked.to is not None and (ends := instant(meant, "to", asked.to)):
        rows = rows.filter(requested_at__lt=ends)
    return rows


def _statuses(said: list[STATUSES]) -> set[str]:
    """As the guide uses the word, pending is whatever is not over."""
    if "pending" in said:
        return {*said, Status.WAITING, Status.OFFERED, Status.IN_PROGRESS}
    return set(said)


def _number(meant: Meant, asked: Asked) -> str:
    """E.164; numbers without a country are those of the queue asked for, else of the default one."""
    named = key_in(asked.queueId or "")
    queue = Queue.objects.filter(pk=named).first() if named else None
    queue = queue or Queue.objects.filter(is_default=True).first()
    try:
        return numbers.parse(asked.phoneNumber or "", queue.default_region if queue else None).e164
    except numbers.NumberRefused as refused:
        meant.refuse(refused.code, "phoneNumber", refused.message)
        return ""


def _key(meant: Meant, place: str, said: str) -> uuid.UUID | None:
    """A key; what is none is told, rather than an empty list that looks like an answer."""
    key = key_in(said)
    if key is None:
        meant.refuse("invalid.value", place, "This is not an id of ours.")
    return key


def _agent(meant: Meant, said: str) -> uuid.UUID | None:
    agent = agent_called(said)
    if agent is None:
        meant.refuse("invalid.value", "agentId", "There is no agent with this id.")
    return agent.pk if agent else None


def _text(meant: Meant, place: str, said: str) -> str:
    if said.isprintable():
        return said
    meant.problems.append(Problem("invalid.value", place, "This holds a control character."))
    return ""
