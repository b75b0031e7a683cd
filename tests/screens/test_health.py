"""Signs of life for machines: /healthz, /readyz, /metrics (http-api)."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from callbacks.models import Heartbeat
from tests.cast import Cast, make_callback
from tests.server import ROOT, ask, database_url, free_port, serving

pytestmark = pytest.mark.django_db


def test_liveness_asks_for_nothing() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readiness_names_database_broker_clock_and_outbox(cast: Cast) -> None:
    Heartbeat.beat("clock", timezone.now())
    make_callback(cast.support, cast.ana)
    answer = Client().get("/readyz")
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "ready")
    assert all(told[part]["ok"] for part in ("database", "broker", "clock", "outbox"))
    assert told["clock"]["lagSeconds"] < 30
    assert told["outbox"]["oldestSeconds"] is not None


def test_a_silent_clock_degrades_and_turns_nobody_away(settings: Settings) -> None:
    settings.ENGINE_SILENT_AFTER = timedelta(seconds=-1)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["clock"]["ok"] is False


def test_so_does_a_broker_that_is_gone() -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    with serving(workers=1, BROKER_URL=nobody) as base:
        status, text, _ = ask(base, "GET", "/readyz")
    assert status == 200
    assert '"status": "degraded"' in text
    assert '"broker": {"ok": false}' in text


@pytest.fixture
def frozen_broker() -> Iterator[str]:
    """A server that takes connections and says nothing, as one that is stopped does."""
    port = free_port()
    program = (
        f"import socket, signal; s = socket.create_server(('127.0.0.1', {port})); "
        "print('ready', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield f"redis://127.0.0.1:{port}/0"
        process.kill()


def test_and_one_that_is_frozen(frozen_broker: str) -> None:
    with serving(workers=1, BROKER_URL=frozen_broker) as base:
        status, text, _ = ask(base, "GET", "/readyz")
    assert (status, '"broker": {"ok": false}' in text) == (200, True)


def test_without_its_database_it_is_not_ready() -> None:
    elsewhere = database_url().rsplit("/", 1)[0] + "/there_is_no_such_database"
    with serving(workers=1, DATABASE_URL=elsewhere) as base:
        status, text, _ = ask(base, "GET", "/readyz")
        assert ask(base, "GET", "/healthz")[0] == 200
    assert status == 503
    assert '"status": "not ready"' in text
    assert str(ROOT) not in text


class TestMetrics:
    """``GET /metrics`` in Prometheus form, where enabled."""

    def test_there_is_no_such_page_unless_it_is_wanted(self) -> None:
        assert Client().get("/metrics").status_code == 404
        assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404

    def test_the_token_is_asked_for(self, settings: Settings) -> None:
        settings.METRICS_TOKEN = "a-secret"
        assert Client().get("/metrics").status_code == 404
        headers = {"Authorization": "Bearer another"}
        assert Client().get("/metrics", headers=headers).status_code == 404

    def test_it_tells_what_is_open_by_queue(self, cast: Cast, settings: Settings) -> None:
        settings.METRICS_TOKEN = "a-secret"
        for _ in range(2):
            make_callback(cast.support, cast.ana)
        answer = Client().get("/metrics", headers={"Authorization": "Bearer a-secret"})
        families = {
            family.name: family.samples
            for family in text_string_to_metric_families(answer.content.decode())
        }
        (still_open,) = families["ringback_callbacks_open"]
        assert still_open.labels == {"queue": "Support", "status": "pending"}
        assert still_open.value == 2
        assert families["ringback_outbox_waiting"][0].value == 2
        assert families["ringback_webhooks_waiting"][0].value == 0
        assert "ringback_clock_silence_seconds" in families
