"""Room 3: who gets a waiting callback, and why (rules §4).

The decision is pure and stands in ``callbacks.rules.routing``; here is what it looks at, and the
code that carries it out under locks.
"""

from callbacks.routing.matching import match
from callbacks.routing.snapshots import explain

__all__ = ["explain", "match"]
