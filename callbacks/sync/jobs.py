"""Single pieces of work with a platform, as a thread does them: values in, what came of it out.

No job looks into our database, and each sends what it must once. What is not sure is said to be so.
"""

import dataclasses
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callbacks.models import Counterpart
from callbacks.sync.platforms.base import (
    Busy,
    CannotPatch,
    Change,
    Content,
    Gone,
    InTheWay,
    Page,
    Platform,
    PlatformError,
    Remote,
    Result,
)


@dataclass(frozen=True)
class Made:
    """It is there as was wished: made, changed, or found."""

    remote: Remote
    was_found: bool = False
    """It had been made by a request whose answer was lost, or that another one had sent."""
    extra: Sequence[Remote] = ()
    """More of them with our reference, still live: doubles."""
    trouble: Busy | None = None
    """What the platform said after it was made, without harm to it: that we are too fast."""


@dataclass(frozen=True)
class Ended:
    """It is over there, as was wished."""


@dataclass(frozen=True)
class OverThere:
    """It is over there, which we did not know."""

    remote: Remote


@dataclass(frozen=True)
class NotThere:
    """The platform has nothing with our reference: it may be sent (again)."""


@dataclass(frozen=True)
class ToReplace:
    """It was cancelled there, to be made anew: what is wished for cannot be patched."""

    why: str


@dataclass(frozen=True)
class Doubles:
    """There were more live ones with our reference than one; now there is one."""

    kept: Remote | None
    dropped: Sequence[Remote]


Outcome = Made | Ended | OverThere | NotThere | ToReplace | Doubles | Page | PlatformError
Work = Callable[[Platform], Sequence[Outcome]]


class Kind(StrEnum):
    """What a job is about."""

    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    LOOK_UP = "look up"
    CHECK = "check for doubles"
    SEE = "see"
    POLL = "poll"


SENT = frozenset({Kind.CREATE, Kind.UPDATE, Kind.CANCEL})
"""What is written down before it leaves, since it changes something there."""


@dataclass
class Task:
    """What a job does for one callback."""

    counterpart: Counterpart
    content: Content | None = None
    """What is to be confirmed; ``None``: that it is over."""
    last_message: int = 0


@dataclass
class Job:
    """A piece of work, for which callbacks, and what came of it."""

    kind: Kind
    work: Work
    tasks: Sequence[Task] = ()
    began_at: datetime | None = None
    outcomes: Sequence[Outcome] = ()
    """One for each task; of a poll, one."""

    @property
    def callback_ids(self) -> Sequence[uuid.UUID]:
        """Whose lines are busy while it is under way."""
        return [task.counterpart.callback_id for task in self.tasks]

    def run(self, platform: Platform) -> Sequence[Outcome]:
        """Do it; a failure is an outcome of every task."""
        try:
            return self.work(platform)
        except PlatformError as failed:
            return [failed] * max(1, len(self.tasks))


def create(content: Content) -> Work:
    """Make one, and mark it as ours."""

    def work(platform: Platform) -> Sequence[Outcome]:
        return [_marked(platform, content, _created(platform, content, _make(platform, content)))]

    return work


def _make(platform: Platform, content: Content) -> Result:
    try:
        return platform.create(content)
    except PlatformError as failed:
        return failed


def create_many(contents: Sequence[Content]) -> Work:
    """Make many in one request."""

    def work(platform: Platform) -> Sequence[Outcome]:
        results = platform.create_many(contents)
        return [
            _created(platform, content, result)
            for content, result in zip(contents, results, strict=True)
        ]

    return work


def _created(platform: Platform, content: Content, result: Result) -> Outcome:
    """What is in the way may be ours: then it is taken as made (rules §6.4)."""
    if isinstance(result, Remote):
        return Made(result)
    if not isinstance(result, InTheWay):
        return result
    try:
        if not result.existing_id:
            return _found(platform.find(content)) or result
        existing = platform.fetch(result.existing_id)
    except PlatformError as failed:
        # Nothing was made; whose it is, is asked another time.
        return failed if not failed.is_open else NotThere()
    return Made(existing, was_found=True) if existing.reference == content.reference else result


def _marked(platform: Platform, content: Content, outcome: Outcome) -> Outcome:
    """It is made whether or not the mark could be written: nothing may make it again."""
    if not isinstance(outcome, Made) or outcome.remote.is_over:
        return outcome
    try:
        platform.mark(outcome.remote, content)
    except Busy as busy:
        return dataclasses.replace(outcome, trouble=busy)
    except PlatformError:
        return outcome
    return outcome


def look_up(content: Content) -> Work:
    """What became of a request to make it whose answer was lost: before the mark, too."""

    def work(platform: Platform) -> Sequence[Outcome]:
        return [_marked(platform, content, _found(platform.find(content)) or NotThere())]

    return work


def _found(remotes: Sequence[Remote]) -> Made | None:
    """The one to keep, a live one if there is any, the earliest; live ones beside it are doubles."""
    live = sorted((one for one in remotes if not one.is_over), key=_age)
    if live:
        return Made(live[0], was_found=True, extra=live[1:])
    return Made(min(remotes, key=_age), was_found=True) if remotes else None


def _age(remote: Remote) -> tuple[bool, datetime | None, str]:
    return remote.changed_at is None, remote.changed_at, remote.id


def update(change: Change) -> Work:
    """Change it; where that is over or gone there, say so."""

    def work(platform: Platform) -> Sequence[Outcome]:
        try:
            changed = platform.update(change.remote, change.before, change.wanted)
        except PlatformError as failed:
            return [_changed(platform, change, failed)]
        return [Made(changed)]

    return work


def update_many(changes: Sequence[Change]) -> Work:
    """Change many in one request."""

    def work(platform: Platform) -> Sequence[Outcome]:
        results = platform.update_many(changes)
        return [
            _changed(platform, change, result)
            for change, result in zip(changes, results, strict=True)
        ]

    return work


def _changed(platform: Platform, change: Change, result: Result) -> Outcome:
    if isinstance(result, Remote):
        return Made(result)
    try:
        if isinstance(result, Gone):
            return _whereabouts(platform, change.remote)
        if isinstance(result, CannotPatch):
            return _replaced(platform, change.remote, result.message)
    except PlatformError as failed:
        return failed
    return result


def cancel(remote: Remote, reason: str) -> Work:
    """End it; one that is gone is over."""

    def work(platform: Platform) -> Sequence[Outcome]:
        with suppress(Gone):
            platform.cancel(remote, reason)
        return [Ended()]

    return work


def _replaced(platform: Platform, remote: Remote, why: str) -> Outcome:
    """End it so that it can be made anew."""
    with suppress(Gone):
        platform.cancel(remote, why)
    return ToReplace(why)


def whereabouts(remote: Remote) -> Work:
    """How it stands there now."""
    return lambda platform: [_whereabouts(platform, remote)]


def _whereabouts(platform: Platform, remote: Remote) -> Outcome:
    try:
        found = platform.fetch(remote.id)
    except Gone:
        return NotThere()
    return OverThere(found) if found.is_over else Made(found, was_found=True)


def check(content: Content, kept_id: str) -> Work:
    """Look for doubles, and cancel all live ones but one: the one that we know, if it is live."""

    def work(platform: Platform) -> Sequence[Outcome]:
        found = _with_kept(platform, platform.find(content), kept_id)
        live = sorted((one for one in found if not one.is_over), key=_age)
        kept = next((one for one in live if one.id == kept_id), live[0] if live else None)
        extra = [one for one in live if one is not kept]
        for remote in extra:
            with suppress(Gone):
                platform.cancel(remote, DOUBLE)
        return [Doubles(kept, extra)]

    return work


def _with_kept(platform: Platform, found: Sequence[Remote], kept_id: str) -> Sequence[Remote]:
    """What a search that lags does not show yet is read by its id: else the older would be kept."""
    if platform.finds_at_once or not kept_id or any(one.id == kept_id for one in found):
        return found
    with suppress(Gone):
        return [*found, platform.fetch(kept_id)]
    return found


DOUBLE = "It was there twice, after an answer was lost."


def poll(since: datetime, cursor: str | None) -> Work:
    """A part of what happened there."""
    return lambda platform: [platform.changes(since, cursor)]
