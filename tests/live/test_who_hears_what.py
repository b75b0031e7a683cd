"""Who hears what: by role, of what is their own, their queue's, and others'."""

import uuid
from typing import Any

import pytest

from callbacks import access
from callbacks.models import Callback, Role
from callbacks.scheduling import hand_over
from dashboard.live.admission import hearers
from dashboard.live.hearer import Hearer
from tests.cast import NOW, Cast, by, make_callback
from tests.server import session_of

SUPPORT, BILLING = str(uuid.uuid4()), str(uuid.uuid4())
ANA, BEN, SAM, ADA = (str(uuid.uuid4()) for _ in range(4))

ana = Hearer(ANA, Role.AGENT, member_of=frozenset({SUPPORT}))
ben = Hearer(BEN, Role.AGENT, member_of=frozenset({SUPPORT}))
otto = Hearer(str(uuid.uuid4()), Role.AGENT, member_of=frozenset({BILLING}))
sam = Hearer(SAM, Role.SUPERVISOR, supervises=frozenset({SUPPORT}))
ada = Hearer(ADA, Role.ADMIN)


def told(*people: str, unowned: bool = False, queues: tuple[str, ...] = (SUPPORT,)) -> Any:
    """A change as the database tells it."""
    return {
        "callback": str(uuid.uuid4()),
        "version": 3,
        "people": list(people) or None,
        "queues": list(queues),
        "unowned": unowned,
    }


@pytest.mark.parametrize(
    ("hearer", "change", "heard"),
    [
        (ana, told(ANA), ("mine",)),
        (ana, told(ANA, unowned=True), ("mine", "queue")),
        (ana, told(BEN), ()),
        (ana, told(unowned=True), ("queue",)),
        (ana, told(unowned=True, queues=(BILLING,)), ()),
        (ana, told(ANA, queues=(BILLING,)), ("mine",)),
        (ben, told(ANA, BEN), ("mine",)),
        (otto, told(ANA), ()),
        (otto, told(unowned=True), ()),
        (otto, told(unowned=True, queues=(SUPPORT, BILLING)), ("queue",)),
        (sam, told(ANA), ("queue",)),
        (sam, told(SAM), ("mine", "queue")),
        (sam, told(ANA, queues=(BILLING,)), ()),
        (sam, told(unowned=True, queues=(BILLING,)), ()),
        (ada, told(ANA), ("queue",)),
        (ada, told(ANA, queues=(BILLING,)), ("queue",)),
        (ana, {"agent": ANA}, ("mine",)),
        (ana, {"agent": BEN}, ()),
        (sam, {"agent": ANA}, ("queue",)),
        (ada, {"agent": ANA}, ("queue",)),
    ],
)
def test_who_hears_of_a_change(hearer: Hearer, change: Any, heard: tuple[str, ...]) -> None:
    assert hearer.hears(change) == heard


def as_told(callback: Callback) -> Any:
    """What the trigger says of an insert."""
    people = {callback.owner_id, callback.preferred_agent_id, callback.created_by_id} - {None}
    return {
        "callback": str(callback.pk),
        "people": [str(key) for key in people],
        "queues": [str(callback.queue_id)],
        "unowned": callback.owner_id is None,
    }


def test_exactly_those_hear_of_a_callback_who_may_read_it(cast: Cast) -> None:
    everybody = (cast.ana, cast.ben, cast.lena, cast.sam, cast.ada, cast.otto)
    sessions = {session_of(user): user for user in everybody}
    made = [
        make_callback(cast.support, cast.ana, owner_id=cast.ana.pk),
        make_callback(cast.support, cast.ana),
        make_callback(cast.support, cast.sam),
        make_callback(cast.billing, cast.otto),
        make_callback(cast.billing, cast.ada),
    ]
    hand_over(made[0].pk, cast.ben.pk, by=by(cast.sam), at=NOW, version=None)
    found = hearers(sessions)
    assert set(found) == set(sessions)
    for callback in Callback.objects.all():
        for session, user in sessions.items():
            may_read = access.readable(by(user)).filter(pk=callback.pk).exists()
            assert bool(found[session].hears(as_told(callback))) == may_read, (user, callback.pk)


def test_strangers_are_nobody(cast: Cast, django_assert_num_queries: Any) -> None:
    stays, leaves, changes_password = (session_of(user) for user in (cast.ana, cast.ben, cast.lena))
    type(cast.ben).objects.filter(pk=cast.ben.pk).update(is_active=False)
    cast.lena.set_password("another horse battery")
    cast.lena.save()
    with django_assert_num_queries(2):
        found = hearers([stays, leaves, changes_password, "made-up", ""])
    assert set(found) == {stays}
    assert found[stays] == Hearer(
        str(cast.ana.pk), Role.AGENT, member_of=frozenset({str(cast.support.pk)})
    )
