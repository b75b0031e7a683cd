"""System checks: every view declares who may enter; the zone data is the pinned one and right."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver
from ninja.operation import Operation

from callbacks.rules import moments
from dashboard.api.api import api
from dashboard.api.entrance import OAuth2
from dashboard.entrance import belongs_to_admin, declaration


@register
def every_view_declares_who_may_enter(**kwargs: Any) -> list[CheckMessage]:
    """Walk all routes; Django's admin decides for itself."""
    return [
        Error(
            f"The view at {route!r} does not say who may enter.",
            hint="Decorate it with @admits(…) or @admits_everyone from dashboard.entrance.",
            id="ringback.E001",
        )
        for route, view in routes(get_resolver().url_patterns)
        if declaration(view) is None and not belongs_to_admin(view)
    ]


@register
def every_call_needs_a_scope(**kwargs: Any) -> list[CheckMessage]:
    """Walk all calls of the API."""
    return [
        Error(
            f"{' and '.join(call.methods)} /api/v2{path} lets in anybody.",
            hint="Give it auth=OAuth2(Scope.…) from dashboard.api.entrance.",
            id="ringback.E003",
        )
        for path, call in calls()
        if not any(isinstance(one, OAuth2) for one in call.auth_callbacks)
    ]


def calls() -> Iterator[tuple[str, Operation]]:
    """Every call of the API with its path."""
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            for operation in view.operations:
                yield path, operation


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every route of the product with its view; Django's admin is left out."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


@register
def zone_data_is_right(**kwargs: Any) -> list[CheckMessage]:
    """The canary: Vancouver stays at UTC−7 from 2026 on; stale zone data is an hour wrong."""
    canary = moments.WallTime(date(2026, 12, 10), time(10), "America/Vancouver")
    if moments.resolve(canary).instant == datetime(2026, 12, 10, 17, tzinfo=UTC):
        return []
    return [
        Error(
            "The time zone data in use is outdated: Vancouver is an hour wrong.",
            hint="Install the pinned tzdata package, and leave PYTHONTZPATH empty.",
            id="ringback.E002",
        )
    ]
