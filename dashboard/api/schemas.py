"""What may be sent and what is answered: the types that validate are those of the OpenAPI document."""

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field, JsonValue

from callbacks.rules import texts
from callbacks.rules.standing import Word
from dashboard.api.reading import collecting

Moment = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-12-01T14:00:00.000Z"])
]
SENT = ConfigDict(strict=True, extra="forbid")
MONTH = 30 * 24 * 3600
LONGEST = 64 * 1024
"""Characters of any text: beyond every limit of the rules, so that these can name theirs."""


class Target(Schema):
    """Whom to call."""

    model_config = SENT
    id: str = Field(
        max_length=LONGEST,
        description="A phone number: with + and country code, or a full international number "
        "without the +, or as it is dialled where the queue is.",
        examples=["12345678901"],
    )
    type: Literal["phoneNumber"]
    extension: str | None = Field(None, pattern=r"^[0-9]{1,20}$", description="To dial after it.")


class Window(Schema):
    """The stretch of time in which the call should be made."""

    model_config = SENT
    duration: int | None = Field(None, ge=1, le=MONTH, description="Seconds.", examples=[3600])
    startTime: Moment | None = Field(None, description="Default: the requested time.")


class Contact(Schema):
    """The person to be called."""

    model_config = SENT
    name: str | None = Field(None, max_length=LONGEST)
    timeZone: str | None = Field(
        None, max_length=LONGEST, description="An IANA name.", examples=["Europe/London"]
    )


class Wish(Schema):
    """What both a new callback and a change may say."""

    model_config = SENT
    requestedTime: Moment | None = Field(
        None, description="ISO 8601 with Z or an offset. Left out: as soon as possible."
    )
    callbackWindow: Window | None = None
    contact: Contact | None = None
    queueId: str | None = Field(
        None, max_length=255, description="Left out: the agent's default queue, else the default."
    )
    skills: list[Annotated[str, Field(max_length=100)]] | None = Field(None, max_length=50)
    priority: int | None = Field(None, ge=-1000, le=1000, description="Higher comes first.")
    agentId: str | None = Field(
        None,
        max_length=255,
        description="The agent who owns it: our id, or the one on the platform.",
    )
    routeToMe: bool | None = Field(
        None, description="Offer it first to the agent, without waiting for them."
    )
    externalData: dict[str, JsonValue] | None = Field(
        None,
        description=f"Anything, at most {texts.EXTERNAL_DATA_BYTES // 1024} KiB. reason and "
        "ticketId are shown to people; timeZone is understood as contact.timeZone.",
    )
    allowOutsideCallingHours: bool | None = None


class CallbackIn(Wish):
    """A new callback: the guide's payload, and what the guide leaves out."""

    model_config = ConfigDict(
        **SENT,
        json_schema_extra={
            "examples": [
                {
                    "target": {"id": "12345678901", "type": "phoneNumber"},
                    "requestedTime": "2026-12-01T14:00:00.000Z",
                    "callbackWindow": {
                        "duration": 3600,
                        "startTime": "2026-12-01T14:00:00.000Z",
                    },
                    "agentId": "8a9b0c1d-2e3f-4g5h-6i7j-8k9l0m1n2o3p",
                    "externalData": {
                        "reason": "Technical Support Follow-up",
                        "ticketId": "INC-998877",
                    },
                    "status": "pending",
                }
            ]
        },
    )
    target: Target
    status: Literal["pending"] | None = None
    consent: bool | None = Field(None, description="Whether the contact agreed to be called.")
    conversationId: str | None = Field(None, max_length=LONGEST)


class CallbackChange(Wish):
    """What is to be different; what is left out stays. ``null`` as ``agentId`` gives ownership up."""

    target: Target | None = None
    status: Literal["cancelled"] | None = Field(None, description="Cancels it.")
    reason: str | None = Field(None, max_length=LONGEST, description="Why; goes to the history.")


class BatchIn(Schema):
    """Many callbacks at once; each stands alone."""

    model_config = SENT
    callbacks: list[Annotated[CallbackIn, collecting(CallbackIn)]] = Field(
        min_length=1, max_length=500
    )


class TaskIn(Schema):
    """What is to be done instead of a call."""

    model_config = SENT
    description: str | None = Field(None, max_length=LONGEST)


# --- answers ---------------------------------------------------------------------------------


class PersonOut(Schema):
    """An agent."""

    id: str
    name: str


class TargetOut(Schema):
    """Whom to call."""

    id: str = Field(description="E.164.")
    type: Literal["phoneNumber"]
    extension: str = ""


class WindowOut(Schema):
    """From its start for so many seconds."""

    duration: int
    startTime: Moment


class ContactOut(Schema):
    """The person to be called."""

    name: str
    timeZone: str


class SyncOut(Schema):
    """How the telephony platform knows it; what each state means is in docs/synchronisation.md."""

    state: Word
    externalId: str | None
    lastError: str | None


class AssignmentOut(Schema):
    """Who was to own it, who does, and why it is somebody else."""

    requested: str | None
    assigned: str | None
    reason: str


STATUSES = Literal[
    "pending", "waiting", "offered", "in_progress", "completed", "cancelled", "expired", "failed",
    "converted",
]  # fmt: skip


class CallbackOut(Schema):
    """A callback as it stands."""

    id: str
    status: STATUSES
    target: TargetOut
    requestedTime: Moment
    callbackWindow: WindowOut
    contact: ContactOut
    queueId: str
    skills: list[str]
    priority: int
    agentId: str | None = Field(description="Who owns it.")
    owner: PersonOut | None
    ownershipExpiresAt: Moment | None
    editableUntil: Moment | None
    routeToMe: bool
    preferredAgent: PersonOut | None
    consent: bool | None
    conversationId: str
    externalData: dict[str, Any]
    allowOutsideCallingHours: bool
    dueBy: Moment
    attempts: int = Field(description="Calls placed so far.")
    sync: SyncOut
    createdAt: Moment
    updatedAt: Moment
    endedAt: Moment | None
    version: int
    selfUri: str
    assignment: AssignmentOut | None = Field(None, description="Only in the answer to a new one.")


class Page(Schema):
    """The frame of every list."""

    pageSize: int
    total: int = Field(description="Of all pages together.")
    nextCursor: str | None = Field(description="Send it as cursor for the page after this one.")


class CallbackPage(Page):
    """Callbacks, earliest requested time first."""

    entities: list[CallbackOut]


class EventOut(Schema):
    """One thing that happened to a callback."""

    id: str
    time: Moment
    what: str
    actor: str
    actorType: Literal["person", "program", "clock", "platform"]
    reason: str
    changes: list[str]
    before: dict[str, Any]
    after: dict[str, Any]
    version: int


class EventPage(Page):
    """The history of a callback, earliest first."""

    entities: list[EventOut]


class TaskOut(Schema):
    """Something to be done instead of a call."""

    id: str
    callbackId: str
    description: str
    assigneeId: str | None
    createdAt: Moment
    doneAt: Moment | None


class DetailOut(Schema):
    """One problem."""

    field: str
    code: str
    message: str


class ExistingOut(Schema):
    """The callback that is in the way."""

    id: str
    requestedTime: Moment
    status: str
    agentId: str | None


class ErrorOut(Schema):
    """What was refused, and why."""

    message: str
    code: str
    status: int
    contextId: str = Field(description="Also in the header X-Request-ID, and in our logs.")
    details: list[DetailOut]
    existing: ExistingOut | None = Field(None, description="With callback.exists.")


class BatchResult(Schema):
    """What became of one item."""

    index: int
    status: int
    callback: CallbackOut | None = None
    error: ErrorOut | None = None


class BatchOut(Schema):
    """What became of all of them."""

    created: int
    failed: int
    results: list[BatchResult]


class ReadingOut(Schema):
    """One instant that a wall time may mean."""

    utc: Moment
    local: str
    offset: str


class MomentOut(Schema):
    """What a wall time is."""

    kind: Literal["ok", "gap", "overlap"]
    instants: list[ReadingOut]
    nearest: list[ReadingOut]


class QueueOut(Schema):
    """A queue and its limits."""

    id: str
    name: str
    isActive: bool
    isDefault: bool
    ownershipEnabled: bool
    scheduleAheadLimit: int = Field(description="Seconds.")
    ownershipPeriod: int = Field(description="Seconds.")
    callbackWindow: int = Field(description="Seconds; the default.")
    capacityPerHalfHour: int | None
    consentRequired: bool
    defaultRegion: str
    skills: list[str]
    serviceLevelId: str | None


class QueuePage(Page):
    """Queues by name."""

    entities: list[QueueOut]


class AgentOut(Schema):
    """An agent."""

    id: str
    name: str
    userName: str
    platformId: str | None
    timeZone: str
    teamName: str | None
    presence: str
    isActive: bool
    skills: list[str]
    queueIds: list[str]


class AgentPage(Page):
    """Agents by name."""

    entities: list[AgentOut]


class ServiceLevelOut(Schema):
    """A service level."""

    id: str
    name: str
    metric: str
    threshold: int = Field(description="Seconds.")
    targetPercent: float
    clockStarts: str
    clockRuns: str
    isForAllCallbacks: bool


class ServiceLevelPage(Page):
    """Service levels by name."""

    entities: list[ServiceLevelOut]


class ReasonOut(Schema):
    """One thing that speaks against a half hour."""

    code: str
    message: str


class SlotOut(Schema):
    """A half hour of a queue."""

    startTime: Moment
    endTime: Moment
    localTime: str = Field(
        description="Its start, as clocks of the zone show it.",
        examples=["2026-12-01T09:00:00-05:00"],
    )
    capacity: int | None = Field(description="Callbacks that fit in; null: any number.")
    taken: int
    remaining: int | None
    status: Literal["free", "tight", "closed"]
    reasons: list[ReasonOut] = Field(description="What speaks against it, where anything does.")


class SlotPage(Page):
    """Half hours, earliest first."""

    entities: list[SlotOut]


class FreeOut(Schema):
    """A stretch of time."""

    startTime: Moment
    endTime: Moment


class BusyOut(FreeOut):
    """A stretch in which an agent cannot take one more callback."""

    what: str = Field(description="callback, or the planned activity: meal, absent, …")


class AvailabilityOut(Schema):
    """An agent, at this moment and over the interval."""

    agentId: str
    name: str
    presence: str
    available: bool = Field(description="Whether a callback would be offered to them now.")
    whyNot: str | None
    isPlanned: bool = Field(
        description="Whether a schedule is known for these days; without one, free says nothing."
    )
    free: list[FreeOut]
    busy: list[BusyOut]


class AvailabilityPage(Page):
    """Agents by name."""

    entities: list[AvailabilityOut]


EVENTS = Literal[
    "callback.created", "callback.changed", "callback.due", "callback.offered",
    "callback.completed", "callback.expired", "callback.cancelled", "callback.overdue",
    "callback.stuck", "callback.sla_breached",
]  # fmt: skip


class WebhookIn(Schema):
    """Where to tell what."""

    model_config = SENT
    url: str = Field(
        max_length=2000, description="https.", examples=["https://crm.example.com/ringback"]
    )
    events: list[EVENTS] = Field(min_length=1, max_length=20)
    name: str | None = Field(None, max_length=LONGEST, description="As admins see it.")


class WebhookOut(Schema):
    """A subscription."""

    id: str
    name: str
    url: str
    events: list[EVENTS]
    isActive: bool
    disabledReason: str | None
    createdAt: Moment
    lastSuccessAt: Moment | None
    failingSince: Moment | None


class WebhookMade(WebhookOut):
    """A new subscription, with what its deliveries are signed with."""

    secret: str = Field(description="Told only now.")


class WebhookPage(Page):
    """Subscriptions by name."""

    entities: list[WebhookOut]
