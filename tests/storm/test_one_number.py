"""Rules §2.8: whatever comes at once for one number, exactly one callback is made."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from callbacks.errors import CallbackError
from callbacks.models import Agent, Callback
from callbacks.scheduling import take_ownership
from tests.cast import Cast, by, form_fields, fresh_number, make_callback, make_cast
from tests.server import ask, csrf_of, serving, session_of

CLIENTS, ROUNDS = 64, int(os.environ.get("STORM_ROUNDS", "4"))
"""Few rounds by day; ``STORM_ROUNDS=200`` for a night."""


@pytest.fixture
def committed_cast(transactional_db: None) -> Cast:
    """The cast where other processes see it."""
    return make_cast()


@pytest.mark.slow
def test_64_requests_for_one_number_on_four_processes_make_one_callback(
    committed_cast: Cast,
) -> None:
    cast = committed_cast
    people = (cast.ana, cast.ben, cast.lena, cast.sam)
    with serving(workers=4) as base:
        tokens = [csrf_of(base, session_of(person)) for person in people]
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in range(ROUNDS):
                one_round(cast, base, tokens, pool)
    assert Callback.objects.count() == ROUNDS


def one_round(cast: Cast, base: str, tokens: list, pool: ThreadPoolExecutor) -> None:
    """All clients at once, with different names and times, for one number."""
    number, barrier = fresh_number(), threading.Barrier(CLIENTS)

    def client(place: int) -> tuple[int, str]:
        token, cookies = tokens[place % len(tokens)]
        fields = form_fields(
            cast.support,
            phone_number=number,
            contact_name=f"Client {place}",
            time=f"14:{place % 60:02}",
            csrfmiddlewaretoken=token,
        )
        barrier.wait()
        status, text, _ = ask(base, "POST", "/schedule", fields, cookies)
        return status, text

    answers = list(pool.map(client, range(CLIENTS)))
    made = Callback.objects.filter(phone_number=number)
    assert made.count() == 1
    assert sorted(status for status, _ in answers) == [302] + [422] * (CLIENTS - 1)
    name = made.get().contact_name
    refused = [text for status, text in answers if status == 422]
    assert all("has an open callback already" in text for text in refused)
    readable = [text for text in refused if ">Open</a>" in text]
    assert readable
    assert all(name in text and str(made.get().pk) in text for text in readable)


@pytest.mark.slow
def test_of_many_agents_who_take_one_callback_exactly_one_owns_it(committed_cast: Cast) -> None:
    cast = committed_cast
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    at = datetime.now(UTC)
    for _ in range(10):
        made = make_callback(cast.support, cast.sam, at=at, date=f"{tomorrow:%Y-%m-%d}")
        users = [a.user for a in Agent.objects.filter(queues=cast.support).select_related("user")]
        barrier = threading.Barrier(len(users))

        def take(user: object, made: Callback = made, barrier: threading.Barrier = barrier) -> bool:
            try:
                barrier.wait()
                take_ownership(made.pk, by=by(user), at=at, version=1)
            except (CallbackError, Callback.DoesNotExist):
                return False
            else:
                return True
            finally:
                connection.close()

        with ThreadPoolExecutor(len(users)) as pool:
            assert sum(pool.map(take, users)) == 1
        made.refresh_from_db()
        assert made.version == 2
        assert made.history.filter(what="ownership_taken").count() == 1
