"""What the platform refuses, in the one shape that both dialects have (Genesys Cloud adds ``errors``)."""

import uuid
from collections.abc import Sequence
from typing import Any

from callbacks.practice.web import Answer, Header

Detail = dict[str, str]


class Refusal(Exception):
    """An answer that is no."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Detail] = (),
        headers: tuple[Header, ...] = (),
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.details, self.headers, self.more = list(details), headers, more

    def body(self, *, is_genesys: bool) -> dict[str, Any]:
        """As it stands in an answer, or for one item of a batch."""
        told = {
            "message": self.message,
            "code": self.code,
            "status": self.status,
            "contextId": str(uuid.uuid4()),
            "details": self.details,
        }
        return {**told, "errors": []} if is_genesys else {**told, **self.more}

    def answer(self, *, is_genesys: bool) -> Answer:
        """The whole answer, with the id to quote to support in the dialect's header."""
        body = self.body(is_genesys=is_genesys)
        name = "ININ-Correlation-Id" if is_genesys else "X-Request-ID"
        return Answer(self.status, body, ((name, body["contextId"]), *self.headers))


def not_found(what: str) -> Refusal:
    """404."""
    return Refusal(404, "not.found", f"There is no {what}.")
