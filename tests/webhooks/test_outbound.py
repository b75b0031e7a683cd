"""The guard on connections: what a name leads to, redirects, deadlines, TLS (safety: SSRF)."""

import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callbacks import outbound
from callbacks.outbound import Answer, post
from tests.webhooks.receiver import Receiver, Reply, receiving

NAME = "receiver.example.com"


@pytest.fixture
def canary() -> Iterator[Receiver]:
    """Somebody on this machine who must not be reached."""
    with receiving() as found:
        yield found


def sent(url: str, **options: object) -> Answer:
    return post(url, b"{}", {"Content-Type": "application/json"}, **options)  # type: ignore[arg-type]


# --- where a name leads -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["169.254.169.254"], ["10.0.0.7"], ["::ffff:127.0.0.1"], ["0.0.0.0"],
     ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"], ["2002:7f00:1::"]],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_connected_to(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every address of the name must be public, not only the first."""
    reached: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *args, **kwargs: reached.append(args))
    answer = sent("https://crm.example.com/", resolver=lambda host, port: addresses)
    assert answer.status is None
    assert "not on the public internet" in answer.error
    assert reached == []


def test_a_name_that_changes_its_mind_is_asked_once_and_held_to_its_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rebinding: public when it is looked up, this machine a moment later."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []
    connected: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    def connection(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        connected.append(address[0])
        raise OSError("nobody there")

    monkeypatch.setattr(socket, "create_connection", connection)
    answer = sent("https://rebinding.example.com/", resolver=resolver)
    assert answer.status is None
    assert asked == ["rebinding.example.com"]
    assert connected == ["93.184.216.34"], "the address that was judged, and never the name"


def test_a_connection_that_ends_elsewhere_is_dropped_before_a_word_is_said(
    canary: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the system did with the address: the peer is looked at again."""
    genuine = socket.create_connection

    def elsewhere(address: object, *args: object, **kwargs: object) -> socket.socket:
        return genuine(("127.0.0.1", canary.port))

    monkeypatch.setattr(socket, "create_connection", elsewhere)
    answer = sent("https://crm.example.com/", resolver=lambda host, port: ["93.184.216.34"])
    assert "another address than was looked up" in answer.error
    assert canary.received == []


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.1", "0", "[::1]", "2130706433"])
def test_this_machine_is_not_reached_by_any_of_its_names(canary: Receiver, name: str) -> None:
    for scheme in ("http", "https"):
        assert sent(f"{scheme}://{name}:{canary.port}/").status is None
    assert canary.received == []


def test_no_proxy_of_the_environment_is_asked(
    canary: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    answer = sent("https://crm.example.com/", resolver=lambda host, port: [])
    assert "has no address" in answer.error
    assert canary.received == []


def test_a_name_that_nobody_has_is_said_so() -> None:
    answer = sent("https://nobody.invalid/")
    assert answer.error == "The connection failed: The name nobody.invalid is not known."


# --- what the other side does -----------------------------------------------------------------


def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver, canary: Receiver) -> None:
    receiver.answers = lambda request: Reply(302, "", {"Location": canary.url})
    assert sent(receiver.url, private=True).status == 302
    assert len(receiver.received) == 1
    assert canary.received == []


def test_of_a_long_answer_a_kilobyte_is_kept_and_a_megabyte_read(receiver: Receiver) -> None:
    receiver.answers = lambda request: Reply(200, "x" * 30_000_000)
    started = time.monotonic()
    answer = sent(receiver.url, private=True)
    assert (answer.status, answer.text) == (200, "x" * 1024)
    assert time.monotonic() - started < 5


def test_what_cannot_be_stored_is_taken_out_of_the_answer(receiver: Receiver) -> None:
    receiver.answers = lambda request: Reply(500, "a\0b")
    assert sent(receiver.url, private=True).text == "ab"


@contextlib.contextmanager
def raw_server(behaves: object) -> Iterator[str]:
    """A server that does to each connection what it is told to."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    behaves(connection)  # type: ignore[operator]

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def drip(connection: socket.socket) -> None:
    """A byte now and then: each comes soon enough, all of them never."""
    connection.recv(1000)
    for _ in range(200):
        connection.sendall(b"X")
        time.sleep(0.05)


def test_a_server_that_drips_meets_the_deadline_of_all_of_it() -> None:
    with raw_server(drip) as url:
        started = time.monotonic()
        answer = sent(url, private=True, within=0.6)
        assert time.monotonic() - started < 2
    assert answer.status is None
    assert answer.error == "No answer in time."


def test_a_resolver_that_never_answers_meets_it_too() -> None:
    started = time.monotonic()
    answer = sent(
        "https://slow.example.com/", resolver=lambda host, port: time.sleep(5) or [], within=0.3
    )
    assert time.monotonic() - started < 2
    assert answer.error == "No answer in time."


@pytest.mark.parametrize(
    "said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"]
)  # fmt: skip
def test_nonsense_is_an_answer_like_others(said: bytes) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(said)

    with raw_server(behave) as url:
        answer = sent(url, private=True)
    assert answer.is_success == said.startswith(b"HTTP/1.1 200"), "a status that came, counts"
    assert answer.is_success or answer.error


def test_nobody_listening_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert sent(f"http://127.0.0.1:{port}/", private=True).error.startswith("The connection failed")


# --- TLS --------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """A certificate of this name, with its key, that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}.pem"
    file.write_bytes(made.public_bytes(encoding) + secret)
    return file


@contextlib.contextmanager
def tls_receiver(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver with this certificate, which is trusted here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    outbound._tls.cache_clear()
    try:
        with receiving(context) as found:
            yield found
    finally:
        outbound._tls.cache_clear()


def test_the_certificate_must_be_the_names_though_an_address_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_receiver(certificate(tmp_path, NAME), monkeypatch) as found:
        here = {"resolver": lambda host, port: ["127.0.0.1"], "private": True}
        good = sent(f"https://{NAME}:{found.port}/x", **here)
        assert (good.status, good.error) == (200, "")
        assert found.received[0].headers["host"] == f"{NAME}:{found.port}"
        bad = sent(f"https://other.example.com:{found.port}/x", **here)
        assert bad.status is None
        assert "certificate" in bad.error.lower()
        assert len(found.received) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_receiver(certificate(tmp_path, NAME), monkeypatch) as found:
        monkeypatch.delenv("SSL_CERT_FILE")
        outbound._tls.cache_clear()
        answer = sent(
            f"https://{NAME}:{found.port}/", private=True, resolver=lambda host, port: ["127.0.0.1"]
        )
    assert answer.status is None
    assert "certificate" in answer.error.lower()
    assert found.received == []
