"""The calendar feed's page in a real browser."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.test_scheduling import report
from tests.cast import Cast


@pytest.mark.parametrize("may_use_clipboard", [True, False])
def test_the_address_is_made_from_the_menu_and_copied(
    cast: Cast, open_as: Open, may_use_clipboard: bool
) -> None:
    granted = ["clipboard-read", "clipboard-write"] if may_use_clipboard else []
    page = open_as(cast.ana, "/", permissions=granted)
    page.get_by_text("Menu of Ana Reyes").locator("..").click()
    page.get_by_role("link", name="Calendar feed").click()
    page.get_by_role("button", name="Make an address").click()
    field = page.get_by_label("The address, shown only now")
    expect(field).to_be_focused()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    if may_use_clipboard:
        assert page.evaluate("navigator.clipboard.readText()") == field.input_value()
    report(Axe().run(page), "the page with an address")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("button", name="Make an address")).to_be_visible()


def test_the_address_is_made_and_shown_without_javascript(cast: Cast, open_as: Open) -> None:
    page = open_as(cast.ana, "/calendar", java_script_enabled=False)
    page.get_by_role("button", name="Make an address").click()
    expect(page.get_by_label("The address, shown only now")).to_have_value(
        re.compile(r"/calendar/[\w-]{43}\.ics$")
    )
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
