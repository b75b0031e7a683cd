"""``manage.py demo``: alive whenever started, and true to every rule that the database keeps."""

import io
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from callbacks.lifecycle import Status
from callbacks.models import Agent, Attempt, Callback, ContactListEntry, OutboxMessage, Queue, User
from callbacks.rules import moments, numbers

pytestmark = pytest.mark.django_db


@pytest.fixture
def centre() -> None:
    call_command("demo", stdout=io.StringIO())


def test_the_people_of_the_log_in_page_are_there(centre: None) -> None:
    for name in ("ana", "ben", "lena", "sam", "admin"):
        assert User.objects.get(username=name).check_password("demo")
    ana = Agent.objects.get(user__username="ana")
    assert (ana.user.time_zone, str(ana.team)) == ("America/New_York", "Support")
    assert str(ana.team.lead) == "Lena Vogt"  # type: ignore[union-attr]
    assert [queue.name for queue in ana.queues.all()] == ["Support"]
    assert (Agent.objects.count(), Queue.objects.count(), Callback.objects.count()) == (23, 5, 300)


def test_every_status_appears_with_its_history(centre: None) -> None:
    assert set(Callback.objects.values_list("status", flat=True)) == set(Status.values)
    for callback in Callback.objects.prefetch_related("history", "attempts"):
        events = list(callback.history.all())
        assert [event.version for event in events] == list(range(1, callback.version + 1))
        said = [event.after["status"] for event in events if "status" in event.after]
        assert said[-1] == callback.status
        assert all(a.at <= b.at for a, b in pairwise(events))
        assert max(event.at for event in events) <= timezone.now()


def test_every_promise_is_its_wall_time_in_its_zone(centre: None) -> None:
    for callback in Callback.objects.all():
        wall = moments.WallTime(
            callback.wall_date, callback.wall_time, callback.time_zone, callback.fold
        )
        assert moments.resolve(wall).instant == callback.requested_at


def test_no_number_is_promised_two_calls_and_all_are_fictional(centre: None) -> None:
    listed = Callback.objects.open().values_list("phone_number", flat=True)
    assert max(Counter(listed).values()) == 1
    for number in Callback.objects.values_list("phone_number", flat=True):
        assert numbers.parse(number, None).e164 == number
        assert number.startswith(("+44207946", "+44161496")) or number[5:10] == "55501"


def test_it_looks_alive_now(centre: None) -> None:
    now, ana = timezone.now(), User.objects.get(username="ana")
    mine = Callback.objects.promised_by(ana.pk)
    assert any(callback.is_locked(now) and not callback.is_overdue(now) for callback in mine)
    assert mine.overdue(now).exists()
    assert mine.filter(requested_at__range=(now, now + timedelta(hours=3))).count() >= 2
    assert Callback.objects.unowned().filter(queue__name="Support").count() >= 5
    assert Attempt.objects.filter(agent=ana.pk, ended_at__gt=now - timedelta(hours=8)).exists()
    assert Callback.objects.open().flagged().filter(is_uncallable=True).exists()
    assert ContactListEntry.objects.count() > 10
    assert OutboxMessage.objects.filter(state="waiting").count() in range(5, 15)


def test_it_fills_only_an_empty_database(centre: None) -> None:
    call_command("demo", "--if-empty")
    with pytest.raises(CommandError, match="not empty"):
        call_command("demo")
    assert User.objects.count() == 25


@pytest.mark.parametrize("bad", [["--agents", "1"], ["--queues", "0"], ["--open", "-1"]])
def test_impossible_sizes_are_refused(bad: list[str]) -> None:
    with pytest.raises(CommandError, match="At least"):
        call_command("demo", *bad)


def test_it_comes_in_other_sizes() -> None:
    call_command("demo", agents=40, queues=7, callbacks=3000, open=500, seed=9, verbosity=0)
    assert (Agent.objects.count(), Queue.objects.count()) == (40, 7)
    assert Callback.objects.open().count() == 500
    assert Callback.objects.count() == 3000
