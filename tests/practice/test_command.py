"""The command: what it takes, and what it refuses before it listens."""

import httpx
import pytest
from django.core.management import CommandError, call_command

from tests.practice.platforms import OPEN, process, promise
from tests.server import free_port


@pytest.mark.parametrize(
    "wrong",
    [
        ["--rate", "fast"],
        ["--fault", "earthquake=0.1"],
        ["--fault", "500_after=2"],
        ["--fault", "500_after=much"],
        ["--fault", "500_after=0.1", "--fail", "0.1"],
        ["--fail", "1.5"],
        ["--client", "nameless"],
    ],
)
def test_nonsense_is_refused_before_it_listens(wrong: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("practice_platform", "--port", "0", *wrong)


def test_options_reach_the_platform() -> None:
    log_in = free_port()
    line = ("--rate", "2/min", "--dialect", "guide", "--client", "practice:other")
    faults = ("--fault", "drop_after=0.25", "--seed", "3", "--lag", "60", "--retry-after", "9")
    with process(*line, *faults, "--login-port", str(log_in)) as practice:
        status = practice.console("GET", "status")
        assert (status["dialects"], status["rate"]) == (["guide"], "2/min")
        ordered = practice.console("GET", "faults")
        assert (ordered["shares"], ordered["seed"]) == ({"drop_after": 0.25}, 3)
        assert (ordered["lag"], ordered["retry_after"]) == (60, 9)
        assert practice.log_in().status_code == 401
        told = httpx.post(
            f"http://127.0.0.1:{log_in}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=("practice", "other"),
        )
        practice.token = told.json()["access_token"]
        practice.order(shares={})
        assert practice.post(OPEN, promise()).status_code == 201
        assert practice.get(OPEN).json()["total"] == 0
        assert practice.get("/api/v2/users").status_code == 429
