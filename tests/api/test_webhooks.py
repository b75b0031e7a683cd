"""GET, POST, DELETE /webhooks: programs subscribe to what happens (http-api, Webhooks out)."""

from typing import Any

import pytest

from callbacks.models import Webhook
from tests.api.conftest import Program, program
from tests.api.payloads import codes, payload
from tests.api.test_access import Browser
from tests.cast import Cast

URL = "https://crm.example.com/ringback"


def wish(**changes: Any) -> dict[str, Any]:
    """A subscription without a problem."""
    return {"url": URL, "events": ["callback.created", "callback.completed"], **changes}


def test_a_program_subscribes_and_is_told_the_secret_once(cast: Cast, ivr: Program) -> None:
    answer = ivr.post("/webhooks", wish())
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert answer.headers["Location"] == f"/api/v2/webhooks/{made['id']}"
    assert len(made.pop("secret")) >= 32
    assert (made["url"], made["name"], made["isActive"]) == (URL, "IVR", True)
    assert made["events"] == ["callback.completed", "callback.created"]
    assert ivr.get(f"/webhooks/{made['id']}").json() == made
    page = ivr.get("/webhooks").json()
    assert (page["entities"], page["total"]) == ([made], 1)


def test_it_is_told_of_what_happens_from_now_on(cast: Cast, ivr: Program) -> None:
    made = ivr.post("/webhooks", wish()).json()
    ivr.post("/callbacks", payload())
    delivery = Webhook.objects.get(pk=made["id"]).deliveries.get()
    assert delivery.type == "callback.created"


def test_it_unsubscribes(cast: Cast, ivr: Program) -> None:
    made = ivr.post("/webhooks", wish()).json()
    answer = ivr.call("DELETE", f"/webhooks/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not Webhook.objects.exists()
    assert ivr.call("DELETE", f"/webhooks/{made['id']}").status_code == 404


def test_the_same_address_twice_is_a_conflict(cast: Cast, ivr: Program) -> None:
    ivr.post("/webhooks", wish())
    answer = ivr.post("/webhooks", wish())
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook.exists")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": 7}, "url"),
        ({"events": []}, "events"),
        ({"events": ["callback.vanished"]}, "events"),
        ({"events": "callback.created"}, "events"),
        ({"name": "\0"}, "name"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_bad_input_is_named(cast: Cast, ivr: Program, changes: dict[str, Any], field: str) -> None:
    answer = ivr.post("/webhooks", wish(**changes))
    assert answer.status_code == 400
    assert {name.split(".")[0] for name in codes(answer)} == {field}
    assert not Webhook.objects.exists()


def test_anothers_subscription_is_not_there(cast: Cast, ivr: Program) -> None:
    made = ivr.post("/webhooks", wish()).json()
    other = program(name="CRM")
    assert other.get("/webhooks").json()["total"] == 0
    for method in ("GET", "DELETE"):
        assert other.call(method, f"/webhooks/{made['id']}").status_code == 404
    assert other.post("/webhooks", wish()).status_code == 201


def test_the_scope_is_asked_for(cast: Cast) -> None:
    answer = program("callback:read", "callback:write").get("/webhooks")
    assert answer.status_code == 403
    assert "webhook:manage" in answer.json()["message"]


def test_of_people_admins_see_them_all_and_others_none(cast: Cast, ivr: Program) -> None:
    ivr.post("/webhooks", wish())
    assert Browser(cast.ada).call("GET", "/webhooks").json()["total"] == 1
    for person in (cast.ana, cast.sam):
        answer = Browser(person).call("GET", "/webhooks")
        assert (answer.status_code, answer.json()["code"]) == (403, "missing.permissions")
