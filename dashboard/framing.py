"""Which pages another application may show in a frame, and whose (``FRAME_ANCESTORS``)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpResponse

View = TypeVar("View", bound=Callable[..., HttpResponse])


def may_be_framed(view: View) -> View:
    """Let the sites of ``FRAME_ANCESTORS`` frame this view; without any, nobody."""

    @wraps(view)
    def framed(*args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.FRAME_ANCESTORS:
            return view(*args, **kwargs)
        replaced = csp_replace({"frame-ancestors": settings.FRAME_ANCESTORS})
        return cast("HttpResponse", replaced(view)(*args, **kwargs))

    return cast("View", framed)
