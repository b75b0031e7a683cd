"""What holds for every answer to a program: its id, its size, its shape, whoever gives it."""

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from dashboard.api import errors
from dashboard.api.errors import Refusal
from dashboard.logs import context_id, set_context_id

Answering = Callable[[HttpRequest], HttpResponse]
PREFIX = "/api/"
BATCH = "/api/v2/callbacks/batch"
MIB = 1024 * 1024
SHAPED = {
    400: ("invalid.value", "This request could not be read."),
    404: ("not.found", errors.NOT_FOUND.message),
    405: ("method.not.allowed", "This address does not know that method; see Allow."),
    413: ("too.large", "The body is too large."),
}


def named(get_response: Answering) -> Answering:
    """Give each request an id, in its answer and in every line that it writes into the logs."""

    def answer(request: HttpRequest) -> HttpResponse:
        set_context_id(uuid.uuid4().hex)
        try:
            response = get_response(request)
            response.headers["X-Request-ID"] = context_id()
            return response
        finally:
            set_context_id("")

    return answer


def shaped(get_response: Answering) -> Answering:
    """Answers of the API have one shape, also those that Django gives before or beside it."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PREFIX):
            return get_response(request)
        if too_large(request):
            return errors.answer(Refusal(413, "too.large", _limit_of(request)), request)
        response = get_response(request)
        is_ours = response.headers.get("Content-Type", "").startswith("application/json")
        if response.status_code < 400 or is_ours:
            return response
        code, message = SHAPED.get(response.status_code, ("internal", "This did not work."))
        kept = {name: response.headers[name] for name in ("Allow",) if name in response.headers}
        status = response.status_code if response.status_code in SHAPED else 500
        return errors.answer(Refusal(status, code, message, headers=kept), request)

    return answer


def too_large(request: HttpRequest) -> bool:
    """Whether the body is longer than may be read, by its own account: no more of it is read."""
    said = request.META.get("CONTENT_LENGTH") or "0"
    return said.isascii() and said.isdigit() and int(said) > _longest(request)


def _longest(request: HttpRequest) -> int:
    return 5 * MIB if request.path == BATCH else MIB


def _limit_of(request: HttpRequest) -> str:
    return f"The body is over {_longest(request) // MIB} MiB. Send less at once."
