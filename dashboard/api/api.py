"""The API put together: its routes, how bodies are read, and what becomes of errors."""

from typing import Any

import orjson
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from callbacks.errors import CallbackError
from dashboard.api import availability, callbacks, errors, moments, reference, webhooks
from dashboard.api.documents import Api, as_page, documentation
from dashboard.api.errors import ApiError
from dashboard.api.reading import problems_of

DESCRIPTION = """
Schedule callbacks, follow and change them. The payload is that of the guide; times are ISO 8601 with
`Z` or an offset, and answers are in UTC. Every refusal has the same shape, names all problems at
once, and carries a `contextId` that stands in our logs.
"""


class Json(Parser):
    """Bodies of JSON, and nothing else."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body; raises ``ApiError`` for what cannot be read."""
        if not (body := request.body):
            return None
        if request.content_type not in {"application/json", "application/merge-patch+json"}:
            said = "Send the body as JSON, with Content-Type: application/json."
            raise ApiError(415, "unsupported.media.type", said)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            said = f"The body is not JSON: {error.msg}, at line {error.lineno}."
            raise ApiError(400, "invalid.value", said) from None


api = Api(
    title="Ringback",
    version="2",
    description=DESCRIPTION,
    urls_namespace="api",
    docs=documentation(),
    docs_decorator=as_page,
    parser=Json(),
)
for door in (callbacks, availability, moments, reference, webhooks):
    api.add_router("", door.router)


@api.exception_handler(CallbackError)
@api.exception_handler(ApiError)
@api.exception_handler(ObjectDoesNotExist)
def refused(request: HttpRequest, error: Exception) -> HttpResponse:
    """What the domain or this door refuses."""
    refusal = errors.refusal_of(error)
    return errors.answer(refusal, request) if refusal else errors.broken(request, error)


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """ninja says so of a body that the parser refused, whose own words are better."""
    if isinstance(error.__cause__, ApiError):
        return refused(request, error.__cause__)
    return errors.answer(errors.Refusal(error.status_code, "invalid.value", str(error)), request)


@api.exception_handler(ValidationError)
def misshapen(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A parameter or header that does not fit; bodies are read by ``reading``."""
    return errors.answer(errors.of_problems(problems_of(error.errors)), request)


@api.exception_handler(Exception)
def broken(request: HttpRequest, error: Exception) -> HttpResponse:
    """Whatever else: no inside is shown."""
    return errors.broken(request, error)
