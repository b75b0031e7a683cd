"""The calendar feed: secret, revocable, right on any clock."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from callbacks.models import Agent, CalendarFeed, Callback, User
from callbacks.scheduling import cancel, hand_over
from dashboard.calendar import feed
from dashboard.logs import Discreet
from tests.cast import Cast, by, make_callback

Enter = Callable[[User], Client]


def now() -> datetime:
    return datetime.now(UTC)


def make(client: Client, **fields: str) -> str:
    """The address that the page shows."""
    page = client.post("/calendar", fields).content.decode()
    address = page.split('id="address"')[1].split('value="')[1].split('"')[0]
    assert address.startswith("http://testserver/calendar/")
    return address.removeprefix("http://testserver")


def owned(cast: Cast, **changes: object) -> object:
    tomorrow = f"{now() + timedelta(days=1):%Y-%m-%d}"
    values = {"date": tomorrow, "owner_id": cast.ana.pk, "contact_name": "Liam; Byrne, jr."}
    return make_callback(cast.support, cast.ana, at=now(), **{**values, **changes})


def events(address: str) -> list[object]:
    answer = Client().get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


def test_own_promises_and_no_others_are_in_the_feed(cast: Cast, enter: Enter) -> None:
    mine = owned(cast)
    preferred = make_callback(
        cast.support, cast.ben, at=now(), date=f"{now() + timedelta(days=2):%Y-%m-%d}",
        preferred_agent_id=cast.ana.pk,
    )  # fmt: skip
    make_callback(cast.support, cast.ben, at=now(), date=f"{now() + timedelta(days=3):%Y-%m-%d}")
    found = events(make(enter(cast.ana)))
    assert {str(e["UID"]) for e in found} == {  # type: ignore[index]
        f"{mine.pk}@ringback", f"{preferred.pk}@ringback",  # type: ignore[attr-defined]
    }  # fmt: skip
    event = next(e for e in found if str(mine.pk) in str(e["UID"]))  # type: ignore[attr-defined, index]
    assert event["DTSTART"].dt == mine.requested_at  # type: ignore[attr-defined, index]
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=10)  # type: ignore[index]
    assert str(event["SUMMARY"]) == "Callback: Liam; Byrne, jr."  # type: ignore[index]
    about = str(event["DESCRIPTION"])  # type: ignore[index]
    assert "in London (contact)" in about
    assert "in New York (you)" in about
    assert str(event["STATUS"]) == "CONFIRMED"  # type: ignore[index]
    assert event.walk("VALARM")[0]["TRIGGER"].dt == timedelta(minutes=-10)  # type: ignore[attr-defined]


def test_what_is_cancelled_is_taken_out_of_calendars(cast: Cast, enter: Enter) -> None:
    mine = owned(cast)
    address = make(enter(cast.ana))
    first = Client().get(address)
    assert Client().get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    cancel(mine.pk, reason="x", by=by(cast.ana), at=now(), version=None)  # type: ignore[attr-defined]
    (event,) = events(address)
    assert str(event["STATUS"]) == "CANCELLED"  # type: ignore[index]
    assert event["SEQUENCE"] == 2  # type: ignore[index]
    assert Client().get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_the_address_is_secret_and_only_its_digest_is_kept(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ana)
    address = make(client)
    secret = address.split("/")[2].removesuffix(".ics")
    assert len(secret) >= 43
    assert secret not in CalendarFeed.objects.get().digest
    assert secret not in client.get("/calendar").content.decode(), "shown once"
    for wrong in ("x", secret[:-1], secret.swapcase(), "%00", "a" * 5000):
        assert Client().get(f"/calendar/{wrong}.ics").status_code == 404


def test_a_new_address_ends_the_old_one_and_it_can_be_removed(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ana)
    first = make(client)
    second = make(client)
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200
    assert "last read" in client.get("/calendar").content.decode()
    client.post("/calendar", {"remove": "1"})
    assert Client().get(second).status_code == 404


def test_a_deactivated_agents_feed_is_gone(cast: Cast, enter: Enter) -> None:
    address = make(enter(cast.ana))
    User.objects.filter(pk=cast.ana.pk).update(is_active=False)
    assert Client().get(address).status_code == 404


def test_only_agents_have_a_feed(cast: Cast, enter: Enter) -> None:
    for person in (cast.ana, cast.ben, cast.lena, cast.otto):
        assert enter(person).get("/calendar").status_code == 200
        assert "Calendar feed" in enter(person).get("/").content.decode()
    for person in (cast.sam, cast.ada):
        assert enter(person).get("/calendar").status_code == 404
        assert enter(person).post("/calendar").status_code == 404
        assert "Calendar feed" not in enter(person).get("/callbacks").content.decode()
    assert Client().get("/calendar").status_code == 302
    assert Client().post("/calendar")["Location"].startswith("/login")
    assert CalendarFeed.objects.count() == 0
    Agent.objects.create(user=cast.sam)
    assert enter(cast.sam).get("/calendar").status_code == 200, "a supervisor who takes callbacks"


def test_an_address_is_made_by_a_form_with_its_token_alone(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ana, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/calendar").status_code == 403
    assert CalendarFeed.objects.count() == 0


def test_a_log_in_opens_nobodys_feed_and_the_feed_no_log_in(cast: Cast, enter: Enter) -> None:
    address = make(enter(cast.ana))
    owned(cast)
    as_otto = enter(cast.otto).get(address)
    assert as_otto.content == Client().get(address).content
    answer = Client().get(address)
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert answer["Cache-Control"] == "private, no-cache"
    assert Client().head(address).status_code == 200
    assert Client().post(address).status_code == 405


def test_what_is_the_same_is_not_sent_again_however_it_is_asked(cast: Cast, enter: Enter) -> None:
    owned(cast)
    address = make(enter(cast.ana))
    tag = Client().get(address)["ETag"]
    for asked in (tag, f"W/{tag}", f'"other", {tag}'):
        answer = Client().get(address, headers={"If-None-Match": asked})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer["ETag"] == tag
        assert answer["Cache-Control"] == "private, no-cache"
    for asked in ('"other"', "nonsense", ""):
        assert Client().get(address, headers={"If-None-Match": asked}).status_code == 200
    cast.support.name = "Hotline"
    cast.support.save()
    assert Client().get(address, headers={"If-None-Match": tag}).status_code == 200


def test_what_is_handed_over_moves_to_the_other_calendar(cast: Cast, enter: Enter) -> None:
    mine = owned(cast)
    anas, bens = make(enter(cast.ana)), make(enter(cast.ben))
    tag = Client().get(anas)["ETag"]
    hand_over(mine.pk, cast.ben.pk, by=by(cast.ana), at=now(), version=None)  # type: ignore[attr-defined]
    assert Client().get(anas, headers={"If-None-Match": tag}).status_code == 200
    assert (len(events(anas)), len(events(bens))) == (0, 1)


def test_what_ended_long_ago_is_gone(cast: Cast, enter: Enter) -> None:
    mine = owned(cast)
    address = make(enter(cast.ana))
    cancel(mine.pk, reason="x", by=by(cast.ana), at=now(), version=None)  # type: ignore[attr-defined]
    assert len(events(address)) == 1
    Callback.objects.update(ended_at=now() - timedelta(days=7, minutes=1))
    assert events(address) == []


def test_what_is_open_comes_first_where_there_is_too_much(cast: Cast) -> None:
    first, second = owned(cast), owned(cast, time="13:00")
    cancel(first.pk, reason="x", by=by(cast.ana), at=now(), version=None)  # type: ignore[attr-defined]
    listed = [one.pk for one in feed.promises_of(cast.ana.agent, now())]
    assert listed == [second.pk, first.pk]  # type: ignore[attr-defined]


def test_the_hour_that_clocks_show_twice_is_the_right_one(cast: Cast, enter: Enter) -> None:
    """In the night to 1 November 2026, half past one comes at 05:30 and at 06:30 UTC."""
    with time_machine.travel(datetime(2026, 10, 28, 15, tzinfo=UTC), tick=False):
        for fold in (0, 1):
            owned(cast, date="2026-11-01", time="01:30", fold=fold, contact_name=f"Fold {fold}")
        owned(cast, date="2026-11-02", time="09:00", contact_name="After")
        found = events(make(enter(cast.ana)))
    starts = {str(e["SUMMARY"]): e["DTSTART"].dt for e in found}  # type: ignore[index]
    assert starts == {
        "Callback: Fold 0": datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        "Callback: Fold 1": datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
        "Callback: After": datetime(2026, 11, 2, 14, 0, tzinfo=UTC),
    }
    shown = {
        s.astimezone(ZoneInfo("America/New_York")).strftime("%d %H:%M") for s in starts.values()
    }
    assert shown == {"01 01:30", "02 09:00"}
    said = [str(e["DESCRIPTION"]) for e in found]  # type: ignore[index]
    assert "Sun 1 Nov, 01:30 EDT in New York (you)" in said[0]
    assert "Sun 1 Nov, 01:30 EST in New York (you)" in said[1]
    assert "Sun 1 Nov, 06:30 GMT in London (contact)" in said[1]


def test_no_text_breaks_out_of_its_event_and_no_line_is_long(cast: Cast, enter: Enter) -> None:
    evil = "A;B,C\\n\rEND:VEVENT\r\nATTENDEE:mailto:x@example.com\n" + "Zoë 🙂 " * 25
    mine = owned(cast, reason=evil, contact_name=evil.replace("\n", " ").replace("\r", " ")[:200])
    answer = Client().get(make(enter(cast.ana))).content
    assert all(len(line) <= 75 for line in answer.split(b"\r\n"))
    assert b"\nATTENDEE" not in answer
    (event,) = Calendar.from_ical(answer).walk("VEVENT")
    assert str(event["SUMMARY"]) == f"Callback: {mine.contact_name}"  # type: ignore[attr-defined]
    about = str(event["DESCRIPTION"])
    assert "END:VEVENT" in about
    assert about.endswith(f"http://testserver/callbacks/{mine.pk}")  # type: ignore[attr-defined]
    assert "020 7946" in about or "+44 20 7946" in about


def test_reading_is_noted_at_most_once_a_minute(cast: Cast, enter: Enter) -> None:
    address, start = make(enter(cast.ana)), now()
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (61, 60)):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            Client().get(address)
        read_at = CalendarFeed.objects.get().read_at
        assert read_at is not None
        assert abs(read_at - start - timedelta(seconds=noted)) < timedelta(seconds=1), seconds


def test_the_address_lands_in_no_log_also_when_something_breaks(
    cast: Cast, enter: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    address = make(enter(cast.ana))
    secret = address.split("/")[2].removesuffix(".ics")
    (console,) = (h for h in logging.getLogger().handlers if h.get_name() == "console")
    formatter = console.formatter
    assert isinstance(formatter, Discreet)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE callbacks_callback RENAME TO gone")
    with caplog.at_level(logging.INFO):
        answer = Client(raise_request_exception=False).get(address)
        Client(raise_request_exception=False).post(address)
    assert answer.status_code == 500
    assert secret not in answer.content.decode()
    written = "\n".join(formatter.format(record) for record in caplog.records)
    assert "Internal Server Error: /calendar/…" in written
    assert "Traceback" in written
    assert secret not in written


def test_the_feed_takes_the_same_statements_for_one_and_for_many(cast: Cast, enter: Enter) -> None:
    address, counts = make(enter(cast.ana)), []
    for rows in (1, 6):
        for _ in range(rows):
            owned(cast)
        Client().get(address)
        with CaptureQueriesContext(connection) as statements:
            Client().get(address)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 3
