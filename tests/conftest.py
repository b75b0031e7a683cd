"""What all tests share: the cast, and a client that logs in without a password."""

from collections.abc import Callable

import pytest
from django.test import Client

from callbacks.models import User
from tests.cast import Cast, make_cast

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def cast(db: None) -> Cast:
    """Everybody, in a database of their own."""
    return make_cast()


@pytest.fixture
def enter() -> Callable[[User], Client]:
    """A client in which this person is logged in."""

    def logged_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend=BACKEND)
        return client

    return logged_in
