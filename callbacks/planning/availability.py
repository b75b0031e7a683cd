"""Who is free in an interval: shifts less breaks less owned callbacks (rules §2.11)."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callbacks.models import Callback, Shift
from callbacks.models.callback import OPEN
from callbacks.rules import limits
from callbacks.rules.availability import Stretch, days_around, free

DAY = timedelta(days=1)
CALLBACK = "callback"


@dataclass(frozen=True, order=True)
class Busy:
    """A stretch in which an agent cannot take one more callback, and what keeps them from it."""

    stretch: Stretch
    what: str
    """``callback`` for one that they own; else the planned activity: ``meal``, ``absent`` …"""


@dataclass(frozen=True)
class Availability:
    """One agent in an interval."""

    agent_id: uuid.UUID
    is_planned: bool
    """Whether the agent's schedule is known: any shift on the interval's days, by the agent's own
    calendar. Where none is, nothing can be said: they are neither free nor absent."""
    free: Sequence[Stretch] = ()
    busy: Sequence[Busy] = ()
    """In order of their starts; they may overlap."""

    @property
    def has_time(self) -> bool:
        """Whether one more callback fits in."""
        return any(stretch.duration >= limits.HANDLING_TIME for stretch in self.free)


def availability(
    agent_ids: Collection[uuid.UUID], starts_at: datetime, ends_at: datetime, at: datetime
) -> Mapping[uuid.UUID, Availability]:
    """For each agent when they are free, and busy, from start to end (UTC). Two statements.

    ``at``: now; of what is past nothing is told. Each open callback that an agent owns takes
    ``limits.HANDLING_TIME`` from its requested time.
    """
    interval = Stretch(max(starts_at, min(at, ends_at)), ends_at)
    plans: dict[uuid.UUID, _Plan] = {key: _Plan([], []) for key in agent_ids}
    for agent_id, zone, activity, begins, finishes in _shifts(agent_ids, starts_at, ends_at):
        shift = Stretch(begins, finishes)
        if not shift.within(days_around(starts_at, ends_at, zone)).is_empty:
            plans[agent_id].add(activity, shift)
    promised = _promised(agent_ids, interval)
    return {
        key: Availability(
            key,
            is_planned=plan.is_known,
            free=free(
                plan.on_queue, [one.stretch for one in plan.absences], promised[key], interval
            ),
            busy=_busy([*plan.absences, *(Busy(one, CALLBACK) for one in promised[key])], interval),
        )
        for key, plan in plans.items()
    }


@dataclass(frozen=True)
class _Plan:
    """What is planned for one agent."""

    on_queue: list[Stretch]
    absences: list[Busy]

    @property
    def is_known(self) -> bool:
        return bool(self.on_queue or self.absences)

    def add(self, activity: str, shift: Stretch) -> None:
        if activity == Shift.Activity.ON_QUEUE:
            self.on_queue.append(shift)
        else:
            self.absences.append(Busy(shift, activity))


def _busy(kept: Iterable[Busy], interval: Stretch) -> Sequence[Busy]:
    """What of these lies in the interval."""
    parts = (Busy(one.stretch.within(interval), one.what) for one in kept)
    return tuple(sorted(part for part in parts if not part.stretch.is_empty))


def _shifts(
    agent_ids: Collection[uuid.UUID], starts_at: datetime, ends_at: datetime
) -> Collection[tuple[uuid.UUID, str, str, datetime, datetime]]:
    """All on the interval's days, whatever the agent's zone; with that zone."""
    # A day has 25 hours where clocks go back.
    margin = DAY + timedelta(hours=1)
    return (
        Shift.objects.filter(
            agent__in=agent_ids, ends_at__gt=starts_at - margin, starts_at__lt=ends_at + margin
        )
        .order_by()
        .values_list("agent_id", "agent__user__time_zone", "activity", "starts_at", "ends_at")
    )


def _promised(
    agent_ids: Collection[uuid.UUID], interval: Stretch
) -> dict[uuid.UUID, list[Stretch]]:
    """What each has promised, for as long as a call usually takes."""
    lasting = limits.HANDLING_TIME
    owned = Callback.objects.filter(
        OPEN,
        owner__in=agent_ids,
        requested_at__gt=interval.starts_at - lasting,
        requested_at__lt=interval.ends_at,
    ).order_by()
    found: dict[uuid.UUID, list[Stretch]] = {key: [] for key in agent_ids}
    for owner_id, requested_at in owned.values_list("owner_id", "requested_at"):
        if owner_id:
            found[owner_id].append(Stretch(requested_at, requested_at + lasting))
    return found
