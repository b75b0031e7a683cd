"""The page that tells programmers of the API."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import Open


def test_the_documentation_asks_nobody_else_and_hides_nothing(open_as: Open, base: str) -> None:
    """Every request goes to this very server, and the page's policy lets all of it show."""
    asked: list[str] = []
    page = open_as(None, "/healthz")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{base}/api/v2/docs")
    expect(page.get_by_text("Schedule a callback")).to_be_visible()
    page.get_by_text("Schedule a callback").click()
    expect(page.get_by_text("Idempotency-Key").first).to_be_visible()
    ours = urlsplit(base).netloc
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {ours}
