"""The examples of the documents, run as they are printed, against the real server."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from callbacks import programs
from callbacks.models import Callback
from callbacks.models.program import Scope
from tests.api.conftest import let_pass
from tests.cast import Cast, fresh_number, make_cast, open_day_and_night
from tests.server import ROOT, serving


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """The cast by the real clock, in a queue whose contacts may be called at any hour."""
    cast = make_cast()
    open_day_and_night(cast.support)
    cast.support.is_default = True
    cast.support.save()
    return cast


def printed(name: str, language: str) -> str:
    """All examples of a document in this language, one after the other."""
    text = (ROOT / "docs" / name).read_text()
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL))


def credentials(**terms: Any) -> dict[str, str]:
    """A new program's."""
    made = programs.create("IVR", [Scope.READ, Scope.WRITE], **{"rate": None, **terms})
    return {"CLIENT_ID": made.client.client_id, "CLIENT_SECRET": made.secret}


def test_the_examples_with_curl(cast: Cast) -> None:
    """Every command of both documents succeeds, in the order in which they stand."""
    commands = f"set -eu\n{printed('api.md', 'sh')}\n{printed('recipes.md', 'sh')}"
    with serving(workers=1) as base:
        done = subprocess.run(
            ["/bin/sh", "-c", commands], capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "RINGBACK": base, **credentials(),
                 "QUEUE_ID": str(cast.support.pk), "CONVERSATION_ID": "c-7"},
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = Callback.objects.order_by("created_at")
    assert (first.phone_number, first.ticket_id) == ("+442079460951", "INC-998877")
    assert (second.conversation_id, second.consent) == ("c-7", True)
    assert f'"id":"{first.pk}"' in done.stdout
    assert '"status":"free"' in done.stdout


def test_the_ivr_recipe_promises_moves_and_waits_as_told(cast: Cast) -> None:
    names: dict[str, Any] = {}
    exec(printed("recipes.md", "python"), names)
    waited: list[int] = []
    names["time"] = SimpleNamespace(sleep=lambda s: (waited.append(s), let_pass(seconds=s)))
    given = credentials(rate=1, burst=2)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    starts, ends = (f"{tomorrow + timedelta(hours=h):%Y-%m-%dT%H:00:00Z}" for h in (0, 6))
    number, promise = fresh_number(), names["promise"]
    with serving(workers=1) as base:
        ivr = names["Ringback"](base, given["CLIENT_ID"], given["CLIENT_SECRET"])
        queue = str(cast.support.pk)
        offered = names["free_slots"](ivr, queue, "Europe/London", starts, ends)
        said, made = promise(ivr, number, offered[0][0], "c-1", "Europe/London")
        assert (said, made["requestedTime"]) == ("promised", offered[0][0])
        again, same = promise(ivr, number, offered[0][0], "c-1", "Europe/London")
        assert (again, same["id"]) == ("promised", made["id"])
        said, moved = promise(ivr, number, offered[3][0], "c-2", "Europe/London")
        assert (said, moved["id"]) == ("moved", made["id"])
        assert moved["requestedTime"] == offered[3][0]
        said, refused = promise(ivr, "12", offered[3][0], "c-3", "Europe/London")
        assert (said, refused["code"]) == ("to an agent", "number.invalid")
    assert waited, "it was never too fast"
    assert Callback.objects.count() == 1
