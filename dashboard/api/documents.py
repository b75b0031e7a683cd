"""The OpenAPI document: made of the types that validate, with what every call has in common."""

from typing import Any

from csp.decorators import csp_update
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from dashboard.api.entrance import OPENAPI
from dashboard.api.schemas import ErrorOut
from dashboard.entrance import admits_everyone

MEANINGS = {
    400: "Something is wrong with the request; all problems are in details.",
    401: "No token, or one that holds no more.",
    403: "The token lacks the scope, which is named.",
    404: "There is nothing here, or it is not yours to see.",
    405: "This address knows other methods.",
    409: "callback.exists, with the existing one; callback.locked; callback.ended.",
    412: "If-Match does not hold: somebody changed it meanwhile.",
    413: "Over 1 MiB, or 5 MiB for a batch.",
    415: "The body is not application/json.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests; Retry-After says when to try again.",
}


def refusals(*statuses: int) -> dict[int, Any]:
    """The refusals of a call, beside those that every call has."""
    return dict.fromkeys(sorted({*statuses, 401, 403, 429}), ErrorOut)


class Document(OpenAPISchema):
    """With scopes, and words for each refusal."""

    def operation_security(self, operation: Operation) -> list[dict[str, Any]] | None:
        """The scope that the call needs."""
        if not operation.auth_callbacks:
            return None
        self.securitySchemes["OAuth2"] = OPENAPI
        return [{"OAuth2": [str(auth.scope)]} for auth in operation.auth_callbacks]  # type: ignore[attr-defined]

    def responses(self, operation: Operation) -> dict[int, dict[str, Any]]:
        """Each status with its meaning, and the headers that come with it."""
        described: dict[int, dict[str, Any]] = super().responses(operation)
        for status, response in described.items():
            response["description"] = MEANINGS.get(int(status), response["description"])
            if int(status) == 429:
                response["headers"] = {
                    "Retry-After": {
                        "description": "Whole seconds.",
                        "schema": {"type": "integer", "minimum": 1},
                    }
                }
        return described


class Api(NinjaAPI):
    """The API with its document."""

    def get_openapi_schema(self, *, path_prefix: str | None = None, **more: Any) -> Document:
        """The document, for ``/api/v2/openapi.json``."""
        prefix = self.get_root_path({}) if path_prefix is None else path_prefix
        return Document(self, prefix)


def as_page(view: Any) -> Any:
    """The page may be read by anybody, and its style sheet may draw its arrows from itself."""
    return admits_everyone(csp_update({"img-src": ["data:"]})(view))


def documentation() -> Swagger:
    """The page for people, from files of this very server."""
    return Swagger(settings={"docExpansion": "list", "persistAuthorization": False})
