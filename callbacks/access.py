"""Who may see and do what: the one place (rules §7).

Screens, endpoints and commands all ask here. A callback that an actor may not read does not exist
for them: ``readable`` leaves it out, and a door answers 404.

| permission       | agent                                        | supervisor      | admin |
|------------------|----------------------------------------------|-----------------|-------|
| Callback > Create| own queues                                   | yes             | yes   |
| Callback > Edit  | those they own, made, or are preferred for   | of their queues | yes   |
| Callback > Read  | as Edit, plus unowned ones in own queues     | of their queues | yes   |
| Task > Manage    | of callbacks that they may edit; their own   | of their queues | yes   |
| revive           |                                              | of their queues | yes   |
| contact lists    |                                              | yes             | yes   |
| imports          |                                              | their own       | yes   |
| synchronisation  | *retry*, of those that they may edit         | of their queues | yes   |

A program may do what its scopes say, in its queues: ``callback:read`` to read, ``callback:write`` to
create and edit, ``task:manage`` to convert. It overrides no lock.

Whoever is offered a callback, or on the phone about it, sees and edits it meanwhile.
A supervisor who also takes callbacks has an agent's permissions besides.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from django.db.models import Exists, OuterRef, Q, QuerySet

from callbacks.errors import NotAllowed
from callbacks.lifecycle import Status
from callbacks.models import (
    Agent,
    ApiClient,
    Callback,
    CallbackImport,
    ConnectedQueue,
    Connection,
    Counterpart,
    HistoryEvent,
    Queue,
    Role,
    Task,
    User,
)
from callbacks.models.callback import CallbackQuerySet
from callbacks.models.connection import CounterpartQuerySet
from callbacks.models.program import Scope

Kind = HistoryEvent.ActorKind
TO_READ = (Scope.READ, Scope.WRITE, Scope.TASKS)
"""Whoever may change a callback must be able to see it; which *answers* a program gets, its token's
scope for that request decides."""


@dataclass(frozen=True)
class Actor:
    """Who does something: a person, a program, the clock, the platform."""

    kind: str
    name: str
    user: User | None = None
    client: ApiClient | None = None
    scopes: frozenset[str] = frozenset()
    """What a program may do; of people, their role says it."""

    works_in: frozenset[uuid.UUID] | None = None
    """Keys of the queues that a program is limited to; ``None`` where it is not."""

    @classmethod
    def program(
        cls, client: ApiClient, scopes: Iterable[str], queues: Iterable[uuid.UUID] = ()
    ) -> Self:
        """A program, with the scopes of its token, in these queues; in all where none is named."""
        works_in = frozenset(queues) or None
        return cls(
            Kind.PROGRAM, client.name, client=client, scopes=frozenset(scopes), works_in=works_in
        )

    @classmethod
    def person(cls, user: User) -> Self:
        """A logged-in person."""
        return cls(Kind.PERSON, str(user), user)

    @classmethod
    def engine(cls, name: str = "Clock") -> Self:
        """Time itself: what happens because a moment came."""
        return cls(Kind.CLOCK, name)

    @classmethod
    def platform(cls, name: str) -> Self:
        """A telephony platform: what happened there."""
        return cls(Kind.PLATFORM, name)

    @property
    def id(self) -> uuid.UUID | None:
        """The person's key; also the agent's, where the person is one."""
        return self.user.pk if self.user else None

    @property
    def key(self) -> uuid.UUID:
        """The key of whoever calls from outside: of the person or of the program."""
        caller = self.user or self.client
        if caller is None:
            raise ValueError(f"{self.name} calls nobody")
        return caller.pk

    @property
    def role(self) -> str:
        """The person's role; empty for everything that is no person."""
        return self.user.role if self.user and self.user.is_active else ""

    @property
    def is_admin(self) -> bool:
        """Whether the actor may do everything."""
        return self.role == Role.ADMIN

    @property
    def is_supervisor(self) -> bool:
        """Whether the actor watches queues; admins do too."""
        return self.role in {Role.SUPERVISOR, Role.ADMIN}

    def has_scope(self, *scopes: str) -> bool:
        """Whether it is a program whose token has one of these scopes."""
        return not self.scopes.isdisjoint(scopes)

    def has_queue(self, queue_id: uuid.UUID) -> bool:
        """Whether it is a program that works in this queue."""
        return self.client is not None and (self.works_in is None or queue_id in self.works_in)

    @cached_property
    def agent(self) -> Agent | None:
        """The person's side as an agent, with the team; ``None`` where there is none."""
        if not self.id:
            return None
        return Agent.objects.select_related("team", "user").filter(pk=self.id).first()

    @cached_property
    def member_of(self) -> frozenset[uuid.UUID]:
        """Keys of the queues in which the actor takes callbacks."""
        rows = Queue.objects.filter(members=self.id) if self.id else Queue.objects.none()
        return frozenset(rows.order_by().values_list("pk", flat=True))

    @cached_property
    def supervises(self) -> frozenset[uuid.UUID]:
        """Keys of the queues that the actor supervises."""
        if self.role != Role.SUPERVISOR:
            return frozenset()
        rows = Queue.objects.filter(supervisors=self.id)
        return frozenset(rows.order_by().values_list("pk", flat=True))


def readable(by: Actor) -> CallbackQuerySet:
    """The callbacks that exist for this actor (Callback > Read)."""
    everything: CallbackQuerySet = Callback.objects.all()
    if by.is_admin or (by.has_scope(*TO_READ) and by.works_in is None):
        return everything
    if by.has_scope(*TO_READ):
        return everything.filter(queue__in=by.works_in or ())
    if not by.role:
        return everything.none()
    of_queues = Q(queue__in=by.supervises) if by.supervises else Q()
    unowned = Q(owner__isnull=True, queue__in=by.member_of) if by.member_of else Q()
    return everything.filter(_personal(by) | unowned | of_queues)


def _personal(by: Actor) -> Q:
    people = Q(owner=by.id) | Q(created_by=by.id) | Q(preferred_agent=by.id)
    return people | Q(agent=by.id)


def may_edit(by: Actor, callback: Callback) -> bool:
    """Whether the actor may change or cancel it (Callback > Edit)."""
    if by.is_admin or (by.has_scope(Scope.WRITE) and by.has_queue(callback.queue_id)):
        return True
    if not by.role:
        return False
    people = (
        callback.owner_id,
        callback.created_by_id,
        callback.preferred_agent_id,
        callback.agent_id,
    )
    return by.id in people or callback.queue_id in by.supervises


def may_take(by: Actor, callback: Callback) -> bool:
    """Whether the actor may take ownership: an agent, of an unowned callback in an own queue."""
    return callback.owner_id is None and callback.queue_id in by.member_of


def may_override_lock(by: Actor, callback: Callback) -> bool:
    """Whether the actor may edit an owned callback in its last 15 minutes (rules §3.2)."""
    return by.is_admin or callback.queue_id in by.supervises


def may_assign(by: Actor, callback: Callback) -> bool:
    """Whether the actor may make somebody the owner: the owner hands over, supervisors assign."""
    if by.client:
        return may_edit(by, callback)
    return callback.owner_id == by.id or may_override_lock(by, callback)


def queues_for_creating(by: Actor) -> QuerySet[Queue]:
    """The queues in which the actor may schedule (Callback > Create)."""
    queues = Queue.objects.active()
    if by.is_supervisor or (by.has_scope(Scope.WRITE) and by.works_in is None):
        return queues
    if by.has_scope(Scope.WRITE):
        return queues.filter(pk__in=by.works_in or ())
    return queues.filter(pk__in=by.member_of) if by.role else queues.none()


def queues_known(by: Actor) -> QuerySet[Queue]:
    """The queues that the actor may know of: of agents their own, of programs theirs."""
    if by.is_supervisor or (by.client and by.works_in is None):
        return Queue.objects.all()
    return Queue.objects.filter(pk__in=(by.works_in or ()) if by.client else by.member_of)


def may_know_queue(by: Actor, queue_id: uuid.UUID, *, is_member: bool) -> bool:
    """Whether the actor may know of a queue, given their membership: as ``queues_known`` says."""
    if by.client:
        return by.has_queue(queue_id)
    return by.is_supervisor or bool(by.role and is_member)


def agents_known(by: Actor) -> QuerySet[Agent]:
    """The agents whom the actor may know of: whoever takes callbacks in a queue known to them."""
    if by.is_supervisor or (by.client and by.works_in is None):
        return Agent.objects.all()
    known = queues_known(by).order_by().values("pk")
    return Agent.objects.filter(Exists(Queue.objects.filter(pk__in=known, members=OuterRef("pk"))))


def may_answer(by: Actor, callback: Callback) -> bool:
    """Whether it is this agent who is being rung for it, or on the phone about it."""
    return by.id is not None and callback.agent_id == by.id


def may_revive(by: Actor, callback: Callback) -> bool:
    """Whether the actor may promise an expired callback again."""
    return by.is_admin or callback.queue_id in by.supervises


def expired(by: Actor) -> CallbackQuerySet:
    """The expired promises that the actor may revive."""
    ended: CallbackQuerySet = Callback.objects.filter(status=Status.EXPIRED)
    return ended if by.is_admin else ended.filter(queue__in=by.supervises)


def may_manage_lists(by: Actor) -> bool:
    """Whether the actor may mark numbers, and reset or recycle contact lists (rules §2.9)."""
    return by.is_supervisor


def may_import(by: Actor) -> bool:
    """Whether the actor may bring in files of callbacks, into the queues in which they may schedule."""
    return by.is_supervisor


def imports_of(by: Actor) -> QuerySet[CallbackImport]:
    """The imports that exist for this actor: a file of numbers is nobody else's, but an admin's."""
    if by.is_admin:
        return CallbackImport.objects.all()
    return CallbackImport.objects.filter(created_by=by.id if may_import(by) else None)


def may_mend(by: Actor, callback: Callback) -> bool:
    """Whether the actor decides what becomes of it on the platform: discard, take the existing one."""
    return by.is_admin or callback.queue_id in by.supervises


def connections_of(by: Actor) -> QuerySet[Connection]:
    """The connections whose health the actor watches: of the queues that they supervise, or all."""
    if by.is_admin:
        return Connection.objects.all()
    places = ConnectedQueue.objects.filter(queue__in=by.supervises, connection=OuterRef("pk"))
    return Connection.objects.filter(Exists(places))


def counterparts_of(by: Actor) -> CounterpartQuerySet:
    """What the actor may know of callbacks on platforms: of those of the queues that they supervise."""
    everything: CounterpartQuerySet = Counterpart.objects.all()
    return everything if by.is_admin else everything.filter(callback__queue__in=by.supervises)


def tasks_of(by: Actor) -> QuerySet[Task]:
    """The tasks that exist for this actor (Task > Manage)."""
    if by.is_admin or (by.has_scope(Scope.TASKS) and by.works_in is None):
        return Task.objects.all()
    if by.has_scope(Scope.TASKS):
        return Task.objects.filter(callback__queue__in=by.works_in or ())
    if not by.role:
        return Task.objects.none()
    mine = Q(assignee=by.id) | Q(created_by=by.id) | Q(callback__owner=by.id)
    unassigned = Q(assignee__isnull=True, callback__queue__in=by.member_of)
    return Task.objects.filter(mine | unassigned | Q(callback__queue__in=by.supervises))


def may_convert(by: Actor, callback: Callback) -> bool:
    """Whether the actor may make a task of it (Task > Manage)."""
    if by.client:
        return by.has_scope(Scope.TASKS) and by.has_queue(callback.queue_id)
    return may_edit(by, callback)


def may_call_outside_hours(by: Actor) -> bool:
    """Whether the actor may decide for a time outside calling hours (rules §2.10)."""
    return by.client.may_call_outside_hours if by.client else bool(by.role)


def may_create(by: Actor, queue_id: uuid.UUID, *, is_member: bool) -> bool:
    """Whether the actor may schedule in a queue (Callback > Create), given their membership."""
    if by.client:
        return by.has_scope(Scope.WRITE) and by.has_queue(queue_id)
    return by.is_supervisor or bool(by.role and is_member)


def require(allowed: bool, message: str) -> None:
    """Raise ``NotAllowed`` with this message unless allowed."""
    if not allowed:
        raise NotAllowed(message)
