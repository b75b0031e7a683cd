"""The one connection of a web process on which the database tells what changed."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

logger = logging.getLogger(__name__)
CHANNEL = "ringback"
APPLICATION_NAME = "ringback live"
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds before it tries again."""
NOT_OF_LIBPQ = {"context", "cursor_factory", "prepare_threshold"}
"""What Django gives its own connections besides."""
NOTICES_DEATH = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""Nothing is ever sent on it, so a network that is gone would go unnoticed."""


async def listen(hear: Callable[[str], None], after_gap: Callable[[], None]) -> None:
    """Listen for ever; ``after_gap`` is told when something may have been missed."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with await _connected() as listening:
                await listening.execute(f"LISTEN {CHANNEL}")
                after_gap()
                pause = FIRST_PAUSE
                async for told in listening.notifies():
                    hear(told.payload)
        except (psycopg.Error, OSError) as lost:
            words = str(lost).strip().splitlines()
            logger.warning(
                "Live screens do not hear the database: %s", words[0] if words else repr(lost)
            )
        await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 (no secret)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _connected() -> "psycopg.AsyncConnection[Any]":
    return await psycopg.AsyncConnection.connect(_address(), autocommit=True)


def _address() -> str:
    """Where Django's database is. Connections of its own kind never leave their thread."""
    given = connection.get_connection_params()
    plain = {name: value for name, value in given.items() if name not in NOT_OF_LIBPQ}
    return make_conninfo("", **{**NOTICES_DEATH, **plain, "application_name": APPLICATION_NAME})
