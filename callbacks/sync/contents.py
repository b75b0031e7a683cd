"""What a platform is to know of a callback, from our tables; and how it is kept beside them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from callbacks.models import Callback, ConnectedQueue, Counterpart
from callbacks.portrait import external_data
from callbacks.sync.platforms.base import Content

LATE = "promisedAt"
"""Where the promised time stands among the data of one that was told too late for it."""
SOON = timedelta(minutes=2)
ONLY_HERE = frozenset({"reference"})
"""What differs between generations, and is nothing that could be patched."""


def content_of(callback: Callback, counterpart: Counterpart, place: ConnectedQueue) -> Content:
    """What the platform is to know now; relations should be loaded.

    What it has no field for goes along as strings: the contact's zone, consent, the window's length
    and the extension (rules §6.7, guide edge case 1).
    """
    content = Content(
        reference=counterpart.reference,
        number=callback.phone_number,
        name=callback.contact_name,
        requested_at=callback.requested_at,
        window_starts_at=callback.window_starts_at,
        window_seconds=int(callback.window_duration.total_seconds()),
        queue=place.remote_id,
        owner=callback.owner.platform_id or None if callback.owner else None,
        preferred=(
            callback.preferred_agent.platform_id or None if callback.preferred_agent else None
        ),
        priority=callback.priority,
        data=_strings(callback),
    )
    known = counterpart.content or {}
    if known.get("data", {}).get(LATE) == content.requested_at.isoformat():
        # Told when its time had passed: it stays there at the time that it was told with.
        return _told_as(content, datetime.fromisoformat(known["requested_at"]))
    return content


def late(content: Content, at: datetime) -> Content:
    """One whose time has passed before it was told: as due in a moment, with what was promised.

    No platform takes a time that has passed; and a promise that is late is one all the same.
    """
    return _told_as(content, (at + SOON).replace(microsecond=0))


def _told_as(content: Content, requested_at: datetime) -> Content:
    shift = requested_at - content.requested_at
    return replace(
        content,
        requested_at=requested_at,
        window_starts_at=content.window_starts_at + shift,
        data={**content.data, LATE: content.requested_at.isoformat()},
    )


def _strings(callback: Callback) -> dict[str, str]:
    said = {name: _string(value) for name, value in external_data(callback).items()}
    ours = {
        "timeZone": callback.contact_time_zone,
        "consent": CONSENT[callback.consent],
        "conversationId": callback.conversation_id,
        "extension": callback.phone_extension,
        "windowSeconds": str(int(callback.window_duration.total_seconds())),
    }
    return {**said, **{name: value for name, value in ours.items() if value}}


CONSENT: Mapping[bool | None, str] = {True: "yes", False: "no", None: ""}


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_json(content: Content) -> dict[str, Any]:
    """For a column."""
    moments = {name: getattr(content, name).isoformat() for name in MOMENTS}
    return {**asdict(content), **moments}


def from_json(kept: Mapping[str, Any]) -> Content:
    """From a column."""
    moments = {name: datetime.fromisoformat(kept[name]) for name in MOMENTS}
    return Content(**{**kept, **moments})


MOMENTS = ("requested_at", "window_starts_at")


def is_same(one: Content, other: Content, *, but: Collection[str] = ()) -> bool:
    """Whether the platform need not be told of a difference; ``but``: fields that it cannot hold."""
    names = {field.name for field in fields(Content)} - ONLY_HERE - set(but)
    return all(getattr(one, name) == getattr(other, name) for name in names)
