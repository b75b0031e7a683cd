"""The panel in another application's frame, as docs/recipes.md shows it."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from callbacks.models import Callback
from tests.browser.conftest import Open
from tests.cast import Cast, open_day_and_night
from tests.server import ROOT, serving

PRINTED = re.compile(r"```html\n(.*?)```", re.DOTALL)


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[str]:
    """Another application, which serves the pages of a folder; its origin."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def base(cast: Cast, crm: str) -> Iterator[str]:
    """The product, which that application may frame."""
    with serving(workers=1, FRAME_ANCESTORS=crm) as address:
        yield address


def test_the_page_around_it_is_told_what_was_scheduled(
    cast: Cast, open_as: Open, crm: str, base: str, tmp_path: Path
) -> None:
    open_day_and_night(cast.support)
    html = PRINTED.findall((ROOT / "docs" / "recipes.md").read_text())[0]
    page_around = html.replace("https://ringback.example.com", base)
    (tmp_path / "index.html").write_text(f"<!doctype html><title>CRM</title>{page_around}")
    page = open_as(cast.ana, "/healthz")
    page.goto(f"{crm}/index.html")
    panel = page.frame_locator("#ringback")
    expect(panel.get_by_label("Phone number")).to_have_value("+442079460953")
    panel.get_by_label("The contact agreed to be called back").check()
    panel.get_by_role("button", name="Schedule", exact=True).click()
    expect(panel.get_by_role("heading", name="Callback scheduled")).to_be_visible()
    made = Callback.objects.get()
    expect(page.get_by_role("status")).to_contain_text(f"Callback {made.pk} at 20")
    assert (made.contact_name, made.conversation_id) == ("Nia Hughes", "c-4711")
