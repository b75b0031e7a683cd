"""The dialect of Genesys Cloud, with the traps that a client has to know."""

from typing import Any

import pytest

from callbacks.practice.faults import Faults
from callbacks.practice.pace import Rate
from callbacks.practice.platform import GENESYS as DIALECT
from callbacks.practice.platform import Options
from tests.practice.platforms import (
    ANA,
    BEN,
    BILLING,
    GENESYS,
    QUERY,
    SUPPORT,
    Practice,
    ahead,
    command,
    owned,
    query,
    within,
)  # fmt: skip

ROOM = "/api/v2/conversations"
WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "no numbers": ({"callbackNumbers": []}, 400, "callback.error.missing.callback.numbers"),
    "numbers as a text": ({"callbackNumbers": "+12025550101"}, 400, "invalid.value"),
    "no queue": ({"queueId": None}, 400, "callback.error.missing.queue.id"),
    "routing without a queue": ({"routingData": {"priority": 1}}, 400, "callback.error.missing.queue.id"),
    "an unknown queue": ({"queueId": "nowhere"}, 404, "not.found"),
    "31 days ahead": ({"callbackScheduledTime": ahead(days=31)}, 400, "callback.error.scheduled.time.too.far.in.future"),
    "a naive time": ({"callbackScheduledTime": "2026-12-01T14:00:00"}, 400, "invalid.date"),
    "an offset": ({"callbackScheduledTime": "2026-12-01T14:00:00+01:00"}, 400, "invalid.date"),
    "a number as data": ({"data": {"windowSeconds": 3600}}, 400, "invalid.value"),
    "an object as data": ({"data": {"nested": {"a": "b"}}}, 400, "invalid.value"),
    "too much data": ({"data": {"a": "x" * 16_385}}, 400, "invalid.value"),
    "an unknown field": ({"callbackWindow": {}}, 400, "bad.request"),
    "the guide's agent": ({"agentId": ANA}, 400, "bad.request"),
    "a number of home": ({"callbackNumbers": ["home"], "validateCallbackNumbers": True}, 400, "invalid.value"),
    "a score of 99": ({"routingData": owned() | {"scoredAgents": [{"agent": {"id": ANA}, "score": 99}]}}, 400, "invalid.value"),
    "two owners": ({"routingData": owned() | {"scoredAgents": [{"agent": {"id": one}, "score": 100} for one in (ANA, BEN)]}}, 400, "invalid.value"),
    "an unknown owner": ({"routingData": owned("nobody")}, 404, "not.found"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_sloppy_command_is_refused_in_the_words_of_the_platform(
    practice: Practice, case: str
) -> None:
    changes, status, code = WRONG[case]

    told = practice.post(GENESYS, command(**changes))

    assert (told.status_code, told.json()["code"]) == (status, code)
    assert told.json()["contextId"] == told.headers["ININ-Correlation-Id"]
    assert told.json()["errors"] == []
    assert practice.effects() == {}


def made(practice: Practice, **changes: Any) -> tuple[str, str]:
    """The conversation of a new callback, and its ACD identifier."""
    told = practice.post(GENESYS, command(**changes))
    assert told.status_code == 200, told.text
    keys = {one["type"]: one["id"] for one in told.json()["callbackIdentifiers"]}
    return told.json()["conversation"]["id"], keys["ACD"]


def participants(practice: Practice, key: str) -> dict[str, dict[str, Any]]:
    """The participants of a conversation by purpose."""
    told = practice.get(f"{GENESYS}/{key}").json()
    return {one["purpose"]: one for one in told["participants"]}


def sessions(practice: Practice, **changes: Any) -> list[dict[str, Any]]:
    """The customers' sessions that a query finds."""
    found = practice.post(QUERY, query(**changes)).json()["conversations"]
    return [one["participants"][0]["sessions"][0] for one in found]


def segments(**values: str) -> list[dict[str, Any]]:
    """A filter of segments by these values."""
    predicates = [{"dimension": name, "value": value} for name, value in values.items()]
    return [{"type": "and", "predicates": predicates}]


def test_nobody_keeps_a_number_from_being_promised_twice(practice: Practice) -> None:
    assert made(practice) != made(practice)
    assert len(practice.console("GET", "doubles")["doubles"]["ref-+12025550101"]) == 2


def test_state_stands_in_two_places_and_both_know_scheduled(practice: Practice) -> None:
    key, _ = made(practice)

    media = participants(practice, key)["customer"]
    full = practice.get(f"{ROOM}/{key}").json()["participants"][0]

    assert media["state"] == full["callbacks"][0]["state"] == "scheduled"
    assert media["attributes"] == {"extId": "ref-+12025550101"}
    assert "state" not in full


def test_ownership_shows_only_in_analytics(practice: Practice) -> None:
    key, _ = made(practice, queueId=None, routingData=owned())

    routing = participants(practice, key)["acd"]["conversationRoutingData"]
    assert routing["scoredAgents"] == [{"agent": {"id": ANA}, "score": 100}]
    assert "AGENT_OWNED" not in practice.get(f"{ROOM}/{key}").text
    assert [one["agentOwned"] for one in sessions(practice)] == [True]


@pytest.mark.parametrize(
    ("queue", "routing"),
    [
        ({"name": "Off", "owns": False}, owned()),
        ({"name": "Ruleless", "routingRules": 0}, owned()),
        ({"name": "Near", "aheadHours": 1}, owned()),
        ({"name": "Strange"}, owned()),
    ],
)
def test_ownership_that_the_queue_does_not_allow_goes_silently_or_is_refused(
    queue: dict[str, Any], routing: dict[str, Any]
) -> None:
    for unowned, status in (("silent", 200), ("refused", 400)):
        practice = within(Options(unowned=unowned))
        told = practice.console("POST", "people", {
            "queues": [queue],
            "agents": [{"userName": "ana", "queues": [] if queue["name"] == "Strange" else [queue["name"]]}],
        })  # fmt: skip
        place = next(one["id"] for one in told["queues"] if one["name"] == queue["name"])
        wanted = command(queueId=None, routingData={**routing, "queueId": place})

        assert practice.post(GENESYS, wanted).status_code == status
        assert [one["agentOwned"] for one in sessions(practice)] == [False] * (status == 200)


def test_patch_needs_an_agent_and_only_moves_what_is_scheduled(practice: Practice) -> None:
    key, _ = made(practice, queueId=None, routingData=owned())
    later = ahead(hours=3)
    wanted = {"conversationId": key, "agentId": BEN, "callbackScheduledTime": later}

    told = practice.patch(GENESYS, wanted)
    assert told.json()["conversation"]["id"] == key
    assert participants(practice, key)["customer"]["callbackScheduledTime"] == later
    assert practice.patch(GENESYS, {"conversationId": key}).status_code == 400
    assert practice.patch(GENESYS, {**wanted, "callbackUserName": "x"}).status_code == 400
    assert (
        practice.patch(GENESYS, {**wanted, "callbackScheduledTime": ahead(minutes=10)}).status_code
        == 200
    )
    assert practice.patch(GENESYS, wanted).status_code == 400  # owned, and within 15 minutes
    due, _ = made(practice, callbackScheduledTime=ahead(seconds=-1))
    assert practice.patch(GENESYS, {**wanted, "conversationId": due}).status_code == 400


@pytest.mark.parametrize(("meaning", "agent"), [("sets", BEN), ("ignored", ANA)])
def test_agent_of_a_patch_can_mean_either(meaning: str, agent: str) -> None:
    practice = within(Options(patch_agent=meaning))
    key, _ = made(practice, queueId=None, routingData=owned())

    practice.patch(GENESYS, {"conversationId": key, "agentId": BEN})

    scored = participants(practice, key)["acd"]["conversationRoutingData"]["scoredAgents"]
    assert scored[0]["agent"]["id"] == agent


def test_bulk_update_tells_errors_by_place(practice: Practice) -> None:
    key, _ = made(practice)
    items = [{"conversationId": one, "agentId": ANA} for one in (key, "nowhere")]

    told = practice.post(f"{GENESYS}/bulk/update", {"patchCallbackRequests": items}).json()

    assert (told["errorCount"], told["errorIndexes"]) == (1, [1])
    assert told["results"][1]["error"]["code"] == "not.found"
    assert told["results"][0]["entity"]["conversation"]["id"] == key


def test_bulk_disconnect_says_nothing_whether_or_not_the_identifier_fits(
    practice: Practice,
) -> None:
    told = practice.post(GENESYS, command()).json()
    key = told["conversation"]["id"]

    for place, state in ((0, "scheduled"), (1, "terminated")):
        wanted = [{"conversationId": key, "callbackId": told["callbackIdentifiers"][place]["id"]}]
        body = {"callbackDisconnectIdentifiers": wanted}
        answer = practice.post(f"{GENESYS}/bulk/disconnect", body)
        assert (answer.status_code, answer.content) == (202, b"")
        assert participants(practice, key)["customer"]["state"] == state


def test_bulk_disconnect_wants_both_ids_to_belong_together(practice: Practice) -> None:
    (_, acd), (other, _) = made(practice), made(practice)
    wanted = [{"conversationId": other, "callbackId": acd}]

    practice.post(f"{GENESYS}/bulk/disconnect", {"callbackDisconnectIdentifiers": wanted})

    assert practice.effects() == {"create": 2}


def test_cancelling_is_disconnecting_and_the_queue_stays_disconnected(practice: Practice) -> None:
    key, _ = made(practice)

    assert practice.patch(f"{GENESYS}/{key}", {"state": "cancelled"}).status_code == 400
    assert practice.patch(f"{GENESYS}/{key}", {"state": "disconnected"}).status_code == 200
    states = {name: one["state"] for name, one in participants(practice, key).items()}
    assert states == {"customer": "terminated", "acd": "disconnected"}
    assert practice.effects() == {"create": 1, "cancel": 1}


def test_second_callback_on_a_conversation_shares_it(practice: Practice) -> None:
    key, _ = made(practice)
    parts = participants(practice, key)
    path = f"{ROOM}/{key}/participants/{{}}/callbacks"

    refused = practice.post(path.format(parts["acd"]["id"]), command())
    assert refused.json()["code"] == "conversation.error.cannot.callback.acd"
    assert practice.post(path.format(parts["customer"]["id"]), command()).content == b""
    assert len(practice.get(f"{ROOM}/{key}").json()["participants"]) == 4


def test_tag_and_attributes_correlate(practice: Practice) -> None:
    key, _ = made(practice, data={})
    customer = participants(practice, key)["customer"]["id"]

    assert practice.send("PUT", f"{ROOM}/{key}/tags", {"externalTag": "ours"}).status_code == 204
    told = practice.patch(
        f"{GENESYS}/{key}/participants/{customer}/attributes",
        {"attributes": {"zone": "Europe/London"}},
    )
    assert told.json() == {"attributes": {"zone": "Europe/London"}}
    tagged = [{"type": "and", "predicates": [{"dimension": "externalTag", "value": "ours"}]}]
    found = practice.post(QUERY, query(conversationFilters=tagged)).json()
    assert [one["conversationId"] for one in found["conversations"]] == [key]
    assert [one["reference"] for one in practice.console("GET", "callbacks")["lines"]] == ["ours"]


def test_query_filters_by_segment_and_open_end(practice: Practice) -> None:
    first, _ = made(practice)
    made(practice, callbackNumbers=["+12025550102"])
    still_open = [
        {"type": "and", "predicates": [{"dimension": "conversationEnd", "operator": "notExists"}]}
    ]

    def found(**values: str) -> int:
        told = query(
            conversationFilters=still_open, segmentFilters=segments(mediaType="callback", **values)
        )
        return int(practice.post(QUERY, told).json()["totalHits"])

    assert (found(), found(callbackNumber="+12025550101"), found(queueId=BILLING)) == (2, 1, 0)
    practice.patch(f"{GENESYS}/{first}", {"state": "disconnected"})
    assert found(callbackNumber="+12025550101") == 0


@pytest.mark.parametrize("wrong", [
    {"interval": None},
    {"interval": "2026-11-01/2026-11-02"},
    {"interval": "2026-01-01T00:00:00Z/2026-03-01T00:00:00Z"},
    {"paging": {"pageSize": 100}},
    {"paging": {"pageSize": 101, "pageNumber": 1}},
    {"segmentFilters": [{"predicates": [{"dimension": "mediaType", "value": "callback"}]}]},
    {"segmentFilters": [{"type": "and", "predicates": [{"dimension": "phoneNumber", "value": "1"}]}]},
    {"segmentFilters": [{"type": "and", "predicates": [{"dimension": "mediaType"}]}]},
    {"conversationFilters": [{"type": "and", "predicates": [{"dimension": "mediaType", "value": "callback"}]}]},
    {"orderBy": "callbackScheduledTime"},
])  # fmt: skip
def test_query_is_refused_where_the_platform_would(
    practice: Practice, wrong: dict[str, Any]
) -> None:
    assert practice.post(QUERY, query(**wrong)).status_code == 400


def test_interval_is_about_the_day_that_a_conversation_began(practice: Practice) -> None:
    made(practice)

    def found(start: str, end: str) -> int:
        return int(practice.post(QUERY, query(interval=f"{start}/{end}")).json()["totalHits"])

    assert found(ahead(days=1, hours=1), ahead(days=3)) == 0
    assert found(ahead(days=-2), ahead(hours=1)) == 1


def test_what_has_not_ended_has_no_end_rather_than_null(practice: Practice) -> None:
    key, _ = made(practice)
    path = f"/api/v2/analytics/conversations/{key}/details"

    assert not {"conversationEnd", "externalTag"} & practice.get(path).json().keys()


def test_query_shows_the_past_while_it_lags() -> None:
    practice = within(faults=Faults(lag=60))
    key, _ = made(practice)

    assert practice.post(QUERY, query()).json()["totalHits"] == 0
    assert practice.get(f"/api/v2/analytics/conversations/{key}/details").status_code == 404
    assert practice.get(f"{GENESYS}/{key}").status_code == 200
    practice.order(lag=0)
    assert practice.post(QUERY, query()).json()["totalHits"] == 1


def test_query_by_number_knows_numbers_that_changed_and_whole_conversations(
    practice: Practice,
) -> None:
    key, _ = made(practice)
    customer = participants(practice, key)["customer"]["id"]
    practice.post(f"{ROOM}/{key}/participants/{customer}/callbacks", command("+12025550102"))
    other, _ = made(practice, callbackNumbers=["+12025550103"])
    moved = {"conversationId": other, "agentId": ANA, "callbackNumbers": ["+12025550104"]}
    assert practice.patch(GENESYS, moved).status_code == 200

    def found(number: str) -> list[int]:
        told = query(segmentFilters=segments(callbackNumber=number))
        hits = practice.post(QUERY, told).json()["conversations"]
        return [len(one["participants"]) for one in hits]

    assert (found("+12025550102"), found("+12025550103"), found("+12025550104")) == ([4], [], [2])


def test_numbers_can_stand_in_analytics_with_a_prefix() -> None:
    practice = within(Options(numbers="tel"))
    made(practice)

    assert sessions(practice)[0]["callbackNumbers"] == ["tel:+12025550101"]
    assert sessions(practice, segmentFilters=segments(callbackNumber="+12025550101")) == []


def test_waiting_callback_is_transferred_assigned_and_put_forward(practice: Practice) -> None:
    key, _ = made(practice, callbackScheduledTime=ahead(seconds=-1))
    acd = participants(practice, key)["acd"]["id"]
    path = f"/api/v2/routing/conversations/{key}"

    assert practice.patch(path, {"priority": 25_000_001}).status_code == 400
    assert practice.patch(path, {"priority": 90}).json()["priority"] == 90
    moved = f"{GENESYS}/{key}/participants/{acd}/replace"
    assert practice.post(moved, {"address": "+12025550199"}).status_code == 400
    assert practice.post(moved, {"queueId": BILLING}).status_code == 202
    assert participants(practice, key)["acd"]["queue"]["id"] == BILLING
    assert practice.post(f"{ROOM}/{key}/assign", {"id": BEN}).status_code == 204
    agent = participants(practice, key)["agent"]
    assert (agent["user"]["id"], agent["state"]) == (BEN, "alerting")
    mine = f"{GENESYS}/{key}/participants/{agent['id']}"
    assert practice.patch(mine, {"state": "connected"}).status_code == 202
    assert (
        practice.patch(mine, {"state": "disconnected", "wrapup": {"code": "Reached"}}).status_code
        == 202
    )
    told = practice.get(f"/api/v2/analytics/conversations/{key}/details").json()
    assert told["participants"][2]["sessions"][0]["segments"][-1]["wrapUpCode"] == "Reached"
    assert "conversationEnd" in told


def test_client_is_no_user_and_reads_no_list_of_its_own(practice: Practice) -> None:
    assert practice.get(GENESYS).status_code == 400


def test_people_are_looked_up_as_documented(practice: Practice) -> None:
    assert practice.get("/api/v2/users/nobody/routingstatus").json()["status"] == "OFF_QUEUE"
    assert practice.get("/api/v2/users/nobody").status_code == 404
    told = practice.get(f"/api/v2/users/{ANA}?expand=presence,routingStatus").json()
    assert told["presence"]["presenceDefinition"]["systemPresence"] == "Offline"
    assert "skills" not in told
    bulk = "/api/v2/users/presences/purecloud/bulk?id="
    assert len(practice.get(f"{bulk}{ANA},{BEN}").json()) == 2
    assert practice.get(bulk + ",".join([ANA] * 51)).status_code == 400
    clause = {"type": "STARTS_WITH", "fields": ["name"], "value": "ana"}
    found = practice.post("/api/v2/users/search", {"query": [clause]}).json()
    assert [one["id"] for one in found["results"]] == [ANA]


def test_queue_tells_its_limits_and_its_members_by_page(practice: Practice) -> None:
    told = practice.get(f"/api/v2/routing/queues/{SUPPORT}").json()
    assert told["agentOwnedRouting"]["maxOwnedCallbackDelayHours"] == 720
    members = f"/api/v2/routing/queues/{SUPPORT}/members"
    page = practice.get(f"{members}?pageSize=2&pageNumber=2").json()
    assert (len(page["entities"]), page["total"], page["pageCount"]) == (1, 3, 2)
    assert practice.get(f"{members}?pageSize=101").status_code == 400
    assert practice.get(f"{members}?routingStatus=IDLE").json()["total"] == 0
    assert practice.get("/api/v2/routing/queues?name=Supp*").json()["total"] == 1


def test_429_comes_in_the_words_of_the_platform_and_without_headers_of_old() -> None:
    only = frozenset({DIALECT})
    practice = within(Options(dialects=only, rate=Rate.parse("2/min")))
    for _ in range(2):
        assert "inin-ratelimit-count" not in practice.get("/api/v2/users").headers

    told = practice.get("/api/v2/users")

    assert (told.status_code, told.json()["code"]) == (429, "too.many.requests.retry.after")
    assert 55 <= int(told.headers["Retry-After"]) <= 60
    assert f"[{told.headers['Retry-After']}]" in told.json()["message"]


def test_headers_of_old_come_where_ordered() -> None:
    practice = within(Options(rate=Rate.parse("300/min"), ratelimit_headers=True))

    told = practice.get("/api/v2/users").headers

    assert (told["inin-ratelimit-count"], told["inin-ratelimit-allowed"]) == ("1", "300")


def test_log_in_takes_only_basic_where_nothing_else_is_served() -> None:
    practice = within(Options(dialects=frozenset({DIALECT})))
    body = {
        "grant_type": "client_credentials",
        "client_id": "practice",
        "client_secret": "practice",
    }

    assert practice.ask("POST", "/oauth/token", data=body).status_code == 401
    assert set(practice.log_in().json()) == {"access_token", "token_type", "expires_in"}
    assert practice.get("/api/v2/callbacks").status_code == 404
