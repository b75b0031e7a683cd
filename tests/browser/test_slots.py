"""The strip of half hours with mouse, keyboard and screen reader's eyes, wide and narrow."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from callbacks.models import Callback, Queue
from callbacks.scheduling import schedule
from tests.browser.test_scheduling import Open, fill_in, report
from tests.cast import Cast, by, wish

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def tomorrow(cast: Cast) -> str:
    """The next day in New York, with a half hour nearly full at ten, and one full at eleven."""
    Queue.objects.update(slot_capacity=4)
    now = datetime.now(NEW_YORK)
    day = f"{now + timedelta(days=1):%Y-%m-%d}"
    for clock in ["10:00"] * 3 + ["11:05"] * 4:
        schedule(wish(cast.support, date=day, time=clock), by=by(cast.ben), at=now)
    return day


def strip_of(page: Page) -> Locator:
    return page.get_by_role("toolbar", name=re.compile("Support on .* by New York"))


def preview_again(page: Page) -> None:
    """The form asks anew, as it does whenever anything in it changes."""
    page.evaluate("document.getElementById('slots').dataset.old = ''")
    page.evaluate("htmx.trigger('#id_reason', 'input')")
    expect(page.locator("#slots[data-old]")).to_have_count(0)


def test_the_strip_with_mouse_and_keyboard(cast: Cast, tomorrow: str, open_as: Open) -> None:
    page = open_as(cast.ana, "/schedule")
    fill_in(page, Date=tomorrow)
    strip, clock = strip_of(page), page.get_by_label("Time", exact=True)
    expect(strip.locator("[aria-current=time]")).to_have_accessible_name(
        "12:00, free: 0 of 4 taken."
    )
    strip.get_by_role("button", name="10:00, tight: 3 of 4 taken.").click()
    expect(clock).to_have_value("10:00")
    expect(strip.locator("[aria-current=time]")).to_be_focused()
    expect(page.get_by_label("Contact name")).to_have_value("Liam Byrne")

    for key, name in (("ArrowDown", "10:30, free"), ("ArrowRight", "11:30, free"),
                      ("ArrowUp", "11:00, closed: 4 of 4 taken.")):  # fmt: skip
        page.keyboard.press(key)
        expect(strip.get_by_role("button", name=name)).to_be_focused()
    expect(page.locator("[data-strip-says]")).to_have_text("11:00, closed: 4 of 4 taken.")
    expect(strip.locator("button[tabindex='0']")).to_have_count(1)
    strip.get_by_role("button", name="15:30, tight").hover()
    expect(page.locator("[data-strip-says]")).to_contain_text("Calls end at 21:00 (Europe/London)")
    page.get_by_text("What speaks against which times").click()
    full = strip.get_by_role("button", name="11:00, closed")
    full.focus()
    preview_again(page)
    expect(full).to_be_focused()
    expect(page.get_by_text("16:00–00:00 closed: Outside calling hours")).to_be_visible()

    page.keyboard.press("Enter")
    expect(clock).to_have_value("11:00")
    expect(page.locator("#preview")).to_contain_text("This half hour is full: 4 of 4. Suggested: ")
    best = page.get_by_role("group", name="Best half hours nearby").get_by_role("button")
    expect(best).to_have_count(3)
    best.first.click()
    expect(clock).to_have_value("10:30")

    page.get_by_label("Ticket").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Callback scheduled")
    made = Callback.objects.get(contact_name="Liam Byrne", wall_time="10:30")
    page.goto(page.url + f"callbacks/{made.pk}/change")
    mine = strip_of(page).locator("[aria-current=time]")
    expect(mine).to_have_accessible_name("10:30, free: 0 of 4 taken.")


def test_the_strip_in_every_light_and_width(cast: Cast, tomorrow: str, open_as: Open) -> None:
    page = open_as(cast.ana, "/schedule", reduced_motion="reduce")
    fill_in(page, Date=tomorrow, Time="11:00")
    expect(page.locator("#preview")).to_contain_text("This half hour is full")
    page.get_by_text("What speaks against which times").click()
    for scheme, width in (("light", 1280), ("dark", 1280), ("dark", 380), ("light", 380)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        report(Axe().run(page, context="#panel"), f"{scheme} at {width} pixels")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        strip = strip_of(page)
        sizes = strip.evaluate(
            "strip => [...strip.querySelectorAll('button')].flatMap((b) => [b.offsetWidth, b.offsetHeight])"
        )
        assert len(sizes) == 96
        assert min(sizes) >= 24, width
