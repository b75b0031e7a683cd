"""HTTP as platforms need it: guarded, with a token, at a pace, and each request once.

Nothing here sends anything again by itself, but for one case: the token was no longer good, and the
platform said so before it did anything (401).
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from callbacks.outbound import Channel, Reply
from callbacks.sync.platforms.base import (
    Busy,
    Gone,
    NoAnswer,
    NotSent,
    PlatformError,
    Refused,
    TooMany,
    Unwelcome,
)

SHORTEST_REST, LONGEST_REST = 1.0, 900.0
RENEW_BEFORE = timedelta(seconds=60)
SHOWN = 1000


@dataclass(frozen=True)
class Token:
    """What lets us in, and until when (UTC)."""

    text: str
    until: datetime


@dataclass(frozen=True)
class Place:
    """Where a platform is, and who we are there."""

    base_url: str
    token_url: str
    client_id: str
    client_secret: str
    is_private: bool = False
    """Whether it may be on this machine or network, and without TLS."""


@dataclass(frozen=True)
class Told:
    """An answer that makes sense: its status below 400, or a 4xx that a dialect asked to see."""

    status: int
    content: Any
    """The JSON, or ``None`` for no content."""
    text: str


Permit = Callable[[], None]
"""Waits until one more request may leave. Raises ``NotSent`` when that is not to be."""


class Session:
    """Requests to one platform, from any number of threads."""

    def __init__(
        self,
        place: Place,
        *,
        permit: Permit,
        token: Token | None = None,
        keep_token: Callable[[Token], None] = lambda token: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.place, self._permit, self._keep, self._now = place, permit, keep_token, now
        self._token, self._renewing = token, threading.Lock()
        self._channel = Channel(private=place.is_private)

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def take_permit(self) -> None:
        """Wait for one, for a request that another call sends as permitted."""
        self._permit()

    def get(self, path: str, **query: Any) -> Told:
        """GET."""
        return self.ask("GET", _with(path, query))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        seen: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
        is_permitted: bool = False,
    ) -> Told:
        """Send it once, and judge the answer.

        ``seen``: statuses from 400 on that the dialect reads itself. ``is_permitted``: the permit for
        the first request was taken by the caller. Raises ``PlatformError``.
        """
        reply = self._send(method, path, body, headers or {}, is_permitted=is_permitted)
        return _judged(reply, seen)

    def _send(
        self, method: str, path: str, body: Any, headers: Mapping[str, str], *, is_permitted: bool
    ) -> Reply:
        token = self._good_token()
        reply = self._once(method, path, body, headers, token, is_permitted=is_permitted)
        if reply.status == 401:
            token = self._renewed(instead_of=token)
            reply = self._once(method, path, body, headers, token, is_permitted=False)
        return reply

    def _once(
        self,
        method: str,
        path: str,
        body: Any,
        headers: Mapping[str, str],
        token: Token,
        *,
        is_permitted: bool,
    ) -> Reply:
        if not is_permitted:
            self._permit()
        sent = {"Authorization": f"Bearer {token.text}", "Accept": "application/json", **headers}
        data = b""
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        return _answered(self._channel.send(method, f"{self.place.base_url}{path}", data, sent))

    # --- tokens --------------------------------------------------------------------------------

    def _good_token(self) -> Token:
        token = self._token
        if token is None or token.until - RENEW_BEFORE <= self._now():
            return self._renewed(instead_of=token)
        return token

    def _renewed(self, *, instead_of: Token | None) -> Token:
        """A new token; one request for it, however many threads find the old one dead."""
        with self._renewing:
            if self._token is not None and self._token is not instead_of:
                return self._token
            self._token = self._asked_for_token()
            self._keep(self._token)
            return self._token

    def _asked_for_token(self) -> Token:
        self._permit()
        place, asked_at = self.place, self._now()
        pair = base64.b64encode(f"{place.client_id}:{place.client_secret}".encode()).decode()
        headers = {
            "Authorization": f"Basic {pair}",
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = urlencode({"grant_type": "client_credentials"}).encode()
        reply = _answered(self._channel.send("POST", place.token_url, form, headers))
        if reply.status in {400, 401, 403}:
            said = "The platform does not take the client id and secret."
            raise Unwelcome(said, answer=_shown(reply))
        told = _judged(reply, ())
        try:
            lasts = float(told.content.get("expires_in", 3600))
            return Token(str(told.content["access_token"]), asked_at + timedelta(seconds=lasts))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise NoAnswer("The answer for a token holds none.", answer=_shown(reply)) from None


def _with(path: str, query: Mapping[str, Any]) -> str:
    asked = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(asked, doseq=True)}" if asked else path


# --- what an answer means ----------------------------------------------------------------------


def _answered(reply: Reply) -> Reply:
    """The reply, where there is one."""
    if reply.status is None:
        if reply.was_sent:
            raise NoAnswer(reply.error or "No answer came.")
        raise NotSent(reply.error or "It could not be sent.")
    return reply


def _judged(reply: Reply, seen: tuple[int, ...]) -> Told:
    """What the status means; a body that is no JSON leaves open what happened."""
    status = reply.status or 0
    if status < 300 or status in seen:
        return Told(status, _content(reply), reply.text)
    raise _failure(reply, status)


def _failure(reply: Reply, status: int) -> PlatformError:
    said, answer = f"It answered {status}{_words(reply)}", _shown(reply)
    if status == 429 or (status == 503 and reply.headers.get("retry-after")):
        kind = Busy if status == 429 else Resting
        seconds = retry_after(reply.headers.get("retry-after", ""), reply.headers.get("date", ""))
        return kind(said, seconds=seconds, answer=answer)
    if status < 400:
        said = f"{said}, a redirect: these are not followed."
    return _kind_of(status)(said, answer=answer)


def _kind_of(status: int) -> type[NoAnswer | Unwelcome | Gone | TooMany | Refused]:
    """What a status means; redirects, errors of theirs and timeouts leave open what happened."""
    if status < 400 or status >= 500 or status == 408:
        return NoAnswer
    return KINDS.get(status, Refused)


KINDS: Mapping[int, type[Unwelcome | Gone | TooMany]] = {
    401: Unwelcome, 403: Unwelcome, 404: Gone, 413: TooMany,
}  # fmt: skip


class Resting(Busy):
    """503 with a time: it asks for a rest, and does not say whether it did what it was asked."""

    is_open = True


def _content(reply: Reply) -> Any:
    if not reply.text.strip():
        return None
    try:
        return json.loads(reply.text)
    except (ValueError, RecursionError):
        said = f"It answered {reply.status} with something that is no JSON."
        raise NoAnswer(said, answer=_shown(reply)) from None


def _words(reply: Reply) -> str:
    """The platform's own words, where it has any."""
    try:
        said = json.loads(reply.text)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "."
    return f": {str(said)[:300]}"


def _shown(reply: Reply) -> str:
    return f"{reply.status} {reply.text[:SHOWN]}"


def retry_after(said: str, date: str) -> float | None:
    """Seconds to wait; ``None`` where it did not say, or said nonsense. Between 1 s and 15 min.

    A date counts from the answer's own ``Date``: the platform's clock need not be ours.
    """
    text = said.strip()
    if text.isascii() and text.isdigit() and len(text) < 12:
        return min(max(float(text), SHORTEST_REST), LONGEST_REST)
    until, since = _moment(text), _moment(date.strip()) or datetime.now(UTC)
    if until is None:
        return None
    return min(max((until - since).total_seconds(), SHORTEST_REST), LONGEST_REST)


def _moment(text: str) -> datetime | None:
    """An HTTP date in any of its three forms."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
