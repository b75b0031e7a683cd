"""The supervisor's screens: expired promises, contact lists; and the tasks of everybody."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callbacks import rescue
from callbacks.lifecycle import Status
from callbacks.models import Callback, ContactList, Task, User
from tests.cast import Cast, by, make_callback, open_day_and_night

Enter = Callable[[User], Client]


def now() -> datetime:
    return datetime.now(UTC)


def expired(cast: Cast, count: int = 1, ago: timedelta = timedelta(hours=1)) -> list[Callback]:
    """Promises of Ana that expired so long ago."""
    made = []
    for _ in range(count):
        tomorrow = f"{now() + timedelta(days=1):%Y-%m-%d}"
        callback = make_callback(
            cast.support, cast.ana, at=now(), date=tomorrow, owner_id=cast.ana.pk
        )
        Callback.objects.filter(pk=callback.pk).update(
            status=Status.EXPIRED, ended_at=now() - ago, next_action_at=None
        )
        made.append(callback)
    return made


def test_expired_promises_are_listed_counted_and_revived(cast: Cast, enter: Enter) -> None:
    open_day_and_night(cast.support)
    (callback,) = expired(cast)
    client = enter(cast.sam)
    page = client.get("/supervisor/expired").content.decode()
    assert "Liam Byrne" in page
    assert "Ana Reyes owned it" in page
    assert '<span class="count">1' in page
    address = f"/callbacks/{callback.pk}/revival"
    assert address in page
    assert "As soon as possible" in client.get(address).content.decode()
    done = client.post(
        address, {"when": "now", "reason": "Was ill", "version": callback.version}, follow=True
    )
    assert "The promise is revived: Ana Reyes owns it." in done.content.decode()
    callback.refresh_from_db()
    assert callback.status == Status.PENDING
    assert "No promise of your queues expired" in client.get("/supervisor/expired").content.decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"when": "then", "date": "", "time": "10:00", "time_zone": "Europe/London"}, "Enter a date."),
        ({"when": "then", "date": "2020-01-01", "time": "10:00", "time_zone": "UTC"}, "passed"),
        ({"when": "then", "date": "2099-01-01", "time": "1", "time_zone": "Mars"}, "not a time zone"),
        ({"when": "now", "version": "0"}, "changed this callback since"),
    ],
)  # fmt: skip
def test_a_revival_with_problems_says_them_and_keeps_what_was_typed(
    cast: Cast, enter: Enter, fields: dict[str, str], said: str
) -> None:
    (callback,) = expired(cast)
    response = enter(cast.sam).post(
        f"/callbacks/{callback.pk}/revival", {**fields, "reason": "Because <so>"}
    )
    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert "Because &lt;so&gt;" in page
    callback.refresh_from_db()
    assert callback.status == Status.EXPIRED


def test_the_list_of_expired_ones_is_paged_by_key_and_filtered(cast: Cast, enter: Enter) -> None:
    expired(cast, 52)
    expired(cast, 1, timedelta(days=3))
    client = enter(cast.sam)
    first = client.get("/supervisor/expired?span=day").content.decode()
    assert first.count(">Revive<") == 50
    second = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert client.get(f"/supervisor/expired{second}").content.decode().count(">Revive<") == 2
    assert client.get("/supervisor/expired?span=all").status_code == 200
    for junk in ("span=x", "queue=x", "before=x", "before=2026_", "before=_", "queue=" + "9" * 99):
        assert client.get(f"/supervisor/expired?{junk}").status_code == 200


def test_agents_do_not_see_the_supervisors_screens(cast: Cast, enter: Enter) -> None:
    (callback,) = expired(cast)
    barred = ContactList.objects.create(name="Do not call")
    for address in (
        "/supervisor/expired", "/supervisor/contact-lists",
        f"/supervisor/contact-lists/{barred.pk}", f"/supervisor/contact-lists/{barred.pk}/reset",
        f"/callbacks/{callback.pk}/revival",
    ):  # fmt: skip
        assert enter(cast.ana).get(address).status_code == 403, address
        assert enter(cast.ana).post(address).status_code in (403, 405), address
        assert enter(cast.sam).get(address).status_code == 200, address
    assert "Expired" not in enter(cast.ana).get("/").content.decode()


def test_a_number_is_marked_found_and_lifted(cast: Cast, enter: Enter) -> None:
    barred = ContactList.objects.create(name="Do not call")
    client, address = enter(cast.sam), f"/supervisor/contact-lists/{barred.pk}"
    assert "Do not call" in client.get("/supervisor/contact-lists").content.decode()
    done = client.post(
        address,
        {"phone_number": "(212) 555-0123", "country": "US", "reason": "Asked us"},
        follow=True,
    ).content.decode()
    assert "+12125550123 is uncallable now." in done
    found = client.get(f"{address}?number=%2B1 212-555").content.decode()
    assert "+12125550123" in found
    assert "by Sam Okoro" in found
    assert "No number like that" in client.get(f"{address}?number=44").content.decode()
    entry = barred.entries.get()
    lifted = client.post(address, {"lift": str(entry.pk)}, follow=True).content.decode()
    assert "may be called again" in lifted
    assert not barred.entries.get().is_uncallable
    for bad in ("x", "00000000-0000-7000-8000-000000000000"):
        assert client.post(address, {"lift": bad}).status_code == 404


@pytest.mark.parametrize("number", ["", "12", "911", "x" * 500, "+1\0"])
def test_a_number_that_is_none_is_refused_in_words(cast: Cast, enter: Enter, number: str) -> None:
    barred = ContactList.objects.create(name="Do not call")
    response = enter(cast.sam).post(
        f"/supervisor/contact-lists/{barred.pk}",
        {"phone_number": number, "country": "US", "reason": "Keep <me>"},
    )
    assert response.status_code == 422
    assert "is-problem" in response.content.decode()
    assert "Keep &lt;me&gt;" in response.content.decode()
    assert barred.entries.count() == 0


def test_a_reset_says_first_what_it_will_disconnect(cast: Cast, enter: Enter) -> None:
    barred = ContactList.objects.create(name="Do not call")
    tomorrow = f"{now() + timedelta(days=1):%Y-%m-%d}"
    ours = make_callback(cast.support, cast.ana, at=now(), date=tomorrow)
    theirs = make_callback(cast.billing, cast.otto, at=now(), date=tomorrow)
    for one in (ours, theirs):
        rescue.mark(barred, one.phone_number, reason="", by=by(cast.sam), at=now())
    client, address = enter(cast.sam), f"/supervisor/contact-lists/{barred.pk}"
    page = client.get(f"{address}/reset").content.decode()
    assert "disconnected</strong>: 1 now" in page
    assert "1 more lie in queues that you do not supervise" in page
    ours.refresh_from_db()
    assert ours.status == Status.PENDING, "looking changes nothing"
    done = client.post(f"{address}/reset", follow=True).content.decode()
    assert "1 callbacks are disconnected. 1 in other queues are left." in done
    page = client.get(f"{address}/recycle").content.decode()
    assert "All 2 marks of this list are <strong>lifted</strong>" in page
    assert "2 marks are lifted" in client.post(f"{address}/recycle", follow=True).content.decode()


def test_a_list_of_many_numbers_is_paged_by_key(cast: Cast, enter: Enter) -> None:
    barred, at = ContactList.objects.create(name="Do not call"), now()
    for place in range(60):
        rescue.mark(barred, f"+1212555{place:04d}", reason="", by=by(cast.sam), at=at)
    client, address = enter(cast.sam), f"/supervisor/contact-lists/{barred.pk}"
    with CaptureQueriesContext(connection) as statements:
        page = client.get(address).content.decode()
    assert len(statements) <= 10
    assert page.count(">Lift<") == 50
    second = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert client.get(address + second).content.decode().count(">Lift<") == 10
    assert client.get(f"{address}?after=x_y").status_code == 200


def test_a_callback_becomes_a_task_that_is_done_and_done_again(cast: Cast, enter: Enter) -> None:
    tomorrow = f"{now() + timedelta(days=1):%Y-%m-%d}"
    callback = make_callback(cast.support, cast.ana, at=now(), date=tomorrow, owner_id=cast.ana.pk)
    client, address = enter(cast.ana), f"/callbacks/{callback.pk}/conversion"
    assert address in client.get(callback.get_absolute_url()).content.decode()
    refused = client.post(address, {"description": " "})
    assert refused.status_code == 422
    assert "Say what is to be done." in refused.content.decode()
    page = client.post(address, {"description": "Send <it>"}, follow=True).content.decode()
    assert "Send &lt;it&gt;" in page
    task = Task.objects.get()
    assert "Send" not in enter(cast.otto).get("/tasks").content.decode()
    assert enter(cast.otto).post("/tasks", {"task": str(task.pk), "done": "1"}).status_code == 404
    page = client.post("/tasks", {"task": str(task.pk), "done": "1"}, follow=True).content.decode()
    assert "Nothing to do." in page
    page = enter(cast.sam).get("/tasks?show=done").content.decode()
    assert "done by Ana Reyes" in page
    enter(cast.sam).post("/tasks", {"task": str(task.pk), "reopen": "1"})
    enter(cast.lena).post("/tasks", {"task": str(task.pk), "take": "1"})
    task.refresh_from_db()
    assert (task.done_at, task.assignee_id) == (None, cast.ana.pk), "not Lena's to take"
    for bad in ("", "x"):
        assert client.post("/tasks", {"task": bad, "done": "1"}).status_code == 404
