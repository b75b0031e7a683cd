"""Callbacks: create, list, read, change, their history, many at once, and tasks instead of calls."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from django.http import HttpResponse
from django.utils import timezone
from ninja import Body, Header, Path, Query, Router
from ninja.params import functions

from callbacks import holding, journal, programs, scheduling
from callbacks.access import Actor, readable
from callbacks.errors import Problem, Refused
from callbacks.models import Callback, HistoryEvent, Task
from callbacks.models.program import Scope
from callbacks.portrait import portray, stamp
from callbacks.programs import Answer
from callbacks.scheduling import CallbackRequest, Scheduled
from dashboard.api import listing, reading
from dashboard.api.answers import Order, as_json, page
from dashboard.api.documents import refusals
from dashboard.api.entrance import ApiRequest, OAuth2
from dashboard.api.errors import Misread, Refusal, as_sent, note, refusal_of
from dashboard.api.schemas import (
    BatchIn,
    BatchOut,
    CallbackChange,
    CallbackIn,
    CallbackOut,
    CallbackPage,
    EventPage,
    TaskIn,
    TaskOut,
)
from dashboard.api.wishes import Directory, change_meant, key_in, wish_for

router = Router(tags=["Callbacks"])
Item = Annotated[CallbackIn, reading.collecting(CallbackIn)]
Change = Annotated[CallbackChange, reading.collecting(CallbackChange)]
Id = Annotated[str, Path(alias="id", description="The callback's id.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same body answers as the first time, for 24 h.",
    ),
]
Match = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=500,
        description="The ETag that was read; somebody else's change since then gets 412.",
    ),
]
NO_BODY: Any = functions.Body(None)
CONVERTED = "Converted to a task by {name}."


@router.post(
    "/callbacks",
    auth=OAuth2(Scope.WRITE),
    response={201: CallbackOut, **refusals(400, 409, 413, 415, 422)},
    summary="Schedule a callback",
)
def create(request: ApiRequest, payload: Annotated[Item, Body()], key: Key = None) -> HttpResponse:
    """The guide's payload as it stands, or with more. All problems are told at once.

    409 names the callback that the number or the conversation has already.
    """
    at, body = timezone.now(), _sent(payload)
    return _once(request, key, lambda: _created(body, by=request.actor, at=at), at)


def _created(body: reading.Body[CallbackIn], *, by: Actor, at: datetime) -> Answer:
    request, problems = wish_for(body, by=by, directory=Directory())
    try:
        if problems:
            raise _misshapen(request, problems, by=by, at=at)
        made = scheduling.schedule(request, by=by, at=at)
    except Refused as refused:
        return _refused(refused)
    shown = _portrait_of_new(made)
    headers = {"Location": shown["selfUri"], "ETag": etag(made.callback)}
    return Answer(201, _written(shown), headers)


def _misshapen(
    request: CallbackRequest, problems: Sequence[Problem], *, by: Actor, at: datetime
) -> Refused:
    """A payload that has problems of its own, with what the rules say of the rest of it."""
    found = scheduling.examine(request, by=by, at=at)
    return Misread(_together(problems, found.problems))


def _together(ours: Sequence[Problem], rules: Sequence[Problem]) -> list[Problem]:
    """What is wrong with the payload itself, and what the rules say of all the rest of it."""
    wrong = {one.field.split(".")[0] for one in ours}
    # Without its time nothing can be said of a window.
    wrong |= {"callbackWindow"} if "requestedTime" in wrong else set()
    return [*ours, *(one for one in as_sent(rules) if one.field.split(".")[0] not in wrong)]


def _portrait_of_new(made: Scheduled) -> dict[str, Any]:
    shown, assignment = portray(made.callback), made.assignment
    if assignment.requested:
        shown["assignment"] = {
            "requested": str(assignment.requested),
            "assigned": str(assignment.assigned) if assignment.assigned else None,
            "reason": assignment.reason,
        }
    return shown


@router.post(
    "/callbacks/batch",
    auth=OAuth2(Scope.WRITE),
    response={200: BatchOut, **refusals(400, 413, 415, 422)},
    summary="Schedule up to 500 callbacks",
)
def batch(
    request: ApiRequest,
    payload: Annotated[BatchIn, reading.collecting(BatchIn), Body()],
    key: Key = None,
) -> HttpResponse:
    """Every item stands alone: each result tells what became of the item at its index."""
    at, body = timezone.now(), _sent(payload)
    if body.problems:
        raise Misread(body.problems)
    items: Sequence[Any] = body.content.callbacks
    return _once(request, key, lambda: _batch(items, by=request.actor, at=at), at)


def _batch(items: Sequence[reading.Body[CallbackIn]], *, by: Actor, at: datetime) -> Answer:
    directory = Directory()
    wishes = [wish_for(item, by=by, directory=directory) for item in items]
    sound = [request for request, problems in wishes if not problems]
    answers = iter(scheduling.schedule_many(sound, by=by, at=at))
    results = [
        _result(
            index,
            _misshapen(request, problems, by=by, at=at) if problems else next(answers),
        )
        for index, (request, problems) in enumerate(wishes)
    ]
    created = sum(result["status"] == 201 for result in results)
    told = {"created": created, "failed": len(results) - created, "results": results}
    return Answer(200, _written(told))


def _result(index: int, answer: Scheduled | Refused) -> dict[str, Any]:
    if isinstance(answer, Refused):
        refusal = _refusal(answer)
        return {"index": index, "status": refusal.status, "error": refusal.as_json()}
    return {"index": index, "status": 201, "callback": _portrait_of_new(answer)}


@router.get(
    "/callbacks",
    auth=OAuth2(Scope.READ),
    response={200: CallbackPage, **refusals(400)},
    summary="List callbacks",
)
def index(request: ApiRequest, asked: Annotated[listing.Asked, Query()]) -> HttpResponse:
    """Earliest requested time first. ``status=pending`` means every open one, as the guide says."""
    reading.refuse_strangers(request, asked)
    rows = listing.found(asked, by=request.actor, at=timezone.now())
    return as_json(page(rows, listing.ORDER, portray, size=asked.pageSize, cursor=asked.cursor))


@router.get(
    "/callbacks/{id}",
    auth=OAuth2(Scope.READ),
    response={200: CallbackOut, 304: None, **refusals(400, 404)},
    summary="Read a callback",
)
def read(
    request: ApiRequest,
    key: Id,
    known: Annotated[str | None, Header(alias="If-None-Match", max_length=500)] = None,
) -> HttpResponse:
    """As it stands, with its ETag."""
    callback = visible(request.actor, key)
    tag = etag(callback)
    if known and tag in _tags(known):
        return HttpResponse(status=304, headers={"ETag": tag})
    return as_json(portray(callback), headers={"ETag": tag})


@router.patch(
    "/callbacks/{id}",
    auth=OAuth2(Scope.WRITE),
    response={200: CallbackOut, **refusals(400, 404, 409, 412, 413, 415)},
    summary="Change or cancel a callback",
)
def change(
    request: ApiRequest, key: Id, payload: Annotated[Change, Body()], match: Match = None
) -> HttpResponse:
    """What is left out stays. All of it happens, or nothing. ``status: cancelled`` cancels it."""
    by, at, body = request.actor, timezone.now(), _sent(payload)
    callback = visible(by, key)
    version = _version_meant(match, callback)
    if body.content.model_fields_set and body.content.status == "cancelled":
        changed = _cancel(callback, body, version, by=by, at=at)
    else:
        changed = _change(callback, body, version, by=by, at=at)
    return as_json(portray(changed), headers={"ETag": etag(changed)})


def _change(
    callback: Callback,
    body: reading.Body[CallbackChange],
    version: int | None,
    *,
    by: Actor,
    at: datetime,
) -> Callback:
    changes, problems = change_meant(callback, body, by=by)
    if problems:
        found = scheduling.examine_change(callback, changes, by=by, at=at)
        raise Misread(_together(problems, found.problems))
    return scheduling.change(callback.pk, changes, by=by, at=at, version=version)


def _cancel(
    callback: Callback,
    body: reading.Body[CallbackChange],
    version: int | None,
    *,
    by: Actor,
    at: datetime,
) -> Callback:
    beside = body.content.model_fields_set - {"status", "reason"}
    said = "A callback is either changed or cancelled. Send status and reason alone."
    problems = [*body.problems, *(Problem("invalid.value", one, said) for one in sorted(beside))]
    if problems:
        raise Misread(problems)
    reason = body.content.reason or f"Cancelled by {by.name}."
    return scheduling.cancel(callback.pk, reason=reason, by=by, at=at, version=version)


@router.get(
    "/callbacks/{id}/history",
    auth=OAuth2(Scope.READ),
    response={200: EventPage, **refusals(400, 404)},
    summary="What happened to a callback",
)
def history(
    request: ApiRequest, key: Id, asked: Annotated[listing.Paging, Query()]
) -> HttpResponse:
    """Every event: when, who, what, and why. Earliest first."""
    reading.refuse_strangers(request, asked)
    callback = visible(request.actor, key)
    events = HistoryEvent.objects.filter(callback=callback)
    return as_json(page(events, EVENTS, _event, size=asked.pageSize, cursor=asked.cursor))


EVENTS: Order[HistoryEvent] = Order(
    "at", "id", lambda at, key: (listing.moment_in(at), uuid.UUID(key))
)


def _event(event: HistoryEvent) -> dict[str, Any]:
    return {
        "id": str(event.pk),
        "time": stamp(event.at),
        "what": event.what,
        "actor": event.actor_name,
        "actorType": event.actor_kind,
        "reason": event.reason,
        "changes": journal.changes_in_words(event),
        "before": event.before,
        "after": event.after,
        "version": event.version,
    }


@router.post(
    "/callbacks/{id}/task",
    auth=OAuth2(Scope.TASKS),
    response={201: TaskOut, **refusals(400, 404, 409, 412, 413, 415)},
    summary="Convert a callback to a task",
    tags=["Tasks"],
)
def task(
    request: ApiRequest,
    key: Id,
    payload: Annotated[TaskIn | None, reading.collecting(TaskIn)] = NO_BODY,
    match: Match = None,
) -> HttpResponse:
    """No call is needed any more, but something is to be done. The callback ends as converted."""
    by, at = request.actor, timezone.now()
    callback = visible(by, key)
    body = _sent(payload) or reading.read(TaskIn, {})
    if body.problems:
        raise Misread(body.problems)
    said = body.content.description or CONVERTED.format(name=by.name)
    version = _version_meant(match, callback)
    made = scheduling.convert(callback.pk, description=said, by=by, at=at, version=version)
    return as_json(_task(made), 201, {"Location": callback.get_absolute_url()})


def _task(made: Task) -> dict[str, Any]:
    return {
        "id": str(made.pk),
        "callbackId": str(made.callback_id),
        "description": made.description,
        "assigneeId": str(made.assignee_id) if made.assignee_id else None,
        "createdAt": stamp(made.created_at),
        "doneAt": stamp(made.done_at),
    }


# --- what they share -------------------------------------------------------------------------


def visible(by: Actor, key: Id) -> Callback:
    """The callback with this id; for whoever may not read it there is none, whatever the id is."""
    if (meant := key_in(key)) is None:
        raise Callback.DoesNotExist
    found: Callback = readable(by).for_display().get(pk=meant)
    return found


def etag(callback: Callback) -> str:
    """The version, as HTTP writes it."""
    return f'"{callback.version}"'


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


def _version_meant(match: str | None, callback: Callback) -> int | None:
    """The version that the caller read, where they say so; raises ``Stale`` when it is another."""
    if match is None or "*" in _tags(match):
        return None
    if etag(callback) in _tags(match):
        return callback.version
    seen = [tag.strip('"') for tag in _tags(match)]
    before = [int(tag) for tag in seen if tag.isascii() and tag.isdigit() and len(tag) < 9]
    raise holding.stale(callback, max(before, default=callback.version))


def _sent(payload: Any) -> Any:
    """The body as ``reading.collecting`` left it, whatever its annotation says."""
    return payload


def _once(
    request: ApiRequest, key: Id | None, work: Callable[[], Answer], at: datetime
) -> HttpResponse:
    """Do it; with a key, once for all requests of this caller that carry it."""
    answer = work() if key is None else _answered_once(request, key, work, at)
    if answer.status >= 400:
        note(request, answer.status, orjson.loads(answer.body)["code"])
    return HttpResponse(
        answer.body, status=answer.status, content_type="application/json", headers=answer.headers
    )


def _answered_once(
    request: ApiRequest, key: Id, work: Callable[[], Answer], at: datetime
) -> Answer:
    said = [request.method, request.path, orjson.loads(request.body)]
    return programs.answered_once(work, caller=request.actor.key, key=key, request=said, at=at)


def _refused(refused: Refused) -> Answer:
    """A refusal as an answer. A conflict is kept under a key: it was decided, not misread."""
    refusal = _refusal(refused)
    return Answer(refusal.status, _written(refusal.as_json()), is_final=refusal.status == 409)


def _refusal(refused: Refused) -> Refusal:
    refusal = refusal_of(refused)
    if refusal is None:
        raise refused
    return refusal


def _written(value: Any) -> str:
    return orjson.dumps(value).decode()
