"""API clients: made once, known by id and secret from then on."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from callbacks.errors import Problem, Refused
from callbacks.models import ApiClient, Queue
from callbacks.models.program import Scope
from callbacks.rules import texts

DIGEST_OF_NOTHING = "0" * 64


@dataclass(frozen=True)
class Created:
    """A client with its secret, which nobody can read again."""

    client: ApiClient
    secret: str


@transaction.atomic
def create(
    name: str,
    scopes: Iterable[str],
    *,
    rate: int | None = 10,
    burst: int = 20,
    queues: Iterable[Queue] = (),
) -> Created:
    """Make a client with a random id and secret; raises ``Refused`` with every problem.

    ``rate``: requests a second, ``None`` for no limit; ``burst``: so many may come at once.
    """
    wanted = list(dict.fromkeys(scopes))
    if problems := [*_about_name(name), *_about_scopes(wanted), *_about_pace(rate, burst)]:
        raise Refused(problems)
    client_id, secret = new_credentials()
    client = ApiClient.objects.create(
        name=name.strip(),
        client_id=client_id,
        secret_digest=digest(secret),
        scopes=wanted,
        rate=rate,
        burst=burst,
    )
    client.queues.set(queues)
    return Created(client, secret)


def renew_secret(client: ApiClient) -> str:
    """A new secret; the old one and all tokens are worth nothing from now on."""
    _, secret = new_credentials()
    with transaction.atomic():
        ApiClient.objects.filter(pk=client.pk).update(secret_digest=digest(secret))
        client.tokens.all().delete()
    return secret


def authenticate(client_id: str, secret: str) -> ApiClient | None:
    """The active client with these credentials. Takes as long for a wrong id as for a wrong secret."""
    client = ApiClient.objects.filter(client_id=client_id, is_active=True).first()
    known = client.secret_digest if client else DIGEST_OF_NOTHING
    return client if hmac.compare_digest(known, digest(secret)) and client else None


def new_credentials() -> tuple[str, str]:
    """An id, and a secret of 256 random bits."""
    return secrets.token_urlsafe(18), secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret or token: enough to know it again, too little to use it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _about_name(name: str) -> Sequence[Problem]:
    if problem := texts.problem_with(name, 100):
        return [Problem("invalid.value", "name", problem)]
    if not name.strip():
        return [Problem("invalid.value", "name", "Give the client a name, such as IVR or CRM.")]
    if ApiClient.objects.filter(name=name.strip()).exists():
        said = f"There is a client named {name.strip()} already."
        return [Problem("invalid.value", "name", said)]
    return []


def _about_scopes(scopes: Sequence[str]) -> Sequence[Problem]:
    known = ", ".join(Scope.values)
    if not scopes:
        return [Problem("invalid.value", "scopes", f"Give at least one scope of: {known}.")]
    return [
        Problem("invalid.value", "scopes", f"{scope} is no scope. There are: {known}.")
        for scope in scopes
        if scope not in Scope.values
    ]


def _about_pace(rate: int | None, burst: int) -> Sequence[Problem]:
    if (rate is None or 1 <= rate <= 10_000) and 1 <= burst <= 10_000:
        return []
    return [Problem("invalid.value", "rate", "Rate and burst must be 1 to 10,000 requests.")]
