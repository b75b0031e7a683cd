"""Who may do what through the API: scopes, queues, people; the same rules as the screens (rules §7)."""

import base64
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from callbacks.models import AccessToken, Callback, User
from tests.api.conftest import Program, program
from tests.api.payloads import guides_payload, payload
from tests.cast import NOW, Cast, make_callback

EVERY_VERB = [
    ("GET", ""), ("PATCH", ""), ("GET", "/history"), ("POST", "/task"),
]  # fmt: skip


def bodies(method: str) -> Any:
    """A body that would be fine."""
    return None if method == "GET" else {}


class Browser:
    """A logged-in person's browser that calls the API."""

    def __init__(self, user: User) -> None:
        self.http = Client(enforce_csrf_checks=True)
        self.http.force_login(user)
        page = self.http.get("/schedule").content.decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found
        self.csrf = found[1]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A call with the page's CSRF token."""
        data = {} if body is None else {"data": body, "content_type": "application/json"}
        ask = getattr(self.http, method.lower())
        return ask(f"/api/v2{path}", headers={"X-CSRFToken": self.csrf, **headers}, **data)


class TestScopes:
    """Each call needs one scope; a token without it is told which."""

    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [
            ("POST", "/callbacks", "callback:write"),
            ("POST", "/callbacks/batch", "callback:write"),
            ("PATCH", "/callbacks/{id}", "callback:write"),
            ("POST", "/callbacks/{id}/task", "task:manage"),
        ],
    )
    def test_a_read_only_token_is_told_the_scope(
        self, cast: Cast, ivr: Program, method: str, path: str, scope: str
    ) -> None:
        made = ivr.post("/callbacks", guides_payload()).json()
        reader = program("callback:read", name="Wallboard")
        answer = reader.call(method, path.format(id=made["id"]), guides_payload())
        assert (answer.status_code, answer.json()["code"]) == (403, "missing.permissions")
        assert scope in answer.json()["message"]
        assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]
        assert Callback.objects.get().version == 1

    @pytest.mark.parametrize(
        "path", ["/callbacks", "/callbacks/x", "/callbacks/x/history", "/queues", "/agents",
                 "/service-levels", "/moments?date=2026-11-01&time=01:30&timeZone=UTC"],
    )  # fmt: skip
    def test_reading_needs_its_scope_too(self, cast: Cast, path: str) -> None:
        answer = program("callback:write").get(path)
        assert answer.status_code == 403
        assert "callback:read" in answer.json()["message"]

    def test_a_token_may_ask_for_less_than_its_client_has(self, cast: Cast, ivr: Program) -> None:
        less = Program(ivr.client, ivr.secret, scope="callback:read")
        assert less.get("/callbacks").status_code == 200
        assert less.post("/callbacks", payload()).status_code == 403


@pytest.mark.parametrize("token", ["", "x", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "bearer é"])  # fmt: skip
def test_without_a_good_token_nobody_comes_in(cast: Cast, token: str) -> None:
    for method, path in (("GET", "/callbacks"), ("POST", "/callbacks"), ("GET", "/queues")):
        headers = {"Authorization": token} if token else {}
        answer = Client().generic(method, f"/api/v2{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "authentication.required")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


class TestAnothers:
    """What one may not see is not there: 404 for every verb, whatever the id."""

    @pytest.mark.parametrize(("method", "path"), EVERY_VERB)
    def test_a_program_limited_to_queues_sees_nothing_of_others(
        self, cast: Cast, ivr: Program, method: str, path: str
    ) -> None:
        made = ivr.post("/callbacks", guides_payload()).json()
        limited = program(name="CRM", queues=[cast.billing])
        answer = limited.call(method, f"/callbacks/{made['id']}{path}", bodies(method))
        absent = limited.call(
            method, f"/callbacks/00000000-0000-7000-8000-000000000000{path}", bodies(method)
        )
        for one in (answer, absent):
            assert (one.status_code, one.json()["code"]) == (404, "not.found")
            assert one.json()["message"] == absent.json()["message"]

    @pytest.mark.parametrize(("method", "path"), EVERY_VERB)
    def test_nor_does_a_person(self, cast: Cast, ivr: Program, method: str, path: str) -> None:
        made = ivr.post("/callbacks", guides_payload()).json()
        answer = Browser(cast.otto).call(method, f"/callbacks/{made['id']}{path}", bodies(method))
        assert answer.status_code == 404

    def test_lists_leave_them_out(self, cast: Cast, ivr: Program) -> None:
        ivr.post("/callbacks", guides_payload())
        limited = program(name="CRM", queues=[cast.billing])
        assert limited.get("/callbacks").json()["total"] == 0
        assert Browser(cast.otto).call("GET", "/callbacks").json()["total"] == 0
        assert Browser(cast.ana).call("GET", "/callbacks").json()["total"] == 1

    def test_a_limited_program_makes_none_elsewhere(self, cast: Cast) -> None:
        limited = program(name="CRM", queues=[cast.billing])
        answer = limited.post("/callbacks", payload(queueId=str(cast.support.pk)))
        assert answer.status_code == 400
        assert limited.post("/callbacks", payload(queueId=str(cast.billing.pk))).status_code == 201

    def test_nor_moves_one_there(self, cast: Cast) -> None:
        limited = program(name="CRM", queues=[cast.billing])
        made = limited.post("/callbacks", payload(queueId=str(cast.billing.pk))).json()
        answer = limited.patch(made["selfUri"][7:], {"queueId": str(cast.support.pk)})
        assert answer.status_code == 400


class TestPeople:
    """A logged-in browser may call, with its CSRF token, for what its user may do."""

    def test_an_agent_makes_one_in_their_name(self, cast: Cast) -> None:
        answer = Browser(cast.ana).call("POST", "/callbacks", payload(routeToMe=True))
        assert answer.status_code == 201, answer.json()
        made = Callback.objects.get()
        assert (made.created_by, made.preferred_agent) == (cast.ana, cast.ana.agent)

    def test_without_the_csrf_token_nothing_is_done(self, cast: Cast) -> None:
        browser = Browser(cast.ana)
        browser.csrf = "forged"
        answer = browser.call("POST", "/callbacks", payload())
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf.failed")
        assert not Callback.objects.exists()

    def test_an_agent_may_not_do_more_than_on_the_screens(self, cast: Cast) -> None:
        made = make_callback(cast.support, cast.sam)
        answer = Browser(cast.ana).call("PATCH", f"/callbacks/{made.pk}", {"agentId": str(cast.ben.pk)})  # fmt: skip
        assert answer.status_code in {403, 404}
        answer = Browser(cast.ana).call("POST", "/callbacks", payload(queueId=str(cast.billing.pk)))
        assert answer.status_code == 400

    def test_a_supervisor_hands_over(self, cast: Cast, ivr: Program) -> None:
        made = ivr.post("/callbacks", guides_payload()).json()
        answer = Browser(cast.sam).call("PATCH", made["selfUri"][7:], {"agentId": str(cast.ben.pk)})
        assert answer.json()["agentId"] == str(cast.ben.pk)
        assert Callback.objects.get().history.get(version=2).actor_name == "Sam Okoro"

    def test_a_bearer_token_goes_before_the_session(self, cast: Cast, ivr: Program) -> None:
        ivr.http.force_login(cast.otto)
        ivr.post("/callbacks", guides_payload())
        assert ivr.get("/callbacks").json()["total"] == 1


class TestTokens:
    """POST /oauth/token: client credentials, by body or by HTTP Basic, for an hour."""

    FORM = "application/x-www-form-urlencoded"

    def ask(self, body: str, **headers: str) -> Any:
        """The answer to such a form."""
        return Client().post("/oauth/token", body, content_type=self.FORM, headers=headers)

    def test_by_http_basic(self, cast: Cast, ivr: Program) -> None:
        pair = base64.b64encode(f"{ivr.client.client_id}:{ivr.secret}".encode()).decode()
        answer = self.ask("grant_type=client_credentials", Authorization=f"Basic {pair}")
        got = answer.json()
        assert (got["token_type"], got["expires_in"]) == ("Bearer", 3600)
        assert set(got["scope"].split()) == set(ivr.client.scopes)
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        ("body", "status", "error"),
        [
            ("grant_type=client_credentials&client_id={id}&client_secret=x", 401, "invalid_client"),
            ("grant_type=client_credentials&client_id=x&client_secret={secret}", 401, "invalid_client"),
            ("grant_type=client_credentials", 401, "invalid_client"),
            ("grant_type=password&client_id={id}&client_secret={secret}", 400, "unsupported_grant_type"),
            ("client_id={id}&client_secret={secret}", 400, "invalid_request"),
            ("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=root", 400, "invalid_scope"),
        ],
    )  # fmt: skip
    def test_bad_credentials_are_refused(
        self, cast: Cast, ivr: Program, body: str, status: int, error: str
    ) -> None:
        answer = self.ask(body.format(id=ivr.client.client_id, secret=ivr.secret))
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert answer.json()["contextId"]

    def test_a_form_is_asked_for(self, cast: Cast) -> None:
        answer = Client().post("/oauth/token", "{}", content_type="application/json")
        assert answer.status_code == 415

    def test_a_revoked_token_is_worth_nothing(self, cast: Cast, ivr: Program) -> None:
        form = f"token={ivr.token}&client_id={ivr.client.client_id}&client_secret={ivr.secret}"
        assert Client().post("/oauth/revoke", form, content_type=self.FORM).status_code == 200
        assert ivr.get("/queues").status_code == 401

    def test_another_client_cannot_revoke_it(self, cast: Cast, ivr: Program) -> None:
        other = program(name="CRM")
        form = f"token={ivr.token}&client_id={other.client.client_id}&client_secret={other.secret}"
        Client().post("/oauth/revoke", form, content_type=self.FORM)
        assert ivr.get("/queues").status_code == 200

    def test_an_inactive_clients_tokens_are_worth_nothing_at_once(
        self, cast: Cast, ivr: Program
    ) -> None:
        ivr.client.is_active = False
        ivr.client.save()
        assert ivr.get("/queues").status_code == 401

    def test_a_scope_taken_away_is_gone_from_tokens_too(self, cast: Cast, ivr: Program) -> None:
        ivr.client.scopes = ["callback:read"]
        ivr.client.save()
        assert ivr.post("/callbacks", payload()).status_code == 403

    def test_neither_secret_nor_token_is_kept(self, cast: Cast, ivr: Program) -> None:
        kept = str(list(AccessToken.objects.values())) + str(vars(ivr.client))
        assert ivr.token not in kept
        assert ivr.secret not in kept


def test_a_token_ends_after_an_hour(cast: Cast, ivr: Program) -> None:
    with time_machine.travel(NOW + timedelta(minutes=59), tick=False):
        assert ivr.get("/queues").status_code == 200
    with time_machine.travel(NOW + timedelta(minutes=60, seconds=1), tick=False):
        assert ivr.get("/queues").status_code == 401
