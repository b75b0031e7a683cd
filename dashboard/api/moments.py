"""What a wall time is: for flows that ask a person for a local time."""

from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from callbacks.access import Actor
from callbacks.errors import Problem
from callbacks.models.program import Scope
from callbacks.portrait import stamp
from callbacks.rules import moments
from callbacks.rules.moments import Moment, WallTime
from dashboard.api.answers import as_json
from dashboard.api.documents import refusals
from dashboard.api.entrance import ApiRequest, OAuth2
from dashboard.api.errors import Misread
from dashboard.api.reading import refuse_strangers
from dashboard.api.schemas import MomentOut
from dashboard.api.wishes import Meant, zone_named

router = Router(tags=["Moments"])


class Wall(Schema):
    """A wall time."""

    model_config = ConfigDict(extra="forbid")
    date: Annotated[str, Field(max_length=100, examples=["2026-11-01"])]
    time: Annotated[str, Field(max_length=100, examples=["01:30"])]
    timeZone: Annotated[str, Field(max_length=300, examples=["America/New_York"])]


@router.get(
    "/moments",
    auth=OAuth2(Scope.READ),
    response={200: MomentOut, **refusals(400)},
    summary="What a wall time is",
)
def moment(request: ApiRequest, said: Annotated[Wall, Query()]) -> HttpResponse:
    """One instant; two where clocks go back, the earlier first; none where they go forward, with
    the last minute before the gap and the first after it in ``nearest``."""
    refuse_strangers(request, said)
    wall = _wall(said, request.actor)
    try:
        return as_json(_told("ok", [moments.resolve(wall)]))
    except moments.Overlap as twice:
        return as_json(_told("overlap", [twice.first, twice.second]))
    except moments.Gap as gap:
        around = [moments.at_instant(local, wall.zone) for local in (gap.before, gap.after)]
        return as_json({**_told("gap", []), "nearest": [_reading(one) for one in around]})
    except moments.MomentRefused as refused:
        raise Misread([Problem("time.invalid", "date", str(refused))]) from None


def _wall(said: Wall, by: Actor) -> WallTime:
    meant, day, clock = Meant(by, []), None, None
    zone = zone_named(meant, "timeZone", said.timeZone)
    try:
        day = moments.parse_date(said.date)
    except moments.UnreadableDate as refused:
        meant.refuse("time.invalid", "date", str(refused))
    try:
        clock = moments.parse_time(said.time)
    except moments.UnreadableTime as refused:
        meant.refuse("time.invalid", "time", str(refused))
    if meant.problems or day is None or clock is None:
        raise Misread(meant.problems)
    return WallTime(day, clock, zone)


def _told(kind: str, instants: list[Moment]) -> dict[str, Any]:
    return {"kind": kind, "instants": [_reading(one) for one in instants], "nearest": []}


def _reading(one: Moment) -> dict[str, str | None]:
    local = one.local.isoformat(timespec="seconds")
    return {"utc": stamp(one.instant), "local": local[:19], "offset": local[19:]}
