"""Room 1: what people and programs do with a callback before its time.

``examine`` finds every problem of a request at once and changes nothing; the verbs examine again
under their locks, and write state, history and outbox in one transaction.
"""

from callbacks.scheduling.cancelling import cancel
from callbacks.scheduling.changing import (
    KEEP,
    Changes,
    Keep,
    change,
    examine_change,
    reschedule,
)
from callbacks.scheduling.converting import convert, settle_task, take_task
from callbacks.scheduling.examination import Examination
from callbacks.scheduling.examining import examine
from callbacks.scheduling.many import rehearse_many, schedule_many
from callbacks.scheduling.ownership import give_up_ownership, hand_over, take_ownership
from callbacks.scheduling.request import CallbackRequest
from callbacks.scheduling.scheduling import Assignment, Scheduled, schedule
from callbacks.scheduling.slots import Strip, slots, strip_of_day

__all__ = [
    "KEEP",
    "Assignment",
    "CallbackRequest",
    "Changes",
    "Examination",
    "Keep",
    "Scheduled",
    "Strip",
    "cancel",
    "change",
    "convert",
    "examine",
    "examine_change",
    "give_up_ownership",
    "hand_over",
    "rehearse_many",
    "reschedule",
    "schedule",
    "schedule_many",
    "settle_task",
    "slots",
    "strip_of_day",
    "take_ownership",
    "take_task",
]
