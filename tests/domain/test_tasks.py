"""Tasks: what callbacks become when no call is needed any more (rules §7, Task > Manage)."""

from datetime import timedelta
from typing import Any

import pytest

from callbacks import calls, clock
from callbacks.errors import Ended, NotAllowed, Refused
from callbacks.models import Agent, Callback, Presence, Queue, Task, User
from callbacks.scheduling import convert, schedule, settle_task, take_task
from tests.cast import NOW, Cast, by, wish_at

DUE = NOW + timedelta(hours=1)


def promise(queue: Queue, maker: User, **changes: Any) -> Callback:
    return schedule(wish_at(queue, DUE, **changes), by=by(maker), at=NOW).callback


def fresh(callback: Callback) -> Callback:
    return Callback.objects.get(pk=callback.pk)


def test_rules_7_a_callback_becomes_a_task_of_its_owner(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana, owner_id=cast.ben.pk)
    task = convert(callback.pk, description=" Send the bill ", by=by(cast.sam), at=NOW, version=1)
    assert (task.description, task.assignee_id) == ("Send the bill", cast.ben.pk)
    found = fresh(callback)
    assert (found.status, found.ended_at, found.next_action_at) == ("converted", NOW, None)
    assert callback.history.order_by("-version")[0].reason == "Send the bill"
    settle_task(task.pk, is_done=True, by=by(cast.ben), at=DUE)
    assert Task.objects.get().done_by == cast.ben
    settle_task(task.pk, is_done=False, by=by(cast.sam), at=DUE)
    assert Task.objects.get().done_at is None


def test_what_is_at_hand_is_not_converted_behind_its_agents_back(cast: Cast) -> None:
    callback = promise(cast.support, cast.sam)
    Agent.objects.filter(pk=cast.ana.pk).update(presence=Presence.ON_QUEUE)
    clock.tick(DUE)
    with pytest.raises(Ended, match="Ana Reyes is being rung"):
        convert(callback.pk, description="x", by=by(cast.sam), at=DUE, version=None)
    calls.accept(callback.pk, by=by(cast.ana), at=DUE)
    with pytest.raises(Ended, match="on the phone"):
        convert(callback.pk, description="x", by=by(cast.sam), at=DUE, version=None)
    assert Task.objects.count() == 0


def test_a_task_needs_a_description_and_its_people(cast: Cast) -> None:
    callback = promise(cast.support, cast.ana, owner_id=cast.ana.pk)
    for text in ("", "  ", "x" * 3000, "a\0b"):
        with pytest.raises(Refused):
            convert(callback.pk, description=text, by=by(cast.ana), at=NOW, version=None)
    with pytest.raises(Callback.DoesNotExist):
        convert(callback.pk, description="x", by=by(cast.otto), at=NOW, version=None)
    task = convert(callback.pk, description="x", by=by(cast.ana), at=NOW, version=None)
    for verb in (
        lambda: settle_task(task.pk, is_done=True, by=by(cast.otto), at=NOW),
        lambda: take_task(task.pk, by=by(cast.otto)),
    ):
        with pytest.raises(Task.DoesNotExist):
            verb()
    with pytest.raises(NotAllowed):
        take_task(task.pk, by=by(cast.sam))
