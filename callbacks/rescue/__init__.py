"""The supervisor's verbs: set right what went wrong."""

from callbacks.rescue.contact_lists import (
    ListAction,
    entry_changed,
    lift,
    list_switched,
    mark,
    preview,
    recycle,
    reset,
)
from callbacks.rescue.reviving import expired_recently, revive

__all__ = [
    "ListAction",
    "entry_changed",
    "expired_recently",
    "lift",
    "list_switched",
    "mark",
    "preview",
    "recycle",
    "reset",
    "revive",
]
