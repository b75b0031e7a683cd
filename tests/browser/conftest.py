"""A real browser against the real server: Chromium by role and label, as a person finds things."""

import os
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from callbacks.models import Heartbeat, User
from tests.cast import Cast, make_cast
from tests.server import serving, session_of

# Playwright's own loop runs in this thread; Django's ORM is used beside it, never within.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
Open = Callable[..., Page]
# Two cores may be busy with other tests; what does not come at all, does not come in this time either.
expect.set_options(timeout=10_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; where it is missing these tests fail, they are not skipped."""
    with sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """The cast, where the server's processes see it, and a clock that is heard."""
    Heartbeat.beat("clock", timezone.now())
    return make_cast()


@pytest.fixture(scope="session")
def server(django_db_setup: None) -> Iterator[str]:
    """One server for all tests of a worker: it starts in seconds, and each test in none."""
    with serving(workers=1) as address:
        yield address


@pytest.fixture
def base(cast: Cast, server: str) -> Iterator[str]:
    """The address of the product; the database is emptied only when nobody is at it any more."""
    yield server
    _wait_until_calm()


def _wait_until_calm() -> None:
    """Until no other connection is in the middle of something: what pages sent when they closed."""
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute(BUSY)
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.02)


BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
    AND backend_type = 'client backend'
"""


@pytest.fixture
def open_as(browser: Browser, base: str) -> Iterator[Open]:
    """Open a page as this person; every error in the browser's console fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def opened(user: User | None, path: str = "/", **options: object) -> Page:
        context = browser.new_context(**{"locale": "en-GB", **options})  # type: ignore[arg-type]
        contexts.append(context)
        if user:
            host = urlsplit(base).hostname or ""
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session_of(user)}
            context.add_cookies([{**cookie, "domain": host, "path": "/"}])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: _note(message, errors))
        page.set_default_timeout(8000)
        page.goto(base + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def _note(message: object, errors: list[str]) -> None:
    """Refusals are shown by the page, and reported by the console besides; all else counts."""
    text = str(message.text)  # type: ignore[attr-defined]
    is_refusal = " 422 " in text or " 404 " in text
    # A preview still on its way when the page is left.
    is_left = text.startswith(("htmx:afterRequest", "htmx:sendError", "htmx:sendAbort"))
    if message.type == "error" and not is_refusal and not is_left:  # type: ignore[attr-defined]
        errors.append(text)
