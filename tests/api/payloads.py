"""Payloads as programs send them."""

from typing import Any

from tests.api.conftest import GUIDES_AGENT
from tests.cast import fresh_number


def guides_payload() -> dict[str, Any]:
    """The guide's production-ready payload, letter for letter save for a future date."""
    return {
        "target": {"id": "12345678901", "type": "phoneNumber"},
        "requestedTime": "2026-11-25T15:00:00.000Z",
        "callbackWindow": {"duration": 3600, "startTime": "2026-11-25T15:00:00.000Z"},
        "agentId": GUIDES_AGENT,
        "externalData": {"reason": "Technical Support Follow-up", "ticketId": "INC-998877"},
        "status": "pending",
    }


def payload(**changes: Any) -> dict[str, Any]:
    """A sound payload to a number that nobody has: Tuesday at 12:00 in London."""
    sound = {
        "target": {"id": fresh_number(), "type": "phoneNumber"},
        "requestedTime": "2026-11-24T12:00:00.000Z",
    }
    return {**sound, **changes}


def codes(answer: Any) -> dict[str, str]:
    """What was refused: the code of each field."""
    return {one["field"]: one["code"] for one in answer.json()["details"]}
