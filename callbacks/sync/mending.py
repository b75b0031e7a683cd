"""What the platform has lost is made there anew, unless it lost so much that a person must decide.

A few lost callbacks are an accident; many are a platform that was emptied, restored or exchanged for
another one, and to send everything again might double what is only hidden.
"""

from datetime import datetime

from django.db import transaction

from callbacks import journal
from callbacks.access import Actor
from callbacks.models import Callback, Connection, Counterpart
from callbacks.models.connection import CounterpartQuerySet
from callbacks.sync import planning

State = Counterpart.State
FEW, MANY, SHARE = 5, 20, 0.05
"""Repaired at once are up to 5; or up to 20, where that is no more than 5 % of what is there."""
MADE_AGAIN = 3
"""So often what was lost is made anew; then a person must look."""
AT_ONCE = 200


def is_much(count: int, of: int) -> bool:
    """Whether so many of so many are more than may be repaired without a person."""
    return count > max(FEW, min(MANY, int(of * SHARE)))


def lost(connection: Connection) -> CounterpartQuerySet:
    """Those that the platform has no more, though they should be there."""
    return Counterpart.objects.filter(
        connection=connection, lost_at__isnull=False, state=State.THERE
    )


def is_held(connection: Connection) -> bool:
    """Whether so much was lost that nothing is made anew by itself. Two statements."""
    missing = lost(connection).count()
    live = Counterpart.objects.filter(connection=connection).live().count() if missing else 0
    return is_much(missing, live)


def mend(connection: Connection, at: datetime) -> int:
    """Make anew what was lost, where it is little; how many. One statement where nothing is lost."""
    if not lost(connection).exists() or is_held(connection):
        return 0
    return sum(make_anew(one, connection, at) for one in list(lost(connection)[:AT_ONCE]))


@transaction.atomic
def make_anew(
    counterpart: Counterpart, connection: Connection, at: datetime, *, by: Actor | None = None
) -> bool:
    """Let it be made there again, under a new reference; else a person must look. Whether it will be.

    ``by``: the person who said so; else it happens by itself. Only what is still to come: of a past time nobody knows whether the contact was called.
    """
    there = Counterpart.objects.select_for_update(no_key=True).get(pk=counterpart.pk)
    if there.lost_at is None:
        return False
    callback = Callback.objects.for_display().get(pk=there.callback_id)
    planning.anew(there)
    there.times_lost += 1
    there.lost_at, there.sending, there.next_attempt_at = None, None, at
    why_not = _why_not(there, callback, at)
    said = f"The platform has lost it ({there.times_lost} ×). "
    if why_not:
        there.state, there.last_error = State.PARKED, said + why_not
    there.save()
    journal.record(
        callback, journal.What.SYNCHRONISED, by=by or Actor.platform(connection.name), at=at, before={},
        after={}, reason=said + (why_not or "It is made there anew."),
        action=None if why_not else journal.Action.CREATE,
    )  # fmt: skip
    return not why_not


def _why_not(there: Counterpart, callback: Callback, at: datetime) -> str:
    if there.times_lost > MADE_AGAIN:
        return "A person must look, under Synchronisation."
    if callback.requested_at <= at:
        return "Its time is past, so it is not made anew: reschedule it, or call from here."
    return ""
