"""Screens: Schedule. The panel as plain posts, its preview, its suggestions, bad input of every kind."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callbacks.models import Callback, User
from tests.cast import Cast, form_fields, make_callback

pytestmark = pytest.mark.django_db
Enter = Callable[[User], Client]
HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/?x=1"}


def problems_of(text: str) -> dict[str, str]:
    """What stands in the slots beneath the fields."""
    found = re.findall(r'<p class="message is-problem"\s+id="msg-(\w+)"[^>]*>(.*?)</p>', text, re.S)
    return {name: re.sub(r"\s+", " ", message).strip() for name, message in found}


def test_a_plain_post_schedules_and_leads_to_the_list_with_both_clocks(
    cast: Cast, enter: Enter
) -> None:
    client = enter(cast.ana)
    answer = client.post("/schedule", form_fields(cast.support, take_ownership="on"), follow=True)
    assert answer.redirect_chain == [("/", 302)]
    text = answer.content.decode()
    made = Callback.objects.get()
    assert "Callback scheduled" in text
    assert made.owner_id == cast.ana.pk
    local = made.requested_at.astimezone(UTC)
    assert f'{local:%H:%M}</time> <span class="zone">London' in re.sub(r"\s+<span", " <span", text)
    assert "14:00" in text
    assert "New York" in text


def test_the_panel_opens_at_now_plus_thirty_minutes_in_ones_own_zone(
    cast: Cast, enter: Enter
) -> None:
    """Rules §2.1."""
    text = enter(cast.ben).get("/schedule").content.decode()
    assert 'name="time_zone" value="Europe/London"' in re.sub(r"\s+", " ", text)
    minutes = re.search(r'name="time"\s+value="\d\d:(\d\d)"', text)
    assert minutes
    assert int(minutes.group(1)) % 5 == 0


def test_an_interaction_fills_the_panel_in(cast: Cast, enter: Enter) -> None:
    address = (
        "/schedule?conversationId=c-9&phone=%2B442079460123&name=Nia&queue=Support"
        "&timeZone=Europe/London&embed=1"
    )
    page = enter(cast.ana).get(address)
    text = page.content.decode()
    for value in ("c-9", "+442079460123", "Nia", "Europe/London"):
        assert f'value="{value}"' in text
    assert '<header class="bar">' not in text
    made = {**form_fields(cast.support), "embed": "1", "conversation_id": "c-9"}
    done = enter(cast.ana).post("/schedule", made, follow=True)
    assert "Callback scheduled" in done.content.decode()
    assert Callback.objects.get().conversation_id == "c-9"
    assert done.redirect_chain[0][0].endswith("?embed=1")


def test_frames_are_refused_save_for_allowed_sites_and_the_panel(
    cast: Cast, enter: Enter, settings: object
) -> None:
    client = enter(cast.ana)
    assert "frame-ancestors 'none'" in client.get("/schedule")["Content-Security-Policy"]
    settings.FRAME_ANCESTORS = ["https://crm.example.com"]  # type: ignore[attr-defined]
    allowed = client.get("/schedule?embed=1")["Content-Security-Policy"]
    assert "frame-ancestors https://crm.example.com" in allowed
    assert "frame-ancestors 'none'" in client.get("/")["Content-Security-Policy"]


def test_everything_that_is_wrong_is_said_at_once_each_at_its_field(
    cast: Cast, enter: Enter
) -> None:
    sent = {"date": "", "time": "", "time_zone": "", "phone_number": "", "queue": "nonsense"}
    answer = enter(cast.ana).post("/schedule", sent)
    assert answer.status_code == 422
    assert set(problems_of(answer.content.decode())) == {
        "date", "time", "time_zone", "phone_number", "queue", "consent",
    }  # fmt: skip


BAD = {
    "unicode digits": {"date": "２０２６-12-01", "time": "٢:٣٠"},
    "other notations": {"date": "01/12/2026", "time": "2:30pm"},
    "naive nonsense": {"date": "tomorrow", "time": "later", "time_zone": "here"},
    "scripts": {"phone_number": "<script>alert(1)</script>", "time_zone": '"><img src=x>'},
    "control characters": {"contact_name": "a\0b", "reason": "x\x07"},
    "too long": {"contact_name": "x" * 201, "ticket_id": "y" * 101},
    "ten megabytes": {"reason": "z" * 10_000_000},
    "far future": {"date": "8999-12-31"},
    "end of time": {"date": "9999-12-31", "time": "23:00", "time_zone": "America/Los_Angeles"},
    "the past": {"date": "1999-01-01"},
    "fold of nothing": {"fold": "7"},
    "key of nothing": {"request_key": "x", "queue": "00000000-0000-0000-0000-000000000000"},
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_of_every_kind_is_a_message_and_never_an_error_page(
    cast: Cast, enter: Enter, kind: str
) -> None:
    client = enter(cast.ana)
    fields = {**form_fields(cast.support), **BAD[kind]}
    for address in ("/schedule", "/schedule/preview"):
        answer = client.post(address, fields)
        text = answer.content.decode()
        assert answer.status_code in (200, 302, 422)
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        if answer.status_code == 422:
            assert problems_of(text).keys() & {*BAD[kind], "date", "time"}


def test_what_was_typed_comes_back(cast: Cast, enter: Enter) -> None:
    fields = form_fields(cast.support, phone_number="12", reason="Line\nbreak & <b>", consent=None)
    text = enter(cast.ana).post("/schedule", fields).content.decode()
    assert 'value="12"' in text
    assert "Line\nbreak &amp; &lt;b&gt;" in text


def test_a_queue_of_others_is_no_choice(cast: Cast, enter: Enter) -> None:
    answer = enter(cast.ana).post("/schedule", form_fields(cast.billing))
    assert problems_of(answer.content.decode()) == {"queue": "Choose one of your queues."}


def test_a_gap_offers_both_neighbours_as_buttons(cast: Cast, enter: Enter) -> None:
    change = next_change("America/New_York", forward=True)
    fields = form_fields(cast.support, date=f"{change:%Y-%m-%d}", time="02:30")
    client = enter(cast.ana)
    text = client.post("/schedule", fields).content.decode()
    assert "does not exist" in problems_of(text)["time"]
    beside = text.partition('id="choices"')[2].partition('id="slots"')[0]
    values = re.findall(r'name="use_time"\s+value="([^"]+)"', beside)
    assert values == [f"{change:%Y-%m-%d}T01:59", f"{change:%Y-%m-%d}T03:00"]
    taken = client.post("/schedule", {**fields, "use_time": values[1]}).content.decode()
    assert re.search(r'name="time"\s+value="03:00"', taken)
    assert Callback.objects.count() == 0


def test_an_overlap_asks_which_with_offsets(cast: Cast, enter: Enter) -> None:
    change = next_change("America/New_York", forward=False)
    fields = form_fields(cast.support, date=f"{change:%Y-%m-%d}", time="01:30")
    text = enter(cast.ana).post("/schedule", fields).content.decode()
    assert "happens twice" in problems_of(text)["time"]
    assert "UTC−04:00 (EDT)" in text
    assert "UTC−05:00 (EST)" in text
    assert len(re.findall(r'type="radio"[^>]*name="fold"', text)) == 2


def next_change(zone: str, *, forward: bool) -> datetime:
    """The next day on which clocks go so, whatever today is."""
    tz, day = ZoneInfo(zone), datetime.now(UTC).replace(hour=12)
    while True:
        a, b = (moment.astimezone(tz).utcoffset() for moment in (day, day + timedelta(days=1)))
        assert a is not None
        assert b is not None
        if a != b and (b > a) == forward:
            return (day + timedelta(days=1)).astimezone(tz)
        day += timedelta(days=1)


def test_a_misspelt_zone_offers_what_it_may_have_meant(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ana)
    fields = form_fields(cast.support, time_zone="new york")
    text = client.post("/schedule", fields).content.decode()
    assert re.search(r'name="use_zone"\s+value="America/New_York"', text)
    taken = client.post("/schedule", {**fields, "use_zone": "America/New_York"}).content.decode()
    assert "time_zone" not in problems_of(taken)


def test_a_duplicate_shows_the_existing_one_to_open_or_move(cast: Cast, enter: Enter) -> None:
    client, fields = enter(cast.ana), form_fields(cast.support)
    client.post("/schedule", fields)
    first = Callback.objects.get()
    again = {**fields, "time": "15:30", "request_key": ""}
    text = client.post("/schedule", again).content.decode()
    assert f'href="/callbacks/{first.pk}"' in text
    move = re.search(r'name="move"\s+value="([^"]+)"', text)
    assert move
    client.post("/schedule", {**again, "move": move.group(1)})
    first.refresh_from_db()
    assert f"{first.wall_time:%H:%M}" == "15:30"
    assert Callback.objects.count() == 1


def test_who_may_not_read_the_existing_one_is_told_of_it_without_a_way_in(
    cast: Cast, enter: Enter
) -> None:
    cast.billing.members.add(cast.ana.pk)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    theirs = make_callback(
        cast.billing,
        cast.otto,
        at=datetime.now(UTC),
        owner_id=cast.otto.pk,
        date=f"{tomorrow:%Y-%m-%d}",
    )
    fields = form_fields(cast.support, phone_number=theirs.phone_number)
    text = enter(cast.ana).post("/schedule", fields).content.decode()
    assert "Otto Berg" in text
    assert str(theirs.pk) not in text
    moved = enter(cast.ana).post("/schedule", {**fields, "move": f"{theirs.pk}:1"})
    assert moved.status_code == 422
    theirs.refresh_from_db()
    assert theirs.version == 1


def test_sending_the_same_form_twice_makes_one_callback(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ana)
    page = client.get("/schedule").content.decode()
    key = re.search(r'name="request_key"\s+value="([^"]+)"', page)
    assert key
    fields = form_fields(cast.support, request_key=key.group(1))
    assert [client.post("/schedule", fields).status_code for _ in range(3)] == [302, 302, 302]
    assert Callback.objects.count() == 1


def test_the_preview_shows_three_clocks_and_changes_nothing(cast: Cast, enter: Enter) -> None:
    """Rules §2.2."""
    fields = form_fields(cast.support, take_ownership="on", consent=None)
    text = enter(cast.ana).post("/schedule/preview", fields, **HTMX).content.decode()
    times = re.findall(r'class="hands">([^<]+)<', text)
    assert times[1] == "14:00"
    assert times[0] == times[2]
    assert "at most 7 days ahead" in text
    assert "Europe/London" in text
    assert problems_of(text) == {}
    assert Callback.objects.count() == 0


def test_a_limit_is_named_before_anything_is_sent(cast: Cast, enter: Enter) -> None:
    far = datetime.now(UTC) + timedelta(days=9)
    fields = form_fields(cast.support, take_ownership="on", date=f"{far:%Y-%m-%d}")
    text = enter(cast.ana).post("/schedule/preview", fields, **HTMX).content.decode()
    assert "at most 7 days ahead" in problems_of(text)["take_ownership"]


def test_take_ownership_is_shown_only_where_the_queue_allows_it(cast: Cast, enter: Enter) -> None:
    client, hidden = enter(cast.ana), re.compile(r'<div id="ownership" hidden>.*?disabled', re.S)
    assert not hidden.search(client.get("/schedule").content.decode())
    cast.support.ownership_enabled = False
    cast.support.save()
    assert hidden.search(client.get("/schedule").content.decode())
    preview = client.post("/schedule/preview", form_fields(cast.support), **HTMX).content.decode()
    assert 'data-offers-ownership="no"' in preview
    assert 'name="take_ownership"' not in preview, "no preview ever replaces what may be ticked"
    assert 'name="take_ownership"' not in enter(cast.sam).get("/schedule").content.decode()


def test_the_choice_of_queue_may_be_switched_off(
    cast: Cast, enter: Enter, settings: object
) -> None:
    settings.QUEUE_CHOICE = False  # type: ignore[attr-defined]
    text = enter(cast.ana).get("/schedule").content.decode()
    assert '<select id="id_queue"' not in text
    assert "Support" in text


def test_what_was_typed_survives_a_lost_session(cast: Cast) -> None:
    client = Client()
    fields = form_fields(cast.support, reason="Typed for minutes")
    answer = client.post("/schedule", fields)
    assert answer.status_code == 302
    assert answer["Location"] == "/login?next=/schedule"
    client.force_login(cast.ana, backend="django.contrib.auth.backends.ModelBackend")
    back = client.get("/schedule").content.decode()
    assert "Typed for minutes" in back
    assert fields["phone_number"] in back
    assert "Typed for minutes" not in client.get("/schedule").content.decode()


def test_a_fragment_never_shows_the_log_in_inside_itself(cast: Cast) -> None:
    answer = Client().post("/schedule/preview", form_fields(cast.support), **HTMX)
    assert answer["HX-Redirect"] == "/login?next=/%3Fx%3D1"
    assert b"Password" not in answer.content


def test_the_zone_picker_offers_options_for_screen_readers(cast: Cast, enter: Enter) -> None:
    text = enter(cast.ana).get("/time-zones", {"q": "york"}).content.decode()
    assert 'role="option"' in text
    assert 'data-value="America/New_York"' in text
    assert "UTC−0" in text
    assert "No time zone" in enter(cast.ana).get("/time-zones", {"q": "zzz\0"}).content.decode()


@pytest.mark.parametrize("address", ["/schedule", "/schedule/preview"])
def test_the_number_of_statements_does_not_grow(cast: Cast, enter: Enter, address: str) -> None:
    client, counts = enter(cast.ana), []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as statements:
            client.post(address, form_fields(cast.support, phone_number="12"))
        counts.append(len(statements))
        for _ in range(15):
            make_callback(cast.support, cast.ana, at=datetime.now(UTC) - timedelta(hours=1),
                          date=f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}")  # fmt: skip
    assert counts[0] == counts[1] <= 17
