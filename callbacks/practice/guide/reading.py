"""What the guide's contract lets a client send, strictly: every problem of a body at once."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from callbacks.practice.moments import instant, is_naive
from callbacks.practice.people import People
from callbacks.practice.refusals import Detail, Refusal

AHEAD = timedelta(days=30)
GRACE = timedelta(seconds=60)
LONGEST_WINDOW = timedelta(days=1)
EXTERNAL_DATA = 16 * 1024
NUMBER = re.compile(r"\+?[1-9]\d{6,14}", re.ASCII)
Problem = tuple[str, str]


def read(
    body: dict[str, Any] | None, people: People, now: datetime, *, is_change: bool
) -> dict[str, Any]:
    """The body, where it is right. Raises a 400 that names everything that is wrong."""
    if body is None:
        raise Refusal(400, "invalid.value", "The body is not a JSON object.")
    details = list(_details(body, people, now, is_change=is_change))
    if details:
        raise Refusal(400, details[0]["code"], details[0]["message"], details=details)
    return body


def _details(
    body: dict[str, Any], people: People, now: datetime, *, is_change: bool
) -> Iterator[Detail]:
    if not is_change and "target" not in body:
        yield _detail("target", "invalid.value", "target is required.")
    for name, value in body.items():
        check = (CHANGES if is_change else CREATES).get(name)
        if check is None:
            yield _detail(name, "invalid.value", f"{name} is not a field of this request.")
            continue
        if value is None and is_change and name == "agentId":
            continue
        for code, message in check(value, people, now):
            yield _detail(name, code, f"{name}: {message}")


def _detail(name: str, code: str, message: str) -> Detail:
    return {"field": name, "code": code, "message": message}


def _target(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, dict) or not {"id", "type"} <= value.keys() <= {
        "id",
        "type",
        "extension",
    }:
        yield "invalid.value", "an object with id and type."
    elif value["type"] != "phoneNumber":
        yield "invalid.value", "type is phoneNumber; there is no other."
    elif not isinstance(value["id"], str) or not NUMBER.fullmatch(value["id"]):
        yield "number.invalid", "id is a full international number."


def _moment(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    found = instant(value) if isinstance(value, str) else None
    if isinstance(value, str) and is_naive(value):
        yield "time.naive", "a time without Z could be anywhere."
    elif found is None:
        yield "invalid.value", "UTC, ISO 8601 with Z, such as 2026-12-01T14:00:00.000Z."
    elif found < now - GRACE:
        yield "time.past", "this is in the past."
    elif found > now + AHEAD + GRACE:
        yield "time.too.far", "this is more than 30 days ahead."


def _window(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, dict) or value.keys() != {"duration", "startTime"}:
        yield "invalid.value", "an object with duration and startTime."
        return
    if not _is_whole(value["duration"]) or value["duration"] <= 0:
        yield "invalid.value", "duration is a number of seconds, whole and above 0."
    elif timedelta(seconds=min(value["duration"], 10**9)) > LONGEST_WINDOW:
        yield "window.exceeds.service.level", "duration is over 24 hours."
    yield from _moment(value["startTime"], people, now)


def _agent(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, str) or value not in people.agents:
        yield "invalid.value", "there is no such agent."


def _queue(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, str) or value not in people.queues:
        yield "invalid.value", "there is no such queue."


def _external_data(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield "invalid.value", "an object."
    elif len(json.dumps(value, ensure_ascii=False).encode()) > EXTERNAL_DATA:
        yield "invalid.value", "over 16 KiB."


def _contact(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, dict) or not value.keys() <= {"name", "timeZone"}:
        yield "invalid.value", "an object with name and timeZone."
    elif not all(isinstance(text, str) for text in value.values()):
        yield "invalid.value", "name and timeZone are texts."


def _texts(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        yield "invalid.value", "a list of texts."


def _text(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield "invalid.value", "a text."


def _truth(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield "invalid.value", "true or false."


def _number(value: Any, people: People, now: datetime) -> Iterator[Problem]:
    if not _is_whole(value):
        yield "invalid.value", "a whole number."


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _only(word: str) -> "Check":
    def check(value: Any, people: People, now: datetime) -> Iterator[Problem]:
        if value != word:
            yield "invalid.value", f"only {word}."

    return check


Check = Callable[[Any, People, datetime], Iterator[Problem]]
_BOTH: dict[str, Check] = {
    "target": _target, "requestedTime": _moment, "callbackWindow": _window, "agentId": _agent,
    "queueId": _queue, "externalData": _external_data, "priority": _number, "routeToMe": _truth,
}  # fmt: skip
CHANGES = {**_BOTH, "status": _only("cancelled")}
CREATES = {
    **_BOTH, "status": _only("pending"), "contact": _contact, "skills": _texts, "consent": _truth,
    "conversationId": _text, "allowOutsideCallingHours": _truth,
}  # fmt: skip
