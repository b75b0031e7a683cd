"""What comes from many clients at once, and whatever a generator of requests can think of (http-api)."""

import json
import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from callbacks import programs
from callbacks.models import Callback
from callbacks.models.program import Scope
from tests.cast import fresh_number, make_cast, open_day_and_night
from tests.server import serving

ROOT = Path(__file__).resolve().parents[2]
CLIENTS, ROUNDS = 64, int(os.environ.get("STORM_ROUNDS", "2"))
"""Few rounds by day; ``STORM_ROUNDS=200`` for a night."""


@pytest.fixture
def bearer(transactional_db: None) -> str:
    """A token where other processes see it, of a program without a limit to its pace."""
    cast = make_cast()
    cast.support.is_default = True
    cast.support.save()
    open_day_and_night(cast.support)
    made = programs.create("IVR", list(Scope.values), rate=None)
    programs.issue(made.client, "a-token", list(Scope.values), at=timezone.now())
    return "a-token"


def post(base: str, bearer: str, path: str, body: Any, **headers: str) -> tuple[int, str]:
    """Status and body of the answer."""
    connection = HTTPConnection(base.removeprefix("http://"), timeout=60)
    sent = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json", **headers}
    connection.request("POST", f"/api/v2{path}", json.dumps(body), sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def payload(number: str, place: int = 0) -> dict[str, Any]:
    """For tomorrow, each place some minutes later."""
    at = datetime.now(UTC) + timedelta(days=1, minutes=place % 30)
    return {
        "target": {"id": number, "type": "phoneNumber"},
        "requestedTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
    }


@pytest.mark.slow
def test_of_64_clients_for_one_number_one_gets_201_and_the_others_409_that_names_it(
    bearer: str,
) -> None:
    with serving(workers=4) as base, ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(ROUNDS):
            number, barrier = fresh_number(), threading.Barrier(CLIENTS)

            def client(
                place: int, number: str = number, barrier: threading.Barrier = barrier
            ) -> tuple[int, str]:
                barrier.wait()
                return post(base, bearer, "/callbacks", payload(number, place))

            answers = list(pool.map(client, range(CLIENTS)))
            made = Callback.objects.get(phone_number=number)
            assert sorted(status for status, _ in answers) == [201] + [409] * (CLIENTS - 1)
            refused = [json.loads(text) for status, text in answers if status == 409]
            assert {one["code"] for one in refused} == {"callback.exists"}
            assert {one["existing"]["id"] for one in refused} == {str(made.pk)}
    assert Callback.objects.count() == ROUNDS


@pytest.mark.slow
def test_64_requests_with_one_key_get_64_equal_answers_for_one_callback(bearer: str) -> None:
    with serving(workers=4) as base, ThreadPoolExecutor(CLIENTS) as pool:
        for turn in range(ROUNDS):
            body, barrier = payload(fresh_number()), threading.Barrier(CLIENTS)

            def client(
                _: int,
                key: str = f"key-{turn}",
                body: Any = body,
                barrier: threading.Barrier = barrier,
            ) -> tuple[int, str]:
                barrier.wait()
                return post(base, bearer, "/callbacks", body, **{"Idempotency-Key": key})

            answers = set(pool.map(client, range(CLIENTS)))
            assert len(answers) == 1
            status, text = answers.pop()
            assert status == 201
            assert json.loads(text)["id"] == str(Callback.objects.latest("created_at").pk)
    assert Callback.objects.count() == ROUNDS


@pytest.mark.slow
def test_batches_with_the_same_numbers_in_any_order_wait_for_each_other_and_never_clasp(
    bearer: str,
) -> None:
    """Sixteen batches over the same numbers, each shuffled anew: every number once, no error."""
    people = [fresh_number() for _ in range(40)]

    def client(seed: int) -> tuple[int, str]:
        mine = random.Random(seed).sample(people, len(people))
        return post(base, bearer, "/callbacks/batch", {"callbacks": [payload(n) for n in mine]})

    with serving(workers=4) as base, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(client, range(16)))
    assert [status for status, _ in answers] == [200] * 16
    told = [json.loads(text) for _, text in answers]
    assert sum(one["created"] for one in told) == len(people)
    assert {r["status"] for one in told for r in one["results"]} == {201, 409}
    assert Callback.objects.count() == len(people)


@pytest.mark.slow
@pytest.mark.xdist_group("start")
def test_generated_requests_are_answered_as_documented(tmp_path: Path) -> None:
    """In small; ``bin/storm api`` is the size for a night."""
    seed = random.randrange(10**6)
    mine = ("DATABASE_URL", "BROKER_URL", "RINGBACK_EMBEDDED", "DJANGO_SETTINGS_MODULE", "DEMO")
    env = {name: value for name, value in os.environ.items() if name not in mine}
    done = subprocess.run(
        [sys.executable, ROOT / "bin" / "storm", "api", "--seed", str(seed), "--cases", "120",
         "--phases", "examples,fuzzing,stateful"],
        env={**env, "DATA_DIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}\n{done.stderr}"
    assert "It held." in done.stdout
