"""The practice platform: an imitation of the telephony platform, to exercise the synchronisation on.

It stands alone. It imports nothing of Ringback, and nothing of Ringback imports it, so that whoever
misreads the contract on one side does not misread it on the other, too. Its two dialects are the
guide's contract (``guide``) and the public API of Genesys Cloud (``genesys``); both speak of the same
callbacks (``store``), whose every change stands in the ``ledger``: the judge of what was lost or doubled.

A request goes through ``application``: to its route, by its ``pace``, past the ``faults`` that were
ordered, with its token (``tokens``), into a dialect.
"""
