"""Live screens in real browsers: what one person does, another sees; and the light says the truth."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from callbacks.models import Callback, User
from callbacks.scheduling import hand_over
from tests.cast import Cast, by, make_callback
from tests.server import serving, session_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
Open = Callable[..., Page]
PATIENCE = 15_000
"""Milliseconds for what should take a fraction of a second."""


def promise(cast: Cast) -> Callback:
    """What Ana promised for tomorrow, owned by nobody."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    return make_callback(cast.support, cast.ana, at=timezone.now(), date=f"{tomorrow:%Y-%m-%d}")


def give(callback: Callback, to: User, cast: Cast) -> None:
    """Make somebody its owner, from elsewhere."""
    hand_over(callback.pk, to.pk, by=by(cast.sam), at=timezone.now(), version=None)


def owner(page: Page, name: str) -> Locator:
    """The line of the callback's page that names this owner."""
    return page.locator("dt:text-is('Owner') + dd", has_text=name)


def is_live(page: Page) -> None:
    """The light says so."""
    expect(page.locator("#connection")).to_have_text("live", timeout=PATIENCE)


def test_a_hand_over_shows_in_another_persons_browser(cast: Cast, open_as: Open) -> None:
    made = promise(cast)
    page = open_as(cast.ana, f"/callbacks/{made.pk}")
    is_live(page)
    listing = open_as(cast.ada, "/callbacks")
    is_live(listing)
    expect(owner(page, "nobody")).to_be_visible()
    page.get_by_role("link", name="Reschedule or change").focus()

    sams = open_as(cast.sam, f"/callbacks/{made.pk}/hand-over")
    sams.get_by_label("To agent").select_option(str(cast.ben.pk))
    sams.get_by_label("Why").fill("Ana is ill")
    sams.get_by_role("button", name=re.compile("Assign|Hand over")).click()

    expect(owner(page, "Ben Hughes")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Ana is ill")).to_be_visible()
    expect(page.get_by_role("link", name="Reschedule or change")).to_be_focused()
    show = listing.get_by_text("Something may have changed").get_by_role("link", name="Show")
    show.click(timeout=PATIENCE)
    expect(listing.get_by_role("cell", name="Ben Hughes")).to_be_visible()
    expect(listing.get_by_text("Something may have changed")).to_be_hidden()


def test_all_tabs_of_a_browser_share_one_stream(cast: Cast, open_as: Open) -> None:
    made = promise(cast)
    first = open_as(cast.ana, f"/callbacks/{made.pk}")
    is_live(first)
    streams: list[str] = []
    first.context.on("request", lambda r: streams.append(r.url) if "/events" in r.url else None)
    second = first.context.new_page()
    second.goto(first.url)
    is_live(second)
    assert streams == []
    give(made, cast.ben, cast)
    expect(owner(first, "Ben Hughes")).to_be_visible(timeout=PATIENCE)
    expect(owner(second, "Ben Hughes")).to_be_visible(timeout=PATIENCE)
    first.close()
    give(made, cast.lena, cast)
    expect(owner(second, "Lena Vogt")).to_be_visible(timeout=PATIENCE)
    is_live(second)


def test_what_somebody_types_is_not_swept_away(cast: Cast, open_as: Open) -> None:
    made = promise(cast)
    page = open_as(cast.ana, f"/callbacks/{made.pk}")
    is_live(page)
    page.evaluate("document.getElementById('callback').append(document.createElement('textarea'))")
    notes = page.locator("#callback textarea")
    notes.press_sequentially("He asked for")
    give(made, cast.ben, cast)
    expect(page.locator("#callback[data-stale]")).to_be_visible(timeout=PATIENCE)
    expect(notes).to_have_value("He asked for")
    expect(owner(page, "nobody")).to_be_visible()
    notes.fill("")
    notes.blur()
    expect(owner(page, "Ben Hughes")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("[data-stale]")).to_have_count(0)


def test_a_callback_that_is_no_longer_theirs_is_said_once(cast: Cast, open_as: Open) -> None:
    made = make_callback(
        cast.support, cast.sam, at=timezone.now(), date=promise(cast).wall_date.isoformat()
    )
    page = open_as(cast.ana, f"/callbacks/{made.pk}")
    is_live(page)
    give(made, cast.ben, cast)
    expect(page.get_by_text("no longer yours to see")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("[data-live-callback]")).to_have_count(0)


def test_the_light_says_when_the_server_is_gone(browser: Browser, cast: Cast) -> None:
    made = promise(cast)
    with serving(workers=1) as base:
        context = browser.new_context()
        session = session_of(cast.ana)
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base}])
        page = context.new_page()
        page.goto(f"{base}/callbacks/{made.pk}")
        is_live(page)
    light = page.locator("#connection")
    expect(light).to_have_text("reconnecting", timeout=PATIENCE)
    expect(light).to_have_text(re.compile(r"data is \d+ s old"), timeout=2 * PATIENCE)
    expect(page.locator("#connection-said")).to_contain_text("What you see may be old")
    expect(page.locator("#notices")).to_be_empty()
    with serving(workers=1, port=int(base.rpartition(":")[2])):
        is_live(page)
        expect(page.locator("#connection-said")).to_have_text("Live again.")
        give(made, cast.ben, cast)
        expect(owner(page, "Ben Hughes")).to_be_visible(timeout=PATIENCE)
        context.close()


def test_no_stream_for_strangers_and_none_without_javascript(cast: Cast, open_as: Open) -> None:
    page = open_as(None, "/login")
    expect(page.locator("script[src*='live']")).to_have_count(0)
    plain = open_as(cast.ana, "/callbacks", java_script_enabled=False)
    expect(plain.locator("#connection")).to_be_hidden()


def test_a_tab_takes_over_from_one_that_is_silent(cast: Cast, open_as: Open) -> None:
    silent = open_as(None, "/login")
    silent.evaluate(
        "() => void navigator.locks.request('ringback live', () => new Promise(() => {})).catch(() => {})"
    )
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session_of(cast.ana)}
    silent.context.add_cookies([{**cookie, "url": silent.url}])
    page = silent.context.new_page()
    page.clock.install()
    page.goto(silent.url.replace("/login", "/callbacks"))
    expect(page.locator("#connection")).to_have_text("connecting")
    page.clock.fast_forward(30_000)
    is_live(page)


def test_where_tabs_cannot_share_each_has_its_own(cast: Cast, base: str, open_as: Open) -> None:
    made = promise(cast)
    first = open_as(cast.ana, "/callbacks")
    first.context.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
    tabs = [first, first.context.new_page()]
    for page in tabs:
        page.goto(f"{base}/callbacks/{made.pk}")
    for page in tabs:
        is_live(page)
    give(made, cast.ben, cast)
    for page in tabs:
        expect(owner(page, "Ben Hughes")).to_be_visible(timeout=PATIENCE)


def test_without_a_stream_screens_ask_by_themselves(
    cast: Cast, base: str, browser: Browser
) -> None:
    made = promise(cast)
    context = browser.new_context()
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session_of(cast.ana)}
    context.add_cookies([{**cookie, "url": base}])
    page = context.new_page()
    page.route("**/events?*", lambda route: route.abort())
    page.clock.install()
    page.goto(f"{base}/callbacks/{made.pk}")
    expect(page.locator("#connection")).to_have_text("connecting")
    give(made, cast.ben, cast)
    page.clock.fast_forward(21_000)
    page.clock.run_for(3_000)
    expect(owner(page, "Ben Hughes")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#connection")).not_to_have_text("live")
    context.close()
