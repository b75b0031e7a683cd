"""Secrets, and what proves to a receiver that a request is ours and that nobody changed it.

Two proofs go along, so that a receiver may choose: our own header, checked with five lines of code
(docs/webhooks.md), and the headers of standardwebhooks.com, for which there are libraries.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from callbacks.models import Webhook, WebhookDelivery

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits, as receivers' libraries want them written."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secrets_of(webhook: Webhook, at: datetime) -> list[str]:
    """The secret, and the previous one while it still counts. Raises ``Unreadable``."""
    until = webhook.previous_secret_until
    sealed = [webhook.secret, webhook.previous_secret if until and until > at else None]
    return [one.open() for one in sealed if one is not None]


def headers(
    delivery: WebhookDelivery, body: bytes, signed_with: Sequence[str], at: datetime
) -> dict[str, str]:
    """What goes along with the body (``at``: aware UTC, the moment of sending)."""
    moment, event = str(int(at.timestamp())), str(delivery.event)
    ours = [_hex(secret.encode(), f"{moment}.".encode() + body) for secret in signed_with]
    theirs = [_base64(_raw(secret), f"{event}.{moment}.".encode() + body) for secret in signed_with]
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Ringback",
        "Accept-Encoding": "identity",
        "X-Ringback-Event-Id": event,
        "X-Ringback-Event-Type": delivery.type,
        "X-Ringback-Signature": ",".join([f"t={moment}", *(f"v1={one}" for one in ours)]),
        "webhook-id": event,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{one}" for one in theirs),
    }


def _raw(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))


def _hex(key: bytes, signed: bytes) -> str:
    return hmac.new(key, signed, hashlib.sha256).hexdigest()


def _base64(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
