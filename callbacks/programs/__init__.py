"""Programs: their credentials and tokens, their pace, and what they were answered before.

How a program speaks HTTP is the API's business (``dashboard/api``); what it may do to a callback is
decided in ``access``.
"""

from callbacks.programs.answers import Answer, KeyReused, answered_once, forget_old_answers
from callbacks.programs.clients import (
    Created,
    authenticate,
    create,
    digest,
    new_credentials,
    renew_secret,
)
from callbacks.programs.pace import wait_for
from callbacks.programs.tokens import (
    TOKEN_LIFETIME,
    actor_of,
    forget_old_tokens,
    issue,
    revoke,
)

__all__ = [
    "TOKEN_LIFETIME",
    "Answer",
    "Created",
    "KeyReused",
    "actor_of",
    "answered_once",
    "authenticate",
    "create",
    "digest",
    "forget_old_answers",
    "forget_old_tokens",
    "issue",
    "new_credentials",
    "renew_secret",
    "revoke",
    "wait_for",
]
