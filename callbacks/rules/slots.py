"""The half hours in which a callback may be promised: how full each is, and what speaks against it.

Nothing here refuses anything: the colours tell people, and programs, what ``scheduling.examine``
would say, and what a queue's capacity and an owner's plan add to it (rules §2.4, §2.10, §2.11, §3.1).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from callbacks.rules import limits, moments, ownership
from callbacks.rules.availability import Stretch, merged
from callbacks.rules.moments import Moment
from callbacks.rules.terms import OwnerFacts, QueueTerms

HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)
NEARLY_FULL = 0.75
SUGGESTED = 3


class Colour(StrEnum):
    """How well a half hour suits."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"

    @property
    def word(self) -> str:
        """The word that says the same without a colour."""
        return {"green": "free", "amber": "tight", "red": "closed"}[self.value]


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks against a half hour."""

    code: str
    message: str
    closes: bool = False
    """Whether it makes the half hour red, not only amber."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A half hour of the queue, as the clocks of a zone show it."""

    moment: Moment
    """Its start: what is promised by whoever takes it."""
    ends_at: datetime
    capacity: int | None
    """How many promises fit in; ``None``: any number."""
    taken: int
    reasons: tuple[Reason, ...] = ()

    @property
    def starts_at(self) -> datetime:
        """The start (UTC)."""
        return self.moment.instant

    @property
    def remaining(self) -> int | None:
        """How many more fit in; ``None``: any number."""
        return None if self.capacity is None else max(0, self.capacity - self.taken)

    @property
    def colour(self) -> Colour:
        """Green without a reason against it, red with one that closes it."""
        if any(reason.closes for reason in self.reasons):
            return Colour.RED
        return Colour.AMBER if self.reasons else Colour.GREEN

    @property
    def is_full(self) -> bool:
        """Whether no more promises fit in."""
        return self.remaining == 0

    @property
    def is_bookable(self) -> bool:
        """Whether nothing closes it."""
        return self.colour is not Colour.RED

    def holds(self, instant: datetime) -> bool:
        """Whether the moment lies in it."""
        return self.starts_at <= instant < self.ends_at


@dataclass(frozen=True)
class OwnerPlan:
    """The agent who is to own the callback, and what they have planned and promised."""

    facts: OwnerFacts
    zone: str = "UTC"
    """The agent's own: a schedule is known day by day of their calendar."""
    on_queue: Sequence[Stretch] = ()
    promised: Sequence[datetime] = ()
    """When their other callbacks are (UTC)."""

    @cached_property
    def _work(self) -> list[Stretch]:
        return merged(self.on_queue)

    @cached_property
    def _planned_days(self) -> frozenset[date]:
        absences = [Stretch(starts, ends) for starts, ends, _ in self.facts.absences]
        tz = moments.zone(self.zone)
        days = set()
        for shift in (*self.on_queue, *absences):
            last = (shift.ends_at - timedelta(microseconds=1)).astimezone(tz).date()
            day = shift.starts_at.astimezone(tz).date()
            while day <= last:
                days.add(day)
                day += DAY
        return frozenset(days)

    def absence_at(self, call: Stretch) -> str:
        """What their schedule shows instead of calls during one; empty where nothing does."""
        for starts, ends, activity in self.facts.absences:
            if starts < call.ends_at and call.starts_at < ends:
                return activity
        return ""

    def is_off_queue(self, call: Stretch) -> bool:
        """Whether their schedule for that day is known, and has them off queue in a call's time."""
        if call.starts_at.astimezone(moments.zone(self.zone)).date() not in self._planned_days:
            return False
        return not any(
            work.starts_at <= call.starts_at and call.ends_at <= work.ends_at for work in self._work
        )

    def promise_near(self, instant: datetime) -> datetime | None:
        """Another promise of theirs, so near that one call would run into the other."""
        near = (p for p in self.promised if abs(p - instant) < limits.HANDLING_TIME)
        return min(near, default=None)


def tile(interval: Stretch, zone: str) -> Iterator[Stretch]:
    """The half hours that an interval (UTC) touches, by the wall clock of a zone, in order.

    Each lasts thirty real minutes, so a day has 46 or 50 where clocks change; one is shorter only
    where clocks move by a part of half an hour.
    """
    start = half_hour_of(moments.at_instant(interval.starts_at, zone)).starts_at
    while start < interval.ends_at:
        end = half_hour_of(moments.at_instant(start, zone)).ends_at
        yield Stretch(start, end)
        start = end


def half_hour_of(moment: Moment) -> Stretch:
    """The half hour (UTC) of the wall clock in which a moment lies."""
    local = moment.local
    into = timedelta(
        minutes=local.minute % 30, seconds=local.second, microseconds=local.microsecond
    )
    start = moment.instant - into
    return Stretch(start, start + HALF_HOUR)


@dataclass(frozen=True, kw_only=True)
class Book:
    """All that tells how a half hour suits: the queue's terms, its promises, and the owner's plan."""

    terms: QueueTerms
    at: datetime
    """Now (UTC)."""
    zone: str
    """Whose clocks the half hours are read from."""
    contact_zone: str
    half_hours: Sequence[Stretch]
    taken: Mapping[datetime, int] = field(default_factory=dict)
    """How many promises the queue has in the half hour that starts then."""
    owner: OwnerPlan | None = None

    def slots(self) -> list[Slot]:
        """The half hours, each with every reason against it."""
        return [self._slot(half_hour) for half_hour in self.half_hours]

    def _slot(self, half_hour: Stretch) -> Slot:
        taken = self.taken.get(half_hour.starts_at, 0)
        moment = moments.at_instant(half_hour.starts_at, self.zone)
        reasons = tuple(self._reasons(half_hour.starts_at, taken))
        return Slot(moment, half_hour.ends_at, self.terms.slot_capacity, taken, reasons)

    def _reasons(self, start: datetime, taken: int) -> Iterator[Reason]:
        if limits.is_past(start, self.at):
            yield Reason("time.past", "Its start has passed.", closes=True)
            return
        yield from self._beyond_limits(start)
        yield from self._of_calling_hours(start)
        yield from _of_capacity(taken, self.terms.slot_capacity)
        if self.owner:
            yield from self._of_owner(self.owner, start)

    def _beyond_limits(self, start: datetime) -> Iterator[Reason]:
        if limits.is_too_far(start, self.at, limits.FURTHEST_AHEAD):
            yield Reason("time.too.far", "It is more than 30 days ahead.", closes=True)
        elif self.owner and (problem := ownership.problem_with_terms(self.terms, start, self.at)):
            said = _LIMITS_OF_OWNERSHIP.get(problem.code, problem.message)
            ahead = limits.in_words(self.terms.schedule_ahead_limit)
            yield Reason(problem.code, said.format(ahead=ahead), closes=True)

    def _of_calling_hours(self, start: datetime) -> Iterator[Reason]:
        if not any(one.starts_at <= start < one.ends_at for one in self._open):
            day = start.astimezone(moments.zone(self.contact_zone)).date()
            said = f"{self.terms.hours.of_day(day)} ({self.contact_zone})."
            yield Reason("calling.hours", f"Outside calling hours: {said}", closes=True)
        elif ends := self._closing_within(Stretch(start, start + self.terms.window_duration)):
            local = ends.astimezone(moments.zone(self.contact_zone))
            yield Reason(
                "calling.hours.end",
                f"Calls end at {local:%H:%M} ({self.contact_zone}), within the callback window.",
            )

    def _closing_within(self, window: Stretch) -> datetime | None:
        """When calls end within the window, and do not begin again in it."""
        touched = [one for one in self._open if not one.within(window).is_empty]
        closes = len(touched) == 1 and touched[0].ends_at < window.ends_at
        return touched[0].ends_at if closes else None

    @cached_property
    def _open(self) -> list[Stretch]:
        """When the contact may be called, from the first half hour to the end of the last window."""
        if not self.half_hours:
            return []
        end = self.half_hours[-1].ends_at + self.terms.window_duration
        found = []
        for starts, ends in self.terms.hours.stretches_from(
            self.half_hours[0].starts_at, self.contact_zone
        ):
            if starts >= end:
                break
            found.append(Stretch(starts, ends))
        return merged(found)

    def _of_owner(self, owner: OwnerPlan, start: datetime) -> Iterator[Reason]:
        name, call = owner.facts.name, Stretch(start, start + limits.HANDLING_TIME)
        ends = start + self.terms.window_duration
        if unable := ownership.why_unable(owner.facts, self.terms, start, ends):
            yield Reason("ownership.agent.unable", f"{unable}.", closes=True)
        elif activity := owner.absence_at(call):
            yield Reason("owner.absent", f"{name}'s schedule shows {activity} then.")
        elif owner.is_off_queue(call):
            yield Reason("owner.off.queue", f"{name} is not planned to be on queue then.")
        if promised := owner.promise_near(start):
            local = promised.astimezone(moments.zone(self.zone))
            yield Reason("owner.promised", f"{name} has promised another call at {local:%H:%M}.")


_LIMITS_OF_OWNERSHIP = {
    "ownership.disabled": "Owned callbacks are switched off in this queue.",
    "ownership.too.far": "Owned callbacks here may lie at most {ahead} ahead.",
}


def _of_capacity(taken: int, capacity: int | None) -> Iterator[Reason]:
    if capacity is None:
        return
    if taken >= capacity:
        yield Reason("slot.full", f"Full: {taken} of {capacity} are promised.", closes=True)
    elif taken and (taken >= NEARLY_FULL * capacity or capacity - taken == 1):
        yield Reason("slot.tight", f"Nearly full: {taken} of {capacity} are promised.")


def suggestions(slots: Iterable[Slot], wished: datetime) -> list[Slot]:
    """The three half hours that suit best in place of a wished moment (UTC), the best first.

    The wished day's before others', green before amber, the nearest first; at least one is later
    than the wish where there is any, and none is the one that holds it.
    """
    there = [slot for slot in slots if slot.is_bookable and not slot.holds(wished)]

    def rank(slot: Slot) -> tuple[bool, bool, timedelta, datetime]:
        day = slot.moment.local.date()
        is_other_day = day != wished.astimezone(slot.moment.local.tzinfo).date()
        is_amber = slot.colour is Colour.AMBER
        return is_other_day, is_amber, abs(slot.starts_at - wished), slot.starts_at

    ranked = sorted(there, key=rank)
    best = ranked[:SUGGESTED]
    later = next((slot for slot in ranked if slot.starts_at > wished), None)
    return best if later is None or later in best else [*best[: SUGGESTED - 1], later]
