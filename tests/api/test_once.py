"""Once: idempotency keys, batches, and the pace that a client keeps to (http-api; safety §1.8)."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from callbacks.models import Callback, KeptAnswer
from tests.api.conftest import Program, let_pass, program
from tests.api.payloads import codes, payload
from tests.cast import NOW, Cast, fresh_number


class TestKey:
    """``Idempotency-Key``: the same key with the same body answers as the first time, for 24 h."""

    def test_the_second_answer_is_the_first_one(self, cast: Cast, ivr: Program) -> None:
        sent = payload()
        first = ivr.post("/callbacks", sent, Idempotency_Key="k-1")
        again = ivr.post("/callbacks", sent, Idempotency_Key="k-1")
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Location"] == first.headers["Location"]
        assert again.headers["ETag"] == first.headers["ETag"]
        assert Callback.objects.count() == 1

    def test_spaces_and_order_of_the_body_do_not_matter(self, cast: Cast, ivr: Program) -> None:
        ivr.post("/callbacks", b'{"target": {"id": "+442079460900", "type": "phoneNumber"}, "priority": 1}', Idempotency_Key="k")  # fmt: skip
        again = ivr.post("/callbacks", b'{"priority":1,"target":{"type":"phoneNumber","id":"+442079460900"}}', Idempotency_Key="k")  # fmt: skip
        assert again.status_code == 201

    def test_with_another_body_it_is_a_mismatch(self, cast: Cast, ivr: Program) -> None:
        ivr.post("/callbacks", payload(), Idempotency_Key="k-1")
        answer = ivr.post("/callbacks", payload(), Idempotency_Key="k-1")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency.mismatch")

    def test_keys_of_two_programs_are_two_keys(self, cast: Cast, ivr: Program) -> None:
        ivr.post("/callbacks", payload(), Idempotency_Key="k-1")
        assert program(name="CRM").post("/callbacks", payload(), Idempotency_Key="k-1").status_code == 201  # fmt: skip

    def test_a_conflict_is_answered_again_as_it_was(self, cast: Cast, ivr: Program) -> None:
        """The same request must not succeed the second time because the first one's rival ended."""
        first = ivr.post("/callbacks", payload()).json()
        sent = payload(target={"id": first["target"]["id"], "type": "phoneNumber"})
        assert ivr.post("/callbacks", sent, Idempotency_Key="k-1").status_code == 409
        ivr.patch(first["selfUri"][7:], {"status": "cancelled"})
        again = ivr.post("/callbacks", sent, Idempotency_Key="k-1")
        assert again.status_code == 409
        assert again.json()["existing"]["id"] == first["id"]

    def test_a_body_that_was_refused_may_be_put_right(self, cast: Cast, ivr: Program) -> None:
        assert ivr.post("/callbacks", payload(priority="x"), Idempotency_Key="k").status_code == 400
        assert ivr.post("/callbacks", payload(), Idempotency_Key="k").status_code == 201

    def test_after_a_day_the_key_is_new(self, cast: Cast, ivr: Program) -> None:
        ivr.post("/callbacks", payload(), Idempotency_Key="k-1")
        with time_machine.travel(NOW + timedelta(hours=24, seconds=1), tick=False):
            later = Program(ivr.client, ivr.secret)
            sent = payload(requestedTime="2026-11-25T12:00:00Z")
            assert later.post("/callbacks", sent, Idempotency_Key="k-1").status_code == 201
        assert KeptAnswer.objects.count() == 1

    @pytest.mark.parametrize("key", ["", "x" * 256])
    def test_a_bad_key_is_refused(self, cast: Cast, ivr: Program, key: str) -> None:
        answer = ivr.post("/callbacks", payload(), Idempotency_Key=key)
        assert codes(answer) == {"Idempotency-Key": "invalid.value"}


BAD: list[dict[str, Any]] = [
    {"requestedTime": "2026-11-24T12:00:00"},
    {"requestedTime": "2026-11-20T12:00:00Z"},
    {"requestedTime": "2027-01-20T12:00:00Z"},
    {"target": {"id": "12", "type": "phoneNumber"}},
    {"target": {"id": "+442079460000", "type": "sms"}},
    {"queueId": "nowhere"},
    {"agentId": "nobody"},
    {"consent": False},
    {"urgent": True},
    {"priority": "high"},
    {"contact": {"timeZone": "Mars"}},
    {"skills": ["Klingon"]},
]


class TestBatch:
    """POST /callbacks/batch: 1–500, every item stands alone."""

    def test_of_500_with_37_bad_ones_463_are_made_each_error_at_its_index(
        self, cast: Cast, ivr: Program
    ) -> None:
        items = [payload() for _ in range(500)]
        places = [7 + 13 * n for n in range(37)]
        for n, place in enumerate(places):
            items[place].update(BAD[n % len(BAD)])
        answer = ivr.post("/callbacks/batch", {"callbacks": items})
        assert answer.status_code == 200
        told = answer.json()
        assert (told["created"], told["failed"], len(told["results"])) == (463, 37, 500)
        assert [one["index"] for one in told["results"]] == list(range(500))
        assert [one["index"] for one in told["results"] if one["status"] != 201] == places
        for n, place in enumerate(places):
            error = told["results"][place]["error"]
            field = error["details"][0]["field"].split(".")[0]
            assert field == next(iter(BAD[n % len(BAD)])), error
        assert Callback.objects.count() == 463

    def test_a_batch_twice_with_the_same_key_doubles_nothing(
        self, cast: Cast, ivr: Program
    ) -> None:
        items = {"callbacks": [payload() for _ in range(20)] + [payload(consent=False)]}
        first = ivr.post("/callbacks/batch", items, Idempotency_Key="b-1")
        again = ivr.post("/callbacks/batch", items, Idempotency_Key="b-1")
        assert first.json()["created"] == 20
        assert again.content == first.content
        assert Callback.objects.count() == 20

    def test_without_a_key_the_second_time_names_every_existing_one(
        self, cast: Cast, ivr: Program
    ) -> None:
        items = {"callbacks": [payload() for _ in range(5)]}
        first = ivr.post("/callbacks/batch", items).json()
        again = ivr.post("/callbacks/batch", items).json()
        assert again["created"] == 0
        existing = [one["error"]["existing"]["id"] for one in again["results"]]
        assert existing == [one["callback"]["id"] for one in first["results"]]

    def test_of_two_for_one_number_the_second_names_the_first(
        self, cast: Cast, ivr: Program
    ) -> None:
        twice = {"id": fresh_number(), "type": "phoneNumber"}
        items = {"callbacks": [payload(target=twice), payload(target=twice)]}
        first, second = ivr.post("/callbacks/batch", items).json()["results"]
        assert (first["status"], second["status"]) == (201, 409)
        assert second["error"]["existing"]["id"] == first["callback"]["id"]

    def test_owners_fall_back_and_are_told(self, cast: Cast, ivr: Program) -> None:
        item = payload(agentId=str(cast.otto.pk), queueId=str(cast.support.pk), routeToMe=True)
        (result,) = ivr.post("/callbacks/batch", {"callbacks": [item]}).json()["results"]
        assert result["callback"]["assignment"]["assigned"] is None
        assert "Otto Berg" in result["callback"]["assignment"]["reason"]
        assert result["callback"]["preferredAgent"]["name"] == "Otto Berg"

    @pytest.mark.parametrize("body", [{}, {"callbacks": []}, {"callbacks": {}}, {"callbacks": [payload()] * 501}, {"items": []}, []])  # fmt: skip
    def test_what_is_no_batch_is_refused_as_a_whole(
        self, cast: Cast, ivr: Program, body: Any
    ) -> None:
        assert ivr.post("/callbacks/batch", body).status_code == 400
        assert not Callback.objects.exists()

    def test_an_item_that_is_no_object_is_refused_alone(self, cast: Cast, ivr: Program) -> None:
        told = ivr.post("/callbacks/batch", {"callbacks": [7, payload(), None]}).json()
        assert [one["status"] for one in told["results"]] == [400, 201, 400]

    def test_its_statements_do_not_grow_with_it(
        self, cast: Cast, ivr: Program, django_assert_max_num_queries: Any
    ) -> None:
        ivr.post("/callbacks/batch", {"callbacks": [payload(agentId=str(cast.ana.pk))]})
        items = [payload(agentId=str(person.pk)) for person in (cast.ana, cast.ben) * 30]
        with django_assert_max_num_queries(32):
            assert ivr.post("/callbacks/batch", {"callbacks": items}).json()["created"] == 60


class TestPace:
    """10 a second and 20 at once, unless the client's terms say otherwise (http-api, 429)."""

    def test_of_25_requests_in_a_second_the_surplus_is_told_when_to_come_again(
        self, cast: Cast
    ) -> None:
        slow = program(rate=10, burst=20)
        answers = [slow.get("/queues") for _ in range(25)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert [answer.status_code for answer in answers[:20]] == [200] * 20
        assert refused
        for answer in refused:
            assert answer.json()["code"] == "too.many.requests"
            assert int(answer.headers["Retry-After"]) >= 1
        let_pass(seconds=int(refused[-1].headers["Retry-After"]))
        assert slow.get("/queues").status_code == 200

    def test_waiting_as_told_always_suffices_and_rests_the_whole_burst(self, cast: Cast) -> None:
        slow = program(rate=1, burst=3)
        for _ in range(3):
            while (answer := slow.get("/queues")).status_code == 200:
                pass
            let_pass(seconds=int(answer.headers["Retry-After"]))
            assert slow.get("/queues").status_code == 200
        let_pass(seconds=60)
        answers = [slow.get("/queues").status_code for _ in range(4)]
        assert answers == [200, 200, 200, 429]

    def test_one_clients_pace_is_nobody_elses(self, cast: Cast, ivr: Program) -> None:
        slow = program(name="CRM", rate=1, burst=1)
        assert [slow.get("/queues").status_code for _ in range(2)] == [200, 429]
        assert ivr.get("/queues").status_code == 200

    def test_a_refused_request_does_nothing(self, cast: Cast) -> None:
        slow = program(rate=1, burst=1)
        slow.get("/queues")
        assert slow.post("/callbacks", payload()).status_code == 429
        assert not Callback.objects.exists()

    def test_guessing_secrets_is_slowed_down(self, cast: Cast, ivr: Program) -> None:
        form = f"grant_type=client_credentials&client_id={ivr.client.client_id}&client_secret=x"
        statuses = set()
        for _ in range(120):
            answer = ivr.http.post("/oauth/token", form, content_type="application/x-www-form-urlencoded")  # fmt: skip
            statuses.add(answer.status_code)
        assert statuses == {401, 429}
        assert int(answer.headers["Retry-After"]) >= 1
