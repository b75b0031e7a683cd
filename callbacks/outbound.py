"""Requests to addresses that somebody else chose: guarded against leading into our own network.

The guard stands where the connection is made, not before it. A name is resolved once; every address
that it has must be allowed; the connection goes to that very address, with the name for TLS and
``Host``; and the peer is looked at again. So no name can change its mind in between.

No redirects, no proxies of the environment, one deadline for all of it, and an end to reading.
"""

import functools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpcore
import httpx

from callbacks.rules import targets

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0
MOST_READ = 1024 * 1024
KEPT = 1024
KEPT_SECONDS = 2.0
"""So long an idle connection is kept: the other side hardly hangs up within it."""
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """What came of a request: a status with the beginning of its text, or an error in words."""

    status: int | None
    text: str = ""
    error: str = ""
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the receiver said yes."""
        return self.status is not None and 200 <= self.status < 300


class Forbidden(httpcore.ConnectError):
    """The name leads where nothing may be sent."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of the name, by the system's resolver. Raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    private: bool = False,
    resolver: Resolve = resolve,
    within: float = TOTAL_SECONDS,
) -> Answer:
    """Send it, and wait at most so many seconds in all. Never raises for what the other side does.

    ``private``: this machine and its network may be reached, too.
    """
    try:
        target = targets.parse(url, private=private)
    except targets.TargetRefused as refused:
        return Answer(None, error=refused.message)
    guard = Guard(private, resolver, Deadline(within))
    with _client(guard) as client:
        return _ask(client, target.url, body, headers)


def _ask(client: httpx.Client, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        with client.stream("POST", url, content=body, headers=headers) as response:
            return Answer(
                response.status_code,
                _beginning(response),
                retry_after=response.headers.get("Retry-After", ""),
            )
    except Forbidden as forbidden:
        return Answer(None, error=str(forbidden))
    except TIMEOUTS:
        return Answer(None, error="No answer in time.")
    except FAILURES as failed:
        return Answer(None, error=_in_words(failed))


TIMEOUTS = (httpx.TimeoutException, httpcore.TimeoutException)
FAILURES = (
    httpx.HTTPError, httpx.InvalidURL, httpcore.NetworkError, httpcore.ProtocolError,
    httpcore.UnsupportedProtocol, OSError, UnicodeError,
)  # fmt: skip


def _in_words(failed: Exception) -> str:
    said = str(failed).strip() or type(failed).__name__
    return f"The connection failed: {said}"[:500]


def _beginning(response: httpx.Response) -> str:
    """The first kilobyte. What follows is read as far as a limit, and forgotten."""
    kept, read = b"", 0
    try:
        for piece in response.iter_raw():
            kept = (kept + piece)[:KEPT] if len(kept) < KEPT else kept
            read += len(piece)
            if read >= MOST_READ:
                break
    except (*TIMEOUTS, *FAILURES):
        # The status came; whatever is wrong with the text changes nothing about it.
        pass
    return kept.decode("utf-8", "replace").replace("\0", "")


@contextmanager
def _client(guard: "Guard") -> Iterator[httpx.Client]:
    timeout = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
    with httpx.Client(
        transport=Transport(guard), trust_env=False, follow_redirects=False, timeout=timeout
    ) as client:
        client.headers.clear()
        yield client


@functools.cache
def _tls() -> ssl.SSLContext:
    """Certificates as httpx trusts them; ``SSL_CERT_FILE`` names others. Costly, so made once."""
    return httpx.create_ssl_context()


class Deadline:
    """One moment by which everything must be over."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self, at_most: float | None = None) -> float:
        """The seconds that are left. Raises a timeout where there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("The deadline is over.")
        return left if at_most is None else min(left, at_most)


class Deadlines(threading.local):
    """Of each thread the deadline of its own request: connections are kept, and change hands."""

    own = Deadline(TOTAL_SECONDS)

    def left(self, at_most: float | None = None) -> float:
        """The seconds that are left to this thread."""
        return self.own.left(at_most)


class Guard(httpcore.NetworkBackend):
    """Makes the connections: the place that nothing gets around."""

    def __init__(self, private: bool, resolver: Resolve, deadline: Deadline | Deadlines) -> None:
        self.private, self.resolver, self.deadline = private, resolver, deadline
        self.sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve once, judge every address, connect to one of them, and look at the peer again."""
        addresses = self._resolved(host.strip("[]"), port)
        for address in addresses:
            self._require(host, address)
        stream = self._connected(addresses, port, timeout)
        peer = stream.get_extra_info("server_addr")
        if not peer or peer[0] not in addresses:
            stream.close()
            raise Forbidden(f"{host} was reached at another address than was looked up.")
        return Timed(stream, self.deadline)

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """By the deadline: a resolver that never answers keeps a thread of its own, and no other."""
        answer: Future[Sequence[str]] = Future()

        def look_up() -> None:
            try:
                answer.set_result(self.resolver(host, port))
            except Exception as failed:
                answer.set_exception(failed)

        threading.Thread(target=look_up, daemon=True).start()
        try:
            addresses = answer.result(self.deadline.left(CONNECT_SECONDS))
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not found in time.") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError(f"The name {host} is not known.") from None
        if not addresses:
            raise httpcore.ConnectError(f"The name {host} has no address.")
        return addresses

    def _require(self, host: str, address: str) -> None:
        if not targets.may_connect(address, private=self.private):
            raise Forbidden(
                f"{host} leads to {address}, which is not on the public internet: nothing was sent."
            )

    def _connected(
        self, addresses: Sequence[str], port: int, timeout: float | None
    ) -> httpcore.NetworkStream:
        """The first that answers, of a few: a name may have an address that nobody listens on."""
        failed: Exception = httpcore.ConnectError("There is no address.")
        for address in addresses[:3]:
            try:
                return self.sockets.connect_tcp(address, port, self.deadline.left(timeout))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: object = None
    ) -> httpcore.NetworkStream:
        """Never."""
        raise Forbidden("Nothing is sent to a socket of this machine.")


class Timed(httpcore.NetworkStream):
    """A connection on which nothing takes longer than the deadline, however slowly it drips."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline | Deadlines) -> None:
        self.stream, self.deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there."""
        return self.stream.read(max_bytes, self.deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        self.stream.write(buffer, self.deadline.left(timeout))

    def close(self) -> None:
        """Hang up."""
        self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Speak TLS from here on: the certificate must be the name's."""
        left = self.deadline.left(timeout)
        return Timed(self.stream.start_tls(ssl_context, server_hostname, left), self.deadline)

    def get_extra_info(self, info: str) -> object:
        """What the connection knows of itself."""
        return self.stream.get_extra_info(info)


class Transport(httpx.BaseTransport):
    """httpx on guarded connections. One request, one connection, unless some are to be kept."""

    def __init__(self, guard: Guard, kept: int = 0) -> None:
        self.pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            max_connections=None,
            max_keepalive_connections=kept,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=guard,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Hand it to the pool, and its answer back."""
        url = request.url
        answer = self.pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Stream(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Hang up."""
        self.pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self.answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self.answer.iter_stream()

    def close(self) -> None:
        self.answer.close()


# --- many requests to one place ----------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """What came of a request: all of its text, or an error, and whether anything left at all."""

    status: int | None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By their names in small letters."""
    error: str = ""
    was_sent: bool = True
    """False: it never left, so nothing can have happened there."""


class Channel:
    """Requests to one place, from any number of threads, over guarded connections that are kept."""

    def __init__(
        self, *, private: bool = False, resolver: Resolve = resolve, keep: int = 32
    ) -> None:
        self._private, self._deadlines = private, Deadlines()
        guard = Guard(private, resolver, self._deadlines)
        self._client = httpx.Client(
            transport=Transport(guard, keep),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
        )
        self._client.headers.clear()

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        within: float = TOTAL_SECONDS,
    ) -> Reply:
        """Send it once, and wait at most so many seconds in all. Never raises for the other side."""
        try:
            targets.parse(url, private=self._private)
        except targets.TargetRefused as refused:
            return Reply(None, error=refused.message, was_sent=False)
        self._deadlines.own = Deadline(within)
        try:
            with self._client.stream(method, url, content=body, headers=headers) as response:
                return _read(response)
        except Forbidden as forbidden:
            return Reply(None, error=str(forbidden), was_sent=False)
        except UNSENT as failed:
            return Reply(None, error=_in_words(failed), was_sent=False)
        except TIMEOUTS:
            return Reply(None, error=f"No answer within {within:g} seconds.")
        except FAILURES as failed:
            return Reply(None, error=_in_words(failed))


UNSENT = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpcore.ConnectError,
    httpcore.ConnectTimeout, httpcore.UnsupportedProtocol,
)  # fmt: skip
"""What fails before a connection stands."""


def _read(response: httpx.Response) -> Reply:
    """All of the answer, as far as there is a reason to read."""
    text = b""
    for piece in response.iter_raw():
        text += piece
        if len(text) > MOST_READ:
            return Reply(None, error="The answer is over 1 MiB: it was not read to its end.")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, text.decode("utf-8", "replace"), headers)
