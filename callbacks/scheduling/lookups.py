"""Where an examination gets its facts: one by one from the database, or from what was preloaded.

The rules ask a ``Lookup`` and do not know which. So a list of hundreds is held to the same rules as
one request, in a number of statements that does not grow with the list.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from callbacks.models import Agent, Callback, ContactListEntry, Skill
from callbacks.rules import limits
from callbacks.rules.terms import OwnerFacts
from callbacks.scheduling import facts
from callbacks.scheduling.facts import PromiseFacts, QueueFacts, Wanted
from callbacks.scheduling.request import CallbackRequest


class Lookup:
    """Asks the database for each request anew."""

    def queue(
        self,
        queue_id: uuid.UUID,
        owner_id: uuid.UUID | None,
        by_id: uuid.UUID | None,
        at: datetime,
    ) -> QueueFacts | None:
        """A queue's terms, and what decides about these two people there. One statement."""
        return facts.of_queue(queue_id, owner_id, by_id, at)

    def skills(self) -> Mapping[str, str]:
        """All skills as they are called, by their names in small letters. One statement."""
        return {name.lower(): name for name in Skill.objects.values_list("name", flat=True)}

    def with_skills(self, owner: OwnerFacts, skills: Sequence[str]) -> OwnerFacts:
        """The agent, held to a callback's own skills, too. One statement where it has any."""
        return facts.with_skills(owner, skills)

    def promise(self, wanted: Wanted, at: datetime) -> PromiseFacts:
        """What speaks against one more promise. One statement, two for a duplicate."""
        return facts.of_promise(wanted, at)

    def name_of(self, agent_id: uuid.UUID) -> str:
        """What colleagues call the agent. One statement."""
        return str(Agent.objects.select_related("user").get(pk=agent_id))


ONE_BY_ONE = Lookup()
Promised = Callable[[Collection[str], Collection[str]], Iterable[Callback]]
"""Open callbacks to these numbers, or of these interactions, which the database does not hold."""


class Preloaded(Lookup):
    """Answers for many requests from what was fetched for all of them at once."""

    def __init__(
        self, requests: Sequence[CallbackRequest], by_id: uuid.UUID | None, at: datetime
    ) -> None:
        """Fetch what is known of queues and agents. Six statements however many requests."""
        queues = {request.queue_id for request in requests if request.queue_id}
        owners = {request.owner_id for request in requests if request.owner_id}
        others = {r.preferred_agent_id for r in requests if r.preferred_agent_id}
        self.terms = facts.of_queues(queues, at)
        self.staff = facts.Staff.of(queues, owners, others | ({by_id} if by_id else set()), at)
        self._sheets: dict[tuple[uuid.UUID | None, ...], QueueFacts | None] = {}
        self._open_by_number: dict[str, list[Callback]] = defaultdict(list)
        self._open_by_conversation: dict[str, list[Callback]] = defaultdict(list)
        self._barred: dict[str, str] = {}

    def queue(
        self,
        queue_id: uuid.UUID,
        owner_id: uuid.UUID | None,
        by_id: uuid.UUID | None,
        at: datetime,
    ) -> QueueFacts | None:
        """As asked one by one."""
        key = (queue_id, owner_id, by_id)
        if key not in self._sheets:
            self._sheets[key] = self._sheet(*key)
        return self._sheets[key]

    def _sheet(
        self, queue_id: uuid.UUID, owner_id: uuid.UUID | None, by_id: uuid.UUID | None
    ) -> QueueFacts | None:
        if (terms := self.terms.get(queue_id)) is None:
            return None
        owner = self.staff.owner(owner_id, queue_id) if owner_id else None
        is_member = by_id is not None and self.staff.is_member(by_id, queue_id)
        return QueueFacts(terms, owner, is_member)

    @cached_property
    def _skills(self) -> Mapping[str, str]:
        return super().skills()

    def skills(self) -> Mapping[str, str]:
        """As asked one by one."""
        return self._skills

    def with_skills(self, owner: OwnerFacts, skills: Sequence[str]) -> OwnerFacts:
        """As asked one by one."""
        return (
            facts.lacking_also(owner, skills, self.staff.skills_of(owner.id)) if skills else owner
        )

    def name_of(self, agent_id: uuid.UUID) -> str:
        """As asked one by one."""
        return str(self.staff.agents[agent_id])

    def load_promises(
        self, numbers: Collection[str], conversations: Collection[str], promised: Promised | None
    ) -> None:
        """Fetch all that may speak against promises to these. Two statements."""
        for callback in facts.open_promises(numbers, conversations):
            self.add_promise(callback)
        for callback in promised(numbers, conversations) if promised else ():
            self.add_promise(callback)
        self._barred = dict(
            ContactListEntry.objects.uncallable()
            .filter(phone_number__in=numbers)
            .values_list("phone_number", "contact_list__name")
        )

    def add_promise(self, callback: Callback) -> None:
        """Reckon with this one from now on."""
        self._open_by_number[callback.phone_number].append(callback)
        if callback.conversation_id:
            self._open_by_conversation[callback.conversation_id].append(callback)

    def promise(self, wanted: Wanted, at: datetime) -> PromiseFacts:
        """As asked one by one, within the same rule of 48 hours."""
        near = limits.duplicate_spans(wanted.requested_at, at)
        of_number = [
            callback
            for callback in self._open_by_number.get(wanted.phone_number, ())
            if any(span.holds(callback.requested_at) for span in near)
        ]
        of_conversation = self._open_by_conversation.get(wanted.conversation_id, [])
        twins = of_number or of_conversation
        return PromiseFacts(
            min(twins, key=lambda twin: twin.requested_at, default=None),
            is_same_number=bool(of_number),
            barred_by=self._barred.get(wanted.phone_number),
        )

    def relate(self, callback: Callback) -> Callback:
        """The callback with its people at hand, as messages, history and portraits call them."""
        if callback.owner_id:
            callback.owner = self.staff.agents[callback.owner_id]
        if callback.preferred_agent_id:
            callback.preferred_agent = self.staff.agents[callback.preferred_agent_id]
        return callback
