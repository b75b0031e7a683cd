"""OAuth 2 client credentials: the protocol is oauthlib's, what is kept is ``callbacks.programs``'."""

import base64
import binascii
import json
import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from oauthlib.oauth2 import BackendApplicationServer, RequestValidator

from callbacks import programs
from callbacks.models import ApiClient
from dashboard.api import errors
from dashboard.api.entrance import keep_pace
from dashboard.api.errors import ApiError, Refusal
from dashboard.entrance import admits_everyone

log = logging.getLogger("ringback.api")
TRIES_A_SECOND, TRIES_AT_ONCE = 2, 100
"""A client needs one token an hour."""
FORM = "application/x-www-form-urlencoded"
CODES = {"invalid_client": "authentication.required", "invalid_scope": "missing.permissions"}
WORDS = {
    "invalid_client": "There is no active client with this id and secret.",
    "invalid_scope": "The client was not given this scope. Leave scope out for all that it has.",
    "unsupported_grant_type": "Send grant_type=client_credentials.",
}


class Credentials(RequestValidator):  # type: ignore[misc]
    """What oauthlib asks about clients, scopes and tokens."""

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """By HTTP Basic, else by credentials in the body (RFC 6749 §2.3.1)."""
        client_id, secret = _basic(request.headers) or (request.client_id, request.client_secret)
        request.client = programs.authenticate(client_id or "", secret or "")
        return request.client is not None

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: ApiClient, request: Any, **kwargs: Any
    ) -> bool:
        """Client credentials are the only grant there is."""
        return grant_type == "client_credentials"

    def get_default_scopes(self, client_id: str, request: Any, **kwargs: Any) -> list[str]:
        """All that the client has."""
        return list(request.client.scopes)

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: ApiClient, request: Any, **kwargs: Any
    ) -> bool:
        """Only scopes that the client was given."""
        return set(scopes) <= set(client.scopes)

    def save_bearer_token(self, token: dict[str, Any], request: Any, **kwargs: Any) -> None:
        """Keep its digest."""
        scopes = token["scope"].split()
        programs.issue(request.client, token["access_token"], scopes, at=timezone.now())

    def revoke_token(self, token: str, hint: str | None, request: Any, **kwargs: Any) -> None:
        """The client's own tokens alone."""
        programs.revoke(token, request.client)

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Always."""
        return True


def _basic(headers: dict[str, str]) -> tuple[str, str] | None:
    kind, _, said = headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(said, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return client_id, secret


server = BackendApplicationServer(
    Credentials(), token_expires_in=int(programs.TOKEN_LIFETIME.total_seconds())
)


@csrf_exempt
@require_POST
@admits_everyone
def token(request: HttpRequest) -> HttpResponse:
    """A bearer token for an hour, for a client's id and secret."""
    return _answered(request, server.create_token_response)


@csrf_exempt
@require_POST
@admits_everyone
def revocation(request: HttpRequest) -> HttpResponse:
    """Let a token be worth nothing from now on (RFC 7009)."""
    return _answered(request, server.create_revocation_response)


def _answered(request: HttpRequest, asked: Any) -> HttpResponse:
    """oauthlib's answer; refusals in the words of RFC 6749 and in our shape besides."""
    body = request.body.decode("utf-8", "replace")
    if request.content_type != FORM:
        said = f"Send the credentials as {FORM}, or by HTTP Basic with such a body."
        return errors.answer(Refusal(415, "unsupported.media.type", said), request)
    try:
        _slow_down_guesses(request)
    except ApiError as refused:
        return errors.answer(refused.refusal, request)
    headers, said, status = asked(request.build_absolute_uri(), "POST", body, dict(request.headers))
    if status >= 400:
        return _refused(request, status, headers, json.loads(said or "{}"))
    headers.setdefault("Content-Type", "application/json")
    return HttpResponse(said or "", status=status, headers=headers)


def _slow_down_guesses(request: HttpRequest) -> None:
    """For each client and address: nobody else is slowed down by whoever guesses."""
    client_id = (_basic(dict(request.headers)) or (request.POST.get("client_id", ""),))[0]
    tried = f"token:{programs.digest(client_id)[:32]}:{request.META.get('REMOTE_ADDR', '')}"
    keep_pace(tried[:100], TRIES_A_SECOND, TRIES_AT_ONCE)


def _refused(
    request: HttpRequest, status: int, headers: dict[str, str], said: dict[str, str]
) -> HttpResponse:
    code = said.get("error", "invalid_request")
    about = said.get("error_description") or WORDS.get(code, "The request is not as RFC 6749 says.")
    refusal = Refusal(status, CODES.get(code, code), about)
    log.info("POST %s: %s %s", request.path, status, code)
    body = {**refusal.as_json(), "error": code, "error_description": about}
    kept = {name: value for name, value in headers.items() if name != "Content-Type"}
    return JsonResponse(body, status=status, headers=kept)
