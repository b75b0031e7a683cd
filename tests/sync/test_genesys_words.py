"""What Genesys Cloud's words mean: a table, and answers of which pieces are missing or unheard of."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callbacks.sync.platforms.base import Standing
from callbacks.sync.platforms.genesys_words import portrayed, row_of, standing_of

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
AHEAD, PAST = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


def part(purpose: str, state: str, **more: Any) -> dict[str, Any]:
    """A participant as `GET /conversations/callbacks/{id}` shows it."""
    return {"purpose": purpose, "state": state, **more}


def ended(purpose: str, how: str = "client", *, state: str = "terminated", **more: Any) -> Any:
    """One whose part is over."""
    return part(purpose, state, disconnectType=how, **more)


TALKED = {"connectedTime": "2026-11-23T14:00:00.000Z"}


@pytest.mark.parametrize(
    ("participants", "scheduled_at", "standing"),
    [
        ([part("customer", "scheduled"), part("acd", "scheduled")], AHEAD, "scheduled"),
        # The form without that word, before its time and after it.
        ([part("customer", "none"), part("acd", "none")], AHEAD, "scheduled"),
        ([part("customer", "none"), part("acd", "none")], PAST, "waiting"),
        ([part("customer", "connected"), part("acd", "connected")], PAST, "waiting"),
        ([part("customer", "connected"), part("acd", "connected")], None, "waiting"),
        ([part("customer", "none"), part("agent", "alerting")], PAST, "offered"),
        ([part("customer", "none"), part("agent", "contacting")], PAST, "offered"),
        ([part("customer", "none"), part("agent", "dialing")], PAST, "offered"),
        ([part("acd", "disconnected"), part("agent", "connected")], PAST, "in_progress"),
        # Owned and taken before its time.
        ([part("customer", "scheduled"), part("agent", "connected")], AHEAD, "in_progress"),
        # The first agent did not answer: it goes on waiting.
        ([part("acd", "none"), ended("agent", "transfer.noanswer")], PAST, "waiting"),
        ([ended("agent", "transfer"), part("user", "alerting")], PAST, "offered"),
        ([ended("customer"), ended("agent", "client", **TALKED)], PAST, "done"),
        ([ended("customer", "system"), ended("agent", "client", **TALKED)], PAST, "done"),
        # An ACD participant may stay disconnected for ever.
        ([ended("customer"), ended("acd", state="disconnected")], AHEAD, "cancelled"),
        ([ended("customer", "endpoint"), ended("acd", "")], PAST, "cancelled"),
        ([ended("customer", "peer")], PAST, "cancelled"),
        ([ended("customer", ""), ended("acd", "")], PAST, "cancelled"),
        ([ended("customer", "timeout"), ended("acd", "timeout")], PAST, "expired"),
        ([ended("customer", "client"), ended("acd", "system")], PAST, "expired"),
        ([ended("agent", "transfer.noanswer"), ended("customer", "system")], PAST, "expired"),
        ([ended("customer", "uncallable")], PAST, "failed"),
        ([ended("customer", "transport.failure")], PAST, "failed"),
        ([ended("customer", "a.word.of.tomorrow")], PAST, "failed"),
        # A state that nobody has heard of, or none at all: nothing follows.
        ([part("customer", "levitating"), part("acd", "levitating")], PAST, "unknown"),
        ([part("customer", "")], PAST, "unknown"),
        ([], PAST, "unknown"),
    ],
)
def test_how_a_callback_stands(
    participants: list[Any], scheduled_at: datetime | None, standing: str
) -> None:
    assert standing_of(participants, scheduled_at, NOW) == standing


def test_states_may_stand_in_the_inner_form_too() -> None:
    inner = [
        {"purpose": "customer", "callbacks": [{"state": "scheduled"}]},
        {"purpose": "acd", "callbacks": [{"state": "disconnected"}, {"state": "scheduled"}]},
    ]
    assert standing_of(inner, AHEAD, NOW) == Standing.SCHEDULED
    over = {
        "purpose": "customer",
        "callbacks": [{"state": "terminated", "disconnectType": "timeout"}],
    }
    assert standing_of([over], PAST, NOW) == Standing.EXPIRED


@pytest.mark.parametrize(
    "participants",
    [
        None, 7, [None, 7, "x"], [{"purpose": None, "state": 7, "callbacks": "x"}],
        [{"purpose": "customer", "callbackNumbers": "x", "attributes": [], "callbackScheduledTime": 1}],
        [{"purpose": "acd", "conversationRoutingData": {"scoredAgents": [{"agent": 5}], "priority": "x"}}],
    ],
)  # fmt: skip
def test_an_answer_with_anything_in_the_place_of_something_is_read(participants: Any) -> None:
    seen = portrayed({"id": "c-1", "participants": participants}, NOW).remote
    assert (seen.id, seen.standing, seen.number) == ("c-1", Standing.UNKNOWN, "")
    row = row_of({"conversationId": "c-1", "participants": participants}, NOW)
    assert (row.id, row.references, row.is_over) == ("c-1", frozenset(), False)


def session(**more: Any) -> dict[str, Any]:
    """A conversation of the details query with one participant."""
    told = {
        "callbackNumbers": ["tel:+12025550101"],
        "callbackScheduledTime": "2026-11-23T16:00:00.000Z",
        "segments": [{"segmentType": "scheduled", "scoredAgents": [{"scoredAgentId": "ana"}]}],
        **more,
    }
    data = {"extId": "r.1", "owner": "ana"}
    participant = {"purpose": "customer", "attributes": data, "sessions": [told]}
    return {"conversationId": "c-1", "participants": [participant]}


class TestRows:
    """The details query tells what the conversation does not: whether it is owned."""

    def test_the_flag_decides_who_owns_it(self) -> None:
        assert row_of(session(agentOwned=True), NOW).remote.owner == "ana"
        assert row_of(session(agentOwned=False), NOW).remote.owner is None

    def test_where_the_flag_is_missing_our_data_decide(self) -> None:
        told = session()
        assert row_of(told, NOW).remote.owner == "ana"
        told["participants"][0]["attributes"] = {"extId": "r.1"}
        assert row_of(told, NOW).remote.owner is None

    def test_a_prefix_is_no_part_of_the_number(self) -> None:
        assert row_of(session(), NOW).remote.number == "+12025550101"

    def test_who_takes_it_over_learns_its_queue_its_name_and_its_window(self) -> None:
        told = session(callbackUserName="Liam Byrne")
        told["participants"][0]["attributes"] = {"windowSeconds": "1800"}
        told["participants"][0]["sessions"][0]["segments"].append({"queueId": "q-1"})
        seen = row_of(told, NOW).remote
        assert (seen.queue, seen.name, seen.window_seconds) == ("q-1", "Liam Byrne", 1800)

    def test_both_references_count(self) -> None:
        told = {**session(), "externalTag": "of-another-system"}
        assert row_of(told, NOW).references == {"r.1", "of-another-system"}

    @pytest.mark.parametrize(
        ("segments", "standing"),
        [
            ([{"segmentType": "alert"}], "offered"),
            ([{"segmentType": "alert", "segmentEnd": "x"}, {"segmentType": "interact"}], "in_progress"),
            ([{"segmentType": "interact", "segmentEnd": "x"}], "scheduled"),
            ([{"segmentType": "a-word-of-tomorrow"}], "scheduled"),
        ],
    )  # fmt: skip
    def test_open_segments_of_agents_tell_how_it_stands(
        self, segments: list[Any], standing: str
    ) -> None:
        told = session()
        told["participants"].append({"purpose": "agent", "sessions": [{"segments": segments}]})
        assert row_of(told, NOW).remote.standing == standing
