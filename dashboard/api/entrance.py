"""Who comes in here: programs with a bearer token, and people with the session of their browser.

The scope that a call needs stands at its route. What a caller may do to which callback is decided in
``callbacks.access``, as for every screen.
"""

from django.http import HttpRequest
from django.utils import timezone
from ninja.security.base import AuthBase, SecuritySchema
from ninja.utils import check_csrf

from callbacks import programs
from callbacks.access import Actor
from callbacks.models.program import Scope
from dashboard.api.errors import ApiError

OPENAPI = SecuritySchema(
    type="oauth2",
    description="OAuth 2 client credentials. A logged-in browser may call as well, with its CSRF "
    "token in X-CSRFToken, for what its user may do.",
    flows={
        "clientCredentials": {
            "tokenUrl": "/oauth/token",
            "scopes": {scope.value: scope.label for scope in Scope},
        }
    },
)
HOW = 'Get a token at POST /oauth/token and send it as "Authorization: Bearer …".'
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="ringback"'}


class ApiRequest(HttpRequest):
    """A request of a caller who may come in."""

    actor: Actor


class OAuth2(AuthBase):
    """Lets in whoever has this scope; of people, their role says what they may do."""

    openapi_type = "oauth2"

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope
        self.openapi_security_schema = OPENAPI

    def __call__(self, request: HttpRequest) -> Actor:
        """The caller; raises ``ApiError`` 401, 403 or 429."""
        actor = _program(request) if "Authorization" in request.headers else _person(request)
        request.actor = actor  # type: ignore[attr-defined]
        if actor.client and not actor.has_scope(self.scope):
            raise _lacks(self.scope)
        if self.scope == Scope.WEBHOOKS and not (actor.client or actor.is_admin):
            raise ApiError(403, "missing.permissions", "Only admins manage webhooks.")
        return actor


def _program(request: HttpRequest) -> Actor:
    kind, _, token = request.headers["Authorization"].partition(" ")
    actor = None
    if kind.lower() == "bearer" and token.strip():
        actor = programs.actor_of(token.strip(), at=timezone.now())
    if actor is None or actor.client is None:
        said = f"The bearer token is unknown, expired or revoked. {HOW}"
        header = {"WWW-Authenticate": f'{CHALLENGE["WWW-Authenticate"]}, error="invalid_token"'}
        raise ApiError(401, "authentication.required", said, headers=header)
    keep_pace(f"client:{actor.client.pk}", actor.client.rate, actor.client.burst)
    return actor


def keep_pace(key: str, rate: float | None, burst: int) -> None:
    """Raise ``ApiError`` 429, saying when it would succeed, to whoever is too fast."""
    seconds = programs.wait_for(key, rate=rate, burst=burst) if rate else 0
    if seconds:
        said = f"Too many requests: at most {rate:g} a second. Try again in {seconds} s."
        raise ApiError(429, "too.many.requests", said, headers={"Retry-After": str(seconds)})


def _person(request: HttpRequest) -> Actor:
    if not request.user.is_authenticated:
        raise ApiError(401, "authentication.required", HOW, headers=CHALLENGE)
    # Cookies come along with whatever page sends the request; the token only with ours.
    if check_csrf(request):
        said = "Send the CSRF token of the page as X-CSRFToken."
        raise ApiError(403, "csrf.failed", said)
    return Actor.person(request.user)


def _lacks(scope: Scope) -> ApiError:
    return ApiError(
        403,
        "missing.permissions",
        f"The token lacks the scope {scope.value} ({scope.label}).",
        headers={
            "WWW-Authenticate": f'Bearer realm="ringback", error="insufficient_scope", scope="{scope.value}"'
        },
    )
