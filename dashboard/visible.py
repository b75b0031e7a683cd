"""How every page finds its callback: one that the person may not read does not exist."""

import uuid

from django.http import Http404

from callbacks.access import readable
from callbacks.models import Callback
from dashboard.entrance import Request


def visible(request: Request, key: uuid.UUID) -> Callback:
    """The callback with all that a page shows of it, or 404 (rules §7)."""
    found = (
        readable(request.actor)
        .for_display()
        .select_related("created_by", "consent_recorded_by")
        .filter(pk=key)
        .first()
    )
    if found is None:
        raise Http404
    return found
