"""The half hours of a queue: how full each is, what speaks against it, and what suits best.

What the schedule panel shows as a strip, and what programs ask before they promise a time.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, DateTimeField, F, Func, IntegerField, Subquery, Value
from django.db.models.functions import JSONObject

from callbacks import access
from callbacks.access import Actor
from callbacks.errors import Problem, Refused
from callbacks.models import Callback, Queue, Shift, User
from callbacks.planning import require_interval
from callbacks.rules import limits, moments
from callbacks.rules.availability import Stretch, whole_days
from callbacks.rules.slots import Book, OwnerPlan, Slot, suggestions, tile
from callbacks.rules.terms import OwnerFacts, QueueTerms
from callbacks.scheduling import facts
from callbacks.scheduling.examination import Examination

SUGGESTED_WITHIN = timedelta(days=3)
"""How long after the wished day a suggestion may lie: over a weekend."""


@dataclass(frozen=True)
class Strip:
    """A day's half hours in a zone, and the best of them and of the days after."""

    day: date
    zone: str
    slots: Sequence[Slot]
    suggested: Sequence[Slot]


def slots(
    queue_id: uuid.UUID,
    *,
    starts_at: datetime,
    ends_at: datetime,
    zone: str,
    by: Actor,
    at: datetime,
    contact_zone: str = "",
    owner_id: uuid.UUID | None = None,
) -> list[Slot]:
    """The half hours that the interval (aware, at most 31 days) touches, each with its reasons.

    ``zone``: whose clocks they are read from; ``contact_zone``: where the calling hours count, the
    same when empty; ``owner_id``: the agent who is to own the callback. Two statements, four at most
    with an owner. Raises ``Refused``.
    """
    contact_zone = contact_zone or zone
    _require_readable(starts_at, ends_at, zone, contact_zone)
    sheet = facts.of_queue(queue_id, owner_id, by.id, at)
    if sheet is None or not access.may_know_queue(by, queue_id, is_member=sheet.is_member):
        raise Refused([Problem("invalid.value", "queue", "Choose one of your queues.")])
    if not sheet.terms.is_active:
        said = f"{sheet.terms.name} takes no new callbacks. Choose another queue."
        raise Refused([Problem("invalid.value", "queue", said)])
    if owner_id and not access.agents_known(by).filter(pk=owner_id).exists():
        raise Refused([Problem("invalid.value", "owner", "There is no such agent.")])
    half_hours = list(tile(Stretch(starts_at, ends_at), zone))
    places = _Places(sheet.terms, sheet.owner, zone, contact_zone)
    return _book(places, half_hours, at).slots()


def _require_readable(starts_at: datetime, ends_at: datetime, *zones: str) -> None:
    require_interval(starts_at, ends_at)
    for name in zones:
        if name not in moments.ZONES:
            said = f"{moments.quoted(name, 64)} is not a time zone, such as Europe/London."
            raise Refused([Problem("zone.unknown", "time_zone", said)])


def strip_of_day(found: Examination, day: date, zone: str) -> Strip | None:
    """The strip of a day for what is examined; ``None`` without a queue. One statement."""
    if found.terms is None:
        return None
    whole = whole_days(day, day, zone)
    ahead = tile(Stretch(whole.starts_at, whole.ends_at + SUGGESTED_WITHIN), zone)
    contact_zone = found.contact_time_zone or zone
    places = _Places(found.terms, found.owner, zone, contact_zone, found.scope.leaving_out)
    everything = _book(places, list(ahead), found.at).slots()
    of_day = [slot for slot in everything if slot.starts_at < whole.ends_at]
    wished = found.requested_at or max(found.at, whole.starts_at)
    return Strip(day, zone, of_day, suggestions(everything, wished))


# --- what the database knows -------------------------------------------------------------------


@dataclass(frozen=True)
class _Places:
    """Whose half hours: the queue's, for this owner, on these clocks."""

    terms: QueueTerms
    owner: OwnerFacts | None
    zone: str
    contact_zone: str
    leaving_out: uuid.UUID | None = None
    """A callback that is to be moved: it takes no place."""


def _book(places: _Places, half_hours: Sequence[Stretch], at: datetime) -> Book:
    """All about these half hours. One statement, whatever the number of callbacks and shifts."""
    taken: Mapping[datetime, int] = {}
    plan = None
    if half_hours:
        row = _row(places, half_hours)
        taken = {half_hours[one["place"] - 1].starts_at: one["number"] for one in row["taken"]}
        plan = _plan(places.owner, row) if places.owner else None
    return Book(
        terms=places.terms,
        at=at,
        zone=places.zone,
        contact_zone=places.contact_zone,
        half_hours=half_hours,
        taken=taken,
        owner=plan,
    )


def _row(places: _Places, half_hours: Sequence[Stretch]) -> Any:
    span = Stretch(half_hours[0].starts_at, half_hours[-1].ends_at)
    known: dict[str, Any] = {"taken": _taken(places, half_hours, span)}
    if places.owner:
        known |= _planned(places.owner.id, span, places.leaving_out)
    return Queue.objects.filter(pk=places.terms.id).order_by().values(**known).get()


def _taken(places: _Places, half_hours: Sequence[Stretch], span: Stretch) -> ArraySubquery:
    """How many promises lie in each half hour that has any, by its place in the row, from 1."""
    starts = Value([one.starts_at for one in half_hours], ArrayField(DateTimeField()))
    place = Func(F("requested_at"), starts, function="width_bucket", output_field=IntegerField())
    promised = Callback.objects.promised_in(places.terms.id, span, places.leaving_out)
    counted = promised.order_by().values(place=place).annotate(number=Count("pk"))
    return ArraySubquery(counted.values(row=JSONObject(place="place", number="number")))


def _planned(owner_id: uuid.UUID, span: Stretch, leaving_out: uuid.UUID | None) -> dict[str, Any]:
    """The owner's zone, work and promises."""
    near = limits.HANDLING_TIME
    # A schedule is known by the day of the owner's calendar, which may begin hours before.
    margin = timedelta(hours=25)
    promised = Callback.objects.open().filter(
        owner=owner_id,
        requested_at__gt=span.starts_at - near,
        requested_at__lt=span.ends_at + near,
    )
    if leaving_out:
        promised = promised.exclude(pk=leaving_out)
    work = Shift.objects.filter(
        agent=owner_id,
        activity=Shift.Activity.ON_QUEUE,
        ends_at__gt=span.starts_at - margin,
        starts_at__lt=span.ends_at + margin,
    )
    return {
        "owner_zone": Subquery(User.objects.filter(pk=owner_id).values("time_zone")),
        "promised": ArraySubquery(promised.order_by().values("requested_at")),
        "work": ArraySubquery(
            work.order_by().values(row=JSONObject(starts="starts_at", ends="ends_at"))
        ),
    }


def _plan(owner: OwnerFacts, row: Mapping[str, Any]) -> OwnerPlan:
    work = [
        Stretch(datetime.fromisoformat(one["starts"]), datetime.fromisoformat(one["ends"]))
        for one in row["work"]
    ]
    return OwnerPlan(owner, row["owner_zone"], work, row["promised"])
