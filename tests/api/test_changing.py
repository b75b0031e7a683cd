"""PATCH and task: everything that may change, with the version that was read (http-api; rules §3, §7)."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from callbacks.models import Callback, Skill, Task
from tests.api.conftest import Program
from tests.api.payloads import codes, guides_payload, payload
from tests.cast import NOW, Cast, make_queue


@pytest.fixture
def owned(cast: Cast, ivr: Program) -> str:
    """The path of a callback that Ana owns: Wednesday at 15:00 UTC."""
    return "/callbacks/" + str(ivr.post("/callbacks", guides_payload()).json()["id"])


def test_everything_that_the_contract_names_can_change(
    cast: Cast, ivr: Program, owned: str
) -> None:
    Skill.objects.create(name="Billing")
    other = make_queue("Orders")
    other.members.add(cast.ben.agent)
    cast.ben.agent.skills.add(Skill.objects.get())
    changes = {
        "target": {"id": "+442079460901", "type": "phoneNumber"},
        "requestedTime": "2026-11-26T10:00:00Z",
        "callbackWindow": {"duration": 1800},
        "queueId": str(other.pk),
        "agentId": str(cast.ben.pk),
        "routeToMe": True,
        "priority": 7,
        "skills": ["billing"],
        "contact": {"name": "Nora", "timeZone": "Europe/London"},
        "externalData": {"reason": "Invoice", "crm": 12},
    }
    answer = ivr.patch(owned, changes)
    assert answer.status_code == 200, answer.json()
    got = answer.json()
    assert got["target"]["id"] == "+442079460901"
    assert got["requestedTime"] == "2026-11-26T10:00:00.000Z"
    assert got["callbackWindow"] == {"duration": 1800, "startTime": "2026-11-26T10:00:00.000Z"}
    assert (got["queueId"], got["agentId"]) == (str(other.pk), str(cast.ben.pk))
    assert (got["routeToMe"], got["priority"], got["skills"]) == (True, 7, ["Billing"])
    assert got["contact"] == {"name": "Nora", "timeZone": "Europe/London"}
    assert got["externalData"]["reason"] == "Invoice"
    assert got["externalData"]["crm"] == 12
    assert (got["version"], answer.headers["ETag"]) == (2, '"2"')
    assert ivr.get(owned).json() == got


def test_what_is_left_out_stays(cast: Cast, ivr: Program, owned: str) -> None:
    before = ivr.get(owned).json()
    after = ivr.patch(owned, {"priority": 3}).json()
    assert {name for name in before if before[name] != after[name]} == {"priority", "version"}


def test_null_as_agent_gives_ownership_up(cast: Cast, ivr: Program, owned: str) -> None:
    got = ivr.patch(owned, {"agentId": None}).json()
    assert (got["agentId"], got["owner"], got["ownershipExpiresAt"]) == (None, None, None)
    assert Callback.objects.get().history.filter(what="ownership_given_up").exists()


def test_nothing_of_it_happens_when_something_is_wrong(
    cast: Cast, ivr: Program, owned: str
) -> None:
    answer = ivr.patch(owned, {"priority": 3, "requestedTime": "2026-12-10T15:00:00Z", "x": 1})
    assert codes(answer) == {"agentId": "ownership.too.far", "x": "invalid.value"}
    assert ivr.get(owned).json()["priority"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "completed"},
        {"status": "pending"},
        {"priority": "high"},
        {"agentId": "nobody"},
        {"queueId": "nowhere"},
        {"requestedTime": "2026-11-26T10:00:00"},
        {"requestedTime": "2026-11-20T10:00:00Z"},
        {"target": {"id": "12", "type": "phoneNumber"}},
        {"callbackWindow": {"duration": -1}},
        {"consent": True},
        {"conversationId": "c-9"},
        {"skills": ["Klingon"]},
        {"status": "cancelled", "priority": 3},
    ],
)
def test_a_bad_change_is_refused_and_named(
    cast: Cast, ivr: Program, owned: str, changes: dict[str, Any]
) -> None:
    answer = ivr.patch(owned, changes)
    assert answer.status_code == 400
    assert {name.split(".")[0] for name in codes(answer)} <= set(changes)
    assert ivr.get(owned).json()["version"] == 1


class TestVersion:
    """``If-Match`` with a stale ETag gets 412: somebody else's change is not overwritten."""

    def test_the_version_that_holds_lets_it_through(self, ivr: Program, owned: str) -> None:
        assert ivr.patch(owned, {"priority": 1}, If_Match='"1"').status_code == 200

    @pytest.mark.parametrize("match", ['"1"', 'W/"1"', '"x"', "1", '"99"'])
    def test_another_one_does_not(self, ivr: Program, owned: str, match: str) -> None:
        ivr.patch(owned, {"priority": 1})
        answer = ivr.patch(owned, {"priority": 2}, If_Match=match)
        assert (answer.status_code, answer.json()["code"]) == (412, "version.stale")
        assert ivr.get(owned).json()["priority"] == 1

    def test_a_star_means_whichever(self, ivr: Program, owned: str) -> None:
        ivr.patch(owned, {"priority": 1})
        assert ivr.patch(owned, {"priority": 2}, If_Match="*").status_code == 200

    def test_it_guards_cancelling_and_converting_too(self, ivr: Program, owned: str) -> None:
        ivr.patch(owned, {"priority": 1})
        assert ivr.patch(owned, {"status": "cancelled"}, If_Match='"1"').status_code == 412
        assert ivr.post(f"{owned}/task", {}, If_Match='"1"').status_code == 412


class TestCancelling:
    """``status: cancelled`` is the only status that a program sets."""

    def test_it_ends_with_its_reason(self, ivr: Program, owned: str) -> None:
        got = ivr.patch(owned, {"status": "cancelled", "reason": "Solved by mail."}).json()
        assert got["status"] == "cancelled"
        assert got["endedAt"] == "2026-11-23T15:00:00.000Z"

    def test_what_is_over_stays_so(self, ivr: Program, owned: str) -> None:
        ivr.patch(owned, {"status": "cancelled"})
        for changes in ({"status": "cancelled"}, {"priority": 2}):
            answer = ivr.patch(owned, changes)
            assert (answer.status_code, answer.json()["code"]) == (409, "callback.ended")

    def test_its_number_is_free_again(self, ivr: Program, owned: str) -> None:
        ivr.patch(owned, {"status": "cancelled"})
        assert ivr.post("/callbacks", guides_payload()).status_code == 201


def test_an_owned_one_is_locked_for_its_last_15_minutes(
    cast: Cast, ivr: Program, owned: str
) -> None:
    due = Callback.objects.get().requested_at
    with time_machine.travel(due - timedelta(minutes=15), tick=False):
        ivr = _fresh(ivr)
        assert ivr.patch(owned, {"requestedTime": "2026-11-25T16:00:00Z"}).status_code == 200
    with time_machine.travel(due + timedelta(minutes=45, seconds=1), tick=False):
        ivr = _fresh(ivr)
        answer = ivr.patch(owned, {"requestedTime": "2026-11-25T17:00:00Z"})
        assert (answer.status_code, answer.json()["code"]) == (409, "callback.locked")


def _fresh(ivr: Program) -> Program:
    """The same program with a token of this hour."""
    return Program(ivr.client, ivr.secret)


def test_a_change_to_a_number_that_has_one_is_a_conflict(
    cast: Cast, ivr: Program, owned: str
) -> None:
    twin = ivr.post("/callbacks", payload()).json()
    answer = ivr.patch(owned, {"target": {"id": twin["target"]["id"], "type": "phoneNumber"}})
    assert answer.status_code == 409
    assert answer.json()["existing"]["id"] == twin["id"]


class TestTask:
    """POST /callbacks/{id}/task: no call is needed, but something is to be done."""

    def test_the_callback_ends_as_converted(self, cast: Cast, ivr: Program, owned: str) -> None:
        answer = ivr.post(f"{owned}/task", {"description": "Send the invoice."})
        assert answer.status_code == 201, answer.json()
        made = Task.objects.get()
        assert answer.json() == {
            "id": str(made.pk),
            "callbackId": owned.rsplit("/", 1)[1],
            "description": "Send the invoice.",
            "assigneeId": str(made.assignee_id) if made.assignee_id else None,
            "createdAt": "2026-11-23T15:00:00.000Z",
            "doneAt": None,
        }
        assert ivr.get(owned).json()["status"] == "converted"

    def test_without_a_body_it_says_who_converted_it(self, ivr: Program, owned: str) -> None:
        headers = {"Authorization": f"Bearer {ivr.token}"}
        answer = ivr.http.generic("POST", f"/api/v2{owned}/task", headers=headers)
        assert answer.status_code == 201, answer.json()
        assert answer.json()["description"] == "Converted to a task by IVR."

    def test_a_second_time_it_is_over(self, ivr: Program, owned: str) -> None:
        ivr.post(f"{owned}/task", {})
        answer = ivr.post(f"{owned}/task", {})
        assert (answer.status_code, answer.json()["code"]) == (409, "callback.ended")
        assert Task.objects.count() == 1

    def test_unknown_fields_are_refused(self, ivr: Program, owned: str) -> None:
        assert codes(ivr.post(f"{owned}/task", {"due": "soon"})) == {"due": "invalid.value"}


def test_a_change_takes_the_time_of_the_change(cast: Cast, ivr: Program, owned: str) -> None:
    with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
        assert ivr.patch(owned, {"priority": 1}).json()["updatedAt"] == "2026-11-23T15:05:00.000Z"
