"""Room 4: what an agent does with a callback at hand: answer the offer, call, wrap up.

And the agent's presence, since it decides whether there are offers at all.
"""

from callbacks.calls.answering import accept, decline
from callbacks.calls.departing import depart, depart_the_deactivated
from callbacks.calls.interrupting import take_back
from callbacks.calls.presence import come_back, set_away_who_left, set_presence
from callbacks.calls.wrapping_up import WrapUp, finish

__all__ = [
    "WrapUp",
    "accept",
    "come_back",
    "decline",
    "depart",
    "depart_the_deactivated",
    "finish",
    "set_away_who_left",
    "set_presence",
    "take_back",
]
