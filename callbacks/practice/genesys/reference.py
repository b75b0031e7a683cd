"""Users, queues, presence, limits: what a client looks up."""

from collections.abc import Callable
from typing import Any

from callbacks.practice.genesys.reading import WHOLE, body_of, invalid, listing, page, queue
from callbacks.practice.moments import stamp
from callbacks.practice.people import PRESENCES, SKILLS, Agent, Queue, key_of
from callbacks.practice.platform import Platform
from callbacks.practice.refusals import not_found
from callbacks.practice.web import Answer, Request

BULK, TOP = 50, 50
EXPANDS = {"routingStatus", "presence", "outOfOffice", "station", "skills", "team", "locations", "languages"}  # fmt: skip
NAMESPACES = {"callback", "conversation", "platform.api", "analytics", "notifications", "routing"}


def users(platform: Platform, request: Request) -> Answer:
    """``GET /users``."""
    return _listed([_user(one, _expanded(request)) for one in _agents(platform)], request)


def user(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /users/{id}``."""
    return Answer(200, _user(_agent(platform, key), _expanded(request)))


def search_users(platform: Platform, request: Request) -> Answer:
    """``POST /users/search``: EXACT, STARTS_WITH and CONTAINS over name, e-mail and id."""
    shape = {"query": "Object[]", "expand": "String[]", "pageSize": WHOLE, "pageNumber": WHOLE}
    wanted = body_of(request, shape)
    found = [
        one
        for one in _agents(platform)
        if all(_answers(_user(one, set()), clause) for clause in wanted.get("query", []))
    ]
    size, number = wanted.get("pageSize", 25), wanted.get("pageNumber", 1)
    if not 1 <= size <= 100 or number < 1:
        raise invalid("pageSize is from 1 to 100, pageNumber from 1.")
    told = [_user(one, set(wanted.get("expand", []))) for one in found]
    listed = listing(told, request, size, number)
    return Answer(200, {**listed, "results": listed.pop("entities")})


def _answers(told: dict[str, Any], clause: dict[str, Any]) -> bool:
    kind, fields = clause.get("type"), clause.get("fields") or []
    values = clause.get("values") or [clause.get("value", "")]
    tests: dict[Any, Callable[[str, str], bool]] = {
        "EXACT": str.__eq__,
        "STARTS_WITH": str.startswith,
        "CONTAINS": str.__contains__,
    }
    if kind not in tests or not fields:
        raise invalid(f"Value [{kind}] is not valid for field type [Type].")
    return any(
        tests[kind](str(told.get(field, "")).lower(), str(value).lower())
        for field in fields
        for value in values
    )


def routing_status(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /users/{id}/routingstatus``: also of somebody who does not exist."""
    found = platform.people.agents.get(key)
    return Answer(200, _routing(found) if found else {"userId": key, "status": "OFF_QUEUE"})


def presence(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /users/{id}/presences/purecloud``."""
    return Answer(200, _presence(_agent(platform, key)))


def presences(platform: Platform, request: Request) -> Answer:
    """``GET /users/presences/purecloud/bulk?id=``: at most 50."""
    wanted = [key for told in request.query.get("id", []) for key in told.split(",")]
    if not 1 <= len(wanted) <= BULK:
        raise invalid(f"Ask for 1 to {BULK} ids.")
    return Answer(200, [_presence(_agent(platform, key)) for key in wanted])


def definitions(platform: Platform, request: Request) -> Answer:
    """``GET /presence/definitions``."""
    told = [{"id": key_of("presence", name), "systemPresence": name} for name in PRESENCES]
    return _listed(told, request)


def system_presences(platform: Platform, request: Request) -> Answer:
    """``GET /systempresences``."""
    return Answer(200, [{"id": key_of("presence", one), "name": one} for one in PRESENCES])


def status_query(platform: Platform, request: Request) -> Answer:
    """``POST /analytics/agents/status/query``: the top 50."""
    return Answer(200, {"entities": [_status(one) for one in _agents(platform)[:TOP]]})


def status(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /analytics/agents/{id}/status``."""
    return Answer(200, _status(_agent(platform, key)))


def skills(platform: Platform, request: Request) -> Answer:
    """``GET /routing/skills``."""
    return _listed([{"id": key_of("skill", name), "name": name} for name in SKILLS], request)


def user_skills(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /users/{id}/routingskills``."""
    return _listed(_skills(_agent(platform, key)), request)


def user_queues(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /users/{id}/queues``."""
    wanted = _agent(platform, key).queues
    return _listed([_queue(platform, queue(platform.people, one)) for one in wanted], request)


def out_of_office(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /users/{id}/outofoffice``."""
    return Answer(200, _away(_agent(platform, key)))


def utilization(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /routing/users/{id}/utilization``."""
    _agent(platform, key)
    capacity = {"maximumCapacity": 1, "interruptableMediaTypes": [], "includeNonAcd": False}
    return Answer(200, {"utilization": {"callback": capacity}, "level": "Organization"})


def queues(platform: Platform, request: Request) -> Answer:
    """``GET /routing/queues``: ``name`` may begin or end with a star."""
    name = request.one("name").lower().strip("*")
    is_exact = name == request.one("name").lower()
    told = [
        _queue(platform, one)
        for one in platform.people.queues.values()
        if (one.name.lower() == name if name and is_exact else name in one.name.lower())
    ]
    return _listed(told, request)


def one_queue(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /routing/queues/{id}``."""
    return Answer(200, _queue(platform, queue(platform.people, key)))


def members(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /routing/queues/{id}/members``."""
    place = queue(platform.people, key)
    wanted = {
        name: set(request.query.get(name, [])) for name in ("skills", "routingStatus", "presence")
    }
    told = [
        {"id": one.id, "name": one.name, "joined": True, "user": _user(one, _expanded(request))}
        | {name: value for name, value in _user(one, _expanded(request)).items() if name in EXPANDS}
        for one in _agents(platform)
        if place.id in one.queues
        and (not wanted["skills"] or wanted["skills"] <= {*one.skills})
        and (not wanted["routingStatus"] or one.routing in wanted["routingStatus"])
        and (not wanted["presence"] or one.presence in wanted["presence"])
    ]
    return _listed(told if request.one("joined", "true") != "false" else [], request)


def waiting_time(platform: Platform, request: Request, key: str) -> Answer:
    """``GET /routing/queues/{id}/mediatypes/callback/estimatedwaittime``."""
    place, now = queue(platform.people, key), platform.now
    ahead = sum(
        one.queue_id == place.id and one.status_at(now) == "waiting"
        for one in platform.store.live()
    )
    told = {"intent": "CALLBACK", "formula": "BEST", "estimatedWaitTimeSeconds": 180 * ahead}
    return Answer(200, {"results": [told]})


def limits(platform: Platform, request: Request, namespace: str) -> Answer:
    """``GET /organizations/limits/namespaces/{ns}``."""
    if namespace not in NAMESPACES:
        raise not_found(f"namespace {namespace}")
    rate = platform.options.rate
    key = "client.credentials.token.rate.per.minute"
    value = int(rate.requests * 60 / rate.seconds) if rate else None
    told = (
        [{"key": key, "namespace": namespace, "value": value}]
        if namespace == "platform.api"
        else []
    )
    return _listed(told, request)


def settings(platform: Platform, request: Request) -> Answer:
    """``GET /conversations/settings``."""
    return Answer(200, {"allowCallbackQueueSelection": True, "communicationBasedACW": False})


def _listed(told: list[Any], request: Request) -> Answer:
    size, number = page(request)
    return Answer(200, listing(told, request, size, number))


def _agents(platform: Platform) -> list[Agent]:
    return list(platform.people.agents.values())


def _agent(platform: Platform, key: str) -> Agent:
    if key not in platform.people.agents:
        raise not_found(f"user {key}")
    return platform.people.agents[key]


def _expanded(request: Request) -> set[str]:
    wanted = {one for told in request.query.get("expand", []) for one in told.split(",")}
    if unknown := wanted - EXPANDS:
        raise invalid(f"Value [{', '.join(sorted(unknown))}] is not valid for field type [Expand].")
    return wanted


def _user(agent: Agent, expanded: set[str]) -> dict[str, Any]:
    told = {
        "id": agent.id,
        "name": agent.name,
        "username": agent.user_name,
        "email": f"{agent.user_name}@practice.invalid",
        "state": agent.state,
        "selfUri": f"/api/v2/users/{agent.id}",
    }
    more = {
        "routingStatus": _routing(agent), "presence": _presence(agent), "outOfOffice": _away(agent),
        "skills": _skills(agent), "station": {}, "team": None, "locations": [], "languages": [],
    }  # fmt: skip
    return {**told, **{name: value for name, value in more.items() if name in expanded}}


def _routing(agent: Agent) -> dict[str, Any]:
    return {"userId": agent.id, "status": agent.routing, "startTime": stamp(agent.changed_at)}


def _presence(agent: Agent) -> dict[str, Any]:
    return {
        "userId": agent.id,
        "source": "PURECLOUD",
        "presenceDefinition": {
            "id": key_of("presence", agent.presence),
            "systemPresence": agent.presence,
        },
        "message": "",
        "modifiedDate": stamp(agent.changed_at),
    }


def _away(agent: Agent) -> dict[str, Any]:
    return {"user": {"id": agent.id}, "active": agent.out_of_office, "indefinite": False}


def _skills(agent: Agent) -> list[dict[str, Any]]:
    return [{"id": key_of("skill", one), "name": one, "proficiency": 5.0} for one in agent.skills]


def _status(agent: Agent) -> dict[str, Any]:
    return {
        "userId": agent.id,
        "systemPresence": agent.presence,
        "routingStatus": agent.routing,
        "isOutOfOffice": agent.out_of_office,
        "sessions": [],
    }


def _queue(platform: Platform, one: Queue) -> dict[str, Any]:
    joined = sum(one.id in agent.queues for agent in _agents(platform))
    return {
        "id": one.id,
        "name": one.name,
        "agentOwnedRouting": {
            "enableAgentOwnedCallbacks": one.owns,
            "maxOwnedCallbackHours": one.owned_hours,
            "maxOwnedCallbackDelayHours": one.ahead_hours,
        },
        "routingRules": [{"operator": "MEETS_THRESHOLD", "threshold": 90}] * one.routing_rules,
        "mediaSettings": {
            "callback": {
                "alertingTimeoutSeconds": 30,
                "mode": "AgentFirst",
                "serviceLevel": {"percentage": 0.9, "durationMs": 86_400_000},
            }
        },
        "memberCount": joined,
        "joinedMemberCount": joined,
        "selfUri": f"/api/v2/routing/queues/{one.id}",
    }
