"""The practice platform's own console, under ``/practice/``: without a token, a limit or a fault."""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from callbacks.practice.faults import EVENTS, KINDS, Nonsense
from callbacks.practice.moments import instant
from callbacks.practice.platform import Platform
from callbacks.practice.play import Habits
from callbacks.practice.store import Callback
from callbacks.practice.web import Answer, Request, objects

if TYPE_CHECKING:
    from callbacks.practice.application import Application

PAGE = 1000


def answer(application: "Application", request: Request) -> Answer:
    """Do what the console was asked."""
    handler = _HANDLERS.get(request.endpoint)
    if handler is None and request.endpoint.startswith("POST /practice/callbacks/"):
        handler = _meddle
    if handler is None:
        return Answer(404, {"message": f"There is no {request.endpoint}."})
    body = objects(request.body) if request.body else {}
    if body is None:
        return Answer(400, {"message": "The body is not a JSON object."})
    try:
        return Answer(200, handler(application, request, body))
    except (Nonsense, ValueError, TypeError, KeyError) as wrong:
        return Answer(400, {"message": str(wrong)})


def _status(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    platform = application.platform
    rate = platform.options.rate
    return {
        "dialects": sorted(platform.options.dialects),
        "rate": str(rate) if rate else None,
        "tokensIssued": platform.tokens.issued,
        "callbacks": len(platform.store.callbacks),
        "live": sum(1 for _ in platform.store.live()),
        "effects": platform.store.ledger.effects(),
        "clients": {name: one.told() for name, one in platform.turnstile.meters.items()},
    }


def _clear_status(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    application.platform.turnstile.clear()
    application.platform.seen.clear()
    return _status(application, request, body)


def _faults(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    return {**application.platform.faults.told(), "kinds": {**KINDS, **EVENTS}}


def _order(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    application.platform.faults.order(body)
    return application.platform.faults.told()


def _ledger(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    return _page(application.platform.store.ledger.lines, request)


def _requests(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    return _page([one.told() for one in application.platform.seen], request)


def _events(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    return _page(list(application.courier.delivered), request)


def _callbacks(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    platform = application.platform
    found = list(platform.store.callbacks.values())
    if request.one("live") == "1":
        found = [one for one in found if one.is_live]
    return _page([told(one, platform) for one in found], request)


def told(callback: Callback, platform: Platform) -> dict[str, Any]:
    """The content of a callback, the same for both dialects."""
    lines = platform.store.plain(callback)
    return {**lines, "status": callback.status_at(platform.now), "isLive": callback.is_live}


def _doubles(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    store = application.platform.store
    return {"doubles": store.doubles(), "createdTwice": store.ledger.created_twice()}


def _people(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    people = application.platform.people
    people.add_all(body)
    return {
        "queues": [asdict(queue) for queue in people.queues.values()],
        "agents": [{**asdict(agent), "changed_at": None} for agent in people.agents.values()],
    }


def _play(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    players = application.players
    known = {one.name for one in fields(Habits)}
    for name, share in body.items():
        if name in known:
            setattr(players.habits, name, float(share))
        elif name != "steps":
            raise Nonsense(f"{name}: there is steps, {', '.join(sorted(known))}.")
    for _ in range(int(body.get("steps", 1))):
        players.step()
    return {"effects": application.platform.store.ledger.effects(), **asdict(players.habits)}


def _kill_tokens(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    tokens = application.platform.tokens
    before = len(tokens.alive)
    tokens.alive.clear()
    return {"killed": before}


def _reset(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    application.platform.reset()
    return _status(application, request, body)


def _meddle(application: "Application", request: Request, body: dict[str, Any]) -> Any:
    """What somebody does at another console: ``{"do": "cancel"}`` and so on."""
    platform = application.platform
    callback = platform.store.callbacks[request.path.rsplit("/", 1)[-1]]
    done = _MEDDLING[body["do"]](platform, callback, body)
    return told(done, platform) if done else {"lost": callback.id}


def _reschedule(platform: Platform, callback: Callback, body: dict[str, Any]) -> Callback:
    at = instant(body["requestedTime"])
    if at is None:
        raise Nonsense("requestedTime is UTC with Z.")
    return platform.store.change(
        callback, effect="update", by="console", at=platform.now, requested_at=at
    )


def _own(platform: Platform, callback: Callback, body: dict[str, Any]) -> Callback:
    agent = body["agentId"]
    return platform.store.change(
        callback, effect="update", by="console", at=platform.now,
        agent_id=agent, is_owned=agent is not None,
    )  # fmt: skip


def _end(status: str) -> "Meddling":
    disconnect = "system" if status == "expired" else "client"

    def ended(platform: Platform, callback: Callback, body: dict[str, Any]) -> Callback:
        return platform.store.end(
            callback, status, by="console", at=platform.now, disconnect=disconnect
        )

    return ended


def _lose(platform: Platform, callback: Callback, body: dict[str, Any]) -> None:
    platform.store.lose(callback, at=platform.now)


def _page(lines: list[Any], request: Request) -> dict[str, Any]:
    after = int(request.one("after", "0"))
    limit = min(int(request.one("limit", str(PAGE))), PAGE)
    page = lines[after : after + limit]
    end = after + len(page)
    return {"lines": page, "total": len(lines), "next": end if end < len(lines) else None}


Meddling = Callable[[Platform, Callback, dict[str, Any]], Callback | None]
_MEDDLING: dict[str, Meddling] = {
    "cancel": _end("cancelled"), "complete": _end("completed"), "expire": _end("expired"),
    "reschedule": _reschedule, "own": _own, "lose": _lose,
}  # fmt: skip
_HANDLERS: dict[str, Callable[["Application", Request, dict[str, Any]], Any]] = {
    "GET /practice/status": _status,
    "DELETE /practice/status": _clear_status,
    "GET /practice/faults": _faults,
    "POST /practice/faults": _order,
    "GET /practice/ledger": _ledger,
    "GET /practice/requests": _requests,
    "GET /practice/events": _events,
    "GET /practice/callbacks": _callbacks,
    "GET /practice/doubles": _doubles,
    "GET /practice/people": _people,
    "POST /practice/people": _people,
    "POST /practice/play": _play,
    "DELETE /practice/tokens": _kill_tokens,
    "POST /practice/reset": _reset,
}
