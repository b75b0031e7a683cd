"""The main job in a real browser: schedule, find the zone, gap, overlap, duplicate, lock, embed."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from callbacks.models import Callback
from callbacks.scheduling import Changes, change, schedule
from tests.cast import PASSWORD, Cast, by, fresh_number, make_callback, wish_at
from tests.screens.test_schedule import next_change

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
Open = Callable[..., Page]
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def fill_in(page: Page, **changes: str) -> None:
    """What an agent types during a call."""
    values = {
        "Date": f"{TOMORROW:%Y-%m-%d}",
        "Time": "12:00",
        "Phone number": fresh_number(),
        "Contact name": "Liam Byrne",
        "Reason": "Router",
        **changes,
    }
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("The contact agreed to be called back").check()


def press_schedule(page: Page) -> None:
    page.get_by_role("button", name="Schedule", exact=True).click()


def clocks(page: Page) -> list[str]:
    return page.locator("#preview .hands").all_inner_texts()


def test_the_story_of_the_readme(cast: Cast, open_as: Open) -> None:
    """Log in as Ana, promise a contact in London a call in New York's time, find it on the list."""
    page = open_as(None)
    page.get_by_label("Username").fill("ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Schedule a callback").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Schedule a callback")).to_be_visible()
    fill_in(page)
    page.get_by_label("Take Ownership").check()
    expect(page.locator("#preview")).to_contain_text("London")
    expect(page.locator("#preview")).to_contain_text("at most 7 days ahead")
    assert clocks(page)[1] == "12:00"
    assert clocks(page)[0] == clocks(page)[2]
    press_schedule(page)
    expect(page.get_by_role("status")).to_contain_text("Callback scheduled")
    row = page.get_by_role("listitem").filter(has_text="Liam Byrne")
    expect(row).to_contain_text("New York")
    expect(row).to_contain_text("London")
    expect(row).to_contain_text("12:00")
    made = Callback.objects.get()
    assert made.owner_id == cast.ana.pk
    row.get_by_role("link", name="Liam Byrne").click()
    expect(page.get_by_role("heading", name="Liam Byrne")).to_be_visible()
    expect(page.get_by_text("Scheduled by Ana Reyes")).to_be_visible()


def test_a_late_preview_undoes_nothing_that_was_ticked_meanwhile(cast: Cast, open_as: Open) -> None:
    page = open_as(cast.ana, "/schedule")
    page.route("**/schedule/preview", lambda route: (time.sleep(0.7), route.continue_()))
    with page.expect_response("**/schedule/preview"):
        fill_in(page)
        page.get_by_label("Take Ownership").check()
        page.get_by_label("Route callback to me if possible").check()
    page.wait_for_timeout(1200)
    expect(page.get_by_label("Take Ownership")).to_be_checked()
    press_schedule(page)
    expect(page.get_by_role("status")).to_contain_text("Callback scheduled")
    made = Callback.objects.get()
    assert (made.owner_id, made.preferred_agent_id) == (cast.ana.pk, cast.ana.pk)


def test_the_box_for_ownership_follows_the_queue(cast: Cast, open_as: Open) -> None:
    cast.billing.members.add(cast.ana.pk)
    type(cast.billing).objects.filter(pk=cast.billing.pk).update(ownership_enabled=False)
    page = open_as(cast.ana, "/schedule?queue=Support")
    expect(page.get_by_label("Take Ownership")).to_be_visible()
    page.get_by_label("Queue", exact=True).select_option("Billing")
    expect(page.get_by_label("Take Ownership")).to_be_hidden()
    page.get_by_label("Queue", exact=True).select_option("Support")
    expect(page.get_by_label("Take Ownership")).to_be_visible()


def test_the_zone_picker_with_the_keyboard_alone(cast: Cast, open_as: Open) -> None:
    page = open_as(cast.ana, "/schedule")
    picker = page.get_by_role("combobox", name="Time zone")
    picker.focus()
    picker.fill("lond")
    option = page.get_by_role("option", name=re.compile("Europe.London"))
    expect(option).to_be_visible()
    expect(picker).to_have_attribute("aria-expanded", "true")
    expect(option).to_have_attribute("aria-selected", "true")
    active = picker.get_attribute("aria-activedescendant")
    assert active == option.get_attribute("id")
    picker.press("Enter")
    expect(picker).to_have_value("Europe/London")
    expect(picker).to_have_attribute("aria-expanded", "false")
    expect(page).to_have_url(re.compile("schedule$"))
    picker.fill("")
    picker.press("ArrowDown")
    expect(page.locator("#zones").get_by_role("option").first).to_be_visible()
    picker.press("ArrowDown")
    picker.press("ArrowDown")
    second = page.locator("#zones").get_by_role("option").nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    picker.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)


def test_the_zone_picker_with_the_mouse(cast: Cast, open_as: Open) -> None:
    page = open_as(cast.ana, "/schedule")
    picker = page.get_by_role("combobox", name="Time zone")
    picker.fill("tokyo")
    page.get_by_role("option", name=re.compile("Asia.Tokyo")).click()
    expect(picker).to_have_value("Asia/Tokyo")
    expect(page.locator("#preview .hands").first).not_to_have_text("––:––")


def test_a_gap_is_explained_while_typing_and_mended_with_a_button(
    cast: Cast, open_as: Open
) -> None:
    day = next_change("America/New_York", forward=True)
    page = open_as(cast.ana, "/schedule")
    fill_in(page, Date=f"{day:%Y-%m-%d}", Time="02:30")
    clock = page.get_by_label("Time", exact=True)
    expect(page.locator("#msg-time")).to_contain_text("does not exist")
    expect(clock).to_have_attribute("aria-invalid", "true")
    page.get_by_role("group", name="Times that exist").get_by_role("button").nth(1).click()
    expect(clock).to_have_value("03:00")
    expect(page.locator("#msg-time")).not_to_contain_text("does not exist")
    expect(page.get_by_label("Contact name")).to_have_value("Liam Byrne")


def test_an_overlap_asks_which_one_is_meant(cast: Cast, open_as: Open) -> None:
    day = next_change("America/New_York", forward=False)
    page = open_as(cast.ana, "/schedule")
    fill_in(page, Date=f"{day:%Y-%m-%d}", Time="01:30")
    second = page.get_by_role("radio", name=re.compile("The second .* UTC−05:00"))
    expect(second).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(2)
    assert not page.get_by_role("radio").first.is_checked()
    second.check()
    expect(page.locator("#preview")).to_contain_text("UTC−05:00")
    expect(page.locator("#msg-time")).not_to_contain_text("happens twice")
    expect(second).to_be_checked()
    press_schedule(page)
    expect(page.get_by_role("alert")).to_contain_text("30 days")
    expect(second).to_be_checked()


def test_a_duplicate_is_shown_with_open_and_move(cast: Cast, open_as: Open) -> None:
    first = make_callback(
        cast.support,
        cast.ana,
        at=datetime.now(UTC),
        owner_id=cast.ana.pk,
        date=f"{TOMORROW:%Y-%m-%d}",
    )
    page = open_as(cast.ana, "/schedule")
    fill_in(page, **{"Phone number": first.phone_number, "Time": "15:30"})
    twin = page.get_by_role("group", name="The existing callback")
    expect(twin).to_contain_text("owned by Ana Reyes")
    expect(twin.get_by_role("link", name="Open")).to_be_visible()
    twin.get_by_role("button", name="Move it to this time").click()
    expect(page.get_by_role("status")).to_contain_text("Callback moved")
    first.refresh_from_db()
    assert f"{first.wall_time:%H:%M}" == "15:30"


def test_everything_wrong_is_listed_focused_and_kept(cast: Cast, open_as: Open) -> None:
    page = open_as(cast.ana, "/schedule")
    page.get_by_label("Phone number").fill("12")
    page.get_by_label("Reason", exact=True).fill("Typed with care")
    press_schedule(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("2 things are in the way")
    expect(alert).to_be_focused()
    alert.get_by_role("link", name=re.compile("too short")).click()
    expect(page.get_by_label("Phone number")).to_be_focused()
    expect(page.get_by_label("Reason", exact=True)).to_have_value("Typed with care")


def test_an_owned_callback_about_to_fall_due_cannot_be_edited(cast: Cast, open_as: Open) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=14)
    made = schedule(
        wish_at(cast.support, soon, owner_id=cast.ana.pk), by=by(cast.ana), at=datetime.now(UTC)
    ).callback
    page = open_as(cast.ana, made.get_absolute_url())
    expect(page.get_by_text("locked: less than 15 minutes away")).to_be_visible()
    expect(page.get_by_role("link", name="Reschedule or change")).to_have_count(0)
    expect(page.get_by_role("link", name="Cancel callback")).to_be_visible()
    page.goto(f"{page.url}/change")
    page.get_by_label("Time", exact=True).fill("23:45")
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_role("alert")).to_contain_text("less than 15 minutes away")
    boss = open_as(cast.sam, f"{made.get_absolute_url()}/change")
    expect(boss.get_by_label("Reason for changing it now")).to_be_visible()


def test_of_two_people_the_second_is_told_what_the_first_changed(cast: Cast, open_as: Open) -> None:
    made = make_callback(
        cast.support,
        cast.ana,
        at=datetime.now(UTC),
        owner_id=cast.ana.pk,
        date=f"{TOMORROW:%Y-%m-%d}",
    )
    page = open_as(cast.ana, f"{made.get_absolute_url()}/change")
    change(made.pk, Changes(reason="From Sam"), by=by(cast.sam), at=datetime.now(UTC), version=1)
    page.get_by_label("Ticket").fill("INC-1")
    page.get_by_role("button", name="Save the change").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Sam Okoro")
    expect(alert).to_contain_text("Router → From Sam")
    expect(page.get_by_label("Ticket")).to_have_value("INC-1")
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_role("status")).to_contain_text("The callback is changed")


def test_embedded_in_another_application_at_380_pixels(cast: Cast, open_as: Open) -> None:
    address = "/schedule?conversationId=c-1&phone=%2B442079460123&name=Nia&queue=Support&timeZone=Europe/London&embed=1"
    page = open_as(cast.ana, address, viewport={"width": 380, "height": 800})
    expect(page.get_by_role("navigation")).to_have_count(0)
    expect(page.get_by_label("Phone number")).to_have_value("+442079460123")
    expect(page.get_by_role("combobox", name="Time zone")).to_have_value("Europe/London")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    page.get_by_label("Date", exact=True).fill(f"{TOMORROW:%Y-%m-%d}")
    page.get_by_label("Time", exact=True).fill("12:00")
    page.get_by_label("The contact agreed to be called back").check()
    press_schedule(page)
    expect(page.get_by_role("heading", name="Callback scheduled")).to_be_visible()
    assert Callback.objects.get().conversation_id == "c-1"


def test_without_javascript_everything_still_works(cast: Cast, open_as: Open) -> None:
    page = open_as(cast.ana, "/schedule", java_script_enabled=False)
    fill_in(page)
    page.get_by_label("Time zone").fill("york")
    press_schedule(page)
    expect(page.get_by_role("alert")).to_contain_text("is not a time zone")
    page.get_by_role("button", name="America/New_York").click()
    expect(page.get_by_label("Time zone")).to_have_value("America/New_York")
    press_schedule(page)
    expect(page.get_by_role("status")).to_contain_text("Callback scheduled")


def test_nothing_jumps_when_a_message_appears(cast: Cast, open_as: Open) -> None:
    page = open_as(cast.ana, "/schedule")
    page.get_by_label("Phone number").fill("12")
    place = page.get_by_label("Reason", exact=True).bounding_box()
    expect(page.locator("#msg-phone_number")).to_contain_text("too short")
    page.wait_for_function("document.querySelectorAll('.htmx-request').length === 0")
    moved = page.get_by_label("Reason", exact=True).bounding_box()
    assert place is not None
    assert moved is not None
    assert abs(moved["y"] - place["y"]) <= 20, "one more line of text at the most"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 380])
def test_axe_finds_nothing_on_any_screen(
    cast: Cast, open_as: Open, scheme: str, width: int
) -> None:
    stranger = open_as(
        None, "/login", color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    report(Axe().run(stranger), "the log-in")
    made = make_callback(
        cast.support,
        cast.ana,
        at=datetime.now(UTC),
        owner_id=cast.ana.pk,
        date=f"{TOMORROW:%Y-%m-%d}",
    )
    page = open_as(cast.ana, "/", color_scheme=scheme, viewport={"width": width, "height": 900})
    own = made.get_absolute_url()
    for path in ("/", "/schedule", "/callbacks", own, f"{own}/change", f"{own}/hand-over",
                 f"{own}/cancellation", "/search", "/calendar", "/nothing"):  # fmt: skip
        check_page(page, path, Axe())
    page.goto(page.url.replace("/nothing", "/schedule"))
    page.get_by_label("Phone number").fill(made.phone_number)
    press_schedule(page)
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("combobox", name="Time zone").click()
    expect(page.locator("#zones").get_by_role("option").first).to_be_visible()
    report(Axe().run(page), "the refused panel with its picker open")
    page.goto(page.url.replace("/schedule", "/"))
    page.get_by_role("link", name="Schedule a callback").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    report(Axe().run(page), "the dialog")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def check_page(page: Page, path: str, axe: object) -> None:
    base = re.match(r"https?://[^/]+", page.url)
    assert base
    page.goto(base.group(0) + path)
    report(axe.run(page), path)  # type: ignore[attr-defined]
    width = page.viewport_size
    assert width
    assert page.evaluate("document.documentElement.scrollWidth") <= width["width"], path


def report(results: object, where: str) -> None:
    found = [
        (violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
        for violation in results.response["violations"]  # type: ignore[attr-defined]
    ]
    assert found == [], where
