"""Room 2: what time itself does to callbacks (rules §3.3–§3.5, §4.1, §4.4, §4.8).

Everything here starts from one indexed column, ``next_action_at``. Any number of clocks and workers
may run: each claims what nobody else holds, and what is found twice is done once.
"""

from callbacks.clock.looking import look, look_again
from callbacks.clock.ticking import Ticked, tick

__all__ = ["Ticked", "look", "look_again", "tick"]
