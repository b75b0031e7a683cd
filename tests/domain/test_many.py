"""Many at once: what ``schedule`` says of each, one by one, in a handful of statements."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callbacks.errors import Refused
from callbacks.models import Agent, Callback, ContactList, HistoryEvent, OutboxMessage, Shift, Skill
from callbacks.models.keys import new_key
from callbacks.scheduling import (
    CallbackRequest,
    Scheduled,
    rehearse_many,
    schedule,
    schedule_many,
)
from tests.cast import NOW, Cast, by, make_callback, make_cast, wish

LISTED = "+442079460001"
TAKEN = "+442079460002"


def codes(answer: Scheduled | Refused) -> list[str]:
    """Every problem of a refusal; nothing for what was made."""
    return [p.code for p in answer.problems] if isinstance(answer, Refused) else []


@pytest.fixture
def stage(cast: Cast) -> Cast:
    """With everything that may be in the way: marks, absences, skills, a callback that is there."""
    listed = ContactList.objects.create(name="Do not call")
    listed.entries.create(phone_number=LISTED, is_uncallable=True)
    make_callback(cast.support, cast.ben, phone_number=TAKEN, conversation_id="c-taken")
    Shift.objects.create(
        agent=Agent.objects.get(pk=cast.ben.pk),
        activity=Shift.Activity.MEETING,
        starts_at=NOW,
        ends_at=NOW + timedelta(days=3),
    )
    billing = Skill.objects.create(name="Billing")
    cast.billing.required_skills.add(billing)
    Agent.objects.get(pk=cast.ana.pk).skills.add(Skill.objects.create(name="French"), billing)
    return cast


def test_each_stands_alone_and_the_answers_keep_their_order(cast: Cast) -> None:
    wishes = [wish(cast.support) for _ in range(500)]
    bad = set(range(0, 500, 13))
    for place in bad:
        wishes[place] = replace(wishes[place], phone_number="abc")
    answers = schedule_many(wishes, by=by(cast.ana), at=NOW)
    assert {place for place, answer in enumerate(answers) if codes(answer)} == bad
    assert Callback.objects.count() == 500 - len(bad)
    assert HistoryEvent.objects.count() == OutboxMessage.objects.count() == 500 - len(bad)
    first = answers[1]
    assert isinstance(first, Scheduled)
    assert first.callback.history.get().after["wall"] == "2026-11-24 12:00 America/New_York"
    assert first.callback.outbox.get().event == first.callback.history.get()


def test_statements_do_not_grow_with_the_list(stage: Cast) -> None:
    def statements(count: int) -> int:
        wishes = [
            wish(
                stage.support,
                owner_id=(stage.ana.pk, stage.lena.pk)[place % 2],
                preferred_agent_id=stage.ben.pk,
                skills=["french"],
                falls_back=True,
            )
            for place in range(count)
        ]
        with CaptureQueriesContext(connection) as captured:
            answers = schedule_many(wishes, by=by(stage.ana), at=NOW)
        assert not any(map(codes, answers))
        return len(captured)

    assert statements(300) == statements(10) <= 20


def test_of_two_in_the_list_the_second_names_the_first(cast: Cast) -> None:
    one = wish(cast.support, owner_id=cast.ana.pk)
    first, second = schedule_many([one, replace(one, time="14:00")], by=by(cast.ana), at=NOW)
    assert isinstance(first, Scheduled)
    assert isinstance(second, Refused)
    problem = second.of("callback.exists")
    assert problem
    assert problem.data["existing"] == first.callback
    assert "owned by Ana Reyes" in problem.message


def test_the_same_list_again_makes_nothing_new(cast: Cast) -> None:
    wishes = [wish(cast.support, request_key=uuid.uuid4()) for _ in range(20)]
    schedule_many(wishes, by=by(cast.ana), at=NOW)
    again = schedule_many(wishes, by=by(cast.ana), at=NOW)
    assert [a.is_new for a in again if isinstance(a, Scheduled)] == [False] * 20
    assert Callback.objects.count() == 20


def test_a_prevented_duplicate_is_in_the_history_of_the_one_it_would_double(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    made = make_callback(cast.support, cast.ana)
    with django_capture_on_commit_callbacks(execute=True):
        schedule_many([wish(cast.support, phone_number=made.phone_number)], by=by(cast.sam), at=NOW)
    note = made.history.get(what="duplicate_prevented")
    assert (note.actor, note.before, note.after) == (cast.sam, {}, {})


def test_a_strangers_row_that_clashes_is_a_refusal_of_one(transactional_db: None) -> None:
    """The database's own rule fires where a callback is made past the locks, at the same moment."""
    cast = make_cast()
    wishes = [wish(cast.support, conversation_id=f"c-{n}") for n in range(3)]
    stranger = copy(make_callback(cast.support, cast.ben))
    stranger.id, stranger.conversation_id = new_key(), "c-1"

    def come_in() -> list[Scheduled | Refused]:
        try:
            return schedule_many(wishes, by=by(cast.ana), at=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            stranger.save(force_insert=True)
            coming = pool.submit(come_in)
            wait_until_somebody_waits()
        answers = coming.result(timeout=10)
    assert [codes(answer) for answer in answers] == [[], ["callback.exists"], []]


def wait_until_somebody_waits() -> None:
    """Until another connection to this database waits for a row of this one."""
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits")


def test_a_rehearsal_says_the_same_and_writes_nothing(stage: Cast) -> None:
    wishes = [wish(stage.support), wish(stage.support, phone_number=TAKEN)]
    wishes.append(wishes[0])
    said = rehearse_many(wishes, by=by(stage.ana), at=NOW)
    assert [codes(answer) for answer in said] == [[], ["callback.exists"], ["callback.exists"]]
    assert Callback.objects.count() == 1
    first = said[0]
    assert isinstance(first, Scheduled)
    later = rehearse_many(
        wishes[:1], by=by(stage.ana), at=NOW, promised=lambda n, c: [first.callback]
    )
    assert codes(later[0]) == ["callback.exists"]


# --- the same, item by item ---------------------------------------------------------------------

NUMBERS = [LISTED, TAKEN, "+442079460003", "020 7946 0004", "+12125550123", "911", "", "abc"]


@st.composite
def lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Short lists of values which often collide, and often are wrong."""
    some = st.sampled_from
    return draw(
        st.lists(
            st.fixed_dictionaries(
                {"phone_number": some(NUMBERS)},
                optional={
                    "date": some(["2026-11-23", "2026-11-24", "2026-12-05", "2027-03-14", "x"]),
                    "time": some(["12:00", "02:30", "23:30", "25:00"]),
                    "time_zone": some(["America/New_York", "Europe/London", "Mars/Base"]),
                    "queue": some(["support", "billing", "none"]),
                    "owner": some(["ana", "ben", "lena", "otto", "sam"]),
                    "falls_back": st.booleans(),
                    "preferred": some(["ana", "lena"]),
                    "skills": some([(), ("french",), ("Klingon",), ("French", "Billing")]),
                    "conversation_id": some(["", "c-taken", "c-1", "\0"]),
                    "consent": some([True, False, None]),
                    "contact_time_zone": some(["", "Asia/Tokyo", "Nowhere"]),
                    "window_duration": some([None, timedelta(minutes=30), timedelta(days=3)]),
                    "allow_outside_calling_hours": st.booleans(),
                    "request_key": some([None, uuid.UUID(int=1), uuid.UUID(int=2)]),
                    "reason": some(["", "a\0b"]),
                },
            ),
            max_size=8,
        )
    )


def request_of(cast: Cast, values: dict[str, Any]) -> CallbackRequest:
    """The request that drawn values stand for."""
    values = dict(values)
    queue = {"support": cast.support.pk, "billing": cast.billing.pk, "none": None}[
        values.pop("queue", "support")
    ]
    for name, field in (("owner", "owner_id"), ("preferred", "preferred_agent_id")):
        if username := values.pop(name, None):
            values[field] = getattr(cast, username).pk
    return replace(wish(cast.support), **{**values, "queue_id": queue})


def told(answer: Scheduled | Refused) -> Any:
    """All of an answer but the keys that were just made."""
    if isinstance(answer, Refused):
        return [(p.code, p.field, p.message) for p in answer.problems]
    made = answer.callback
    values = {f.attname: getattr(made, f.attname) for f in Callback._meta.concrete_fields}
    del values["id"]
    return values, answer.assignment, answer.is_new


def journal_of_all() -> list[Any]:
    return [
        (e.what, e.reason, e.before, e.after, e.actor_name, e.version)
        for e in HistoryEvent.objects.order_by("id")
    ]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(wishes=lists(), who=st.sampled_from(["ana", "sam", "otto"]))
def test_many_at_once_are_what_each_is_alone(
    stage: Cast, wishes: list[dict[str, Any]], who: str
) -> None:
    actor = by(getattr(stage, who))
    requests = [request_of(stage, values) for values in wishes]

    def one_by_one() -> list[Any]:
        answers = []
        for request in requests:
            try:
                answers.append(told(schedule(request, by=actor, at=NOW)))
            except Refused as refused:
                answers.append(told(refused))
        return [answers, [e for e in journal_of_all() if e[0] == "scheduled"]]

    def together() -> list[Any]:
        rehearsed = [told(answer) for answer in rehearse_many(requests, by=actor, at=NOW)]
        answers = [told(answer) for answer in schedule_many(requests, by=actor, at=NOW)]
        assert rehearsed == answers
        return [answers, [e for e in journal_of_all() if e[0] == "scheduled"]]

    outcomes = []
    for way in (one_by_one, together):
        with transaction.atomic():
            outcomes.append(way())
            transaction.set_rollback(True)
    assert outcomes[0] == outcomes[1]
