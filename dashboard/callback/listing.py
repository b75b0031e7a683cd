"""The list of callbacks as somebody asked for it: names of filters and sorts from a fixed list.

No key of a request ever reaches the database as a name. Paging is by key, so that page 79 costs
what page 1 costs.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Self

from django.db.models import Q
from django.http import QueryDict

from callbacks import access
from callbacks.lifecycle import Status
from callbacks.models import Callback, Queue
from callbacks.models.callback import CallbackQuerySet

PAGE = 50
SORTS = {"requested": ("requested_at", "id"), "-requested": ("-requested_at", "-id")}
STATES = {"open": "Open", "overdue": "Overdue", "ended": "Over", "all": "All"} | dict(
    Status.choices
)
OWNERS = {"": "Anybody", "me": "Me", "nobody": "Nobody"}


@dataclass(frozen=True)
class Listing:
    """Filters, sort and page, each known to be one that exists."""

    by: access.Actor
    at: datetime
    state: str = "open"
    queue: uuid.UUID | None = None
    owner: str = ""
    beyond_limit: bool = False
    sort: str = "requested"
    after: tuple[datetime, uuid.UUID] | None = None

    @classmethod
    def asked_for(cls, asked: QueryDict, by: access.Actor, at: datetime) -> Self:
        """What the address asks for; what does not exist is left out."""
        state, owner, sort = (asked.get(k, "") for k in ("status", "owner", "sort"))
        return cls(
            by,
            at,
            state=state if state in STATES else "open",
            queue=_key(asked.get("queue", "")),
            owner=owner if owner in OWNERS else "",
            beyond_limit=asked.get("beyond") == "1",
            sort=sort if sort in SORTS else "requested",
            after=_cursor(asked.get("after", "")),
        )

    @cached_property
    def _page_and_one(self) -> list[Callback]:
        return list(self._filtered().for_display().order_by(*SORTS[self.sort])[: PAGE + 1])

    @property
    def callbacks(self) -> list[Callback]:
        """The page."""
        return self._page_and_one[:PAGE]

    def all_of_them(self, at_most: int) -> Iterator[Callback]:
        """Every page after each other, read a little at a time."""
        whole = replace(self, after=None)
        found = whole._filtered().for_display().order_by(*SORTS[self.sort])
        return found[:at_most].iterator(chunk_size=1000)

    @property
    def next_page(self) -> str:
        """The address of the next page; empty on the last."""
        if len(self._page_and_one) <= PAGE:
            return ""
        last = self.callbacks[-1]
        return self.address(after=f"{last.requested_at.isoformat()}_{last.pk}")

    def address(self, **changes: str) -> str:
        """This list with something different, as the part of the address after the path."""
        asked = QueryDict(mutable=True)
        queue = str(self.queue) if self.queue else ""
        beyond = "1" if self.beyond_limit else ""
        present = {
            "status": self.state,
            "queue": queue,
            "owner": self.owner,
            "beyond": beyond,
            "sort": self.sort,
        }
        for name, value in (present | changes).items():
            if value:
                asked[name] = value
        return f"?{asked.urlencode()}"

    @property
    def other_direction(self) -> str:
        """The same list sorted the other way."""
        return self.address(sort="requested" if self.sort == "-requested" else "-requested")

    @cached_property
    def queues(self) -> list[Queue]:
        """The queues to choose from."""
        if self.by.is_admin:
            return list(Queue.objects.all())
        return list(Queue.objects.filter(pk__in=self.by.member_of | self.by.supervises))

    @property
    def states(self) -> dict[str, str]:
        """The states to choose from."""
        return STATES

    @property
    def owners(self) -> dict[str, str]:
        """The owners to choose from."""
        return OWNERS

    def _filtered(self) -> CallbackQuerySet:
        found = _of_state(access.readable(self.by), self.state, self.at)
        if self.queue:
            found = found.filter(queue=self.queue)
        if self.owner:
            found = found.filter(owner=self.by.id if self.owner == "me" else None)
        if self.beyond_limit and self.queue:
            found = self._beyond(found, self.queue)
        return found.filter(self._after())

    def _beyond(self, found: CallbackQuerySet, queue_id: uuid.UUID) -> CallbackQuerySet:
        queue = Queue.objects.filter(pk=queue_id).first()
        if queue is None:
            return found.none()
        limit = queue.schedule_ahead_limit
        return found & Callback.objects.beyond_limit_of(queue.pk, limit, self.at)

    def _after(self) -> Q:
        if self.after is None:
            return Q()
        moment, key = self.after
        if self.sort == "-requested":
            return Q(requested_at__lt=moment) | Q(requested_at=moment, pk__lt=key)
        return Q(requested_at__gt=moment) | Q(requested_at=moment, pk__gt=key)


def _of_state(callbacks: CallbackQuerySet, state: str, at: datetime) -> CallbackQuerySet:
    if state == "open":
        return callbacks.open()
    if state == "overdue":
        return callbacks.overdue(at)
    if state == "ended":
        return callbacks.filter(ended_at__isnull=False)
    return callbacks.filter(status=state) if state in Status.values else callbacks


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _cursor(text: str) -> tuple[datetime, uuid.UUID] | None:
    moment, _, key = text.partition("_")
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        return None
    found = _key(key)
    return (read, found) if found and read.tzinfo else None
