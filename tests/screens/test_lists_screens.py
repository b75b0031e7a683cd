"""Contact lists, expired promises and tasks: who may, bad input, what changed meanwhile, cost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callbacks.lifecycle import Status
from callbacks.models import Callback, User
from callbacks.scheduling import schedule
from tests.cast import Cast, by, make_callback, open_day_and_night, wish_at

Enter = Callable[[User], Client]


def now() -> datetime:
    return datetime.now(UTC)


def coming(cast: Cast, **changes: object) -> Callback:
    """A callback for tomorrow that Ana made and owns."""
    day = f"{now() + timedelta(days=1):%Y-%m-%d}"
    values = {"owner_id": cast.ana.pk, "queue": cast.support} | changes
    return make_callback(values.pop("queue"), cast.ana, at=now(), date=day, **values)


def expired(cast: Cast, **changes: object) -> Callback:
    """One that expired an hour ago."""
    made = coming(cast, **changes)
    Callback.objects.filter(pk=made.pk).update(
        status=Status.EXPIRED, ended_at=now() - timedelta(hours=1), next_action_at=None
    )
    made.refresh_from_db()
    return made


# --- expired promises -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [("ana", 403), ("ben", 404), ("lena", 404), ("otto", 404), ("sam", 200), ("ada", 200)],
)
def test_who_may_revive(cast: Cast, enter: Enter, who: str, status: int) -> None:
    callback = expired(cast)
    client, address = enter(getattr(cast, who)), f"/callbacks/{callback.pk}/revival"
    assert client.get(address).status_code == status
    answer = client.post(address, {"when": "now", "allow_outside_hours": "on"})
    assert answer.status_code == (302 if status == 200 else status)
    callback.refresh_from_db()
    assert callback.status == (Status.PENDING if status == 200 else Status.EXPIRED)


def test_a_supervisor_sees_the_expired_ones_of_their_queues_alone(cast: Cast, enter: Enter) -> None:
    theirs = expired(cast)
    cast.support.supervisors.clear()
    cast.billing.supervisors.add(cast.sam)
    client = enter(cast.sam)
    page = client.get("/supervisor/expired?span=all").content.decode()
    assert "Liam Byrne" not in page
    assert '<span class="count">' not in page
    for queue in (theirs.queue_id, cast.billing.pk):
        assert "Revive<" not in client.get(f"/supervisor/expired?queue={queue}").content.decode()
    assert client.get(f"/callbacks/{theirs.pk}/revival").status_code == 404
    assert "Liam Byrne" in enter(cast.ada).get("/supervisor/expired").content.decode()


@pytest.mark.parametrize("reason", ["a\0b", "x" * 2001])
def test_a_reason_that_cannot_be_kept_is_said_at_its_field(
    cast: Cast, enter: Enter, reason: str
) -> None:
    open_day_and_night(cast.support)
    callback = expired(cast)
    address = f"/callbacks/{callback.pk}/revival"
    answer = enter(cast.sam).post(address, {"when": "now", "reason": reason})
    assert answer.status_code == 422
    assert 'class="message is-problem" id="msg-reason"' in answer.content.decode()


@time_machine.travel(datetime(2026, 10, 20, 15, 0, tzinfo=UTC), tick=False)
def test_a_time_that_exists_twice_is_asked_about_with_its_offsets_and_the_answer_is_kept(
    cast: Cast, enter: Enter
) -> None:
    """Rules §2.3, on 25 October 2026 in London."""
    open_day_and_night(cast.support)
    callback = expired(cast)
    client, address = enter(cast.sam), f"/callbacks/{callback.pk}/revival"
    twice = {"when": "then", "date": "2026-10-25", "time": "01:30", "time_zone": "Europe/London"}
    page = client.post(address, twice).content.decode()
    assert "UTC+01:00" in page
    assert "UTC+00:00" in page
    page = client.post(address, {**twice, "fold": "1", "reason": "\0"}).content.decode()
    assert 'name="fold" value="1" checked' in page
    client.post(address, {**twice, "fold": "1"})
    callback.refresh_from_db()
    assert f"{callback.requested_at:%d %H:%M}" == "25 01:30"
    assert callback.fold == 1


@time_machine.travel(datetime(2026, 11, 23, 3, 0, tzinfo=UTC), tick=False)
def test_outside_the_calling_hours_times_within_are_offered_and_taken(
    cast: Cast, enter: Enter
) -> None:
    callback = expired(cast)
    client, address = enter(cast.sam), f"/callbacks/{callback.pk}/revival"
    refused = client.post(address, {"when": "now", "reason": "Keep"})
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "calling hours" in page
    chip = page.split('name="use_time" value="')[1].split('"')[0]
    taken = client.post(address, {"when": "now", "reason": "Keep", "use_time": chip})
    page = taken.content.decode()
    assert taken.status_code == 200
    assert f'value="{chip.partition("T")[2]}"' in page
    assert 'name="when" value="then" checked' in page
    assert "Keep" in page
    callback.refresh_from_db()
    assert callback.status == Status.EXPIRED, "a suggestion fills in, and does nothing else"


def test_what_it_would_double_is_named_and_can_be_opened(cast: Cast, enter: Enter) -> None:
    open_day_and_night(cast.support)
    callback = expired(cast)
    twin = schedule(
        wish_at(cast.support, now() + timedelta(hours=5), phone_number=callback.phone_number),
        by=by(cast.ben), at=now(),
    ).callback  # fmt: skip
    answer = enter(cast.sam).post(f"/callbacks/{callback.pk}/revival", {"when": "now"})
    assert answer.status_code == 422
    assert "has an open callback already" in answer.content.decode()
    assert f'href="{twin.get_absolute_url()}">Open the other callback' in answer.content.decode()


def test_what_is_not_expired_leads_back_to_its_page(cast: Cast, enter: Enter) -> None:
    callback = coming(cast)
    client, address = enter(cast.sam), f"/callbacks/{callback.pk}/revival"
    answer = client.get(address, follow=True)
    assert answer.redirect_chain == [(callback.get_absolute_url(), 302)]
    assert "Only an expired promise can be revived" in answer.content.decode()
    answer = client.post(address, {"when": "now"})
    assert answer.status_code == 422
    assert "Only an expired promise can be revived" in answer.content.decode()


def test_the_list_of_expired_ones_costs_the_same_however_many_there_are(
    cast: Cast, enter: Enter
) -> None:
    client = enter(cast.sam)
    counts = []
    for more in (2, 20):
        for _ in range(more):
            expired(cast)
        client.get("/supervisor/expired")
        with CaptureQueriesContext(connection) as statements:
            client.get("/supervisor/expired")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 10
