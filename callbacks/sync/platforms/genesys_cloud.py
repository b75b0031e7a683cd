"""Genesys Cloud's own API. A callback there is a conversation; much of what others have is missing.

- Nothing keeps from making a callback twice: no key, no 409. What was made is found again by its data
  (``extId``) and by its external tag, a second request after the making, through the details query,
  which lags and looks at the days on which conversations *began*.
- It holds no window, consent or zone: these go along as data, which are texts only.
- Only a callback that an agent owns can be patched, and only while it is scheduled. What the patch's
  mandatory ``agentId`` does is not documented: it is always the owner wanted, and where that was
  another one, the result is read afterwards. Whatever cannot be patched is cancelled and made anew.
- Ownership that a queue does not allow may be dropped without a word. So the queue is asked first, and
  the details query tells afterwards.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from callbacks.sync.platforms.base import (
    Busy,
    CannotPatch,
    Change,
    Content,
    Gone,
    NoAnswer,
    NotNow,
    NotSent,
    Page,
    Person,
    PlatformError,
    QueueLimits,
    Refused,
    Remote,
    Result,
    Standing,
)
from callbacks.sync.platforms.genesys_words import (
    OWNER,
    REFERENCE,
    WINDOW,
    Portrait,
    Row,
    portrayed,
    row_of,
)
from callbacks.sync.platforms.guide import stamp
from callbacks.sync.platforms.web import Session, Told

CALLBACKS = "/api/v2/conversations/callbacks"
DETAILS = "/api/v2/analytics/conversations/details/query"
PAGE = 100
LONGEST_INTERVAL = timedelta(days=31)
LOOK_BACK = timedelta(days=40)
"""30 days ahead, 7 of ownership, and a few: nothing open was made earlier."""
CLOCKS_DIFFER = timedelta(hours=1)
"""The platform's day may have begun before ours."""
LOCKED_FOR = timedelta(minutes=15)
"""So long before its time it lets nobody edit an owned callback."""
PATCHED = frozenset({"number", "requested_at", "queue", "owner"})
IN_HAND = frozenset({Standing.OFFERED, Standing.IN_PROGRESS})


class GenesysCloud:
    """One organisation of Genesys Cloud."""

    takes_many = False
    changes_many = True
    finds_at_once = False
    cannot_hold: frozenset[str] = frozenset()

    def __init__(
        self, session: Session, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._session, self._now = session, now
        self._asked: dict[str, QueueLimits] = {}

    # --- out -----------------------------------------------------------------------------------

    def create(self, content: Content) -> Remote:
        """POST; sent once, and never again by itself. The permit is that of the POST."""
        command = _command(content)
        if content.owner:
            self._require_ownership(content)
        told = self._session.ask("POST", CALLBACKS, command, is_permitted=True)
        return _made(told, content)

    def create_many(self, contents: Sequence[Content]) -> Sequence[Result]:
        """There is no such request: one after the other. The first has its permit."""
        return [self._tried(content) for content in contents]

    def _tried(self, content: Content) -> Result:
        try:
            return self.create(content)
        except PlatformError as failed:
            return failed

    def mark(self, remote: Remote, content: Content) -> None:
        """PUT of the external tag. Until then, and without it, the data tell whose it is."""
        tag = {"externalTag": content.reference}
        self._session.ask("PUT", f"/api/v2/conversations/{_quoted(remote.id)}/tags", tag)

    def update(self, remote: Remote, before: Content | None, wanted: Content) -> Remote:
        """A plain change is one PATCH. Everything else, and what that one refuses, is read first."""
        change = Change(remote, before, wanted)
        if not self.goes_with_others(change):
            return self._update(change, is_permitted=True)
        self._require_ownership(wanted)
        told = self._session.ask("PATCH", CALLBACKS, _patch(change), seen=(400,), is_permitted=True)
        return self._update(change) if told.status == 400 else _as_wanted(change)

    def goes_with_others(self, change: Change) -> bool:
        """What stays its owner's, and is the same but for what a PATCH can change."""
        before, wanted = change.before, change.wanted
        if before is None or not wanted.owner or before.owner != wanted.owner:
            return False
        known, wished = held(before), held(wanted)
        return _differ(known, wished) <= PATCHED and known.data == wished.data

    def update_many(self, changes: Sequence[Change]) -> Sequence[Result]:
        """One request for all. Whatever its answer does not confirm by id is changed alone.

        Errors are told by place only, and places may be wrong.
        """
        unfit = [self._unfit(change.wanted) for change in changes]
        fit = [change for change, why in zip(changes, unfit, strict=True) if why is None]
        done = self._patched_together(fit) if fit else frozenset()
        results: list[Result] = []
        for change, why in zip(changes, unfit, strict=True):
            is_done = change.remote.id in done
            results.append(why or (_as_wanted(change) if is_done else self._alone(change, results)))
        return results

    def _patched_together(self, changes: Sequence[Change]) -> frozenset[str]:
        wanted = {"patchCallbackRequests": [_patch(change) for change in changes]}
        path = f"{CALLBACKS}/bulk/update"
        return _confirmed(self._session.ask("POST", path, wanted, is_permitted=True))

    def _unfit(self, wanted: Content) -> PlatformError | None:
        """Why this one is not to be sent; where we are too fast for the platform, none is."""
        try:
            self._require_ownership(wanted)
        except Busy:
            raise
        except PlatformError as failed:
            return failed
        return None

    def _alone(self, change: Change, before: Sequence[Result]) -> Result:
        """Unless it asked for a rest meanwhile."""
        if busy := next((one for one in before if isinstance(one, Busy)), None):
            return busy
        try:
            return self._update(change)
        except PlatformError as failed:
            return failed

    def _update(self, change: Change, *, is_permitted: bool = False) -> Remote:
        """Read it, and change what differs from that."""
        with _nothing_sent():
            there = self._portrait(change.remote.id, is_permitted=is_permitted)
        if there.remote.is_over:
            raise Gone("It is over there.")
        known, wished = change.before and held(change.before), held(change.wanted)
        if changes := _differences(known, there.held, wished):
            self._change(there, changes, change)
        if data := _new_data(known, there.held, wished):
            self._write(there, data)
        return _as_wanted(change)

    def _change(self, there: Portrait, changes: frozenset[str], change: Change) -> None:
        wanted = change.wanted
        if self._may_be_in_hand(there):
            raise NotNow("An agent has it in hand there.")
        if changes == {"priority"} and there.remote.standing == Standing.WAITING:
            self._prioritise(there, wanted)
            return
        if wanted.owner:
            self._require_ownership(wanted)
        if why := _why_not(there, changes, wanted):
            raise self._cannot(why)
        told = self._session.ask("PATCH", CALLBACKS, _request(change, changes), seen=(400,))
        if told.status == 400:
            raise self._refusal(there, told)
        if "owner" in changes and self._portrait(change.remote.id).held.owner != wanted.owner:
            raise self._cannot("the platform kept its owner.")

    def _may_be_in_hand(self, there: Portrait) -> bool:
        """Also in a state that nobody has heard of, once its time has come."""
        is_unclear = there.remote.standing == Standing.UNKNOWN
        return there.remote.standing in IN_HAND or (
            is_unclear and there.held.requested_at <= self._now()
        )

    def _refusal(self, there: Portrait, told: Told) -> PlatformError:
        """An owned callback that is almost due is closed to edits; else it is about what we want."""
        said = f"It answered 400: {_said(told)}"
        if there.held.requested_at - self._now() <= LOCKED_FOR:
            return self._cannot(said)
        return Refused(said, answer=told.text[:1000])

    def _cannot(self, why: str) -> CannotPatch:
        """It will be cancelled next, with a permit of the caller: so there must be one."""
        self._session.take_permit()
        return CannotPatch(why)

    def _prioritise(self, there: Portrait, wanted: Content) -> None:
        """In its queue it can be moved on without losing its place."""
        path = f"/api/v2/routing/conversations/{_quoted(there.remote.id)}"
        self._session.ask("PATCH", path, {"priority": wanted.priority})

    def _write(self, there: Portrait, data: Mapping[str, str]) -> None:
        """Data are added to what is there. What is to go is emptied, as nothing can be taken away."""
        path = f"{_address(there.remote.id)}/participants/{_quoted(there.customer)}/attributes"
        self._session.ask("PATCH", path, {"attributes": data})

    def cancel(self, remote: Remote, reason: str) -> None:
        """PATCH to disconnect all of it; one that is over already is fine. The reason stays here."""
        told = self._session.ask(
            "PATCH", _address(remote.id), {"state": "disconnected"}, seen=(400,), is_permitted=True
        )
        if told.status == 400 and not self.fetch(remote.id).is_over:
            raise Refused(f"It answered 400: {_said(told)}", answer=told.text[:1000])

    def _require_ownership(self, content: Content) -> None:
        """Raise ``Refused`` where the queue would drop the ownership, perhaps without a word.

        Each queue is asked once as long as the connection is open, which is some seconds.
        """
        if content.queue not in self._asked:
            path = f"/api/v2/routing/queues/{_quoted(content.queue)}"
            try:
                with _nothing_sent():
                    self._asked[content.queue] = _limits(self._session.get(path).content)
            except Gone:
                raise Refused("The platform does not know this queue.") from None
        limits = self._asked[content.queue]
        if limits.owns is False:
            raise Refused(
                f"The platform's queue {limits.name} holds no callback for its owner: it needs agent "
                "owned callbacks switched on, and a Preferred Agent Routing rule."
            )
        if limits.ahead is not None and content.requested_at - self._now() > limits.ahead:
            hours = int(limits.ahead.total_seconds() // 3600)
            raise Refused(
                f"The platform's queue {limits.name} takes owned callbacks at most {hours} hours ahead."
            )

    # --- what it has ---------------------------------------------------------------------------

    def find(self, content: Content) -> Sequence[Remote]:
        """All that carry the reference, by number and data, else by tag; then each read by its id."""
        by_number = {"segmentFilters": [OF_CALLBACKS, _of_number(content.number)]}
        by_tag = {"conversationFilters": [_tagged(content.reference)]}
        return self._found(content.reference, by_number) or self._found(content.reference, by_tag)

    def _found(self, reference: str, filters: Mapping[str, Any]) -> Sequence[Remote]:
        """Where the search does not tell whose it is, the conversation does."""
        found: dict[str, Remote] = {}
        for row in self._everything(filters):
            if reference not in row.references and (row.references or row.remote.data):
                continue
            with suppress(Gone):
                remote = self.fetch(row.id)
                if reference in {remote.reference, *row.references}:
                    found[row.id] = remote
        return list(found.values())

    def _everything(self, filters: Mapping[str, Any]) -> Iterator[Row]:
        """All pages of all intervals, the newest first."""
        at = self._now()
        for start, end in reversed(_windows(at - LOOK_BACK, at + CLOCKS_DIFFER)):
            number, is_more = 1, True
            while is_more:
                rows, is_more = self._rows(start, end, number, filters, is_permitted=False)
                yield from rows
                number += 1

    def _rows(
        self,
        start: datetime,
        end: datetime,
        number: int,
        filters: Mapping[str, Any],
        *,
        is_permitted: bool,
    ) -> tuple[Sequence[Row], bool]:
        """A page of the details query, and whether there are more."""
        query = {
            "interval": f"{stamp(start)}/{stamp(end)}",
            "order": "asc",
            "orderBy": "conversationStart",
            "paging": {"pageSize": PAGE, "pageNumber": number},
            **filters,
        }
        told = self._session.ask("POST", DETAILS, query, is_permitted=is_permitted)
        if not isinstance(told.content, dict):
            raise NoAnswer("The details query answered no object.", answer=told.text[:1000])
        # Where there are none, the list itself is missing.
        listed = told.content.get("conversations") or []
        at = self._now()
        rows = [row_of(one, at) for one in listed if isinstance(one, dict)]
        return rows, len(listed) == PAGE

    def fetch(self, external_id: str) -> Remote:
        """GET of the conversation: this does not lag."""
        return self._portrait(external_id).remote

    def _portrait(self, external_id: str, *, is_permitted: bool = False) -> Portrait:
        told = self._session.ask("GET", _address(external_id), is_permitted=is_permitted)
        if not isinstance(told.content, dict) or not told.content.get("id"):
            raise NoAnswer("The answer holds no conversation.", answer=told.text[:1000])
        return portrayed(told.content, self._now())

    def changes(self, since: datetime, cursor: str | None) -> Page:
        """All that is open there, interval after interval, page after page.

        What has ended is not listed: it is missed here, and then read by its id, which does not lag.
        """
        windows = _windows(since, self._now() + CLOCKS_DIFFER)
        place, number = (int(part) for part in (cursor or "0:1").split(":"))
        start, end = windows[min(place, len(windows) - 1)]
        filters = {"conversationFilters": [STILL_OPEN], "segmentFilters": [OF_CALLBACKS]}
        rows, is_more = self._rows(start, end, number, filters, is_permitted=True)
        remotes = [row.remote for row in rows if not row.is_over]
        if is_more:
            return Page(remotes, f"{place}:{number + 1}")
        return Page(remotes, f"{place + 1}:1" if place + 1 < len(windows) else None)

    # --- who and what it has -------------------------------------------------------------------

    def people(self) -> Iterable[Person]:
        """Its active users with their presence."""
        for one in self._listed("/api/v2/users", expand="presence"):
            presence = one.get("presence")
            definition = presence.get("presenceDefinition") if isinstance(presence, dict) else None
            yield Person(
                id=str(one.get("id", "")),
                name=str(one.get("name", "")),
                email=str(one.get("email") or ""),
                presence=str(definition.get("systemPresence", ""))
                if isinstance(definition, dict)
                else "",
            )

    def queues(self) -> Mapping[str, str]:
        """Their names by their ids."""
        return {key: limits.name for key, limits in self.limits().items()}

    def limits(self) -> Mapping[str, QueueLimits]:
        """What each queue allows of ownership."""
        return {
            str(one.get("id", "")): _limits(one) for one in self._listed("/api/v2/routing/queues")
        }

    def _listed(self, path: str, **query: Any) -> Iterator[Mapping[str, Any]]:
        number = 1
        while True:
            told = self._session.get(path, pageSize=PAGE, pageNumber=number, **query)
            content = told.content if isinstance(told.content, dict) else {}
            entities = content.get("entities")
            if not isinstance(entities, list):
                raise NoAnswer("The list has no entities.", answer=told.text[:1000])
            yield from (one for one in entities if isinstance(one, dict))
            if len(entities) < PAGE:
                return
            number += 1


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """What is read beforehand changes nothing, so a lost answer leaves nothing open."""
    try:
        yield
    except NoAnswer as failed:
        raise NotSent(f"It was not sent: {failed.message}", answer=failed.answer) from None


# --- what is sent ------------------------------------------------------------------------------


def _command(content: Content) -> dict[str, Any]:
    if not content.queue:
        raise Refused("The platform needs a queue: say what it calls this one.")
    command: dict[str, Any] = {
        "callbackNumbers": [content.number],
        "validateCallbackNumbers": True,
        "callbackScheduledTime": stamp(content.requested_at),
        "routingData": _routing(content),
        "data": _data(content),
    }
    if content.name:
        command["callbackUserName"] = content.name
    return command


def _routing(content: Content) -> dict[str, Any]:
    """An owner is one scored agent of 100 and a flag; who is only preferred has neither."""
    routing: dict[str, Any] = {"queueId": content.queue}
    if content.priority:
        routing["priority"] = content.priority
    if content.owner:
        routing["scoredAgents"] = [{"agent": {"id": content.owner}, "score": 100}]
        routing["routingFlags"] = ["AGENT_OWNED_CALLBACK"]
    elif content.preferred:
        routing["preferredAgentIds"] = [content.preferred]
    return routing


def _data(content: Content) -> dict[str, str]:
    """With what the platform has no field for; empty texts are the same as none."""
    data = {name: value for name, value in content.data.items() if value}
    if content.owner:
        data[OWNER] = content.owner
    if content.window_starts_at != content.requested_at:
        data[WINDOW] = stamp(content.window_starts_at)
    return {**data, REFERENCE: content.reference}


def held(content: Content) -> Content:
    """A content as the platform holds it: the window among the data, nobody preferred beside an owner."""
    return dataclasses.replace(
        content,
        preferred=None if content.owner else content.preferred,
        window_starts_at=content.requested_at,
        window_seconds=0,
        data=_data(content),
    )


def _patch(change: Change) -> dict[str, Any]:
    """What differs from what was confirmed."""
    before = held(change.before) if change.before else change.wanted
    return _request(change, _differ(before, held(change.wanted)))


def _request(change: Change, changes: Collection[str]) -> dict[str, Any]:
    """The mandatory agent is always the owner wanted, whatever the platform makes of it."""
    wanted = change.wanted
    request: dict[str, Any] = {"conversationId": change.remote.id, "agentId": wanted.owner}
    if "requested_at" in changes:
        request["callbackScheduledTime"] = stamp(wanted.requested_at)
    if "queue" in changes:
        request["queueId"] = wanted.queue
    if "number" in changes:
        request |= {"callbackNumbers": [wanted.number], "validateCallbackNumbers": True}
    return request


def _differ(one: Content, other: Content) -> frozenset[str]:
    return frozenset(name for name in COMPARED if getattr(one, name) != getattr(other, name))


def _differences(before: Content | None, there: Content, wanted: Content) -> frozenset[str]:
    """What we changed and the platform has not: what somebody else changed there is left alone."""
    changed = _differ(before or there, wanted) & _differ(there, wanted)
    # Of a part that it does not show nothing is known, so nothing follows from it.
    return frozenset(name for name in changed if before or getattr(there, name) != "")


COMPARED = PATCHED | {"name", "preferred", "priority"}


def _new_data(before: Content | None, there: Content, wanted: Content) -> dict[str, str]:
    """What to write: agents and flows write into the same data, and theirs stays as it is."""
    known = before.data if before else {}
    new = {
        name: value
        for name, value in wanted.data.items()
        if value not in (known.get(name), there.data.get(name))
    }
    gone = {name: "" for name in known if name not in wanted.data and name in there.data}
    return {**new, **gone}


def _why_not(there: Portrait, changes: frozenset[str], wanted: Content) -> str:
    """Why this cannot be patched; empty where it can."""
    if fixed := changes - PATCHED:
        return f"the platform cannot change {' and '.join(sorted(fixed))} of a callback."
    if not wanted.owner or not there.held.owner:
        return "the platform can change only callbacks that an agent owns and goes on owning."
    if there.remote.standing == Standing.WAITING:
        return "the platform can change a callback only before its time."
    return ""


def _as_wanted(change: Change) -> Remote:
    return dataclasses.replace(change.remote, **_shown(change.wanted))


def _shown(wanted: Content) -> dict[str, Any]:
    return {
        "number": wanted.number,
        "requested_at": wanted.requested_at,
        "owner": wanted.owner,
        "queue": wanted.queue,
    }


def _windows(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Intervals that are not too long to be asked for, the oldest first."""
    windows = []
    while since < until:
        end = min(since + LONGEST_INTERVAL, until)
        windows.append((since, end))
        since = end
    return windows


OF_CALLBACKS: Mapping[str, Any] = {
    "type": "and",
    "predicates": [{"dimension": "mediaType", "operator": "matches", "value": "callback"}],
}
STILL_OPEN: Mapping[str, Any] = {
    "type": "and",
    "predicates": [{"dimension": "conversationEnd", "operator": "notExists"}],
}


def _tagged(reference: str) -> dict[str, Any]:
    tag = {"dimension": "externalTag", "operator": "matches", "value": reference}
    return {"type": "and", "predicates": [tag]}


def _of_number(number: str) -> dict[str, Any]:
    """As it was typed, or with the prefix: nobody documents which the platform keeps."""
    written = (number, f"tel:{number}")
    return {
        "type": "or",
        "predicates": [
            {"dimension": "callbackNumber", "operator": "matches", "value": one} for one in written
        ],
    }


def _address(external_id: str) -> str:
    return f"{CALLBACKS}/{_quoted(external_id)}"


def _quoted(key: str) -> str:
    return quote(key, safe="")


# --- what comes back ---------------------------------------------------------------------------


def _made(told: Told, content: Content) -> Remote:
    """The new conversation; without an id, it stays open what happened."""
    made = told.content.get("conversation") if isinstance(told.content, dict) else None
    if not isinstance(made, dict) or not made.get("id"):
        raise NoAnswer("The answer names no conversation.", answer=told.text[:1000])
    return Remote(
        str(made["id"]),
        Standing.SCHEDULED,
        name=content.name,
        reference=content.reference,
        **_shown(content),
    )


def _confirmed(told: Told) -> frozenset[str]:
    """The conversations that the answer to many changes names as changed."""
    results = told.content.get("results") if isinstance(told.content, dict) else None
    if not isinstance(results, list):
        raise NoAnswer("The answer to many changes tells no results.", answer=told.text[:1000])
    entities = [one.get("entity") for one in results if isinstance(one, dict)]
    conversations = [one.get("conversation") for one in entities if isinstance(one, dict)]
    return frozenset(str(one.get("id")) for one in conversations if isinstance(one, dict))


def _limits(told: Any) -> QueueLimits:
    queue = told if isinstance(told, dict) else {}
    owned = queue.get("agentOwnedRouting")
    name = str(queue.get("name") or "")
    if not isinstance(owned, dict):
        return QueueLimits(name)
    has_rule = queue.get("routingRules") != []
    return QueueLimits(
        name,
        owns=bool(owned.get("enableAgentOwnedCallbacks")) and has_rule,
        ahead=_hours(owned.get("maxOwnedCallbackDelayHours")),
        waits=_hours(owned.get("maxOwnedCallbackHours")),
    )


def _hours(told: Any) -> timedelta | None:
    return timedelta(hours=told) if isinstance(told, int) and 0 < told <= 8760 else None


def _said(told: Told) -> str:
    message = told.content.get("message") if isinstance(told.content, dict) else None
    return str(message or "no reason given.")[:300]
