"""The ledger outlives the process, and tells what was lost and doubled."""

import json
from pathlib import Path
from signal import SIGKILL

import httpx
import pytest

from tests.practice.platforms import GENESYS, OPEN, command, process, promise

QUIET = ("--rate", "none")


def test_platform_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    line = (*QUIET, "--ledger", str(file), "--allow-duplicates")
    with process(*line, end=SIGKILL) as practice:
        kept = practice.post(OPEN, promise()).json()
        conversation = practice.post(GENESYS, command("+12025550102")).json()["conversation"]["id"]
        gone = practice.post(OPEN, promise("+12025550103")).json()
        practice.patch(kept["selfUri"], {"priority": 7})
        practice.console("POST", "play", {"steps": 1, "makes": 0, "cancels": 0, "moves": 0})
        practice.console("POST", f"callbacks/{gone['id']}", {"do": "lose"})
        before = practice.console("GET", "callbacks")["lines"]
        practice.order(script=["drop_after"])
        with pytest.raises(httpx.TransportError):
            practice.post(OPEN, promise("+12025550104"))
    written = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["n"] for line in written] == list(range(1, len(written) + 1))
    assert [line["effect"] for line in written] == ["create"] * 3 + ["update", "lose", "create"]
    with file.open("a") as torn:
        torn.write('{"n": 7, "at": "2026-')

    with process(*line) as practice:
        after = practice.console("GET", "callbacks")["lines"]
        assert after[: len(before)] == before
        assert after[-1]["number"] == "+12025550104"
        assert practice.get(kept["selfUri"]).json()["priority"] == 7
        assert practice.get(f"{GENESYS}/{conversation}").status_code == 200
        assert practice.get(gone["selfUri"]).status_code == 404
        practice.post(OPEN, promise())
        doubles = practice.console("GET", "doubles")
        assert list(doubles["doubles"]) == list(doubles["createdTwice"]) == ["ref-+12025550101"]
        page = practice.console("GET", "ledger?after=5&limit=1")
        assert ([line["n"] for line in page["lines"]], page["total"], page["next"]) == ([6], 7, 6)
    assert json.loads(file.read_text().splitlines()[6])["n"] == 7
