"""The OpenAPI document, the frame of every answer, and what the logs keep (http-api, Errors)."""

import io
import logging
import re
from typing import Any

import pytest
from django.test import Client

from callbacks.models.program import Scope
from dashboard.logs import Discreet
from tests.api.conftest import Program
from tests.api.payloads import guides_payload
from tests.cast import Cast

CALLS = {
    ("/api/v2/callbacks", "post", Scope.WRITE),
    ("/api/v2/callbacks", "get", Scope.READ),
    ("/api/v2/callbacks/batch", "post", Scope.WRITE),
    ("/api/v2/callbacks/{id}", "get", Scope.READ),
    ("/api/v2/callbacks/{id}", "patch", Scope.WRITE),
    ("/api/v2/callbacks/{id}/history", "get", Scope.READ),
    ("/api/v2/callbacks/{id}/task", "post", Scope.TASKS),
    ("/api/v2/queues", "get", Scope.READ),
    ("/api/v2/agents", "get", Scope.READ),
    ("/api/v2/service-levels", "get", Scope.READ),
    ("/api/v2/moments", "get", Scope.READ),
    ("/api/v2/slots", "get", Scope.READ),
    ("/api/v2/availability", "get", Scope.READ),
    ("/api/v2/webhooks", "get", Scope.WEBHOOKS),
    ("/api/v2/webhooks", "post", Scope.WEBHOOKS),
    ("/api/v2/webhooks/{id}", "get", Scope.WEBHOOKS),
    ("/api/v2/webhooks/{id}", "delete", Scope.WEBHOOKS),
}


@pytest.fixture
def document(db: None) -> Any:
    """As anybody may read it."""
    return Client().get("/api/v2/openapi.json").json()


def test_it_tells_every_call_with_its_scope(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    told = {
        (path, verb, *one["security"][0]["OAuth2"])
        for path, verbs in document["paths"].items()
        for verb, one in verbs.items()
    }
    assert told == CALLS


def test_every_refusal_has_the_one_shape(document: Any) -> None:
    for verbs in document["paths"].values():
        for one in verbs.values():
            assert {"401", "403", "429"} <= set(one["responses"])
            refused = [r for status, r in one["responses"].items() if status >= "400"]
            schemas = [r["content"]["application/json"]["schema"]["$ref"] for r in refused]
            assert set(schemas) == {"#/components/schemas/ErrorOut"}
            assert all(r["description"] for r in one["responses"].values())


def test_its_example_is_the_guides_payload(document: Any) -> None:
    (example,) = document["components"]["schemas"]["CallbackIn"]["examples"]
    assert set(example) == set(guides_payload())
    assert document["components"]["schemas"]["CallbackIn"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v2/nothing", 404, "not.found"),
        ("GET", "/api/v3/callbacks", 404, "not.found"),
        ("DELETE", "/api/v2/callbacks", 405, "method.not.allowed"),
        ("PUT", "/api/v2/callbacks/x", 405, "method.not.allowed"),
        ("GET", "/api/v2/callbacks", 401, "authentication.required"),
        ("TRACE", "/api/v2/callbacks", 405, "method.not.allowed"),
    ],
)
def test_one_shape_whoever_refuses(
    db: None, method: str, path: str, status: int, code: str
) -> None:
    answer = Client().generic(method, path)
    said = answer.json()
    assert (answer.status_code, said["status"], said["code"]) == (status, status, code)
    assert set(said) == {"message", "code", "status", "contextId", "details"}
    assert answer.headers["X-Request-ID"] == said["contextId"]


def test_the_context_id_is_found_in_the_logs(cast: Cast, ivr: Program) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(Discreet())
    logging.getLogger("ringback.api").addHandler(handler)
    said = [ivr.post("/callbacks", {}).json(), ivr.get("/callbacks/x").json()]
    logging.getLogger("ringback.api").removeHandler(handler)
    assert written.getvalue().splitlines() == [
        f"POST /api/v2/callbacks: 400 invalid.value [{said[0]['contextId']}]",
        f"GET /api/v2/callbacks/x: 404 not.found [{said[1]['contextId']}]",
    ]


def test_every_answer_carries_an_id_of_its_own(cast: Cast, ivr: Program) -> None:
    ids = {ivr.get("/queues").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)


def test_answers_are_not_kept_by_caches(cast: Cast, ivr: Program) -> None:
    assert "no-store" in ivr.get("/callbacks").headers["Cache-Control"]
