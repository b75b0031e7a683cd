"""Statements of the busiest paths, worked out by the ORM once and then only given their values.

Building a query with a dozen annotations costs Django several times what PostgreSQL needs to answer
it. The definition stays a queryset; nothing is written twice.
"""

import inspect
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any

from django.db import connection, connections
from django.db.models import (
    BooleanField,
    CharField,
    DateField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    QuerySet,
    TimeField,
    UUIDField,
)

SAMPLES: Mapping[type, Callable[[int], Any]] = {
    uuid.UUID: lambda n: uuid.UUID(int=0xC0FFEE << 96 | n),
    datetime: lambda n: datetime(1971, 3, 5, 7, 11, 13, 17, tzinfo=UTC) + timedelta(days=n),
    date: lambda n: date(1971, 3, 5) + timedelta(days=n),
    str: lambda n: f"\x01 sample {n}",
}
"""Values that nobody means, to find again where each parameter went."""


class Compiled:
    """A queryset of ``values()`` as a function of its parameters; its SQL is made at the first call.

    ``build`` takes keyword arguments annotated ``UUID``, ``datetime``, ``date`` or ``str``, and uses each as it
    is: whatever is computed from a parameter must be a parameter of its own.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, dict[str, Any]]]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._made: tuple[str, tuple[Any, ...], Any, Sequence[str]] | None = None

    def rows(self, **given: Any) -> Iterator[dict[str, Any]]:
        """The rows for these values. One statement; ``None`` equals nothing, as in SQL."""
        sql, places, compiler, names = self._made or self._make()
        values = [given[place.name] if isinstance(place, _Place) else place for place in places]
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            found = cursor.fetchall()
        for row in compiler.results_iter(results=[found], tuple_expected=True):
            yield dict(zip(names, row, strict=True))

    def first(self, **given: Any) -> dict[str, Any] | None:
        """The first row, if there is one."""
        return next(self.rows(**given), None)

    def _make(self) -> tuple[str, tuple[Any, ...], Any, Sequence[str]]:
        with self._lock:
            if self._made is None:
                samples = {
                    name: SAMPLES[parameter.annotation](n)
                    for n, (name, parameter) in enumerate(
                        inspect.signature(self._build, eval_str=True).parameters.items()
                    )
                }
                self._made = _made(self._build(**samples), samples)
            return self._made


class _Place:
    """Where a parameter goes."""

    def __init__(self, name: str) -> None:
        self.name = name


def _made(
    rows: QuerySet[Any, dict[str, Any]], samples: Mapping[str, Any]
) -> tuple[str, tuple[Any, ...], Any, Sequence[str]]:
    query = rows.query
    compiler = query.get_compiler(connection=connection)
    sql, values = compiler.as_sql()
    names = [*query.extra_select, *query.values_select, *query.annotation_select]
    places = tuple(_place(value, samples) for value in values)
    if missing := set(samples) - {place.name for place in places if isinstance(place, _Place)}:
        raise AssertionError(f"used nowhere as they are: {', '.join(sorted(missing))}")
    return sql, places, compiler, names


def _place(value: Any, samples: Mapping[str, Any]) -> Any:
    for name, sample in samples.items():
        if type(value) is type(sample) and value == sample:
            return _Place(name)
    return value


def insert(row: Model) -> None:
    """Insert one new row, all of its columns; the key of an autoincrement stays unknown.

    The same as ``save(force_insert=True)`` without signals, for a tenth of the price.
    """
    table, fields = _columns(type(row))
    sql = f"INSERT INTO {table} VALUES ({', '.join('%s' for _ in fields)})"  # noqa: S608 (own names)
    with connection.cursor() as cursor:
        cursor.execute(sql, _values(row, fields, connection))
    row._state.adding, row._state.db = False, "default"


def insert_all(rows: Iterable[Model]) -> None:
    """Insert many new rows of one table, as ``insert`` does one. One statement: a COPY.

    Raises ``IntegrityError`` as an insert would, and then none of them is there.
    """
    waiting = list(rows)
    if not waiting:
        return
    table, fields = _columns(type(waiting[0]))
    here = connections[connection.alias]  # itself: the proxy looks it up at every touch
    read = [_reader(field, here) for field in fields]
    with (
        here.wrap_database_errors,
        here.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN") as copy,
    ):
        for row in waiting:
            copy.write_row([value(row) for value in read])
    for row in waiting:
        row._state.adding, row._state.db = False, "default"


def update_all(rows: Sequence[Model], names: Sequence[str] | None = None) -> None:
    """Write many rows of one table, all columns or those of these names; in one round trip.

    The same as ``save(update_fields=…)`` of each without signals.
    """
    if not rows:
        return
    model = type(rows[0])
    sql, fields = _updating(model, tuple(names) if names else None)
    with connection.cursor() as cursor:
        cursor.executemany(sql, [[*_values(row, fields, connection), row.pk] for row in rows])


@cache
def _updating(
    model: type[Model], names: tuple[str, ...] | None
) -> "tuple[str, Sequence[Field[Any, Any]]]":
    quote = connection.ops.quote_name
    fields = [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and (names is None or field.name in names)
    ]
    columns = ", ".join(f"{quote(str(field.column))} = %s" for field in fields)
    key = quote(str(model._meta.pk.column)) if model._meta.pk else "id"
    return f"UPDATE {quote(model._meta.db_table)} SET {columns} WHERE {key} = %s", fields  # noqa: S608 (own names)


def _reader(field: "Field[Any, Any]", here: Any) -> Callable[[Model], Any]:
    """What COPY gets of a row: psycopg writes most values as they are, so Django need not look."""
    is_stamped = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    if isinstance(field, AS_THEY_ARE) and not is_stamped:
        return attrgetter(str(field.attname))
    return lambda row: field.get_db_prep_save(field.pre_save(row, add=True), here)


AS_THEY_ARE = (
    BooleanField, CharField, DateField, ForeignKey, IntegerField, TimeField, UUIDField,
)  # fmt: skip
"""Fields whose values in Python are those of the database; dates with times are dates, too."""


def _values(row: Model, fields: "Sequence[Field[Any, Any]]", here: Any) -> list[Any]:
    return [field.get_db_prep_save(field.pre_save(row, add=True), here) for field in fields]


@cache
def _columns(model: type[Model]) -> "tuple[str, Sequence[Field[Any, Any]]]":
    """The table with its columns, as statements name them; those fields."""
    fields = [one for one in model._meta.concrete_fields if not _is_generated(one)]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    return f"{connection.ops.quote_name(model._meta.db_table)} ({columns})", fields


def _is_generated(field: "Field[Any, Any]") -> bool:
    return bool(field.primary_key and "AutoField" in field.get_internal_type())
