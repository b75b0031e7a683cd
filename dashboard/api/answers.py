"""Answers: JSON by the quickest way, and the frame that every list has.

Lists go on after the last row of the page before, whatever was inserted meanwhile (keyset paging).
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from django.db.models import Model, Q, QuerySet
from django.http import HttpResponse

from callbacks.errors import Problem
from dashboard.api.errors import Misread

Row = TypeVar("Row", bound=Model)


def as_json(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The value as the answer's body."""
    return HttpResponse(
        orjson.dumps(value), status=status, content_type="application/json", headers=headers
    )


@dataclass(frozen=True)
class Order(Generic[Row]):
    """How a list is sorted: two columns of which the second is unique, both ascending."""

    first: str
    second: str
    read: Callable[[str, str], tuple[Any, Any]]
    """From the texts of a cursor to values; raises ``ValueError`` for what no cursor says."""

    def after(self, cursor: str) -> Q:
        """The rows after the one that the cursor stands for."""
        first, second = self.read(*_opened(cursor))
        return Q(**{f"{self.first}__gt": first}) | Q(
            **{self.first: first, f"{self.second}__gt": second}
        )

    def cursor_of(self, row: Any) -> str:
        """The cursor for what comes after this row."""
        places = (self.first, self.second)
        written = "\n".join(_text(_value(row, place)) for place in places)
        return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def page(
    rows: QuerySet[Row],
    order: Order[Row],
    portray: Callable[[Row], Mapping[str, Any]],
    *,
    size: int,
    cursor: str | None,
) -> dict[str, Any]:
    """One page of a list with its frame. Two statements.

    Raises ``Refused`` for a cursor that was not ours.
    """
    total = rows.order_by().count()
    found = rows.filter(_after(order, cursor)) if cursor else rows
    taken = list(found.order_by(order.first, order.second)[: size + 1])
    is_more = len(taken) > size
    shown = taken[:size]
    return {
        "entities": [portray(row) for row in shown],
        "pageSize": size,
        "total": total,
        "nextCursor": order.cursor_of(shown[-1]) if is_more else None,
    }


def _after(order: Order[Any], cursor: str) -> Q:
    try:
        return order.after(cursor)
    except (ValueError, OverflowError, binascii.Error):
        said = "Send the nextCursor of the page before, unchanged, or no cursor."
        raise Misread([Problem("invalid.value", "cursor", said)]) from None


def _opened(cursor: str) -> tuple[str, str]:
    padded = cursor + "=" * (-len(cursor) % 4)
    first, second = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split("\n")
    if "\0" in first + second:
        raise ValueError(cursor)
    return first, second


def _value(row: Any, place: str) -> Any:
    for name in place.split("__"):
        row = getattr(row, name)
    return row


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
