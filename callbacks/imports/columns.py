"""Which column of a file is which field of a callback: what people call them, and what they chose before."""

import re
from collections.abc import Iterable, Mapping, Sequence

LEFT_OUT = ""
EXTERNAL = "external_data"
"""The column goes into the external data, under its own name."""
FIELDS: Mapping[str, str] = {
    "phone_number": "Phone number",
    "date": "Date",
    "time": "Time",
    "time_zone": "Time zone",
    "requested_at": "Date and time in one",
    "contact_name": "Contact name",
    "contact_time_zone": "Contact's time zone",
    "queue": "Queue",
    "owner": "Owner",
    "preferred_agent": "Route to if possible",
    "reason": "Reason",
    "ticket_id": "Ticket",
    "priority": "Priority",
    "consent": "Consent",
    "conversation_id": "Conversation",
    "skills": "Skills",
    "window_minutes": "Callback window in minutes",
    EXTERNAL: "Keep as external data",
}
"""All that a column may be, with its name on screens."""
SYNONYMS: Mapping[str, Sequence[str]] = {
    "phone_number": (
        "phone", "telephone", "tel", "number", "mobile", "cell", "contact number", "phone no",
        "telephone number", "mobile number", "callback number", "msisdn",
    ),
    "date": ("day", "callback date", "requested date"),
    "time": ("callback time", "hour", "at"),
    "time_zone": ("timezone", "tz", "zone"),
    "requested_at": (
        "requested time", "requested", "date time", "datetime", "callback scheduled time",
        "scheduled at", "scheduled time", "due", "due at", "when",
    ),
    "contact_name": ("name", "contact", "customer", "customer name", "full name", "client"),
    "contact_time_zone": ("contact zone", "contact timezone", "customer time zone", "contact s time zone"),
    "queue": ("queue name",),
    "owner": ("agent", "owned by", "agent id", "owner id", "assigned to"),
    "preferred_agent": ("route to", "preferred", "route to if possible"),
    "reason": ("subject", "topic", "note", "notes", "comment"),
    "ticket_id": ("ticket", "ticket number", "ticket no", "case", "case id", "case number"),
    "priority": ("prio",),
    "consent": ("agreed", "opt in", "consented", "contact agreed"),
    "conversation_id": ("conversation", "interaction", "interaction id"),
    "skills": ("skill",),
    "window_minutes": ("window", "callback window", "callback window in minutes"),
}  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")


def guess(header: Iterable[str], remembered: Mapping[str, str] | None = None) -> list[str]:
    """The field of each column, as its name tells or as ``remembered`` from before; each field once."""
    taken: set[str] = set()
    found = []
    for name in header:
        field = (remembered or {}).get(name, _BY_NAME.get(_words(name), LEFT_OUT))
        if field in taken and field != EXTERNAL:
            field = LEFT_OUT
        taken.add(field)
        found.append(field)
    return found


def _words(name: str) -> str:
    """``phoneNumber``, ``PHONE_NUMBER`` and ``Phone number`` are the same words."""
    return _NO_WORD.sub(" ", _CAMEL.sub(" ", name)).strip().lower()


_BY_NAME = {_words(key): key for key in FIELDS if key != EXTERNAL} | {
    name: key for key, names in SYNONYMS.items() for name in names
}
