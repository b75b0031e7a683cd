"""A connection opened: its platform, with its secret, its token and its pace at hand."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.db import connection as database

from callbacks.models import Connection
from callbacks.models.connection import Dialect
from callbacks.models.encrypted import Sealed, Unreadable
from callbacks.sync.pace import Pacer
from callbacks.sync.platforms import regions
from callbacks.sync.platforms.base import Platform
from callbacks.sync.platforms.genesys_cloud import GenesysCloud
from callbacks.sync.platforms.guide import Guide
from callbacks.sync.platforms.web import Place, Session, Token

PLATFORMS: Mapping[Dialect, Callable[[Session], Platform]] = {
    Dialect.GUIDE: Guide,
    Dialect.GENESYS_CLOUD: GenesysCloud,
}


@contextmanager
def opened(connection: Connection) -> Iterator[tuple[Platform, Pacer]]:
    """The platform and its pace; hung up afterwards.

    Raises ``Unreadable`` without the key, ``NoRegion`` where the address may not be asked.
    """
    place = Place(
        *_addresses(connection),
        connection.client_id,
        connection.client_secret.open(),
        is_private=settings.PRIVATE_PLATFORMS,
    )
    pacer = Pacer(f"connection:{connection.pk}", connection.rate, _plain)
    session = Session(
        place,
        permit=pacer.wait,
        token=_kept_token(connection),
        keep_token=lambda token: _keep(connection, token, pacer),
    )
    try:
        yield PLATFORMS[Dialect(connection.dialect)](session), pacer
    finally:
        session.close()
        pacer.close()


def _addresses(connection: Connection) -> tuple[str, str]:
    base_url, token_url = connection.base_url, connection.token_url
    if connection.dialect == Dialect.GENESYS_CLOUD:
        return regions.checked(base_url, token_url, is_private=settings.PRIVATE_PLATFORMS)
    return base_url.rstrip("/"), token_url


def _kept_token(connection: Connection) -> Token | None:
    if connection.token is None or connection.token_until is None:
        return None
    try:
        return Token(connection.token.open(), connection.token_until)
    except Unreadable:
        return None


def _keep(connection: Connection, token: Token, pacer: Pacer) -> None:
    """For every worker that comes after; written by the pacer's connection, from whatever thread."""
    pacer.execute(
        "UPDATE callbacks_connection SET token = %s, token_until = %s WHERE id = %s",
        [Sealed.of(token.text).token, token.until, connection.pk],
    )


def _plain() -> psycopg.Connection[tuple[object, ...]]:
    """A connection to the same database, of psycopg alone, for any thread."""
    given = database.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    kept = {name: given[name] for name in names if given.get(name)}
    return psycopg.connect(**kept, autocommit=True, prepare_threshold=0)
