"""What came of a job, written down: how the callback stands there, what is settled, what comes next."""

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from callbacks import journal
from callbacks.access import Actor
from callbacks.models import Callback, Connection, Counterpart
from callbacks.sync import lines, planning, polling, returning
from callbacks.sync.contents import as_json
from callbacks.sync.jobs import (
    SENT,
    Doubles,
    Ended,
    Job,
    Kind,
    Made,
    NotThere,
    Outcome,
    OverThere,
    Task,
    ToReplace,
)
from callbacks.sync.platforms.base import (
    Busy,
    CannotPatch,
    Gone,
    InTheWay,
    PlatformError,
    Postponed,
    Refused,
    TooMany,
    Unwelcome,
)

State = Counterpart.State
GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
LONGEST_REST = 60.0
RESTS_AFTER = 5
"""So many failures in a row, and the whole connection rests."""
UNWELCOME_REST = 20.0
LOST_PAUSE = timedelta(minutes=5)
"""So long nothing is told of what the platform has lost, unless it is made anew meanwhile."""
FIRST_CHECK, SECOND_CHECK = timedelta(seconds=10), timedelta(seconds=25)
chance = random.SystemRandom()


@transaction.atomic
def settle(job: Job, connection: Connection, at: datetime) -> None:
    """Write down all that came of it (``at``: aware UTC)."""
    _note_health(connection, job.outcomes, at)
    if job.kind is Kind.POLL:
        polling.settle(job.outcomes[0], connection, at, asked_at=job.began_at or at)
        return
    keys = [task.counterpart.pk for task in job.tasks]
    held = Counterpart.objects.select_for_update(no_key=True).order_by("pk").in_bulk(keys)
    callbacks = Callback.objects.for_display().in_bulk(job.callback_ids)
    settled: list[tuple[Counterpart, int]] = []
    for task, outcome in zip(job.tasks, job.outcomes, strict=True):
        counterpart = held.get(task.counterpart.pk)
        if counterpart is None:
            continue
        after = _After(job, task, counterpart, callbacks[counterpart.callback_id], connection, at)
        after.take(outcome)
        counterpart.save()
        if after.is_told:
            settled.append((counterpart, task.last_message))
    lines.settle(settled, at)


class _After:
    """What follows for one callback from one outcome."""

    def __init__(
        self,
        job: Job,
        task: Task,
        counterpart: Counterpart,
        callback: Callback,
        connection: Connection,
        at: datetime,
    ) -> None:
        self.kind, self.task, self.there = job.kind, task, counterpart
        self.told = returning.Tidings(connection, at, job.began_at or at)
        self.callback, self.connection, self.at = callback, connection, at
        self.is_told = False

    def take(self, outcome: Outcome) -> None:
        """The one place that says what each outcome means."""
        match outcome:
            case Made():
                self._made(outcome)
            case Ended():
                self._ended()
            case OverThere():
                self._over_there(outcome)
            case NotThere():
                self._not_there()
            case ToReplace():
                self._replace(outcome)
            case Doubles():
                self._doubles(outcome)
            case PlatformError():
                self._failed(outcome)

    # --- it worked -------------------------------------------------------------------------

    def _made(self, made: Made) -> None:
        there, remote, wanted = self.there, made.remote, self.task.content
        if self.kind is Kind.SEE:
            self._seen(made)
            return
        is_sure = wanted is not None and not (made.was_found and not _agrees(made, self.task))
        if made.was_found:
            self._say(f"Found on the platform as {remote.id}: it is not made a second time.")
        there.external_id, there.handle = remote.id, dict(remote.handle)
        there.state, there.existing_id = State.THERE, ""
        before = planning.confirmed(there)
        if not (wanted and returning.has_theirs(before, wanted, remote)):
            # Else what somebody changed there meanwhile is news to the next look.
            there.remote_changed_at = remote.changed_at
        there.content = as_json(wanted) if wanted and is_sure else None
        there.standing, there.shown = remote.standing, None
        self._calm()
        if made.extra:
            there.check_at, there.checks_left = self.at, 2
        if is_sure:
            self._told()

    def _seen(self, made: Made) -> None:
        """It is there; whether it holds what was to be changed is not known: it is told again."""
        there = self.there
        if there.state == State.SENDING:
            there.state, there.content = State.THERE, None
        self._calm()
        returning.apply(there, made.remote, self.told)

    def _ended(self) -> None:
        self.there.state = State.OVER
        self._calm()
        self._told()

    def _over_there(self, over: OverThere) -> None:
        """It ended there: that comes back to us (rules §6.8)."""
        there = self.there
        there.state = State.THERE
        self._calm()
        returning.apply(there, over.remote, self.told)
        if there.state == State.OVER:
            self._told()
        else:
            # A call is under way here: its end decides, and nothing more is told before.
            there.next_attempt_at = self.at + timedelta(seconds=self.connection.poll_seconds)

    def _told(self) -> None:
        there = self.there
        there.synced_message = max(there.synced_message, self.task.last_message)
        there.synced_at = self.at
        self.is_told = True

    def _calm(self) -> None:
        """Whatever went wrong before is over."""
        there = self.there
        there.sending, there.attempts, there.give_up_at = None, 0, None
        there.last_error, there.seen_at, there.next_attempt_at = "", self.at, self.at
        there.lost_at = None

    # --- it is not there -------------------------------------------------------------------

    def _not_there(self) -> None:
        there = self.there
        if self.kind is Kind.LOOK_UP:
            # Nothing came of it: it may be sent again, and a late one is looked for afterwards.
            there.state, there.sending = State.ABSENT, None
            there.check_at, there.checks_left = self.at + self._first_check(), 2
            self._later(now=True)
            return
        sent = (there.sending or {}).get("kind")
        if self.callback.ended_at or sent == Kind.CANCEL:
            self._ended()
            return
        self._lost()

    def _first_check(self) -> timedelta:
        return max(FIRST_CHECK, self.connection.settle)

    def _lost(self) -> None:
        """The platform has it no more. Whether it is made anew is decided once all are looked for:
        a platform that lost nearly everything is no reason to send it all again (``mending``)."""
        there = self.there
        there.state, there.sending = State.THERE, None
        there.lost_at, there.seen_at = there.lost_at or self.at, self.at
        there.next_attempt_at = self.at + LOST_PAUSE

    def _replace(self, outcome: ToReplace) -> None:
        self._say(f"Cancelled on the platform, to be made there anew: {outcome.why}")
        planning.anew(self.there)
        self.there.sending, self.there.next_attempt_at = None, self.at

    def _doubles(self, doubles: Doubles) -> None:
        there = self.there
        there.checks_left = max(0, there.checks_left - 1)
        pause = max(SECOND_CHECK, self.connection.settle)
        there.check_at = self.at + pause if there.checks_left else None
        if doubles.kept and there.state == State.THERE and doubles.kept.id != there.external_id:
            there.external_id, there.handle = doubles.kept.id, dict(doubles.kept.handle)
        for remote in doubles.dropped:
            self._say(f"It was on the platform twice: {remote.id} is cancelled there.")

    # --- it failed -------------------------------------------------------------------------

    def _failed(self, failed: PlatformError) -> None:
        there = self.there
        if isinstance(failed, Postponed):
            if self.kind in SENT:
                self._back()
            return
        there.last_error, there.last_answer = failed.message, failed.answer
        there.last_request = json.dumps(there.sending, ensure_ascii=False) if there.sending else ""
        if self.kind not in SENT:
            self._look_failed(failed)
        elif isinstance(failed, InTheWay):
            self._conflict(failed)
        elif isinstance(failed, (Refused, CannotPatch, Gone)):
            self._park(failed.message)
        elif failed.is_open:
            # It stays *being sent*: looked up once it has settled there, then sent again.
            there.sent_at = self.at
            self._count(failed)
        else:
            self._back()
            if not isinstance(failed, (Busy, TooMany)) and not failed.is_of_platform:
                there.attempts += 1
                self._later()

    def _look_failed(self, failed: PlatformError) -> None:
        """Asked again after a while; nothing is known, and nothing is changed."""
        there = self.there
        again = self.at + timedelta(seconds=self._pause())
        there.attempts += 1
        if self.kind is Kind.CHECK:
            there.check_at = again
        elif there.state == State.SENDING:
            there.sent_at = again - self.connection.settle
        if isinstance(failed, Refused) and there.state == State.SENDING:
            self._park(failed.message)

    def _back(self) -> None:
        """It never left, or the platform did nothing: as before."""
        there = self.there
        there.state = State.THERE if there.external_id else State.ABSENT
        there.sending = None

    def _count(self, failed: PlatformError) -> None:
        there = self.there
        there.attempts += 1
        there.give_up_at = there.give_up_at or self.at + GIVE_UP_AFTER
        if self.at > there.give_up_at:
            self._park(f"Given up after a day: {failed.message}")

    def _later(self, *, now: bool = False) -> None:
        pause = 0.0 if now else self._pause()
        self.there.next_attempt_at = self.at + timedelta(seconds=pause)

    def _pause(self) -> float:
        return full_jitter(self.there.attempts, FIRST_PAUSE, LONGEST_PAUSE)

    def _park(self, why: str) -> None:
        there = self.there
        there.state, there.sending, there.last_error = State.PARKED, None, why
        self._say(
            f"The platform does not take it: {why} It waits for a person under Synchronisation."
        )

    def _conflict(self, failed: InTheWay) -> None:
        """Somebody else's callback is in the way: never a second one (rules §6.4)."""
        there = self.there
        there.state, there.sending, there.existing_id = State.CONFLICT, None, failed.existing_id
        which = f" ({failed.existing_id})" if failed.existing_id else ""
        self._say(
            f"The platform has another callback for this contact{which}: this one is not made there."
        )

    def _say(self, what: str) -> None:
        """In the callback's history."""
        journal.record(
            self.callback, journal.What.SYNCHRONISED, by=Actor.platform(self.connection.name),
            at=self.at, before={}, after={}, reason=what, action=None,
        )  # fmt: skip


def _agrees(made: Made, task: Task) -> bool:
    """Whether what was found holds what was sent, as far as it can be told."""
    wanted, remote = task.content, made.remote
    return (
        wanted is not None
        and remote.requested_at == wanted.requested_at
        and remote.number == wanted.number
        and remote.owner == wanted.owner
    )


def full_jitter(times: int, first: float, longest: float) -> float:
    """Seconds to wait after so many failures: between nothing and twice as much each time."""
    return chance.uniform(0, min(longest, first * 2 ** min(times, 20)))


# --- the connection as a whole -----------------------------------------------------------------


def _note_health(connection: Connection, told: Sequence[Outcome], at: datetime) -> None:
    """How the platform is doing; written where something changed, or a second is over."""
    before = [getattr(connection, name) for name in HEALTH]
    failed = next(filter(None, map(_failure, told)), None)
    if isinstance(failed, Postponed):
        return
    if isinstance(failed, Busy):
        _rest(connection, failed, at)
    elif failed is not None and failed.is_of_platform:
        connection.busies = 0
        _fail(connection, failed, at)
    else:
        _recover(connection, at)
    if isinstance(failed, TooMany) and connection.batch_size > 1:
        connection.batch_size = max(1, len(told) // 2)
    if before != [getattr(connection, name) for name in HEALTH]:
        connection.save(update_fields=HEALTH)


def refuse(connection: Connection, why: str, at: datetime) -> None:
    """It cannot even be asked as it is set up: somebody must look (``at``: aware UTC)."""
    connection.refused_reason, connection.last_error = why, why
    connection.rests_until = at + timedelta(seconds=UNWELCOME_REST)
    connection.save(update_fields=HEALTH)


def _failure(outcome: Outcome) -> PlatformError | None:
    if isinstance(outcome, Made):
        return outcome.trouble
    return outcome if isinstance(outcome, PlatformError) else None


HEALTH = (
    "failures", "busies", "failing_since", "rests_until", "last_error", "refused_reason", "last_success_at",
    "batch_size",
)  # fmt: skip


def _rest(connection: Connection, busy: Busy, at: datetime) -> None:
    """It was asked too fast: all of the connection waits, not one callback (rules §6.2)."""
    seconds = busy.seconds
    if seconds is None:
        seconds = max(1.0, full_jitter(connection.busies, 1.0, LONGEST_REST))
        connection.busies += 1
    connection.rests_until = at + timedelta(seconds=seconds)
    connection.last_error = busy.message


def _fail(connection: Connection, failed: PlatformError, at: datetime) -> None:
    """After some failures in a row the circuit is open; then one request shows whether it is back."""
    connection.failures += 1
    connection.failing_since = connection.failing_since or at
    connection.last_error = failed.message
    rest = 0.0
    if isinstance(failed, Unwelcome):
        connection.refused_reason, rest = failed.message, UNWELCOME_REST
    elif connection.failures >= RESTS_AFTER:
        rest = max(0.5, full_jitter(connection.failures - RESTS_AFTER, 1.0, LONGEST_REST))
    if rest:
        connection.rests_until = at + timedelta(seconds=rest)


def _recover(connection: Connection, at: datetime) -> None:
    connection.failures, connection.failing_since, connection.busies = 0, None, 0
    connection.refused_reason = ""
    last = connection.last_success_at
    if last is None or at - last >= timedelta(seconds=1):
        connection.last_success_at = at
