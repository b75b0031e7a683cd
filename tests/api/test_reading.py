"""Reading: lists whose pages hold still, filters, history, ETags, and reference data."""

from datetime import timedelta
from typing import Any

import pytest

from callbacks.models import Callback
from tests.api.conftest import Program, program
from tests.api.payloads import codes, guides_payload, payload
from tests.cast import NOW, Cast, make_callback


def ids(answer: Any) -> list[str]:
    """The ids of a page, in its order."""
    return [one["id"] for one in answer.json()["entities"]]


def make(ivr: Program, **changes: Any) -> dict[str, Any]:
    """A callback through the API."""
    answer = ivr.post("/callbacks", payload(**changes))
    assert answer.status_code == 201, answer.json()
    made: dict[str, Any] = answer.json()
    return made


def at_hour(hour: int) -> str:
    """An hour of tomorrow."""
    return f"2026-11-24T{hour:02}:00:00.000Z"


class TestPages:
    """``{"entities", "pageSize", "total", "nextCursor"}``, earliest requested time first."""

    def test_the_earliest_comes_first(self, cast: Cast, ivr: Program) -> None:
        made = {hour: make(ivr, requestedTime=at_hour(hour))["id"] for hour in (12, 10, 11)}
        answer = ivr.get("/callbacks")
        assert ids(answer) == [made[10], made[11], made[12]]
        page = answer.json()
        assert (page["pageSize"], page["total"], page["nextCursor"]) == (25, 3, None)

    def test_pages_hold_still_while_others_are_made_and_cancelled(
        self, cast: Cast, ivr: Program
    ) -> None:
        """Nothing is skipped and nothing comes twice, whatever is inserted before and behind."""
        made = [make(ivr, requestedTime=at_hour(10 + n // 2))["id"] for n in range(8)]
        seen, cursor = [], ""
        while cursor is not None:
            answer = ivr.get(f"/callbacks?pageSize=2{cursor and f'&cursor={cursor}'}")
            seen += ids(answer)
            make(ivr, requestedTime=at_hour(9))
            ivr.patch(f"/callbacks/{made[0]}", {"status": "cancelled"})
            cursor = answer.json()["nextCursor"]
        assert [one for one in seen if one in made] == made
        assert len(seen) == len(set(seen))

    @pytest.mark.parametrize(
        "query",
        [
            "pageSize=0", "pageSize=201", "pageSize=x", "cursor=x", "cursor=%00", "cursor=é",
            "cursor=MQ", "status=open", "overdue=maybe", "queueId=x", "agentId=nobody",
            "phoneNumber=12", "from=2026-11-24", "from=2026-11-24T10:00:00", "page=2",
            "pageSize=1&pageSize=2", "phoneNumber=", "conversationId=%00",
        ],
    )  # fmt: skip
    def test_a_bad_parameter_is_named(self, cast: Cast, ivr: Program, query: str) -> None:
        answer = ivr.get(f"/callbacks?{query}")
        assert answer.status_code == 400, answer.json()
        assert [name.split(".")[0] for name in codes(answer)] == [query.split("=")[0]]


class TestFilters:
    """Each alone, and together."""

    def test_by_number_in_any_notation(self, cast: Cast, ivr: Program) -> None:
        made = make(ivr, target={"id": "+442079460901", "type": "phoneNumber"})
        make(ivr)
        for said in ("442079460901", "%2B44+20+7946+0901", "%2B442079460901"):
            assert ids(ivr.get(f"/callbacks?phoneNumber={said}")) == [made["id"]]

    def test_by_status_where_pending_is_whatever_is_not_over(
        self, cast: Cast, ivr: Program
    ) -> None:
        first, second = make(ivr), make(ivr)
        Callback.objects.filter(pk=first["id"]).update(status="waiting")
        assert set(ids(ivr.get("/callbacks?status=pending"))) == {first["id"], second["id"]}
        assert ids(ivr.get("/callbacks?status=waiting")) == [first["id"]]
        ivr.patch(f"/callbacks/{second['id']}", {"status": "cancelled"})
        assert ids(ivr.get("/callbacks?status=cancelled&status=completed")) == [second["id"]]

    def test_by_queue_agent_and_conversation(self, cast: Cast, ivr: Program) -> None:
        owned = ivr.post("/callbacks", guides_payload()).json()["id"]
        other = make(ivr, queueId=str(cast.billing.pk), conversationId="c-7")["id"]
        assert ids(ivr.get(f"/callbacks?queueId={cast.billing.pk}")) == [other]
        assert ids(ivr.get(f"/callbacks?agentId={cast.ana.pk}")) == [owned]
        assert ids(ivr.get(f"/callbacks?agentId={cast.ana.agent.platform_id}")) == [owned]
        assert ids(ivr.get("/callbacks?conversationId=c-7")) == [other]
        assert ids(ivr.get(f"/callbacks?queueId={cast.billing.pk}&agentId={cast.ana.pk}")) == []

    def test_by_requested_time_from_included_to_excluded(self, cast: Cast, ivr: Program) -> None:
        made = [make(ivr, requestedTime=at_hour(hour))["id"] for hour in (10, 11, 12)]
        assert ids(ivr.get(f"/callbacks?from={at_hour(10)}&to={at_hour(12)}")) == made[:2]

    def test_overdue_and_stuck(self, cast: Cast, ivr: Program) -> None:
        late = make_callback(cast.support, cast.sam, at=NOW - timedelta(days=1), time="10:01")
        fine = make(ivr)["id"]
        Callback.objects.filter(pk=late.pk).update(
            requested_at=NOW - timedelta(hours=5),
            window_starts_at=NOW - timedelta(hours=5),
            window_ends_at=NOW - timedelta(hours=4),
            updated_at=NOW - timedelta(hours=5),
            wall_date="2026-11-23",
            wall_time="05:00",
        )
        assert ids(ivr.get("/callbacks?overdue=true")) == [str(late.pk)]
        assert ids(ivr.get("/callbacks?stuck=true")) == [str(late.pk)]
        assert ids(ivr.get("/callbacks?overdue=false")) == [fine]


class TestOne:
    """GET /callbacks/{id}."""

    def test_it_is_as_it_was_answered_at_creation(self, cast: Cast, ivr: Program) -> None:
        made = ivr.post("/callbacks", guides_payload()).json()
        del made["assignment"]
        assert ivr.get(f"/callbacks/{made['id']}").json() == made

    def test_an_etag_that_still_holds_saves_the_body(self, cast: Cast, ivr: Program) -> None:
        made = make(ivr)
        answer = ivr.get(f"/callbacks/{made['id']}")
        assert answer.headers["ETag"] == '"1"'
        again = ivr.get(f"/callbacks/{made['id']}", If_None_Match='"1"')
        assert (again.status_code, again.content) == (304, b"")
        ivr.patch(f"/callbacks/{made['id']}", {"priority": 5})
        assert ivr.get(f"/callbacks/{made['id']}", If_None_Match='W/"1"').status_code == 200

    @pytest.mark.parametrize("key", ["x", "1", "00000000-0000-7000-8000-000000000000", "%00", "é"])
    def test_what_is_not_there_is_not_found(self, cast: Cast, ivr: Program, key: str) -> None:
        answer = ivr.get(f"/callbacks/{key}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not.found")


def test_history_tells_who_did_what_and_why(cast: Cast, ivr: Program) -> None:
    made = make(ivr)
    ivr.patch(f"/callbacks/{made['id']}", {"status": "cancelled", "reason": "Solved by mail."})
    events = ivr.get(f"/callbacks/{made['id']}/history").json()
    assert events["total"] == 2
    first, last = events["entities"]
    assert (first["what"], first["actor"], first["actorType"]) == ("scheduled", "IVR", "program")
    assert first["time"] == "2026-11-23T15:00:00.000Z"
    assert (last["what"], last["reason"]) == ("cancelled", "Solved by mail.")
    assert last["version"] == 2


def test_a_long_history_comes_in_pages(cast: Cast, ivr: Program) -> None:
    made = make(ivr)
    for priority in range(1, 5):
        ivr.patch(f"/callbacks/{made['id']}", {"priority": priority})
    first = ivr.get(f"/callbacks/{made['id']}/history?pageSize=3").json()
    rest = ivr.get(f"/callbacks/{made['id']}/history?cursor={first['nextCursor']}").json()
    assert [one["version"] for one in first["entities"] + rest["entities"]] == [1, 2, 3, 4, 5]


class TestReference:
    """Queues, agents, service levels: the frame of every list, as far as one may know them."""

    def test_queues_with_their_limits(self, cast: Cast, ivr: Program) -> None:
        page = ivr.get("/queues").json()
        assert [queue["name"] for queue in page["entities"]] == ["Billing", "Support"]
        support = page["entities"][1]
        assert (support["isDefault"], support["ownershipEnabled"]) == (True, True)
        assert support["scheduleAheadLimit"] == 7 * 24 * 3600

    def test_a_program_limited_to_queues_knows_no_others(self, cast: Cast) -> None:
        limited = program(queues=[cast.billing])
        assert [q["name"] for q in limited.get("/queues").json()["entities"]] == ["Billing"]
        assert [a["name"] for a in limited.get("/agents").json()["entities"]] == ["Otto Berg"]

    def test_agents_with_both_their_ids(self, cast: Cast, ivr: Program) -> None:
        page = ivr.get("/agents?pageSize=1").json()
        ana = page["entities"][0]
        assert (ana["id"], ana["platformId"]) == (str(cast.ana.pk), cast.ana.agent.platform_id)
        assert (ana["teamName"], ana["timeZone"]) == ("Support", "America/New_York")
        assert ana["queueIds"] == [str(cast.support.pk)]
        after = ivr.get(f"/agents?cursor={page['nextCursor']}").json()
        assert [one["name"] for one in after["entities"]] == ["Ben Hughes", "Lena Vogt", "Otto Berg"]  # fmt: skip

    def test_service_levels(self, cast: Cast, ivr: Program) -> None:
        page = ivr.get("/service-levels").json()
        assert page["total"] == len(page["entities"]) >= 1
        assert page["entities"][0]["threshold"] > 0


def test_reading_costs_the_same_whatever_the_size(
    cast: Cast, ivr: Program, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        make(ivr, agentId=str(cast.ana.pk))
    ivr.get("/callbacks?pageSize=1")
    with django_assert_max_num_queries(5):
        assert len(ids(ivr.get("/callbacks"))) == 6
