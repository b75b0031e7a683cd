"""What answers to which path."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callbacks.practice.platform import Platform
from callbacks.practice.web import Answer, Request

Handler = Callable[..., Answer]
"""Takes the platform, the request, and the parts of the path by name."""


@dataclass(frozen=True)
class Route:
    """A method and a path with ``{parts}``."""

    method: str
    path: str
    handler: Handler
    scope: str = ""

    def parts(self, path: str) -> dict[str, str] | None:
        """The parts of a path of this form."""
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


@dataclass(frozen=True)
class Found:
    """The route of a request, and the parts of its path."""

    route: Route
    parts: dict[str, Any]

    def answer(self, platform: Platform, request: Request) -> Answer:
        """Do what was asked."""
        return self.route.handler(platform, request, **self.parts)


def find(routes: list[Route], method: str, path: str) -> "Found | None":
    """The route; earlier ones win."""
    for route in routes:
        if route.method == method and (parts := route.parts(path)) is not None:
            return Found(route, parts)
    return None


def methods(routes: list[Route], path: str) -> list[str]:
    """What may be done with a path."""
    return sorted({route.method for route in routes if route.parts(path) is not None})
