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
from callbacks.rescue.reviving import examine_revival, expired_recently, for_now, revive

__all__ = [
    "ListAction",
    "entry_changed",
    "examine_revival",
    "expired_recently",
    "for_now",
    "lift",
    "list_switched",
    "mark",
    "preview",
    "recycle",
    "reset",
    "revive",
]
