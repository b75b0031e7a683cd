"""The limits, on a clock that the tests turn."""

import pytest

from callbacks.practice.pace import Rate, Turnstile
from callbacks.practice.platform import Options
from tests.practice.platforms import OPEN, within


def rate(text: str, burst: int | None = None) -> Rate:
    found = Rate.parse(text, burst)
    assert found
    return found


@pytest.mark.parametrize("wrong", ["10", "10/h", "0/s", "-1/s", "ten/s", "/s", "1.5/s"])
def test_rate_is_said_in_one_way(wrong: str) -> None:
    with pytest.raises(ValueError, match="10/s"):
        Rate.parse(wrong)


def test_bucket_gives_its_burst_and_then_the_rate() -> None:
    limit = rate("10/s", burst=20).limit()

    assert [limit.take(0.0) for _ in range(20)] == [0.0] * 20
    assert limit.take(0.0) == pytest.approx(0.1)
    assert limit.take(0.11) == 0.0
    assert limit.take(0.12) > 0
    assert [limit.take(100.0) for _ in range(21)].count(0.0) == 20


def test_window_never_holds_more_than_its_rate_in_any_minute() -> None:
    limit = rate("300/min").limit()
    granted = [eighth / 8 for eighth in range(8 * 300) if limit.take(eighth / 8) == 0.0]

    for start in granted:
        assert sum(start <= moment < start + 60 for moment in granted) <= 300
    assert len(granted) == 300 * 5


def test_figures_tell_whether_the_client_kept_to_the_rate_and_used_it() -> None:
    turnstile = Turnstile(rate("8/s"))
    for eighth in range(81):
        assert turnstile.enter("ana", "GET /x", eighth / 8) == 0.0

    told = turnstile.meter("ana").told()
    assert (told["granted"], told["refused"], told["permitted"]) == (81, 0, 88)
    assert (told["peakPerSecond"], told["share"]) == (8, 1.0)
    while not turnstile.enter("ben", "GET /x", 0.0):
        pass
    turnstile.enter("ben", "GET /x", 0.5)  # before the second that it was told to wait is over
    told = turnstile.meter("ben").told()
    assert (told["granted"], told["refused"], told["tooEarly"]) == (9, 1, 1)
    assert turnstile.meter("ana").told()["refused"] == 0


def test_platform_answers_429_and_counts_by_endpoint() -> None:
    practice = within(Options(rate=rate("3/min")))
    answers = [practice.get(f"{OPEN}/none").status_code for _ in range(5)]

    assert answers == [404, 404, 404, 429, 429]
    told = practice.get(OPEN)
    assert told.json()["code"] == "too.many.requests"
    assert 50 <= int(told.headers["Retry-After"]) <= 60
    figures = practice.console("GET", "status")["clients"]["practice"]
    assert figures["answers"] == {"404": 3, "429": 3}
    assert figures["endpoints"] == {f"GET {OPEN}/{{key}}": 5, f"GET {OPEN}": 1}
    assert practice.console("DELETE", "status")["clients"] == {}
