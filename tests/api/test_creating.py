"""POST /callbacks: the guide's payload as it stands, and every problem at once (http-api, The payload)."""

from datetime import time, timedelta
from typing import Any

import pytest

from callbacks.models import Callback, CallingHours, ContactList, ContactListEntry, OutboxMessage
from tests.api.conftest import Program
from tests.api.payloads import codes, guides_payload, payload
from tests.cast import NOW, Cast, make_queue


def test_the_guides_payload_is_accepted_letter_for_letter(cast: Cast, ivr: Program) -> None:
    answer = ivr.post("/callbacks", guides_payload())
    assert answer.status_code == 201, answer.json()
    made, callback = answer.json(), Callback.objects.get()
    assert made["id"] == str(callback.pk)
    assert answer.headers["Location"] == made["selfUri"] == f"/api/v2/callbacks/{callback.pk}"
    assert answer.headers["ETag"] == '"1"'
    assert (made["status"], made["version"], made["attempts"]) == ("pending", 1, 0)
    assert made["target"] == {"id": "+12345678901", "type": "phoneNumber"}
    assert made["requestedTime"] == "2026-11-25T15:00:00.000Z"
    assert made["callbackWindow"] == guides_payload()["callbackWindow"]
    assert made["externalData"] == guides_payload()["externalData"]
    assert made["agentId"] == made["owner"]["id"] == str(cast.ana.pk)
    assert made["queueId"] == str(cast.support.pk)
    assert made["ownershipExpiresAt"] == "2026-11-26T15:00:00.000Z"
    assert made["editableUntil"] == "2026-11-25T14:45:00.000Z"
    assert made["assignment"] == {
        "requested": str(cast.ana.pk), "assigned": str(cast.ana.pk), "reason": "",
    }  # fmt: skip


def test_it_is_the_same_callback_as_the_screens_make(cast: Cast, ivr: Program) -> None:
    ivr.post("/callbacks", guides_payload())
    callback = Callback.objects.get()
    assert (callback.reason, callback.ticket_id) == ("Technical Support Follow-up", "INC-998877")
    assert callback.owner == cast.ana.agent
    event = callback.history.get()
    assert (event.what, event.actor_name, event.actor_kind) == ("scheduled", "IVR", "program")
    assert OutboxMessage.objects.get().callback == callback


def test_every_problem_of_a_body_is_told_at_once(cast: Cast, ivr: Program) -> None:
    sent = {
        "target": {"id": "12", "type": "email"},
        "requestedTime": "2026-11-25T15:00:00",
        "callbackWindow": {"duration": 0},
        "agentId": "nobody",
        "status": "done",
        "consent": False,
        "skills": ["Klingon"],
        "contact": {"timeZone": "Mars/Olympus"},
        "urgent": True,
    }
    answer = ivr.post("/callbacks", sent)
    assert answer.status_code == 400
    assert codes(answer) == {
        "target.type": "invalid.value",
        "requestedTime": "time.naive",
        "callbackWindow.duration": "invalid.value",
        "agentId": "invalid.value",
        "status": "invalid.value",
        "consent": "consent.required",
        "skills": "invalid.value",
        "contact.timeZone": "zone.unknown",
        "urgent": "invalid.value",
    }
    assert answer.json()["status"] == 400
    assert not Callback.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"requestedTime": "2026-11-24T12:00:00"}, "requestedTime", "time.naive"),
        ({"requestedTime": "2026-11-24"}, "requestedTime", "time.invalid"),
        ({"requestedTime": "tomorrow"}, "requestedTime", "time.invalid"),
        ({"requestedTime": ""}, "requestedTime", "time.invalid"),
        ({"requestedTime": 1_800_000_000}, "requestedTime", "invalid.value"),
        ({"requestedTime": "2026-11-23T14:58:00Z"}, "requestedTime", "time.past"),
        ({"requestedTime": "2026-12-23T15:00:01Z"}, "requestedTime", "time.too.far"),
        ({"requestedTime": "9999-12-31T23:59:59-23:59"}, "requestedTime", "time.invalid"),
        ({"requestedTime": "0001-01-01T00:00:00+23:59"}, "requestedTime", "time.invalid"),
        ({"requestedTime": "2026-11-24T03:00:00Z"}, "requestedTime", "calling.hours"),
        ({"target": {"id": "+4420", "type": "phoneNumber"}}, "target.id", "number.invalid"),
        ({"target": {"id": "+442079460000", "type": "sms"}}, "target.type", "invalid.value"),
        ({"target": {"type": "phoneNumber"}}, "target.id", "invalid.value"),
        ({"target": "+442079460000"}, "target", "invalid.value"),
        ({"target": None}, "target", "invalid.value"),
        ({"queueId": "Support"}, "queueId", "invalid.value"),
        ({"queueId": "00000000-0000-7000-8000-000000000000"}, "queueId", "invalid.value"),
        ({"agentId": "nobody"}, "agentId", "invalid.value"),
        ({"agentId": "a\x00b"}, "agentId", "invalid.value"),
        ({"status": "completed"}, "status", "invalid.value"),
        ({"consent": False}, "consent", "consent.required"),
        ({"consent": "yes"}, "consent", "invalid.value"),
        ({"routeToMe": True}, "routeToMe", "invalid.value"),
        ({"priority": 1.5}, "priority", "invalid.value"),
        ({"priority": 10**30}, "priority", "invalid.value"),
        ({"contact": {"timeZone": "EST5EDT4"}}, "contact.timeZone", "zone.unknown"),
        ({"contact": {"name": "x" * 201}}, "contact.name", "invalid.value"),
        ({"contact": {"nickname": "x"}}, "contact.nickname", "invalid.value"),
        ({"externalData": {"x": "y" * 16_400}}, "externalData", "invalid.value"),
        ({"externalData": {"x": "\u0000"}}, "externalData", "invalid.value"),
        ({"externalData": []}, "externalData", "invalid.value"),
        ({"conversationId": "x" * 101}, "conversationId", "invalid.value"),
        (
            {"callbackWindow": {"duration": 90_000}},
            "callbackWindow",
            "window.exceeds.service.level",
        ),
        (
            {"callbackWindow": {"startTime": "2026-11-24T12:00:00"}},
            "callbackWindow.startTime",
            "time.naive",
        ),
        ({"callbackWindow": {"startTime": "2026-11-24T13:00:00Z"}}, "callbackWindow", None),
        ({"requested_time": "2026-11-24T12:00:00Z"}, "requested_time", "invalid.value"),
    ],
)
def test_bad_input_names_its_field(
    cast: Cast, ivr: Program, changes: dict[str, Any], field: str, code: str | None
) -> None:
    answer = ivr.post("/callbacks", payload(**changes))
    assert answer.status_code == 400
    assert list(codes(answer)) == [field], answer.json()
    assert code is None or codes(answer)[field] == answer.json()["code"] == code
    assert not Callback.objects.exists()


def test_a_naive_time_is_told_what_it_would_have_meant(cast: Cast, ivr: Program) -> None:
    answer = ivr.post("/callbacks", {**guides_payload(), "requestedTime": "2026-11-25T15:00:00"})
    said = answer.json()["message"]
    assert "Read as UTC it would be 2026-11-25T15:00:00.000Z" in said
    assert "America/New_York, it would be 2026-11-25T20:00:00.000Z" in said


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b'"x"', b"\xff\xfe", b"{}"])
def test_whatever_is_no_object_of_json_is_refused(cast: Cast, ivr: Program, body: bytes) -> None:
    answer = ivr.post("/callbacks", body)
    assert answer.status_code == 400
    assert answer.json()["contextId"]


def test_a_body_that_is_not_called_json_is_refused(cast: Cast, ivr: Program) -> None:
    headers = {"Authorization": f"Bearer {ivr.token}"}
    answer = ivr.http.post("/api/v2/callbacks", "{}", content_type="text/plain", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported.media.type")


def test_more_than_a_mebibyte_is_refused_unread(cast: Cast, ivr: Program) -> None:
    answer = ivr.post("/callbacks", b" " * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too.large")
    assert ivr.post("/callbacks/batch", b" " * (1024 * 1024 + 1)).status_code == 400
    assert ivr.post("/callbacks/batch", b" " * (5 * 1024 * 1024 + 1)).status_code == 413


def test_a_time_with_an_offset_is_the_same_instant(cast: Cast, ivr: Program) -> None:
    answer = ivr.post("/callbacks", payload(requestedTime="2026-11-24T07:00:00.123-05:00"))
    assert answer.json()["requestedTime"] == "2026-11-24T12:00:00.123Z"


def test_without_a_time_it_is_as_soon_as_possible(cast: Cast, ivr: Program) -> None:
    sent = payload()
    del sent["requestedTime"]
    assert ivr.post("/callbacks", sent).json()["requestedTime"] == "2026-11-23T15:00:00.000Z"


def test_as_soon_as_possible_waits_for_the_contacts_calling_hours(cast: Cast, ivr: Program) -> None:
    CallingHours.objects.create(queue=cast.support, weekday=1, opens=time(9), closes=time(17))
    sent = payload(contact={"timeZone": "Europe/Berlin"})
    del sent["requestedTime"]
    assert ivr.post("/callbacks", sent).json()["requestedTime"] == "2026-11-24T08:00:00.000Z"


def test_an_hour_outside_calling_hours_is_allowed_on_purpose(cast: Cast, ivr: Program) -> None:
    at_night = payload(requestedTime="2026-11-24T03:00:00Z")
    assert codes(ivr.post("/callbacks", at_night)) == {"requestedTime": "calling.hours"}
    answer = ivr.post("/callbacks", {**at_night, "allowOutsideCallingHours": True})
    assert answer.json()["allowOutsideCallingHours"] is True


def test_a_program_may_be_kept_from_calling_outside_hours(cast: Cast, ivr: Program) -> None:
    ivr.client.may_call_outside_hours = False
    ivr.client.save()
    sent = payload(requestedTime="2026-11-24T03:00:00Z", allowOutsideCallingHours=True)
    assert codes(ivr.post("/callbacks", sent)) == {"requestedTime": "calling.hours"}


def test_the_zone_in_external_data_is_the_contacts(cast: Cast, ivr: Program) -> None:
    answer = ivr.post("/callbacks", payload(externalData={"timeZone": "Asia/Kolkata", "n": [1]}))
    assert answer.json()["contact"]["timeZone"] == "Asia/Kolkata"
    assert answer.json()["externalData"] == {"timeZone": "Asia/Kolkata", "n": [1]}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("12125550123", "+12125550123"),
        ("442079460999", "+442079460999"),
        ("+44 (0)20 7946 0999", "+442079460999"),
        ("tel:+44-20-7946-0999", "+442079460999"),
    ],
)
def test_a_number_may_lack_its_plus(cast: Cast, ivr: Program, said: str, meant: str) -> None:
    afternoon = "2026-11-24T16:00:00Z"
    sent = payload(target={"id": said, "type": "phoneNumber"}, requestedTime=afternoon)
    assert ivr.post("/callbacks", sent).json()["target"]["id"] == meant


class TestQueue:
    """Left out: the agent's default queue, else the only one they serve, else the installation's."""

    def test_the_default_queue_of_the_agent_comes_first(self, cast: Cast, ivr: Program) -> None:
        other = make_queue("Orders")
        cast.ana.agent.queues.add(other)
        cast.ana.agent.default_queue = other
        cast.ana.agent.save()
        answer = ivr.post("/callbacks", guides_payload())
        assert answer.json()["queueId"] == str(other.pk)

    def test_else_the_only_queue_of_the_agent(self, cast: Cast, ivr: Program) -> None:
        cast.otto.agent.platform_id = "otto"
        cast.otto.agent.save()
        answer = ivr.post("/callbacks", payload(agentId="otto"))
        assert answer.json()["queueId"] == str(cast.billing.pk)

    def test_else_the_default_one(self, cast: Cast, ivr: Program) -> None:
        assert ivr.post("/callbacks", payload()).json()["queueId"] == str(cast.support.pk)

    def test_without_any_it_is_asked_for(self, cast: Cast, ivr: Program) -> None:
        cast.support.is_default = False
        cast.support.save()
        assert codes(ivr.post("/callbacks", payload())) == {"queueId": "invalid.value"}


class TestOwner:
    """Rules §2.11: an owner who cannot is replaced, and the answer tells by whom and why."""

    def test_our_id_serves_as_well(self, cast: Cast, ivr: Program) -> None:
        answer = ivr.post("/callbacks", payload(agentId=str(cast.ben.pk)))
        assert answer.json()["owner"] == {"id": str(cast.ben.pk), "name": "Ben Hughes"}

    def test_who_cannot_own_falls_back_to_the_team_lead(self, cast: Cast, ivr: Program) -> None:
        cast.ana.agent.queues.clear()
        answer = ivr.post("/callbacks", payload(**{**guides_payload(), "queueId": str(cast.support.pk)}))  # fmt: skip
        told = answer.json()["assignment"]
        assert (told["requested"], told["assigned"]) == (str(cast.ana.pk), str(cast.lena.pk))
        assert "Ana Reyes" in told["reason"]
        assert "Lena Vogt" in told["reason"]

    def test_beyond_the_ownership_limit_it_is_refused(self, cast: Cast, ivr: Program) -> None:
        late = f"{NOW + timedelta(days=7, minutes=1):%Y-%m-%dT%H:%M:%SZ}"
        answer = ivr.post("/callbacks", payload(agentId=str(cast.ana.pk), requestedTime=late))
        assert answer.json()["code"] == "ownership.too.far"

    def test_where_ownership_is_off_it_is_refused(self, cast: Cast, ivr: Program) -> None:
        cast.support.ownership_enabled = False
        cast.support.save()
        answer = ivr.post("/callbacks", guides_payload())
        assert codes(answer) == {"agentId": "ownership.disabled"}

    def test_route_to_me_prefers_the_agent_without_ownership_waiting(
        self, cast: Cast, ivr: Program
    ) -> None:
        made = ivr.post("/callbacks", {**guides_payload(), "routeToMe": True}).json()
        assert made["routeToMe"] is True
        assert made["preferredAgent"]["id"] == str(cast.ana.pk)


def test_a_duplicate_is_a_conflict_that_names_the_callback_in_the_way(
    cast: Cast, ivr: Program
) -> None:
    first = ivr.post("/callbacks", guides_payload()).json()
    answer = ivr.post("/callbacks", {**guides_payload(), "requestedTime": "2026-11-25T17:00:00Z", "callbackWindow": None})  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (409, "callback.exists")
    assert answer.json()["existing"] == {
        "id": first["id"],
        "requestedTime": "2026-11-25T15:00:00.000Z",
        "status": "pending",
        "agentId": str(cast.ana.pk),
    }
    assert codes(answer) == {"target.id": "callback.exists"}
    assert Callback.objects.count() == 1


def test_the_same_conversation_is_a_conflict_too(cast: Cast, ivr: Program) -> None:
    ivr.post("/callbacks", payload(conversationId="c-1"))
    answer = ivr.post("/callbacks", payload(conversationId="c-1"))
    assert (answer.status_code, answer.json()["code"]) == (409, "callback.exists")


def test_a_number_on_an_uncallable_list_is_refused(cast: Cast, ivr: Program) -> None:
    barred = ContactList.objects.create(name="Do not call")
    ContactListEntry.objects.create(
        contact_list=barred, phone_number="+442079460001", is_uncallable=True
    )
    sent = payload(target={"id": "+442079460001", "type": "phoneNumber"})
    assert codes(ivr.post("/callbacks", sent)) == {"target.id": "number.uncallable"}


def test_consent_is_recorded_with_its_moment(cast: Cast, ivr: Program) -> None:
    assert ivr.post("/callbacks", payload(consent=True)).json()["consent"] is True
    assert Callback.objects.get().consent_recorded_at == NOW


def test_what_could_not_be_read_does_not_hide_other_problems(cast: Cast, ivr: Program) -> None:
    """A number on its own, and a time on its own, are both judged though the other is broken."""
    sent = {"target": {"id": "12", "type": "phoneNumber"}, "requestedTime": "soon"}
    assert codes(ivr.post("/callbacks", sent)) == {
        "target.id": "number.invalid",
        "requestedTime": "time.invalid",
    }
