"""A callback rings, in real browsers: answer it, miss it, call, wrap up; all by itself on screen."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from callbacks import calls, clock, rescue
from callbacks.models import (
    Agent,
    Attempt,
    Callback,
    ContactList,
    Offer,
    Presence,
    Queue,
    User,
)
from callbacks.scheduling import hand_over, schedule
from tests.browser.test_scheduling import check_page, report
from tests.cast import Cast, by, open_day_and_night, wish_at

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
Open = Callable[..., Page]
PATIENCE = 15_000
"""Milliseconds for what should take a fraction of a second."""


@pytest.fixture(autouse=True)
def _any_hour(cast: Cast) -> None:
    open_day_and_night(cast.support)


def due(cast: Cast, **changes: Any) -> Callback:
    """A callback that is due now, made by the supervisor."""
    now = datetime.now(UTC)
    return schedule(wish_at(cast.support, now, **changes), by=by(cast.sam), at=now).callback


def on_queue(*users: User) -> None:
    for place, user in enumerate(users):
        since = datetime.now(UTC) - timedelta(minutes=10 - place)
        Agent.objects.filter(pk=user.pk).update(presence=Presence.ON_QUEUE, idle_since=since)


def is_live(page: Page) -> None:
    expect(page.locator("#connection")).to_have_text("live", timeout=PATIENCE)


def test_what_one_misses_appears_in_the_others_browser(cast: Cast, open_as: Open) -> None:
    """Rules §4.4, in two browsers that nobody reloads."""
    Queue.objects.update(alerting_timeout=timedelta(seconds=5))
    anas, bens = open_as(cast.ana), open_as(cast.ben, "/callbacks")
    is_live(anas)
    is_live(bens)
    on_queue(cast.ana, cast.ben)
    due(cast)
    clock.tick()
    expect(anas.get_by_role("button", name="Accept")).to_be_visible(timeout=PATIENCE)
    expect(anas.get_by_role("button", name="Accept")).to_be_focused()
    expect(anas).to_have_title("☎ Liam Byrne", timeout=PATIENCE)
    assert bens.get_by_role("button", name="Accept").count() == 0

    clock.tick(datetime.now(UTC) + timedelta(seconds=6))
    expect(bens.get_by_role("button", name="Accept")).to_be_visible(timeout=PATIENCE)
    expect(anas.get_by_text("You are not responding.")).to_be_visible(timeout=PATIENCE)
    expect(anas.get_by_role("button", name="Accept")).to_be_hidden()
    anas.get_by_role("button", name="I am back").click()
    expect(anas.get_by_text("You are not responding.")).to_be_hidden(timeout=PATIENCE)


def test_a_hand_over_moves_a_promise_from_one_list_to_the_other(cast: Cast, open_as: Open) -> None:
    now = datetime.now(UTC)
    soon = wish_at(cast.support, now + timedelta(hours=2), owner_id=cast.ana.pk)
    made = schedule(soon, by=by(cast.sam), at=now).callback
    anas, bens = open_as(cast.ana), open_as(cast.ben)
    is_live(anas)
    is_live(bens)
    expect(anas.get_by_role("link", name="Liam Byrne").first).to_be_visible()
    assert bens.get_by_role("link", name="Liam Byrne").count() == 0
    hand_over(made.pk, cast.ben.pk, by=by(cast.sam), at=now, version=None)
    expect(bens.get_by_role("link", name="Liam Byrne").first).to_be_visible(timeout=PATIENCE)
    expect(anas.get_by_role("link", name="Liam Byrne")).to_have_count(0, timeout=PATIENCE)


def test_the_whole_call_by_keyboard_and_notes_that_survive_a_reload(
    cast: Cast, open_as: Open
) -> None:
    callback = due(cast, owner_id=cast.ana.pk, preferred_agent_id=None)
    clock.tick()
    page = open_as(cast.ana)
    expect(page.get_by_text("1 of your promises is due and waits for you.")).to_be_visible()
    is_live(page)
    page.get_by_label("Presence").select_option("on_queue")
    expect(page.get_by_role("button", name="Accept")).to_be_focused(timeout=PATIENCE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="On a call with Liam Byrne")).to_be_visible()
    number = page.locator(".call").get_by_role("link", name="+44")
    assert number.get_attribute("href") == f"tel:{callback.phone_number}"
    page.get_by_label("Notes").fill("Wants the invoice")
    page.reload()
    expect(page.get_by_label("Notes")).to_have_value("Wants the invoice")
    page.get_by_role("button", name="Finish the call").click()
    expect(page.locator("[name=outcome]").first).to_be_focused()
    page.get_by_label("No answer").check()
    page.get_by_role("button", name="Finish the call").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Liam Byrne is to be tried again")).to_be_visible(timeout=PATIENCE)
    assert Attempt.objects.get().notes == "Wants the invoice"
    assert page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('wrap-up'))") == []


def test_declining_in_one_tab_ends_the_ring_in_the_other(cast: Cast, open_as: Open) -> None:
    on_queue(cast.ana)
    due(cast)
    first = open_as(cast.ana)
    is_live(first)
    second = first.context.new_page()
    second.goto(first.url)
    is_live(second)
    clock.tick()
    expect(second.get_by_role("button", name="Decline")).to_be_visible(timeout=PATIENCE)
    expect(first.get_by_role("button", name="Decline")).to_be_visible(timeout=PATIENCE)
    second.get_by_role("button", name="Decline").click()
    expect(first.get_by_role("button", name="Decline")).to_be_hidden(timeout=PATIENCE)
    assert Offer.objects.get().result == "declined"


def test_a_refresh_does_not_wipe_what_is_being_typed(cast: Cast, open_as: Open) -> None:
    on_queue(cast.ana)
    callback = due(cast)
    clock.tick()
    calls.accept(callback.pk, by=by(cast.ana), at=datetime.now(UTC))
    page = open_as(cast.ana)
    is_live(page)
    page.get_by_label("Notes").fill("Half a sentence")
    now = datetime.now(UTC)
    soon = wish_at(cast.support, now + timedelta(minutes=5), owner_id=cast.ana.pk)
    schedule(soon, by=by(cast.sam), at=now)
    expect(page.locator("#lists").get_by_text("yours until").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_label("Notes")).to_have_value("Half a sentence")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 380])
def test_axe_finds_nothing_while_it_rings_or_on_a_call(
    cast: Cast, open_as: Open, scheme: str, width: int
) -> None:
    on_queue(cast.ana)
    callback = due(cast, external_data={"crm": "C-9"})
    now = datetime.now(UTC)
    soon = wish_at(cast.support, now + timedelta(minutes=5), owner_id=cast.ana.pk)
    schedule(soon, by=by(cast.sam), at=now)
    clock.tick()
    view = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    page = open_as(cast.ana, **view)
    for path in ("/", "/callbacks", callback.get_absolute_url()):
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + path)
        expect(page.get_by_role("button", name="Accept")).to_be_visible()
        report(Axe().run(page), f"ringing on {path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("button", name="Finish the call")).to_be_visible()
    # A colour on its way to another one is neither.
    page.wait_for_function("document.getAnimations().every((a) => a.playState !== 'running')")
    report(Axe().run(page), "the call")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_story_without_javascript(cast: Cast, open_as: Open) -> None:
    on_queue(cast.ana)
    due(cast)
    clock.tick()
    page = open_as(cast.ana, java_script_enabled=False)
    page.get_by_role("button", name="Accept").click()
    page.get_by_label("Reached").check()
    page.get_by_role("button", name="Finish the call").click()
    expect(page.get_by_text("Liam Byrne: completed.")).to_be_visible()
    page.get_by_label("Presence").select_option("break")
    page.locator("#presence").get_by_role("button", name="Set").click()
    assert Agent.objects.get(pk=cast.ana.pk).presence == Presence.BREAK


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 380])
def test_axe_finds_nothing_on_the_supervisors_screens_tasks_and_feeds(
    cast: Cast, open_as: Open, scheme: str, width: int
) -> None:
    gone, other = due(cast, owner_id=cast.ana.pk), due(cast, owner_id=cast.ana.pk)
    clock.tick(datetime.now(UTC) + timedelta(days=2))
    barred = ContactList.objects.create(name="Do not call")
    for one in (gone, other):
        rescue.mark(barred, one.phone_number, reason="", by=by(cast.sam), at=datetime.now(UTC))
    view = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    lists = f"/supervisor/contact-lists/{barred.pk}"
    sams = open_as(cast.sam, "/supervisor/expired", **view)
    for path in ("/supervisor/expired", f"/callbacks/{gone.pk}/revival", "/supervisor/contact-lists",
                 lists, f"{lists}/reset", f"{lists}/recycle"):  # fmt: skip
        check_page(sams, path, Axe())
    sams.goto(sams.url.replace(f"{lists}/recycle", f"/callbacks/{gone.pk}/revival"))
    sams.get_by_label("At another time").check()
    sams.get_by_label("Date").fill("2020-01-01")
    sams.get_by_role("button", name="Revive").click()
    report(Axe().run(sams), "a refused revival")
    coming = due(cast, owner_id=cast.ana.pk)
    anas = open_as(cast.ana, f"/callbacks/{coming.pk}/conversion", **view)
    check_page(anas, f"/callbacks/{coming.pk}/conversion", Axe())
    anas.get_by_label("What is to be done instead of a call?").fill("Send the bill")
    anas.get_by_role("button", name="Convert to a task").click()
    expect(anas.get_by_text("Send the bill")).to_be_visible()
    check_page(anas, "/tasks", Axe())
    check_page(anas, "/calendar", Axe())
    anas.get_by_role("button", name="Make an address").click()
    expect(anas.get_by_label("The address, shown only now")).to_be_focused()
    report(Axe().run(anas), "a new address")
