"""The real web server on the test database, in processes of its own, and its parallel clients."""

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

from callbacks.models import User

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def database_url() -> str:
    """The test database, for another process."""
    given = connection.settings_dict
    port = f":{given['PORT']}" if given["PORT"] else ""
    password = f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else ""
    host = quote(given["HOST"], safe="")
    return f"postgres://{given['USER']}{password}@{host}{port}/{given['NAME']}"


@contextlib.contextmanager
def serving(
    workers: int, *, log: Path | None = None, port: int | None = None, **environment: str
) -> Iterator[str]:
    """The product under uvicorn with so many processes; yields its address.

    What it says goes into the ``log``, where one is given.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", "--no-access-log"]
    command += ["--port", str(port), "--workers", str(workers), "--log-level", "warning"]
    command += ["--timeout-graceful-shutdown", "5"]
    env = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "dashboard.settings_test",
        **environment,
    }
    with log.open("w") if log else contextlib.nullcontext() as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            status, _, _ = ask(f"http://127.0.0.1:{port}", "GET", "/healthz")
            if status == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the web server did not start")


def session_of(user: User) -> str:
    """The key of a session in which this person is logged in."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def ask(
    base: str,
    method: str,
    path: str,
    fields: dict[str, str] | None = None,
    cookies: dict[str, str] | None = None,
) -> tuple[int, str, dict[str, str]]:
    """One request, as a browser's form sends it: status, text, headers."""
    address = base.removeprefix("http://")
    client = http.client.HTTPConnection(address, timeout=60)
    headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in (cookies or {}).items())}
    body = urlencode(fields) if fields else None
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    client.request(method, path, body, headers)
    response = client.getresponse()
    text = response.read().decode()
    client.close()
    joined: dict[str, str] = {}
    for name, value in response.getheaders():
        joined[name.title()] = (
            f"{joined[name.title()]}, {value}" if name.title() in joined else value
        )
    return response.status, text, joined


def csrf_of(base: str, session: str) -> tuple[str, dict[str, str]]:
    """A form's token with the cookies that belong to it."""
    cookies = {settings.SESSION_COOKIE_NAME: session}
    _, text, headers = ask(base, "GET", "/schedule", cookies=cookies)
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
    assert found, text[:300]
    kept = re.search(r"csrftoken=([^;]+)", headers.get("Set-Cookie", ""))
    assert kept
    return found.group(1), {**cookies, settings.CSRF_COOKIE_NAME: kept.group(1)}
