"""What happened on the platform, asked for now and then: page by page, and then what is missing there.

What a whole look has not shown, though it should be there, is asked for one by one: mostly it is over,
which is news; seldom it is lost, which ``mending`` judges once all of them are looked for.
"""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from callbacks.models import Connection, Counterpart
from callbacks.sync import arriving, jobs, mending, planning, returning
from callbacks.sync.jobs import Job, Kind, Outcome, Task
from callbacks.sync.platforms.base import Page
from callbacks.sync.returning import Tidings

LOOK_BACK = timedelta(days=40)
"""Nothing that is open there was made earlier: 30 days ahead, and 7 of ownership."""


def due(
    connection: Connection, at: datetime, *, but: Collection[uuid.UUID], is_under_way: bool
) -> Job | None:
    """The next page of the look that is under way; a new look when it is time; or one that the last
    look has not seen, though we believe it to be there."""
    if is_under_way:
        return None
    if connection.poll_began_at is None and _is_time(connection, at):
        connection.poll_began_at, connection.poll_cursor = at, ""
    if connection.poll_began_at is not None:
        work = jobs.poll(connection.poll_began_at - LOOK_BACK, connection.poll_cursor or None)
        return Job(Kind.POLL, work)
    if connection.polled_at is None:
        return None
    missing = _missing(connection, connection.polled_at, but)
    if missing is None and not but:
        mending.mend(connection, at)
    return missing


def _is_time(connection: Connection, at: datetime) -> bool:
    return connection.poll_at is None or connection.poll_at <= at


def _missing(connection: Connection, polled_at: datetime, but: Collection[uuid.UUID]) -> Job | None:
    # What was made or changed while the look went on may not have been on its pages.
    before = polled_at - connection.settle
    unseen = (
        Counterpart.objects.filter(
            connection=connection, state=Counterpart.State.THERE, seen_at__lt=before
        )
        .exclude(callback__in=but)
        .order_by("seen_at")
        .first()
    )
    if unseen is None:
        return None
    return Job(Kind.SEE, jobs.whereabouts(planning.remote_of(unseen)), [Task(unseen)])


def settle(outcome: Outcome, connection: Connection, at: datetime, *, asked_at: datetime) -> None:
    """A page came back, or did not: then the look begins anew another time."""
    pause = timedelta(seconds=connection.poll_seconds)
    if isinstance(outcome, Page):
        told = Tidings(connection, at, asked_at)
        arriving.welcome(returning.apply_all(outcome.remotes, told), told)
        connection.poll_cursor = outcome.cursor or ""
        if outcome.cursor is None:
            connection.polled_at, connection.poll_began_at = connection.poll_began_at, None
            connection.poll_at = at + pause
            if connection.polled_at:
                arriving.forget_the_gone(connection, connection.polled_at)
    else:
        connection.poll_began_at, connection.poll_cursor = None, ""
        connection.poll_at = at + pause
    connection.save(update_fields=POLLED)


POLLED = ("polled_at", "poll_at", "poll_began_at", "poll_cursor")
