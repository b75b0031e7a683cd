"""A program with a token, as flows and CRMs are."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection
from django.test import Client

from callbacks import programs
from callbacks.models import ApiClient
from callbacks.models.program import Scope
from tests.cast import NOW, Cast, make_cast


@pytest.fixture
def monday() -> Iterator[None]:
    """It is ``NOW``, and stays so."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def cast(db: None, monday: None) -> Cast:
    """Everybody; Ana is the agent of the guide's example, *Support* the default queue."""
    cast = make_cast()
    cast.ana.agent.platform_id = GUIDES_AGENT
    cast.ana.agent.save()
    cast.support.is_default = True
    cast.support.save()
    return cast


GUIDES_AGENT = "8a9b0c1d-2e3f-4g5h-6i7j-8k9l0m1n2o3p"


class Program:
    """Calls the API with a bearer token and tells what came back."""

    def __init__(self, client: ApiClient, secret: str, **scopes: str) -> None:
        self.client, self.secret, self.http = client, secret, Client()
        form = {"grant_type": "client_credentials", "client_id": client.client_id}
        answer = self.http.post("/oauth/token", _form({**form, "client_secret": secret, **scopes}), content_type=FORM)  # fmt: skip
        assert answer.status_code == 200, answer.content
        self.token = answer.json()["access_token"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer to a call; bytes and texts are sent as they are."""
        sent = body if isinstance(body, (bytes, str)) else json.dumps(body)
        data = {} if body is None else {"data": sent, "content_type": "application/json"}
        named = {"Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}  # fmt: skip
        return self.http.generic(method, f"/api/v2{path}", headers=named, **data)

    def get(self, path: str, **headers: str) -> Any:
        """GET."""
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """POST."""
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        """PATCH."""
        return self.call("PATCH", path, body, **headers)


FORM = "application/x-www-form-urlencoded"


def _form(fields: dict[str, str]) -> str:
    return urlencode(fields)


def program(*scopes: str, name: str = "IVR", **terms: Any) -> Program:
    """A program with these scopes, all of them if none is named, and no limit to its pace."""
    made = programs.create(name, scopes or Scope.values, **{"rate": None, **terms})
    return Program(made.client, made.secret)


@pytest.fixture
def ivr(cast: Cast) -> Program:
    """A program that may do everything."""
    return program()


def let_pass(*, seconds: int) -> None:
    """So much time, as far as the pace is concerned: no test sleeps."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE callbacks_pace SET due_at = due_at - %s * interval '1 second'", [seconds]
        )
