"""A receiver, and a webhook that leads to it."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from callbacks.models import Webhook
from callbacks.models.webhook import EventType
from callbacks.webhooks import subscribe
from tests.cast import NOW, Cast, make_cast
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def committed(transactional_db: None) -> Cast:
    """The cast, where other connections see it: a trigger's rows, two workers at once."""
    return make_cast()


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver on this machine, which tests are allowed to reach."""
    settings.WEBHOOK_PRIVATE_TARGETS = True
    with receiving() as found:
        yield found


def hook(url: str, *events: str, name: str = "CRM") -> Webhook:
    """A webhook for these events, or for all."""
    wanted = events or EventType.values
    return subscribe(url, wanted, name=name, by_name="Ada Lund", at=NOW)[0]
