"""Synchronisation: every change reaches the connected platform in order and exactly once in effect.

The outbox, written in the transaction of each change, is the truth. ``lines`` says what waits;
``planning`` what follows from it; ``jobs`` is the work that threads do with a platform; ``outcomes``
writes down what came of it; ``exchange`` runs all of that for one connection, one at a time, at its
``pace``. What happens there comes back by ``polling`` and ``events``: ``returning`` lets it hold here,
``arriving`` takes over what was made there, ``mending`` makes anew what was lost there, and ``drift``
tells what still differs. ``platforms`` are the dialects behind one interface.
"""

from callbacks.sync.events import prune
from callbacks.sync.exchange import connections_at_work, exchange
from callbacks.sync.lines import forget_the_unconnected

__all__ = ["connections_at_work", "exchange", "forget_the_unconnected", "prune"]
