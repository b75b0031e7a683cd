"""Bearer tokens: random, good for an hour, and known by their digest alone."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from callbacks.access import Actor
from callbacks.models import AccessToken, ApiClient
from callbacks.models.compiled import Compiled
from callbacks.programs.clients import digest

TOKEN_LIFETIME = timedelta(hours=1)


def issue(client: ApiClient, token: str, scopes: Iterable[str], *, at: datetime) -> AccessToken:
    """Remember a token (random, made by the caller) for this client from now on (``at``: UTC)."""
    return AccessToken.objects.create(
        digest=digest(token), client=client, scopes=list(scopes), expires_at=at + TOKEN_LIFETIME
    )


def actor_of(token: str, *, at: datetime) -> Actor | None:
    """The program whose token it is, with what it may do; ``None`` if it holds no more.

    One statement. A scope taken from the client is taken from its tokens at once.
    """
    found = _LIVE.first(digest=digest(token), at=at)
    if found is None:
        return None
    client = ApiClient(**{name: found[f"client__{name}"] for name in OF_CLIENT})
    return Actor.program(client, set(found["scopes"]) & set(client.scopes), found["queues"])


OF_CLIENT = ("id", "name", "scopes", "rate", "burst", "may_call_outside_hours")


def _live(digest: str, at: datetime) -> QuerySet[Any, dict[str, Any]]:
    of_client = ApiClient.queues.through.objects.filter(apiclient=OuterRef("client"))
    live = AccessToken.objects.filter(digest=digest, expires_at__gt=at, client__is_active=True)
    wanted = ("scopes", *(f"client__{name}" for name in OF_CLIENT))
    rows: QuerySet[Any, dict[str, Any]] = live.values(
        *wanted, queues=ArraySubquery(of_client.values("queue"))
    )
    return rows


_LIVE = Compiled(_live)


def revoke(token: str, client: ApiClient) -> None:
    """Let one of the client's own tokens be worth nothing from now on."""
    AccessToken.objects.filter(digest=digest(token), client=client).delete()


def forget_old_tokens(at: datetime) -> int:
    """Delete what expired; how many these were."""
    return AccessToken.objects.filter(expires_at__lte=at).delete()[0]
