"""The admin's way with a webhook in a real browser: add, try out, see a failure, send again."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django import Settings

from callbacks.models import Webhook, WebhookDelivery
from callbacks.webhooks import deliver
from tests.browser.conftest import Open
from tests.browser.test_scheduling import report
from tests.cast import Cast, make_callback
from tests.server import serving
from tests.webhooks.receiver import Receiver, Reply, receiving

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
PHONE = {"width": 380, "height": 800}


@pytest.fixture
def base(cast: Cast) -> Iterator[str]:
    """The product, which may send to this machine."""
    with serving(workers=1, WEBHOOK_PRIVATE_TARGETS="1") as address:
        yield address


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver on this machine."""
    settings.WEBHOOK_PRIVATE_TARGETS = True
    with receiving() as found:
        yield found


def look(page: Page, where: str) -> None:
    """In both themes, wide and narrow: nothing for axe to say, nothing wider than the screen."""
    wide = page.viewport_size
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for size in (wide, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            name = f"{where} {theme} {size['width']}"  # type: ignore[index]
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            report(Axe().run(page), name)
            if folder := os.environ.get("SCREENSHOTS"):
                page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    page.set_viewport_size(wide)  # type: ignore[arg-type]


def test_a_webhook_is_added_tried_out_and_mended(
    cast: Cast, open_as: Open, receiver: Receiver
) -> None:
    wide = {"width": 1280, "height": 800}
    # Without transitions: axe would see a colour on its way from one theme to the other.
    page = open_as(cast.ada, "/webhooks", viewport=wide, reduced_motion="reduce")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_text("Give it a name, such as CRM.")).to_be_visible()
    look(page, "problems")
    page.get_by_label("Name", exact=True).fill("CRM of the sales department")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_label("Service level breached").uncheck()
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_label("The secret, shown only now")).to_be_focused()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    look(page, "secret")
    page.get_by_role("link", name="I have kept it").click()
    assert "callback.sla_breached" not in Webhook.objects.get().events

    # A test event arrives, and the page says so by itself.
    page.get_by_role("button", name="Send a test event").click()
    deliver()
    expect(page.get_by_text("tried once, answered 200")).to_be_visible()

    # A real one does not: its answer is shown; it is sent again from its row, without a new page.
    now = datetime.now(UTC)
    make_callback(cast.support, cast.ana, at=now, date=f"{now + timedelta(days=1):%Y-%m-%d}")
    receiver.answers = lambda request: Reply(502, "<h1>Bad gateway</h1>")
    deliver()
    page.get_by_role("link", name="Waiting").click()
    page.get_by_text("What was sent, and the answer").click()
    expect(page.get_by_text("<h1>Bad gateway</h1>")).to_be_visible()
    look(page, "deliveries")
    receiver.answers = lambda request: Reply(200)
    page.evaluate("window.isSamePage = true")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("not tried yet")).to_be_visible()
    deliver()
    assert page.evaluate("window.isSamePage")
    page.get_by_role("link", name="All", exact=True).click()
    expect(page.locator("#deliveries").get_by_text("Delivered", exact=True)).to_have_count(3)
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
    page.get_by_role("link", name="Remove").click()
    look(page, "removal")
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("link", name="All webhooks").click()
    look(page, "index")


def test_all_of_it_works_without_javascript(cast: Cast, open_as: Open, receiver: Receiver) -> None:
    page = open_as(cast.ada, "/webhooks", java_script_enabled=False)
    page.get_by_label("Name", exact=True).fill("CRM")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_role("button", name="Add the webhook").click()
    secret = page.get_by_label("The secret, shown only now").input_value()
    assert Webhook.objects.get().secret.open() == secret
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_role("button", name="Send a test event").click()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("Discarded").last).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    deliver()
    page.reload()
    expect(page.get_by_text("tried once, answered 200")).to_be_visible()
    page.get_by_role("button", name="New secret").click()
    assert page.get_by_label("The secret, shown only now").input_value() != secret
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove the webhook").click()
    expect(page.get_by_text("CRM is removed.")).to_be_visible()
