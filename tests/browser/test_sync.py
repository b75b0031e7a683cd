"""Synchronisation in a real browser: readable in both themes and at 380 pixels, with and without script."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from callbacks import sync
from callbacks.models import Connection, Counterpart
from callbacks.models.connection import Dialect
from tests.browser.conftest import Open
from tests.browser.test_scheduling import report
from tests.cast import Cast, by, make_callback

State = Counterpart.State


def looks_right(page: Page, what: str) -> None:
    """Accessible, and nothing wider than the screen."""
    report(Axe().run(page), what)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what


def connected(cast: Cast) -> Connection:
    wish = sync.Wish(
        "Genesys", Dialect.GUIDE, "https://api.example.com", "https://login.example.com/token",
        "ringback", "a secret",
    )  # fmt: skip
    return sync.add(wish, {cast.support: "r-7"}, by=by(cast.ada), at=datetime.now(UTC))


def in_need(cast: Cast, held: Connection, state: str, name: str, **more: Any) -> Counterpart:
    day = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    at = datetime.now(UTC)
    callback = make_callback(cast.support, cast.ana, at=at, date=day, contact_name=name)
    values = {"last_error": "It answered 400.", "last_answer": '400 {"message": "No."}'}
    return Counterpart.objects.create(
        callback=callback, connection=held, state=state, **{**values, **more}
    )


@pytest.mark.parametrize("script", [True, False])
def test_what_waits_for_a_person_is_looked_at_discarded_taken_and_sent_again(
    cast: Cast, open_as: Open, script: bool
) -> None:
    held = connected(cast)
    one = in_need(cast, held, State.PARKED, "Eve Moss")
    two = in_need(cast, held, State.CONFLICT, "Ida Holm", existing_id="r-9")
    three = in_need(cast, held, State.PARKED, "Max <b>")
    Connection.objects.update(refused_reason="It answered 403.")
    look: dict[str, Any] = {"viewport": {"width": 380, "height": 800}, "color_scheme": "dark"}
    look["reduced_motion"] = "reduce"
    page = open_as(cast.sam, "/sync", **(look if script else {"java_script_enabled": False}))
    expect(page.get_by_role("alert")).to_contain_text("Genesys does not let Ringback in")

    row = page.locator(f"#there-{one.pk}")
    row.get_by_text("Discard …").click()
    row.get_by_text("What was sent, and the answer").click()
    expect(row.get_by_text('"message": "No."')).to_be_visible()
    if script:
        looks_right(page, "synchronisation in the dark, at 380 pixels")
        page.emulate_media(color_scheme="light")
        looks_right(page, "synchronisation in light")
    row.get_by_label("Why the platform need not know").fill("Solved by mail")
    row.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("It is kept from the platform")).to_be_visible()
    page.locator(f"#there-{two.pk}").get_by_role("button", name="Take the existing one").click()
    expect(page.get_by_text("The existing one is taken as ours.")).to_be_visible()
    page.locator(f"#there-{three.pk}").get_by_role("button", name="Retry now").click()
    expect(page.get_by_text("It is sent again.")).to_be_visible()
    states = [Counterpart.objects.get(pk=there.pk).state for there in (one, two, three)]
    assert states == [State.ABSENT, State.THERE, State.ABSENT]


def test_a_reason_being_typed_survives_what_happens_meanwhile(cast: Cast, open_as: Open) -> None:
    there = in_need(cast, connected(cast), State.PARKED, "Eve Moss")
    page = open_as(cast.sam, "/sync")
    row = page.locator(f"#there-{there.pk}")
    row.get_by_text("Discard …").click()
    field = row.get_by_label("Why the platform need not know")
    field.fill("Solved by")
    Connection.objects.update(paused_reason="Ada Lund: tonight.")
    expect(page.get_by_text("Ada Lund: tonight. Nothing is sent.")).to_be_visible()
    expect(field).to_have_value("Solved by")


def test_an_admin_pauses_and_resumes_and_the_admins_form_is_readable(
    cast: Cast, open_as: Open
) -> None:
    held = connected(cast)
    page = open_as(cast.ada, "/sync", viewport={"width": 380, "height": 800})
    page.get_by_role("link", name="Genesys").click()
    looks_right(page, "a connection")
    page.get_by_label("Why it is paused").fill("Migration tonight")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Ada Lund: Migration tonight.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Genesys goes on.")).to_be_visible()
    assert Connection.objects.get(pk=held.pk).paused_reason == ""


def test_marks_on_rows_and_on_the_callbacks_page_are_readable(cast: Cast, open_as: Open) -> None:
    there = in_need(cast, connected(cast), State.CONFLICT, "Ida Holm", existing_id="r-9")
    look: dict[str, Any] = {"viewport": {"width": 380, "height": 800}, "reduced_motion": "reduce"}
    for theme in ("light", "dark"):
        page = open_as(cast.ana, "/callbacks", color_scheme=theme, **look)
        expect(page.get_by_text("platform conflict")).to_be_visible()
        looks_right(page, f"marks in the list, {theme}")
        page.goto(page.url.replace("/callbacks", f"/callbacks/{there.callback_id}"))
        expect(page.get_by_role("heading", name="On the platform")).to_be_visible()
        expect(page.get_by_role("button", name="Retry now")).to_be_visible()
        looks_right(page, f"a callback in conflict, {theme}")
