"""OAuth 2 client credentials: tokens that live as long as was ordered, and die on demand."""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from callbacks.practice.web import Answer, Request

SCOPES = ("callback:read", "callback:write", "task:manage", "webhook:manage")


@dataclass(frozen=True)
class Token:
    """Who sends, what for, and until when."""

    client: str
    scopes: frozenset[str]
    expires_at: datetime


@dataclass
class Tokens:
    """The tokens that are alive."""

    clients: dict[str, str]
    lifetime: timedelta
    needs_basic: bool = False
    """The platform's own log-in host knows no credentials in the body."""
    issued: int = 0
    alive: dict[str, Token] = field(default_factory=dict)

    def issue(self, request: Request, now: datetime) -> Answer:
        """``POST /oauth/token``."""
        if not request.headers.get("content-type", "").startswith(
            "application/x-www-form-urlencoded"
        ):
            return _refused("invalid_request", "Send application/x-www-form-urlencoded.")
        form = {
            name: values[-1] for name, values in parse_qs(request.body.decode("latin-1")).items()
        }
        client = self._client(request, form)
        if client is None:
            return _refused("invalid_client", "client not found", status=401)
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "Only client_credentials.")
        scopes = form.get("scope", "").split() or list(SCOPES)
        if unknown := [scope for scope in scopes if scope not in SCOPES]:
            return _refused("invalid_scope", f"Unknown: {' '.join(unknown)}.")
        return self._issued(client, frozenset(scopes), now)

    def owner(self, request: Request, now: datetime) -> Token | None:
        """Whose token came along, if it is alive."""
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        token = self.alive.get(value) if kind.lower() == "bearer" else None
        return token if token and now < token.expires_at else None

    def kill(self, client: str) -> None:
        """All tokens of this client are dead."""
        self.alive = {key: token for key, token in self.alive.items() if token.client != client}

    def _client(self, request: Request, form: dict[str, str]) -> str | None:
        name, secret = _basic(request.headers.get("authorization", ""))
        if not name and not self.needs_basic:
            name, secret = form.get("client_id", ""), form.get("client_secret", "")
        expected = self.clients.get(name)
        known = expected is not None and secrets.compare_digest(expected.encode(), secret.encode())
        return name if known else None

    def _issued(self, client: str, scopes: frozenset[str], now: datetime) -> Answer:
        value = secrets.token_urlsafe(32)
        self.issued += 1
        self.alive[value] = Token(client, scopes, now + self.lifetime)
        body = {
            "access_token": value,
            "token_type": "bearer",
            "expires_in": int(self.lifetime.total_seconds()),
        }
        if not self.needs_basic:
            body["scope"] = " ".join(sorted(scopes))
        return Answer(200, body, (("Cache-Control", "no-store"),))


def _basic(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _refused(error: str, description: str, status: int = 400) -> Answer:
    return Answer(status, {"error": error, "error_description": description})
