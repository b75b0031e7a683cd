"""Webhooks: programs are told what happens to callbacks, at least once and in order per callback.

What is to be told is noted by the database itself, in the transaction of each change (a trigger on
the history), or by ``watch`` for what time alone makes happen. ``deliver`` sends it, signed, and
tries again for a day. What does not arrive then is parked, where people see it.
"""

from callbacks.webhooks.delivering import deliver
from callbacks.webhooks.mending import discard, send_again
from callbacks.webhooks.pruning import prune
from callbacks.webhooks.subscribing import (
    pause,
    resume,
    rotate_secret,
    send_test,
    subscribe,
    subscriptions,
    unsubscribe,
)
from callbacks.webhooks.watching import watch

__all__ = [
    "deliver",
    "discard",
    "pause",
    "prune",
    "resume",
    "rotate_secret",
    "send_again",
    "send_test",
    "subscribe",
    "subscriptions",
    "unsubscribe",
    "watch",
]
