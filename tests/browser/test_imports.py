"""An import in a real browser, from the file to the callbacks."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from callbacks import imports
from callbacks.models import Callback
from tests.browser.conftest import Open
from tests.browser.test_scheduling import report
from tests.cast import Cast, fresh_number
from tests.server import serving


@pytest.fixture
def base(cast: Cast, settings: Any, tmp_path: Path) -> Any:
    """The product with uploads of its own."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    with serving(workers=1, DATA_DIR=str(tmp_path)) as address:
        yield address


def looks_right(page: Page, what: str) -> None:
    """Accessible, and nothing wider than the screen."""
    report(Axe().run(page), what)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what


@pytest.mark.parametrize("script", [True, False])
def test_a_file_is_uploaded_mapped_checked_and_imported(
    cast: Cast, open_as: Open, tmp_path: Path, script: bool
) -> None:
    day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    file = tmp_path / "march.csv"
    rows = [
        f"{number},{day},12:00,<b>Eve</b>" for number in (fresh_number(), "abc", fresh_number())
    ]
    file.write_text("\n".join(["Phone,Day,Uhrzeit,Name", *rows]))
    look: dict[str, Any] = {"viewport": {"width": 380, "height": 800}, "color_scheme": "dark"}
    look["reduced_motion"] = "reduce"  # colours are looked at, not their way from dark to light
    page = open_as(cast.sam, "/import", **(look if script else {"java_script_enabled": False}))
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("What Phone is")).to_have_value("phone_number")
    if script:
        looks_right(page, "the columns")
    page.get_by_role("button", name="Check all rows").click()
    expect(page.get_by_role("alert")).to_contain_text("date and time")
    page.get_by_label("What Uhrzeit is").select_option("Time")
    page.get_by_label("Queue of rows").select_option("Support")
    page.get_by_label("Time zone of rows").select_option("Europe/London")
    page.get_by_label("All contacts of this file agreed").check()
    page.get_by_role("button", name="Check all rows").click()
    expect(page.get_by_label("Rows done")).to_be_visible()
    if script:
        looks_right(page, "the progress")
    imports.go_on()
    if not script:
        page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("“abc” is not a phone number")).to_be_visible()
    if script:
        looks_right(page, "the outcome of the check")
        page.emulate_media(color_scheme="light")
        looks_right(page, "the outcome of the check in light")
    with page.expect_download() as download:
        page.get_by_role("link", name="Rejected rows as CSV").click()
    assert download.value.path().read_text("utf-8").count("abc") == 2
    page.get_by_role("button", name="Import the 2 good rows").click()
    expect(page.get_by_text("Importing.")).to_be_visible()
    imports.go_on()
    if not script:
        page.get_by_role("link", name="Look again").click()
    expect(
        page.get_by_text(re.compile("2 callbacks are scheduled, 1 row was rejected"))
    ).to_be_visible()
    assert Callback.objects.filter(contact_name="<b>Eve</b>", queue=cast.support).count() == 2
