"""The list of callbacks as CSV: what the filter shows, under names that the import knows."""

from collections.abc import Callable, Iterator, Mapping

from callbacks.access import Actor
from callbacks.models import Callback, Role
from callbacks.rules import numbers
from callbacks.rules.sheets import Echo, SafeWriter
from dashboard.callback.listing import Listing

AT_MOST: Mapping[str, int] = {Role.AGENT: 1_000, Role.SUPERVISOR: 50_000, Role.ADMIN: 5_000_000}
"""So many rows a person of this role may take away at once."""
Cell = Callable[[Callback], object]
COLUMNS: Mapping[str, Cell] = {
    "Id": lambda callback: callback.pk,
    "Status": lambda callback: callback.get_status_display(),
    "Phone number": lambda callback: _number(callback),
    "Contact name": lambda callback: callback.contact_name,
    "Contact time zone": lambda callback: callback.contact_time_zone,
    "Date": lambda callback: callback.wall_date,
    "Time": lambda callback: f"{callback.wall_time:%H:%M:%S}".removesuffix(":00"),
    "Time zone": lambda callback: callback.time_zone,
    "In UTC": lambda callback: f"{callback.requested_at:%Y-%m-%d %H:%M}",
    "Queue": lambda callback: callback.queue,
    "Owner": lambda callback: callback.owner.user.username if callback.owner else "",
    "Priority": lambda callback: callback.priority,
    "Skills": lambda callback: "|".join(callback.skills),
    "Reason": lambda callback: callback.reason,
    "Ticket": lambda callback: callback.ticket_id,
    "Conversation": lambda callback: callback.conversation_id,
}


def as_csv(listing: Listing) -> Iterator[str]:
    """The header, then a line for each callback; it begins with a mark by which UTF-8 is known."""
    out = SafeWriter(Echo())
    cells = dict(COLUMNS)
    if not sees_numbers(listing.by):
        cells["Phone number"] = lambda callback: numbers.mask(callback.phone_number)
    yield "\ufeff" + out.line(cells)
    for callback in listing.all_of_them(AT_MOST[listing.by.role]):
        yield out.line(cell(callback) for cell in cells.values())


def sees_numbers(by: Actor) -> bool:
    """Whether lists taken away by this person have whole numbers: agents see them one by one."""
    return by.is_supervisor


def _number(callback: Callback) -> str:
    extension = callback.phone_extension
    return f"{callback.phone_number} ext. {extension}" if extension else callback.phone_number
