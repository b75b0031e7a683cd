"""Idempotency keys: the same request under the same key gets the same answer, and is done once."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from callbacks.errors import Problem, Refused
from callbacks.models import KeptAnswer


@dataclass(frozen=True)
class Answer:
    """What a caller is told: status, a few headers, and a body of JSON."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    is_final: bool = True
    """Whether it is kept. A body that was refused may be put right and sent again."""


class KeyReused(Refused):
    """The key was used for another request before."""

    code = "idempotency.mismatch"


@transaction.atomic
def answered_once(
    work: Callable[[], Answer], *, caller: uuid.UUID, key: str, request: object, at: datetime
) -> Answer:
    """Do the work and keep its answer, or give the answer kept under this key (24 hours).

    1. The key is claimed in the work's own transaction: whoever sends it at the same moment waits
       here until this one has committed, and then finds its answer.
    2. A death on any line takes claim and work back together.

    ``request``: what must be the same, as JSON would hold it. Raises ``KeyReused`` when it is not.
    """
    print_of = fingerprint(request)
    claimed = _claim(caller, key, print_of, at)
    if claimed is None:
        kept = KeptAnswer.objects.get(caller=caller, key=key)
        if kept.fingerprint != print_of:
            raise KeyReused([_reused(key)])
        return Answer(kept.status or 500, kept.body, kept.headers)
    answer = work()
    mine = KeptAnswer.objects.filter(pk=claimed)
    if answer.is_final:
        mine.update(status=answer.status, headers=dict(answer.headers), body=answer.body)
    else:
        mine.delete()
    return answer


CLAIM = """
INSERT INTO callbacks_keptanswer AS kept (caller, key, fingerprint, headers, body, created_at)
VALUES (%s, %s, %s, '{}', '', %s)
ON CONFLICT (caller, key) DO UPDATE
SET fingerprint = excluded.fingerprint, status = NULL, headers = '{}', body = '',
    created_at = excluded.created_at
WHERE kept.created_at <= %s
RETURNING id
"""


def _claim(caller: uuid.UUID, key: str, print_of: str, at: datetime) -> int | None:
    """The row of a key that is new, or too old to count; ``None`` where an answer is kept."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [caller, key, print_of, at, at - KeptAnswer.KEPT_FOR])
        row = cursor.fetchone()
    return int(row[0]) if row else None


def fingerprint(request: object) -> str:
    """The same for the same JSON, however it was spaced and ordered."""
    written = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def _reused(key: str) -> Problem:
    return Problem(
        "idempotency.mismatch",
        "Idempotency-Key",
        "This Idempotency-Key was used for another request in the last 24 hours. Use a new key for "
        "each request, and the same one only to repeat it.",
    )


def forget_old_answers(at: datetime) -> int:
    """Delete what nobody can ask for any more; how many these were."""
    return KeptAnswer.objects.filter(created_at__lte=at - KeptAnswer.KEPT_FOR).delete()[0]
