"""The routing decision, pure: who gets a waiting callback, and why (rules §4.1–§4.4, §4.6)."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callbacks.rules.routing import Candidate, Decision, Place, Snapshot, Waiting, decide_all
from callbacks.rules.standing_in import Peer, stand_in

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUEUE, BILLING = uuid.UUID(int=1), uuid.UUID(int=2)


def agent(number: int, **changes: Any) -> Candidate:
    values = {"is_on_queue": True, "idle_since": AT - 10 * MINUTE}
    return Candidate(uuid.UUID(int=100 + number), f"Agent {number}", **{**values, **changes})


def waiting(number: int, **changes: Any) -> Waiting:
    values = {"queue_id": QUEUE, "requested_at": AT - MINUTE}
    return Waiting(id=uuid.UUID(int=1000 + number), **{**values, **changes})


def decide(callbacks: list[Waiting], agents: list[Candidate], **place: Any) -> list[Decision]:
    members = place.pop("members", {one.id: [] for one in agents})
    places = {QUEUE: Place(QUEUE, "Support", members=members, **place)}
    return decide_all(Snapshot(AT, places, {one.id: one for one in agents}, callbacks))


def test_rules_4_6_the_reason_reads_as_a_person_would_say_it() -> None:
    ana, ben = agent(1), agent(2)
    members = {ana.id: [], ben.id: ["Billing"]}
    (decision,) = decide([waiting(1, preferred_id=ana.id)], [ana, ben], members=members)
    assert decision.reason == (
        "Offered to Agent 1: preferred, on queue. Not to Agent 2: lacks the skill Billing."
    )
    assert [(v.name, v.is_let_in) for v in decision.verdicts] == [
        ("Agent 1", True), ("Agent 2", False),
    ]  # fmt: skip


def test_rules_4_6_for_every_candidate_the_rule_that_let_them_in_or_kept_them_out() -> None:
    agents = [
        agent(1, idle_since=AT - 30 * MINUTE),
        agent(2),
        agent(3, is_on_queue=False, presence="Break"),
        agent(4, is_responding=False),
        agent(5, engaged_in="on a call"),
        agent(6, is_active=False),
        agent(7),
        agent(8),
    ]
    members: dict[uuid.UUID, list[str]] = {one.id: [] for one in agents[:6]}
    members[agents[6].id] = ["French"]
    (decision,) = decide(
        [waiting(1, preferred_id=agents[7].id, declined_by=frozenset({agents[1].id}))],
        agents,
        members=members,
    )
    assert {v.name: v.why for v in decision.verdicts} == {
        "Agent 1": "the only one available, idle for 30 minutes",
        "Agent 2": "declined it a moment ago",
        "Agent 3": "not on queue (Break)",
        "Agent 4": "not responding",
        "Agent 5": "on a call",
        "Agent 6": "deactivated",
        "Agent 7": "lacks the skill French",
        "Agent 8": "no member of Support",
    }
    assert decision.reason.endswith("Not to Agent 8: no member of Support; Agent 2: declined it a "
                                    "moment ago; Agent 4: not responding; nor to 4 others.")  # fmt: skip


def test_rules_3_3_an_owned_callback_is_for_its_owner_alone() -> None:
    ana, ben = agent(1, is_on_queue=False, presence="Meal"), agent(2)
    (decision,) = decide([waiting(1, owner_id=ana.id)], [ana, ben])
    assert decision.agent_id is None
    assert decision.reason == "Waits for Agent 1, the owner: not on queue (Meal)."


def test_a_queue_without_active_routing_decides_for_nobody() -> None:
    (decision,) = decide([waiting(1)], [agent(1)], is_routed=False)
    assert (decision.agent_id, decision.reason) == (None, "Support has no active routing.")


def test_rules_4_2_an_agent_gets_the_first_and_the_next_agent_the_second() -> None:
    first, second = agent(1, idle_since=AT - 20 * MINUTE), agent(2)
    late, urgent = waiting(1), waiting(2, priority=1, requested_at=AT)
    decisions = decide([late, urgent], [second, first])
    assert [(d.waiting.id, d.agent_id) for d in decisions] == [
        (urgent.id, first.id), (late.id, second.id),
    ]  # fmt: skip
    assert "Agent 1: being offered another callback" in decisions[1].reason


def test_rules_3_5_peer_then_lead_then_queue() -> None:
    owner = uuid.UUID(int=1)
    peer = Peer(uuid.UUID(int=2), "Ben", is_available=True, load=3)
    freer = Peer(uuid.UUID(int=3), "Kim", is_available=True, load=1)
    lead = Peer(uuid.UUID(int=4), "Lena", is_available=False, is_lead=True)
    away = Peer(uuid.UUID(int=5), "Otto", is_available=False)
    self = Peer(owner, "Ana", is_available=True)
    assert stand_in(owner, "Away", [self, peer, freer, lead, away], "Support").name == "Kim"
    assert stand_in(owner, "Away", [self, lead, away], "Support").name == "Lena"
    found = stand_in(owner, "Away", [self, away], "Support")
    assert (found.agent_id, found.name) == (None, "Support")
    alone = stand_in(lead.id, "Away", [lead], "Support")
    assert alone.agent_id is None, "a lead does not stand in for themselves"


ids = st.integers(1, 5)
candidates = st.builds(
    agent,
    ids,
    is_on_queue=st.booleans(),
    is_responding=st.booleans(),
    is_active=st.booleans(),
    engaged_in=st.sampled_from(["", "", "on a call"]),
    idle_since=st.integers(0, 3).map(lambda n: AT - n * MINUTE),
)
key = st.none() | ids.map(lambda n: uuid.UUID(int=100 + n))
callbacks = st.builds(
    waiting,
    st.integers(1, 6),
    priority=st.integers(0, 2),
    requested_at=st.integers(0, 3).map(lambda n: AT - n * MINUTE),
    owner_id=key,
    preferred_id=key,
    declined_by=st.frozensets(ids.map(lambda n: uuid.UUID(int=100 + n)), max_size=2),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(candidates, unique_by=lambda one: one.id),
    st.lists(callbacks, unique_by=lambda one: one.id),
    st.frozensets(ids),
    st.frozensets(ids),
)
def test_rules_4_any_snapshot_is_decided_as_a_slow_reading_of_the_rules_says(
    agents: list[Candidate],
    waits: list[Waiting],
    members: frozenset[int],
    unskilled: frozenset[int],
) -> None:
    of = {uuid.UUID(int=100 + n): (["French"] if n in unskilled else []) for n in members}
    decisions = decide(waits, agents, members=of)
    free = {
        one.id: one
        for one in agents
        if one.is_on_queue and one.is_active and one.is_responding and not one.engaged_in
    }
    expected: list[tuple[uuid.UUID, uuid.UUID | None]] = []
    for one in sorted(waits, key=lambda w: (-w.priority, w.requested_at, w.id)):
        able = [
            a
            for a in free.values()
            if of.get(a.id) == [] and a.id not in one.declined_by
            and (one.owner_id is None or a.id == one.owner_id)
        ]  # fmt: skip
        preferred = [a for a in able if a.id == one.preferred_id]
        pick = (preferred or sorted(able, key=lambda a: (a.idle_since, str(a.id))) or [None])[0]
        expected.append((one.id, pick.id if pick else None))
        if pick:
            del free[pick.id]
    assert [(d.waiting.id, d.agent_id) for d in decisions] == expected
    for decision in decisions:
        let_in = [v for v in decision.verdicts if v.is_let_in]
        assert bool(let_in) == bool(decision.agent_id)
        assert all(verdict.why for verdict in decision.verdicts)
        told = {v.agent_id for v in decision.verdicts}
        concerned = {*of, decision.waiting.owner_id, decision.waiting.preferred_id}
        assert told == concerned & {a.id for a in agents}, "nobody concerned is left out"
