"""Bearer tokens: random, good for an hour, and known by their digest alone."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from callbacks.access import Actor
from callbacks.models import AccessToken, ApiClient
from callbacks.programs.clients import digest

_queues_of_client = ApiClient.queues.through.objects.filter(apiclient=OuterRef("client"))
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
    found = (
        AccessToken.objects.select_related("client")
        .annotate(queues=ArraySubquery(_queues_of_client.values("queue")))
        .filter(digest=digest(token), expires_at__gt=at, client__is_active=True)
        .first()
    )
    if found is None:
        return None
    scopes = set(found.scopes) & set(found.client.scopes)
    return Actor.program(found.client, scopes, found.queues)


def revoke(token: str, client: ApiClient) -> None:
    """Let one of the client's own tokens be worth nothing from now on."""
    AccessToken.objects.filter(digest=digest(token), client=client).delete()


def forget_old_tokens(at: datetime) -> int:
    """Delete what expired; how many these were."""
    return AccessToken.objects.filter(expires_at__lte=at).delete()[0]
