"""Every fault on a real line: what the client sees, and what the ledger has all the same."""

from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from callbacks.practice.faults import AFTER, BATCH, BEFORE, MIX, ODD_RETRY_AFTERS, Faults, Nonsense
from tests.practice.platforms import (
    GENESYS,
    OPEN,
    Practice,
    command,
    process,
    promise,
    wait,
    within,
)

DONE, UNDONE, LANDS = "done", "undone", "lands"
LOST = "no answer"
SEEN: dict[str, tuple[Any, str]] = {
    "drop_before": (LOST, UNDONE), "drop_after": (LOST, DONE), "late": (LOST, LANDS),
    "500_before": (500, UNDONE), "500_after": (500, DONE),
    "502_before": (502, UNDONE), "502_after": (502, DONE),
    "503_before": (503, UNDONE), "503_after": (503, DONE),
    "504_before": (504, UNDONE), "504_after": (504, DONE),
    "403_before": (403, UNDONE), "413_before": (413, UNDONE), "redirect": (307, UNDONE),
    "429_seconds": (429, UNDONE), "429_date": (429, UNDONE), "429_bare": (429, UNDONE),
    "429_odd": (429, UNDONE), "html_before": ("html", UNDONE), "html_after": ("html", DONE),
    "token_dies": (401, UNDONE), "conflict_bare": (409, UNDONE), "conflict_foreign": (409, UNDONE),
    "slow_before": (201, DONE), "slow_after": (201, DONE), "accepted": (202, DONE),
    "invalid_json": ("no json", DONE), "cut_json": ("no json", DONE), "empty": ("no json", DONE),
    "truncated": (LOST, DONE), "no_id": ("no id", DONE), "huge": ("huge", DONE),
    "drip": (201, DONE), "unknown_enum": ("unheard of", DONE),
}  # fmt: skip


def what_is_seen(practice: Practice) -> Any:
    """What a client makes of the answer to a new callback."""
    try:
        told = practice.post(OPEN, promise())
    except httpx.TransportError:
        return LOST
    if "html" in told.headers.get("Content-Type", "") and told.status_code == 200:
        return "html"
    if told.status_code != 201:
        return told.status_code
    if len(told.content) > 300_000:
        return "huge"
    return in_content(told)


def in_content(told: httpx.Response) -> Any:
    """What is odd in an answer that looks good."""
    try:
        said = told.json()
    except ValueError:
        return "no json"
    if "id" not in said:
        return "no id"
    return "unheard of" if said["status"] == "hibernating" else 201


def test_table_of_this_test_is_complete() -> None:
    assert SEEN.keys() == BEFORE.keys() | AFTER.keys()


@pytest.mark.parametrize("kind", SEEN)
def test_fault_shows_as_described_and_the_ledger_knows_better(remote: Practice, kind: str) -> None:
    seen, effect = SEEN[kind]
    remote.log_in()
    remote.order(script=[kind], huge=400_000, drip=0.0, slow=0.05)

    assert what_is_seen(remote) == seen

    if effect == LANDS:
        wait(lambda: bool(remote.effects()))  # all by itself
    assert remote.effects() == ({} if effect == UNDONE else {"create": 1})
    if seen == 401:
        remote.log_in()
    assert remote.get(OPEN).status_code == 200, "the next request is answered as ever"


@pytest.mark.parametrize(("kind", "waits_before"), [("slow_before", True), ("slow_after", False)])
def test_slow_answer_waits_before_or_after_its_effect(
    remote: Practice, kind: str, waits_before: bool
) -> None:
    remote.log_in()
    remote.order(script=[kind], slow=0.2)

    sent = datetime.now(UTC)
    remote.post(OPEN, promise())
    answered = datetime.now(UTC)

    landed = datetime.fromisoformat(remote.console("GET", "ledger")["lines"][0]["at"])
    waited = landed - sent if waits_before else answered - landed
    assert waited.total_seconds() > 0.19


def test_no_retry_after_and_every_odd_one_are_sent(remote: Practice) -> None:
    remote.order(script=["429_bare", "429_date", "429_odd", "429_odd"], retry_after=30, skew=600)

    assert "Retry-After" not in remote.get(OPEN).headers
    dated = remote.get(OPEN).headers
    waits = parsedate_to_datetime(dated["Retry-After"]) - parsedate_to_datetime(dated["Date"])
    assert 29 <= waits.total_seconds() <= 31, "the date is of the platform's own clock"
    for values in ODD_RETRY_AFTERS[:2]:
        assert remote.get(OPEN).headers.get_list("Retry-After") == list(values)


def test_every_odd_retry_after_goes_over_the_line(remote: Practice) -> None:
    remote.order(script=["429_odd"] * len(ODD_RETRY_AFTERS))

    for values in ODD_RETRY_AFTERS:
        raw = [
            value for name, value in remote.get(OPEN).headers.raw if name.lower() == b"retry-after"
        ]
        assert raw == [value.encode() for value in values]


@pytest.mark.parametrize("kind", BATCH)
def test_fault_of_a_batch(remote: Practice, kind: str) -> None:
    remote.order(script=[kind])
    items = [promise(f"+1202555010{place}") for place in range(6)]

    told = remote.post(f"{OPEN}/batch", {"callbacks": items})

    results = told.json().get("results", [])
    places = [one["index"] for one in results]
    created = remote.effects()["create"]
    expected = {
        "partial": (list(range(6)), 4),
        "token_dies_midway": ([], 3),
        "batch_reordered": ([5, 4, 3, 2, 1, 0], 6),
        "batch_missing": ([0, 1, 2, 3, 4], 6),
        "batch_extra": ([0, 1, 2, 3, 4, 5, 13], 6),
    }
    assert (places, created) == expected[kind]
    if kind == "token_dies_midway":
        assert (told.status_code, remote.get(OPEN).status_code) == (401, 401)
        remote.log_in()


def test_bulk_update_fails_in_part(remote: Practice) -> None:
    keys = [remote.post(GENESYS, command()).json()["conversation"]["id"] for _ in range(3)]
    agent = remote.get("/api/v2/users").json()["entities"][0]["id"]
    items = [{"conversationId": key, "agentId": agent} for key in keys]
    remote.order(script=["partial"])

    told = remote.post(f"{GENESYS}/bulk/update", {"patchCallbackRequests": items}).json()

    assert (told["errorCount"], remote.effects()["update"]) == (1, 2)


def test_unheard_of_words_also_stand_deep_in_an_answer(remote: Practice) -> None:
    key = remote.post(GENESYS, command()).json()["conversation"]["id"]
    remote.order(script=["unknown_enum"])

    told = remote.get(f"/api/v2/conversations/{key}").json()

    assert told["participants"][0]["callbacks"][0]["state"] == "hibernating"


def test_token_endpoint_fails_where_ordered(remote: Practice) -> None:
    remote.order(script=["429_seconds"], on="POST /oauth/token")

    told = remote.log_in()

    assert (told.status_code, told.headers["Retry-After"]) == (429, "1")
    assert remote.log_in().status_code == 200


def test_clock_can_be_off(remote: Practice) -> None:
    before = parsedate_to_datetime(remote.get(OPEN).headers["Date"])
    remote.order(skew=600)

    after = parsedate_to_datetime(remote.get(OPEN).headers["Date"])

    assert 599 <= (after - before).total_seconds() <= 610


def test_script_comes_before_shares_and_draws_nothing_from_the_seed() -> None:
    faults = Faults(seed=1)
    faults.order({"shares": {"500_after": 1.0}, "script": ["none", "drop_after"]})

    assert [faults.next_for(f"POST {OPEN}") for _ in range(3)] == [None, "drop_after", "500_after"]
    assert faults.drawn == 1


def draws(seed: int, shares: dict[str, float], times: int = 400) -> list[str | None]:
    faults = Faults(seed=seed)
    faults.order({"shares": shares})
    return [faults.next_for(f"POST {OPEN}") for _ in range(times)]


def test_seed_gives_the_same_faults_again_and_another_seed_others() -> None:
    shares = {"500_after": 0.1, "drop_after": 0.2}

    assert draws(1, shares) == draws(1, shares) != draws(2, shares)


def test_shares_come_out_as_ordered() -> None:
    found = Counter(draws(3, {"500_after": 0.1, "drop_after": 0.2}, 4000))

    assert 300 < found["500_after"] < 500
    assert 700 < found["drop_after"] < 900


def test_seed_gives_the_same_faults_in_another_process_and_after_new_orders() -> None:
    line = ("--rate", "none", "--seed", "5", "--fail", "0.5", "--slow", "0")
    with process(*line) as one:
        first = [seen(one) for _ in range(25)]
        one.order(fail=0.5)
        assert [seen(one) for _ in range(25)] == first
    assert len(set(first)) > 3
    local = within(faults=Faults(seed=5))
    local.order(fail=0.5)
    faults = Faults(seed=5, shares=local.console("GET", "faults")["shares"])
    planned = [faults.next_for(f"GET {OPEN}") for _ in range(25)]
    assert [status == 200 for status in first] == [kind in {None, "slow_after"} for kind in planned]
    assert set(filter(None, planned)) <= set(MIX)


def seen(practice: Practice) -> int:
    """The status of an answer; 0 for none."""
    try:
        return practice.get(OPEN).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.parametrize("wrong", [
    {"shares": {"earthquake": 0.1}}, {"script": ["earthquake"]}, {"shares": {"500_after": 1.5}},
    {"shares": {"500_after": 0.6, "drop_after": 0.6}}, {"shares": {"500_after": "much"}},
    {"colour": "red"}, {"on": "("}, {"slow": "long"}, {"seed": True},
])  # fmt: skip
def test_nonsense_is_not_ordered(wrong: dict[str, Any]) -> None:
    with pytest.raises(Nonsense):
        Faults().order(wrong)
    assert within().ask("POST", "/practice/faults", json=wrong).status_code == 400
