"""The calendar feed: secret, revocable, right on any clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from callbacks.models import CalendarFeed, User
from callbacks.scheduling import cancel
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
    assert enter(cast.sam).get("/calendar").status_code == 404
    assert enter(cast.sam).post("/calendar").status_code == 404
    assert Client().get("/calendar").status_code == 302


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
