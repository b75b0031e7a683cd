"""The guide's dialect: strict about what comes, exact about what goes."""

from dataclasses import replace
from typing import Any

import pytest

from callbacks.practice.faults import Faults
from callbacks.practice.platform import Options
from tests.practice.platforms import ANA, FORM, OPEN, SUPPORT, Practice, ahead, promise, within

WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown field": ({"colour": "red"}, "colour", "invalid.value"),
    "a time without a zone": ({"requestedTime": "2026-12-01T14:00:00"}, "requestedTime", "time.naive"),
    "a date alone": ({"requestedTime": "2026-12-01"}, "requestedTime", "time.naive"),
    "an offset": ({"requestedTime": "2026-12-01T14:00:00+01:00"}, "requestedTime", "invalid.value"),
    "an offset of nothing": ({"requestedTime": "2026-12-01T14:00:00+00:00"}, "requestedTime", "invalid.value"),
    "a number as time": ({"requestedTime": 1796133600}, "requestedTime", "invalid.value"),
    "no such day": ({"requestedTime": "2026-02-30T14:00:00Z"}, "requestedTime", "invalid.value"),
    "the past": ({"requestedTime": "2020-12-01T14:00:00.000Z"}, "requestedTime", "time.past"),
    "31 days ahead": ({"requestedTime": ahead(days=31)}, "requestedTime", "time.too.far"),
    "a number without digits": ({"target": {"id": "home", "type": "phoneNumber"}}, "target", "number.invalid"),
    "a number as a number": ({"target": {"id": 12025550101, "type": "phoneNumber"}}, "target", "number.invalid"),
    "another target": ({"target": {"id": "+12025550101", "type": "email"}}, "target", "invalid.value"),
    "more in a target": ({"target": {"id": "+12025550101", "type": "phoneNumber", "x": 1}}, "target", "invalid.value"),
    "a stranger": ({"agentId": "nobody"}, "agentId", "invalid.value"),
    "no agent by null": ({"agentId": None}, "agentId", "invalid.value"),
    "an unknown queue": ({"queueId": "nowhere"}, "queueId", "invalid.value"),
    "a duration as text": ({"callbackWindow": {"duration": "3600", "startTime": ahead(hours=2)}}, "callbackWindow", "invalid.value"),
    "a duration as truth": ({"callbackWindow": {"duration": True, "startTime": ahead(hours=2)}}, "callbackWindow", "invalid.value"),
    "a window over a day": ({"callbackWindow": {"duration": 86_401, "startTime": ahead(hours=2)}}, "callbackWindow", "window.exceeds.service.level"),
    "a naive window": ({"callbackWindow": {"duration": 60, "startTime": "2026-12-01T14:00:00"}}, "callbackWindow", "time.naive"),
    "half a window": ({"callbackWindow": {"duration": 3600}}, "callbackWindow", "invalid.value"),
    "priority as text": ({"priority": "high"}, "priority", "invalid.value"),
    "data as a list": ({"externalData": []}, "externalData", "invalid.value"),
    "too much data": ({"externalData": {"a": "x" * 16_385}}, "externalData", "invalid.value"),
    "another status": ({"status": "completed"}, "status", "invalid.value"),
    "consent as text": ({"consent": "yes"}, "consent", "invalid.value"),
    "skills as text": ({"skills": "Billing"}, "skills", "invalid.value"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_sloppy_payload_is_refused_by_field_and_leaves_no_effect(
    practice: Practice, case: str
) -> None:
    changes, field, code = WRONG[case]

    told = practice.post(OPEN, promise(**changes))

    assert told.status_code == 400
    assert {"field": field, "code": code} in [
        {name: one[name] for name in ("field", "code")} for one in told.json()["details"]
    ]
    assert told.json()["contextId"] == told.headers["X-Request-ID"]
    assert practice.effects() == {}


def test_all_problems_are_told_at_once(practice: Practice) -> None:
    told = practice.post(OPEN, promise(colour="red", priority="high", requestedTime="2026-12-01"))

    assert {one["field"] for one in told.json()["details"]} == {
        "colour",
        "priority",
        "requestedTime",
    }


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"target": 1, "target": 2}', '{"a": NaN}', "null"]
)
def test_what_is_no_object_is_refused(practice: Practice, content: str) -> None:
    practice.log_in()
    headers = {"Authorization": f"Bearer {practice.token}", "Content-Type": "application/json"}

    assert practice.ask("POST", OPEN, content=content, headers=headers).status_code == 400
    headers["Content-Type"] = "text/plain"
    assert practice.ask("POST", OPEN, content="{}", headers=headers).status_code == 415


def test_payload_of_the_guide_is_created_and_shown_as_promised(practice: Practice) -> None:
    start = ahead(hours=2)
    window = {"duration": 3600, "startTime": start}

    told = practice.post(
        OPEN,
        promise(
            "12025550101", agentId=ANA, callbackWindow=window, requestedTime=start, status="pending"
        ),
    )

    made = told.json()
    assert told.status_code == 201
    assert told.headers["Location"] == made["selfUri"] == f"{OPEN}/{made['id']}"
    assert made["target"] == {"id": "+12025550101", "type": "phoneNumber"}
    assert (made["requestedTime"], made["callbackWindow"]) == (start, window)
    assert (made["status"], made["agentId"], made["version"]) == ("pending", ANA, 1)
    assert practice.get(made["selfUri"]).json() == made


def test_second_callback_for_a_number_conflicts_and_names_the_first(practice: Practice) -> None:
    first = practice.post(OPEN, promise()).json()

    told = practice.post(OPEN, promise())

    assert (told.status_code, told.json()["code"]) == (409, "callback.exists")
    assert told.json()["existing"] == {
        name: first[name] for name in ("id", "requestedTime", "status", "agentId")
    }
    assert practice.effects() == {"create": 1}


def test_where_duplicates_are_allowed_they_show_as_doubles() -> None:
    practice = within(Options(allows_duplicates=True))
    keys = [practice.post(OPEN, promise()).json()["id"] for _ in range(2)]

    assert practice.console("GET", "doubles") == {
        "doubles": {"ref-+12025550101": keys}, "createdTwice": {"ref-+12025550101": keys},
    }  # fmt: skip
    practice.console("POST", f"callbacks/{keys[0]}", {"do": "cancel"})
    assert practice.console("GET", "doubles")["doubles"] == {}
    assert practice.console("GET", "doubles")["createdTwice"]


def test_idempotency_key_answers_as_the_first_time(practice: Practice) -> None:
    body = promise()
    first, again = (practice.post(OPEN, body, Idempotency_Key="k") for _ in range(2))

    assert (again.status_code, again.json()) == (201, first.json())
    assert practice.post(OPEN, promise("+12025550102"), Idempotency_Key="k").status_code == 422
    assert practice.effects() == {"create": 1}


def test_every_item_of_a_batch_stands_alone(practice: Practice) -> None:
    items = [promise(f"+1202555010{place}") for place in range(3)]
    items[1]["requestedTime"] = "2026-12-01T14:00:00"

    told = practice.post(f"{OPEN}/batch", {"callbacks": items}).json()

    assert (told["created"], told["failed"]) == (2, 1)
    assert [one["status"] for one in told["results"]] == [201, 400, 201]
    assert told["results"][1]["error"]["code"] == "time.naive"
    assert practice.effects() == {"create": 2}


def test_batch_has_bounds() -> None:
    practice = within(Options(batch=2))

    for count, status in ((0, 400), (2, 200), (3, 413)):
        items = [promise(f"+1202555{count}{place:03}") for place in range(count)]
        assert practice.post(f"{OPEN}/batch", {"callbacks": items}).status_code == status


def test_change_keeps_to_version_lock_and_end(practice: Practice) -> None:
    path = practice.post(OPEN, promise(agentId=ANA)).json()["selfUri"]
    soon = ahead(minutes=5)

    moved = practice.patch(path, {"requestedTime": soon}, If_Match='"1"')
    assert (moved.status_code, moved.json()["requestedTime"], moved.headers["ETag"]) == (
        200,
        soon,
        '"2"',
    )
    assert practice.patch(path, {"priority": 3}, If_Match='"1"').status_code == 412
    assert practice.patch(path, {"priority": 3}).json()["code"] == "callback.locked"
    assert practice.patch(path, {"contact": {}}).status_code == 400
    assert practice.patch(path, {"status": "cancelled"}).json()["status"] == "cancelled"
    assert practice.patch(path, {"status": "cancelled"}).json()["code"] == "callback.ended"
    assert practice.effects() == {"create": 1, "update": 1, "cancel": 1}


def test_ownership_is_given_up_by_null(practice: Practice) -> None:
    path = practice.post(OPEN, promise(agentId=ANA)).json()["selfUri"]

    assert practice.patch(path, {"agentId": None}).json()["owner"] is None


def test_search_finds_by_number_and_pages(practice: Practice) -> None:
    for place in range(3):
        practice.post(OPEN, promise(f"+1202555010{place}"))

    found = practice.get(f"{OPEN}?phoneNumber=1%20202-555-0101&status=pending").json()
    assert [one["target"]["id"] for one in found["entities"]] == ["+12025550101"]
    page = practice.get(f"{OPEN}?pageSize=2").json()
    rest = practice.get(f"{OPEN}?pageSize=2&cursor={page['nextCursor']}").json()
    assert (len(page["entities"]), len(rest["entities"]), rest["nextCursor"]) == (2, 1, None)
    for wrong in ("pageSize=0", "pageSize=201", "status=done", "colour=red", "from=2026-12-01"):
        assert practice.get(f"{OPEN}?{wrong}").status_code == 400, wrong


def test_search_lags_but_reading_by_id_does_not() -> None:
    practice = within(faults=Faults(lag=60))
    path = practice.post(OPEN, promise()).json()["selfUri"]

    assert practice.get(OPEN).json()["total"] == 0
    assert practice.get(path).status_code == 200
    practice.order(lag=0)
    assert practice.get(OPEN).json()["total"] == 1


def test_availability_follows_presence_and_skills(practice: Practice) -> None:
    assert practice.get("/api/v2/availability").status_code == 400
    before = practice.get(f"/api/v2/availability?queueId={SUPPORT}").json()["entities"]
    assert [one["available"] for one in before] == [False] * 3
    practice.console("POST", "play", {"steps": 1, "makes": 0})
    after = practice.get(f"/api/v2/availability?queueId={SUPPORT}&skills=Billing").json()[
        "entities"
    ]
    assert [(one["userName"], one["available"]) for one in after] == [("ana", True)]


def test_token_is_asked_for_by_form_with_the_right_secret(practice: Practice) -> None:
    told = practice.log_in(scope="callback:read")
    assert told.json()["expires_in"] == 86_400
    assert practice.post(OPEN, promise()).json()["code"] == "missing.permissions"
    assert practice.log_in(secret="wrong").json()["error"] == "invalid_client"
    assert practice.log_in(scope="everything").json()["error"] == "invalid_scope"
    body = {
        "grant_type": "client_credentials",
        "client_id": "practice",
        "client_secret": "practice",
    }
    assert practice.ask("POST", "/oauth/token", data=body, headers=FORM).status_code == 200
    assert practice.ask("POST", "/oauth/token", json=body).json()["error"] == "invalid_request"


def test_token_dies_of_age() -> None:
    practice = within(replace(Options(), token_lifetime=Options().token_lifetime * 0))
    practice.log_in()

    assert practice.get(OPEN).json()["code"] == "authentication.required"


def test_unknown_path_and_method_are_told_apart(practice: Practice) -> None:
    assert practice.get("/api/v2/nothing").status_code == 404
    told = practice.send("DELETE", OPEN)
    assert (told.status_code, told.headers["Allow"]) == (405, "GET, POST")


def test_body_over_a_mebibyte_is_too_large(practice: Practice) -> None:
    assert practice.post(OPEN, promise(externalData={"a": "x" * 2**20})).status_code == 413
