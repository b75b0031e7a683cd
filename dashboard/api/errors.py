"""One shape for everything that is refused: that of the platform, with all problems at once."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse

from callbacks.errors import (
    CallbackError,
    Ended,
    Locked,
    NotAllowed,
    OfferGone,
    Problem,
    Refused,
    Stale,
)
from callbacks.models import Callback
from callbacks.portrait import stamp
from callbacks.programs import KeyReused
from dashboard.logs import context_id

log = logging.getLogger("ringback.api")

NAMES: Mapping[str, str] = {
    "phone_number": "target.id",
    "date": "requestedTime",
    "time": "requestedTime",
    "time_zone": "contact.timeZone",
    "requested_at": "requestedTime",
    "window": "callbackWindow",
    "queue": "queueId",
    "take_ownership": "agentId",
    "agent": "agentId",
    "owner": "agentId",
    "interval": "to",
    "contact_name": "contact.name",
    "contact_time_zone": "contact.timeZone",
    "reason": "externalData.reason",
    "ticket_id": "externalData.ticketId",
    "conversation_id": "conversationId",
    "external_data": "externalData",
    "cancel_reason": "status",
}
"""Where a program finds what the domain calls by these names."""


class ApiError(Exception):
    """A refusal that arises at this door."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.refusal = Refusal(status, code, message, details, headers=headers or {})


class Misread(Refused):
    """Problems that are known by the payload's own names; the domain knows other ones."""


@dataclass(frozen=True)
class Refusal:
    """What is said of it."""

    status: int
    code: str
    message: str
    details: Sequence[Problem] = ()
    existing: Callback | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "message": self.message,
            "code": self.code,
            "status": self.status,
            "contextId": context_id(),
            "details": [
                {"field": one.field, "code": one.code, "message": one.message}
                for one in self.details
            ],
        }
        if self.existing:
            body["existing"] = portray_existing(self.existing)
        return body


def as_sent(problems: Iterable[Problem]) -> list[Problem]:
    """The domain's problems at what the payload calls their fields, each of a field once."""
    renamed = (replace(one, field=NAMES.get(one.field, one.field)) for one in problems)
    return list({(one.field, one.code): one for one in renamed}.values())


def portray_existing(callback: Callback) -> dict[str, Any]:
    """Enough of the callback that is in the way to find it, or to tell the contact."""
    return {
        "id": str(callback.pk),
        "requestedTime": stamp(callback.requested_at),
        "status": str(callback.status),
        "agentId": str(callback.owner_id) if callback.owner_id else None,
    }


def refusal_of(error: Exception) -> Refusal | None:
    """What the domain's refusal is called here; ``None`` for what is none."""
    if isinstance(error, ApiError):
        return error.refusal
    if isinstance(error, ObjectDoesNotExist):
        return NOT_FOUND
    return _of_domain(error) if isinstance(error, CallbackError) else None


CONFLICTS = {"callback.locked", "webhook.exists"}
NOT_FOUND = Refusal(404, "not.found", "There is nothing here, or it is not yours to see.")


def _of_domain(error: CallbackError) -> Refusal:
    if isinstance(error, KeyReused):
        return Refusal(422, error.code, error.message, error.problems)
    if isinstance(error, Misread):
        return of_problems(error.problems)
    if isinstance(error, Refused):
        return of_problems(as_sent(error.problems))
    if isinstance(error, Stale):
        who = " and ".join(dict.fromkeys(change.who for change in error.changes)) or "Somebody"
        said = (
            f"{who} changed this callback since you read it: it has version {error.version} now. "
            "Read it again, and send the change with its new ETag."
        )
        return Refusal(412, error.code, said)
    if isinstance(error, NotAllowed):
        return Refusal(403, error.code, error.message)
    status = 409 if isinstance(error, (Locked, Ended, OfferGone)) else 400
    return Refusal(status, error.code, error.message)


def of_problems(problems: Sequence[Problem]) -> Refusal:
    """Bad input with all its problems; where a duplicate is the only one, a conflict that names it."""
    twins = [one for one in problems if one.code == "callback.exists"]
    message = " ".join(one.message for one in problems)
    if len(twins) == len(problems) and twins:
        existing = twins[0].data.get("existing")
        return Refusal(409, "callback.exists", message, problems, existing)
    if len(problems) == 1 and problems[0].code in CONFLICTS:
        return Refusal(409, problems[0].code, message, problems)
    first = next(one for one in problems if one.code != "callback.exists")
    return Refusal(400, first.code, message, problems)


def answer(refusal: Refusal, request: HttpRequest) -> HttpResponse:
    """The refusal as an answer, and a line in the logs under the same ``contextId``."""
    note(request, refusal.status, refusal.code)
    return HttpResponse(
        orjson.dumps(refusal.as_json()),
        status=refusal.status,
        content_type="application/json",
        headers=dict(refusal.headers),
    )


def note(request: HttpRequest, status: int, code: str) -> None:
    """Say in the logs what was refused."""
    log.info("%s %s: %s %s", request.method, request.path, status, code)


def broken(request: HttpRequest, error: Exception) -> HttpResponse:
    """Our fault: nothing of the inside is shown, all of it is logged."""
    log.error("%s %s broke", request.method, request.path, exc_info=error)
    said = "Something went wrong on our side. Nothing that was confirmed is lost; try again."
    return answer(Refusal(500, "internal", said), request)
