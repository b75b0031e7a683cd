"""Schedule many: hundreds of promises at once, each by the same rules and standing alone.

What came of each is what ``schedule`` would have said of it, one after the other in the order given;
so of two that double each other, the first is made and the second names it.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import TypeAlias

from django.db import IntegrityError, transaction

from callbacks import journal
from callbacks.access import Actor
from callbacks.errors import Refused
from callbacks.models.compiled import insert_all
from callbacks.scheduling import facts
from callbacks.scheduling.examination import Examination
from callbacks.scheduling.examining import examine_alone, examine_promise, keys_of
from callbacks.scheduling.lookups import Preloaded, Promised
from callbacks.scheduling.request import CallbackRequest
from callbacks.scheduling.scheduling import (
    Scheduled,
    decide,
    first_entry,
    prevented_entry,
    schedule,
)

AT_ONCE = 500
"""So many are decided in one transaction, which holds as many numbers locked."""
Answer: TypeAlias = Scheduled | Refused


def schedule_many(requests: Iterable[CallbackRequest], *, by: Actor, at: datetime) -> list[Answer]:
    """Make a callback of each request that has no problem; the answers stand in the same order.

    ``at`` is now (aware UTC). About twenty statements for each 500, in one transaction of their own
    (or in the caller's). Under concurrency, for each 500:

    1. what needs no lock is examined first;
    2. all their numbers and interactions are locked, in the one order that everybody keeps to;
    3. only then are duplicates looked for, in the database and among those before in the list;
    4. states, histories and outbox are written together.
    """
    waiting = iter(requests)
    chunks = iter(lambda: list(islice(waiting, AT_ONCE)), [])
    return list(chain.from_iterable(_schedule_some(chunk, by, at) for chunk in chunks))


def rehearse_many(
    requests: Sequence[CallbackRequest],
    *,
    by: Actor,
    at: datetime,
    promised: Promised | None = None,
) -> list[Answer]:
    """What ``schedule_many`` would answer, with callbacks that are not written. Locks nothing.

    ``promised``: what else is to be reckoned with, such as the part of a list rehearsed before.
    """
    founds, ask = _examine(requests, by, at)
    _look_for_others(founds, ask, promised)
    return [_decide(found, by, ask) for found in founds]


def _schedule_some(requests: Sequence[CallbackRequest], by: Actor, at: datetime) -> list[Answer]:
    try:
        answers = _schedule_together(requests, by, at)
    except IntegrityError:
        # A stranger's row clashes with one of them: the others must not suffer for it.
        return [_schedule_one(request, by, at) for request in requests]
    prevented = [
        prevented_entry(problem.data["existing"], request)
        for request, answer in zip(requests, answers, strict=True)
        if isinstance(answer, Refused) and (problem := answer.of("callback.exists"))
    ]
    # Not beside the locks: whoever changes such a callback holds its row and may want its number.
    transaction.on_commit(lambda: _note(prevented, by, at))
    return answers


@transaction.atomic
def _schedule_together(
    requests: Sequence[CallbackRequest], by: Actor, at: datetime
) -> list[Answer]:
    founds, ask = _examine(requests, by, at)
    facts.lock_promises(chain.from_iterable(map(keys_of, founds)))
    _look_for_others(founds, ask)
    answers = [_decide(found, by, ask) for found in founds]
    made = [
        (found, answer)
        for found, answer in zip(founds, answers, strict=True)
        if isinstance(answer, Scheduled) and answer.is_new
    ]
    insert_all(answer.callback for _, answer in made)
    entries = [first_entry(found, answer, by=by, ask=ask) for found, answer in made]
    journal.record_all(entries, by=by, at=at)
    return answers


def _schedule_one(request: CallbackRequest, by: Actor, at: datetime) -> Answer:
    try:
        return schedule(request, by=by, at=at)
    except Refused as refused:
        return refused


def _examine(
    requests: Sequence[CallbackRequest], by: Actor, at: datetime
) -> tuple[list[Examination], Preloaded]:
    ask = Preloaded(requests, by.id, at)
    return [examine_alone(request, by=by, at=at, ask=ask) for request in requests], ask


def _look_for_others(
    founds: Sequence[Examination], ask: Preloaded, promised: Promised | None = None
) -> None:
    keys = [key for found in founds if (key := keys_of(found))]
    numbers: Collection[str] = {number for number, _ in keys}
    conversations: Collection[str] = {name for _, name in keys if name}
    ask.load_promises(numbers, conversations, promised)


def _decide(found: Examination, by: Actor, ask: Preloaded) -> Answer:
    """Made or refused; whatever comes later in the list reckons with it."""
    examine_promise(found, ask)
    try:
        answer = decide(found, by=by, ask=ask)
    except Refused as refused:
        return refused
    if answer.is_new:
        ask.add_promise(ask.relate(answer.callback))
    return answer


@transaction.atomic
def _note(prevented: Sequence[journal.Entry], by: Actor, at: datetime) -> None:
    """Count the prevented duplicates where they are looked for. Two statements."""
    if prevented:
        journal.record_all(prevented, by=by, at=at)
