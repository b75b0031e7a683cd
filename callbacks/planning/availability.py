"""Who is free in an interval: shifts less breaks less owned callbacks."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from callbacks.models import Callback, Shift
from callbacks.models.callback import OPEN
from callbacks.rules import limits
from callbacks.rules.availability import Stretch, free


@dataclass(frozen=True)
class Availability:
    """One agent in an interval."""

    agent_id: uuid.UUID
    is_planned: bool
    """Whether any shift is known for the interval; where none is, nothing can be said."""
    free: Sequence[Stretch] = ()

    @property
    def has_time(self) -> bool:
        """Whether one more callback fits in."""
        return any(stretch.duration >= limits.HANDLING_TIME for stretch in self.free)


def availability(
    agent_ids: Collection[uuid.UUID], starts_at: datetime, ends_at: datetime
) -> Mapping[uuid.UUID, Availability]:
    """For each agent when they are free from start to end (UTC). Two statements for any number."""
    interval = Stretch(starts_at, ends_at)
    on_queue: dict[uuid.UUID, list[Stretch]] = {key: [] for key in agent_ids}
    absent: dict[uuid.UUID, list[Stretch]] = {key: [] for key in agent_ids}
    shifts = Shift.objects.filter(agent__in=on_queue, ends_at__gt=starts_at, starts_at__lt=ends_at)
    for shift in shifts:
        kind = on_queue if shift.activity == Shift.Activity.ON_QUEUE else absent
        kind[shift.agent_id].append(Stretch(shift.starts_at, shift.ends_at))
    promised = _promised(on_queue, interval)
    return {
        key: Availability(
            key,
            is_planned=bool(on_queue[key] or absent[key]),
            free=free(on_queue[key], absent[key], promised[key], interval),
        )
        for key in on_queue
    }


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
    for owner_id, at in owned.values_list("owner_id", "requested_at"):
        if owner_id:
            found[owner_id].append(Stretch(at, at + lasting))
    return found
