"""A callback as a row on a screen: formatted once, in Python, for the person who looks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from callbacks import access
from callbacks.lifecycle import Status
from callbacks.models import Callback
from callbacks.rules import limits, numbers
from callbacks.rules.standing import Word
from dashboard.clocks import city, day_and_time, local
from dashboard.entrance import Request
from dashboard.next_steps import next_step


@dataclass(frozen=True)
class Mark:
    """How a callback stands on its platform, as a small mark with words."""

    label: str
    tone: str
    icon: str
    title: str


MARKS: Mapping[Word, tuple[str, str, str]] = {
    Word.WAITING: ("waits for the platform", "accent", "cloud-upload"),
    Word.SENDING: ("being sent", "accent", "cloud-upload"),
    Word.IN_STEP: ("in step", "good", "cloud-check"),
    Word.CONFLICT: ("platform conflict", "danger", "cloud-alert"),
    Word.PARKED: ("platform refuses it", "danger", "cloud-alert"),
    Word.DISCARDED: ("kept from the platform", "", "cloud-off"),
}
"""Words, colour and picture; silence is for what has no platform, or is over there."""


@dataclass
class Row:
    """One callback, at one moment, for one person."""

    callback: Callback
    at: datetime
    by: access.Actor
    zone: str

    @property
    def requested_at(self) -> datetime:
        """The moment of the promise (UTC)."""
        return self.callback.requested_at

    @property
    def label(self) -> str:
        """For marks and titles."""
        return f"{self.mine} {self.contact}"

    @property
    def contact(self) -> str:
        """The contact's name, or what stands for it."""
        return self.callback.contact_name or "Unnamed contact"

    @property
    def number(self) -> str:
        """The number, for those who are to call it."""
        shown = numbers.display(self.callback.phone_number, self.callback.queue.default_region)
        extension = self.callback.phone_extension
        return f"{shown} ext. {extension}" if extension else shown

    @property
    def masked_number(self) -> str:
        """The number as lists show it to those who are not."""
        return numbers.mask(self.callback.phone_number)

    @cached_property
    def mine(self) -> str:
        """The reader's clock."""
        return day_and_time(self.callback.requested_at, self.zone)

    @cached_property
    def theirs(self) -> str:
        """The contact's clock."""
        return day_and_time(self.callback.requested_at, self.callback.contact_time_zone)

    @property
    def my_city(self) -> str:
        """Where the reader's clock hangs."""
        return city(self.zone)

    @property
    def their_city(self) -> str:
        """Where the contact's clock hangs."""
        return city(self.callback.contact_time_zone)

    @property
    def due(self) -> str:
        """``in 2 hours 14 minutes``, ``now``, ``20 minutes ago``; of another try, when that is."""
        callback = self.callback
        is_again = callback.status == Status.PENDING and (
            callback.held_for or callback.attempts_made
        )
        if is_again and callback.next_action_at and callback.next_action_at > self.at:
            return f"again {limits.distance_in_words(callback.next_action_at, self.at)}"
        return limits.distance_in_words(callback.requested_at, self.at)

    @property
    def theirs_now(self) -> str:
        """What the contact's clock shows at this moment."""
        return f"{local(self.at, self.callback.contact_time_zone):%a %H:%M}"

    @property
    def my_now(self) -> str:
        """What the reader's clock shows at this moment."""
        return f"{local(self.at, self.zone):%a %H:%M}"

    @property
    def mark(self) -> Mark | None:
        """How it stands on the platform of its queue, where that is worth a word."""
        standing = self.callback.standing
        if standing.word not in MARKS:
            return None
        said = f"{standing.label}: {standing.platform}. {standing.error}"
        return Mark(*MARKS[standing.word], said.strip())

    @property
    def next_step(self) -> str:
        """What happens next, and when."""
        return next_step(self.callback, self.at, self.zone)

    @property
    def is_overdue(self) -> bool:
        """Open, and its window has ended."""
        return self.callback.is_overdue(self.at)

    @property
    def is_routed_by_platform(self) -> bool:
        """Open, and the telephony platform offers it to agents, not we."""
        return self.callback.is_open and self.callback.queue.is_routed_by_platform

    @property
    def is_locked(self) -> bool:
        """Owned, and too close to be edited."""
        return self.callback.is_locked(self.at)

    @property
    def is_owned_by_me(self) -> bool:
        """Whether the reader is the owner."""
        return self.callback.owner_id is not None and self.callback.owner_id == self.by.id

    @property
    def ownership(self) -> str:
        """Until when it waits for its owner."""
        if not self.callback.ownership_expires_at:
            return ""
        return f"yours until {day_and_time(self.callback.ownership_expires_at, self.zone)}"

    @cached_property
    def may_edit(self) -> bool:
        """Whether the reader may change it at all, were it not locked."""
        return self.callback.is_editable and access.may_edit(self.by, self.callback)

    @property
    def may_cancel(self) -> bool:
        """Whether the reader may cancel it."""
        is_offered = self.callback.status == Status.OFFERED
        return (self.callback.is_editable or is_offered) and access.may_edit(self.by, self.callback)

    @property
    def may_revive(self) -> bool:
        """Whether the reader may promise it again after it expired."""
        is_expired = self.callback.status == Status.EXPIRED
        return is_expired and access.may_revive(self.by, self.callback)

    @property
    def may_take_back(self) -> bool:
        """Whether the reader may end a call that its agent does not wrap up."""
        is_spoken = self.callback.status == Status.IN_PROGRESS
        return is_spoken and access.may_override_lock(self.by, self.callback)

    @property
    def may_take(self) -> bool:
        """Whether the reader may become its owner."""
        return (
            self.callback.is_editable
            and self.callback.queue.ownership_enabled
            and access.may_take(self.by, self.callback)
        )

    @property
    def may_assign(self) -> bool:
        """Whether the reader may hand it over, or give it up."""
        return self.callback.is_editable and access.may_assign(self.by, self.callback)

    @property
    def can_edit_now(self) -> bool:
        """Whether an edit would be accepted at this moment."""
        if not self.may_edit:
            return False
        return not self.is_locked or access.may_override_lock(self.by, self.callback)


def rows(callbacks: Iterable[Callback], request: Request, at: datetime) -> list[Row]:
    """The callbacks as rows for the person who asks."""
    return [Row(callback, at, request.actor, request.user.time_zone) for callback in callbacks]
