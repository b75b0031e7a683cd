"""The nouns of the domain, one file each."""

from callbacks.models.attempt import Attempt
from callbacks.models.callback import Callback
from callbacks.models.callback_import import CallbackImport, ImportReject, RehearsedPromise
from callbacks.models.connection import (
    ConnectedQueue,
    Connection,
    Counterpart,
    Newcomer,
    PlatformEvent,
)
from callbacks.models.contact_list import ContactList, ContactListEntry
from callbacks.models.heartbeat import Heartbeat
from callbacks.models.history import HistoryEvent
from callbacks.models.offer import Offer
from callbacks.models.outbox import OutboxMessage
from callbacks.models.outcome import Outcome
from callbacks.models.people import (
    Agent,
    Attendance,
    CalendarFeed,
    Presence,
    Role,
    Shift,
    Skill,
    Team,
    User,
)
from callbacks.models.program import AccessToken, ApiClient, KeptAnswer, Pace, Scope
from callbacks.models.queue import CallingHours, Holiday, Queue
from callbacks.models.service_level import ServiceLevel
from callbacks.models.task import Task
from callbacks.models.webhook import Webhook, WebhookDelivery, WebhookWatch

__all__ = [
    "AccessToken",
    "Agent",
    "ApiClient",
    "Attempt",
    "Attendance",
    "CalendarFeed",
    "Callback",
    "CallbackImport",
    "CallingHours",
    "ConnectedQueue",
    "Connection",
    "ContactList",
    "ContactListEntry",
    "Counterpart",
    "Heartbeat",
    "HistoryEvent",
    "Holiday",
    "ImportReject",
    "KeptAnswer",
    "Newcomer",
    "Offer",
    "OutboxMessage",
    "Outcome",
    "Pace",
    "PlatformEvent",
    "Presence",
    "Queue",
    "RehearsedPromise",
    "Role",
    "Scope",
    "ServiceLevel",
    "Shift",
    "Skill",
    "Task",
    "Team",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WebhookWatch",
]
