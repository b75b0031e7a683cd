"""Answers: JSON by the quickest way, and the frame that every list has.

Lists go on after the last row of the page before, whatever was inserted meanwhile (keyset paging).
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """How a list is sorted: by two columns, or attributes, of which the second is unique, both ascending."""

    first: str
    second: str
    read: Callable[[str, str], tuple[Any, Any]]
    """From the texts of a cursor to values; raises ``ValueError`` for what no cursor says."""

    def values_of(self, row: Any) -> tuple[Any, Any]:
        """What the row is sorted by."""
        return _value(row, self.first), _value(row, self.second)

    def meant(self, cursor: str) -> tuple[Any, Any]:
        """What the row is sorted by after which to go on; raises ``Misread``."""
        try:
            return self.read(*_opened(cursor))
        except (ValueError, OverflowError, binascii.Error):
            said = "Send the nextCursor of the page before, unchanged, or no cursor."
            raise Misread([Problem("invalid.value", "cursor", said)]) from None

    def after(self, cursor: str) -> Q:
        """The rows after the one that the cursor stands for."""
        first, second = self.meant(cursor)
        return Q(**{f"{self.first}__gt": first}) | Q(
            **{self.first: first, f"{self.second}__gt": second}
        )

    def cursor_of(self, row: Any) -> str:
        """The cursor for what comes after this row."""
        written = "\n".join(map(_text, self.values_of(row)))
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

    Raises ``Misread`` for a cursor that was not ours.
    """
    total = rows.order_by().count()
    found = rows.filter(order.after(cursor)) if cursor else rows
    taken = list(found.order_by(order.first, order.second)[: size + 1])
    return _framed(taken, order, portray, size, total)


def page_of(
    values: Iterable[Any],
    order: Order[Any],
    portray: Callable[[Any], Mapping[str, Any]],
    *,
    size: int,
    cursor: str | None,
) -> dict[str, Any]:
    """The same of values that were worked out."""
    everything = sorted(values, key=order.values_of)
    start = order.meant(cursor) if cursor else None
    after = [one for one in everything if start is None or order.values_of(one) > start]
    return _framed(after[: size + 1], order, portray, size, len(everything))


def _framed(
    taken: Sequence[Any],
    order: Order[Any],
    portray: Callable[[Any], Mapping[str, Any]],
    size: int,
    total: int,
) -> dict[str, Any]:
    """One more than fits in tells that there is another page."""
    shown = taken[:size]
    return {
        "entities": [portray(row) for row in shown],
        "pageSize": size,
        "total": total,
        "nextCursor": order.cursor_of(shown[-1]) if len(taken) > size else None,
    }


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
