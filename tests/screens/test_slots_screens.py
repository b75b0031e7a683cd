"""Screens: the strip of half hours in the panel, as HTML and as plain posts; it needs no script."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callbacks.models import Callback, CallingHours, Holiday, Queue, Shift, User
from tests.cast import NOW, Cast, form_fields, make_callback, open_day_and_night

pytestmark = pytest.mark.django_db
Enter = Callable[[User], Client]
TUESDAY = "2026-11-24"


@pytest.fixture(autouse=True)
def monday() -> Any:
    """It is ``NOW``, 10:00 in New York, and stays so."""
    with time_machine.travel(NOW, tick=False):
        yield


def preview(client: Client, queue: Queue, /, **fields: Any) -> str:
    """The live preview of a panel for Tuesday noon."""
    sent = form_fields(queue) | {"date": TUESDAY, "time": "12:00", **fields}
    text = client.post("/schedule/preview", sent).content.decode()
    return unescape(text.partition('id="slots"')[2])


def buttons(text: str) -> dict[str, str]:
    """What each button of the strip puts into the form, by what it is called."""
    found = re.findall(
        r'<button[^>]*class="half[^>]*value="([^"]+)"[^>]*aria-label="([^"]+)"', text
    )
    return {label: value for value, label in found}


def test_each_half_hour_is_a_button_that_says_how_it_suits(cast: Cast, enter: Enter) -> None:
    Queue.objects.update(slot_capacity=4)
    for _ in range(3):
        make_callback(cast.support, cast.ana, time="14:40")
    text = preview(enter(cast.ana), cast.support)
    found = buttons(text)
    assert len(found) == 48
    assert found["14:30, tight: 3 of 4 taken."] == f"{TUESDAY}T14:30"
    assert found["14:00, free: 0 of 4 taken."]
    assert (
        "02:30, closed: Outside calling hours: calls are made 08:00–21:00 (Europe/London)." in found
    )
    chosen = re.findall(r'aria-label="([^"]+)" aria-current="time"', text)
    assert chosen == ["12:00, free: 0 of 4 taken."]
    assert "Support on Tue 24 Nov" in text
    assert "New York’s clocks" in text


def test_a_button_puts_its_time_into_the_form_without_script(cast: Cast, enter: Enter) -> None:
    sent = form_fields(cast.support, date=TUESDAY, phone_number="+442079460199")
    text = enter(cast.ana).post("/schedule", {**sent, "use_time": f"{TUESDAY}T15:30"})
    content = text.content.decode()
    assert re.search(r'name="time" value="15:30"', content)
    assert 'value="+442079460199"' in content
    assert not Callback.objects.exists()


def test_the_first_button_of_the_form_schedules_as_enter_must(cast: Cast, enter: Enter) -> None:
    text = enter(cast.ana).get("/schedule").content.decode()
    form = text.partition('class="panel-form"')[2]
    first = re.search(r"<button[^>]*>", form)
    assert first
    assert 'name="schedule"' in first.group()


def test_a_doubled_hour_has_its_buttons_twice_and_each_knows_which(
    cast: Cast, enter: Enter
) -> None:
    open_day_and_night(cast.support)
    with time_machine.travel(datetime(2026, 10, 30, 12, tzinfo=UTC), tick=False):
        client = enter(cast.ana)
        found = buttons(preview(client, cast.support, date="2026-11-01"))
        assert len(found) == 50
        assert found["01:30 UTC−04:00, free"] == "2026-11-01T01:30/0"
        assert found["01:30 UTC−05:00, free"] == "2026-11-01T01:30/1"
        sent = form_fields(cast.support, use_time="2026-11-01T01:30/1")
        taken = client.post("/schedule", sent).content.decode()
        assert re.search(r'name="fold" value="1" checked', taken)
        assert "happens twice" not in taken
        assert re.search(r'aria-label="01:30 UTC−05:00, free" aria-current', taken)


def test_a_full_half_hour_is_told_with_better_ones_and_refuses_nothing(
    cast: Cast, enter: Enter
) -> None:
    Queue.objects.update(slot_capacity=1)
    make_callback(cast.support, cast.ben)
    client = enter(cast.ana)
    sent = form_fields(cast.support, date=TUESDAY, time="12:10")
    text = client.post("/schedule/preview", sent).content.decode()
    assert "This half hour is full: 1 of 1. Suggested: 12:30; 11:30; 13:00." in text
    suggested = text.partition('aria-label="Best half hours nearby"')[2]
    assert re.findall(r'value="([^"]+)"', suggested)[:3] == [
        f"{TUESDAY}T12:30", f"{TUESDAY}T11:30", f"{TUESDAY}T13:00",
    ]  # fmt: skip
    client.post("/schedule", sent)
    assert Callback.objects.count() == 2


def test_on_a_closed_day_the_next_open_one_is_suggested_by_name(cast: Cast, enter: Enter) -> None:
    Holiday.objects.create(queue=cast.support, date="2026-11-24", name="Founders' Day")
    text = preview(enter(cast.ana), cast.support, time_zone="Europe/London", time="22:00")
    assert "Wed 25 Nov, 08:00</button>" in text
    assert (
        "<strong>00:00–00:00</strong> closed: Outside calling hours: 24 November is a holiday there"
        " (Founders' Day) (Europe/London)." in text
    )


def test_an_owners_plan_and_promises_are_told_only_where_the_callback_is_owned(
    cast: Cast, enter: Enter
) -> None:
    noon = NOW + timedelta(days=1, hours=2)
    Shift.objects.create(
        agent_id=cast.ana.pk, activity="on_queue", starts_at=noon, ends_at=noon + timedelta(hours=3)
    )
    make_callback(cast.support, cast.ana, owner_id=cast.ana.pk, time="13:30")
    client = enter(cast.ana)
    assert "13:30, free" in buttons(preview(client, cast.support))
    found = buttons(preview(client, cast.support, take_ownership="on"))
    assert "13:30, tight: Ana Reyes has promised another call at 13:30." in found
    assert "11:30, tight: Ana Reyes is not planned to be on queue then." in found
    assert "12:00, free" in found


def test_what_has_passed_is_no_button_to_press(cast: Cast, enter: Enter) -> None:
    text = preview(enter(cast.ana), cast.support, date="2026-11-23", time="12:00")
    disabled = re.findall(r'aria-label="([^"]+)"[^>]* disabled', text)
    assert len(disabled) == 20
    assert disabled[-1] == "09:30, closed: Its start has passed."


@pytest.mark.parametrize(
    "fields",
    [{"date": ""}, {"date": "24/11/2026"}, {"time_zone": "Nowhere"}, {"queue": "no"}, {"date": "9999-12-31"}],
)  # fmt: skip
def test_until_day_zone_and_queue_are_clear_there_is_no_strip(
    cast: Cast, enter: Enter, fields: dict[str, str]
) -> None:
    text = preview(enter(cast.ana), cast.support, **fields)
    assert "stand here once date, time zone and queue are clear" in text
    assert buttons(text) == {}


@pytest.mark.parametrize("date", ["8999-12-31", "1970-01-01"])
def test_days_at_the_end_of_the_calendar_are_only_closed(
    cast: Cast, enter: Enter, date: str
) -> None:
    text = preview(enter(cast.ana), cast.support, date=date)
    assert len(re.findall(r'class="half closed"', text)) == 48


def test_a_callback_that_is_changed_does_not_stand_in_its_own_way(cast: Cast, enter: Enter) -> None:
    Queue.objects.update(slot_capacity=1)
    made = make_callback(cast.support, cast.ana, owner_id=cast.ana.pk)
    client = enter(cast.ana)
    page = unescape(client.get(f"{made.get_absolute_url()}/change").content.decode())
    assert re.search(r'aria-label="12:00, free: 0 of 1 taken." aria-current', page)
    sent = {"date": TUESDAY, "time": "12:30", "time_zone": "America/New_York", "version": "1",
            "phone_number": made.phone_number, "queue": str(cast.support.pk)}  # fmt: skip
    with CaptureQueriesContext(connection) as statements:
        answer = client.post(f"{made.get_absolute_url()}/change/preview", sent)
    assert re.search(
        r'aria-label="12:30, free: 0 of 1 taken." aria-current', answer.content.decode()
    )
    strips = [one for one in statements.captured_queries if "width_bucket" in one["sql"]]
    assert len(strips) == 1


def test_hours_of_a_zone_at_three_quarters_are_its_own(cast: Cast, enter: Enter) -> None:
    CallingHours.objects.bulk_create(
        CallingHours(queue=cast.support, weekday=day, opens=time(9, 15), closes=time(17))
        for day in range(7)
    )
    found = buttons(
        preview(
            enter(cast.ana), cast.support,
            time_zone="Asia/Kathmandu", contact_time_zone="Asia/Kathmandu",
        )
    )  # fmt: skip
    assert "09:30, free" in found
    assert any(label.startswith("09:00, closed: Outside calling hours") for label in found)
    assert any(label.startswith("16:30, tight: Calls end at 17:00") for label in found)
