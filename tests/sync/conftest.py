"""A practice platform in a process of its own, and a connection to it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from callbacks.models import ConnectedQueue, Connection
from callbacks.models.connection import Dialect
from callbacks.models.encrypted import Sealed
from tests.cast import Cast, make_cast, open_day_and_night
from tests.practice.platforms import Practice, process
from tests.sync.connected import Connected, connected


@pytest.fixture
def cast(transactional_db: None, settings: Settings) -> Cast:
    """The cast by the real clock, where threads and processes see it."""
    settings.PRIVATE_PLATFORMS = True
    cast = make_cast()
    open_day_and_night(cast.support)
    return cast


@pytest.fixture(scope="session")
def guide() -> Iterator[Practice]:
    """One platform for all tests of a worker, without a limit to its pace."""
    with process("--rate", "none", "--dialect", "guide") as found:
        yield found


@pytest.fixture
def platform(guide: Practice) -> Practice:
    """An empty platform that does as it should."""
    guide.console("POST", "reset")
    guide.token = ""
    return guide


def connect(cast: Cast, platform: Practice, **terms: Any) -> Connection:
    """Support, kept in step with this platform."""
    made = Connection.objects.create(
        **{
            "name": "Practice",
            "dialect": Dialect.GUIDE,
            "base_url": platform.base,
            "token_url": f"{platform.base}/oauth/token",
            "client_id": "practice",
            "client_secret": Sealed.of("practice"),
            "requests": 1000,
            "settle_seconds": 0,
            "poll_seconds": 3600,
            **terms,
        }
    )
    ConnectedQueue.objects.create(queue=cast.support, connection=made)
    return made


@pytest.fixture(scope="session")
def practising() -> Iterator[Practice]:
    """One platform for all tests of a worker; it lets a contact have two callbacks."""
    with process("--rate", "none", "--dialect", "guide", "--allow-duplicates") as practice:
        yield practice


@pytest.fixture
def both(db: None, practising: Practice, settings: Settings) -> Connected:
    """Support, connected with an empty platform: both sides, with the cast by the real clock."""
    settings.PRIVATE_PLATFORMS = True
    return connected(make_cast(), practising)
