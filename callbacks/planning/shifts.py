"""Import of planned schedules from CSV: all of it or nothing, every problem with its line.

Columns: agent (user name), start, end, activity; a time without an offset needs a zone, from the
column time_zone or for the whole file.
"""

import csv
import io
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction

from callbacks.models import Agent, Shift
from callbacks.rules import moments

COLUMNS = ("agent", "start", "end", "activity")
OPTIONAL = ("time_zone",)
LONGEST = timedelta(hours=24)
PROBLEMS_AT_MOST = 200
ACTIVITIES = {str(value): value for value in Shift.Activity.values} | {
    str(label).lower(): value for value, label in Shift.Activity.choices
}


class ShiftsRefused(Exception):
    """The file cannot be imported; nothing of it was."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Import:
    """What came of a file."""

    added: int
    known: int
    """Rows that were there already."""
    removed: int = 0


@dataclass(frozen=True)
class Row:
    """One planned stretch of one agent."""

    line: int
    agent_id: uuid.UUID
    activity: str
    starts_at: datetime
    ends_at: datetime

    @property
    def key(self) -> tuple[uuid.UUID, str, datetime, datetime]:
        """What makes it the same as another."""
        return (self.agent_id, self.activity, self.starts_at, self.ends_at)


@transaction.atomic
def import_shifts(
    content: bytes, *, time_zone: str = "", replaces: bool = False, dry_run: bool = False
) -> Import:
    """Add the shifts of a file; the same file again adds nothing.

    ``replaces``: the named agents' shifts in the span of the file give way to it. Raises
    ``ShiftsRefused`` with every problem, up to 200 of them.
    """
    rows, problems = _read(_text(content), time_zone)
    problems += _overlaps(rows)
    removed = _remove(rows) if replaces and rows and not problems else 0
    there = _there(rows)
    problems += _clashes(rows, there)
    if problems or not rows:
        raise ShiftsRefused(_first(problems or ["The file has no rows under its header."]))
    known = {shift.key for shift in there}
    new = [row for row in {row.key: row for row in rows}.values() if row.key not in known]
    Shift.objects.bulk_create(
        [
            Shift(
                agent_id=row.agent_id, activity=row.activity,
                starts_at=row.starts_at, ends_at=row.ends_at,
            )
            for row in new
        ],
        batch_size=2000,
    )  # fmt: skip
    if dry_run:
        transaction.set_rollback(True)
    return Import(len(new), len(rows) - len(new), removed)


def _first(problems: list[str]) -> list[str]:
    more = len(problems) - PROBLEMS_AT_MOST
    return problems[:PROBLEMS_AT_MOST] + ([f"… and {more} more."] if more > 0 else [])


# --- reading ----------------------------------------------------------------------------------


def _text(content: bytes) -> str:
    if not content.strip():
        raise ShiftsRefused(["The file is empty."])
    if b"\0" in content:
        raise ShiftsRefused(["The file is not UTF-8 text (UTF-16?). Save it as CSV in UTF-8."])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise ShiftsRefused(
            [f"Line {line} is not UTF-8 text. Save the file as CSV in UTF-8."]
        ) from wrong


def _read(text: str, time_zone: str) -> tuple[list[Row], list[str]]:
    if time_zone and time_zone not in moments.ZONES:
        raise ShiftsRefused([f"“{time_zone[:64]}” is not a time zone, such as Europe/London."])
    first = text.splitlines()[0]
    lines = csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ",")
    header = [name.strip().lower() for name in next(lines)]
    _examine_header(header)
    agents = {name.lower(): key for key, name in Agent.objects.values_list("pk", "user__username")}
    rows, problems = [], []
    for place, given, wrong in _records(lines, header):
        found = wrong or _row(place, given, agents, time_zone)
        if isinstance(found, Row):
            rows.append(found)
        else:
            problems.append(f"Line {place}: {found}")
    return rows, problems


def _examine_header(header: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name[:40] for name in header if name not in COLUMNS + OPTIONAL]
    doubled = sorted({name for name in header if header.count(name) > 1})
    problems = []
    if missing:
        problems.append(
            f"The header lacks {', '.join(missing)}. It must name {', '.join(COLUMNS)}."
        )
    if unknown:
        problems.append(f"The header names unknown columns: {', '.join(unknown)}.")
    if doubled:
        problems.append(f"The header names twice: {', '.join(doubled)}.")
    if problems:
        raise ShiftsRefused(problems)


def _records(
    lines: Iterator[list[str]], header: list[str]
) -> Iterator[tuple[int, dict[str, str], str]]:
    """Line number, values by column, and what is wrong with the line as such."""
    place = 1
    try:
        for values in lines:
            place = lines.line_num  # type: ignore[attr-defined]
            if not any(value.strip() for value in values):
                continue
            wrong = ""
            if len(values) != len(header):
                wrong = f"has {len(values)} values instead of {len(header)}."
            yield place, {n: v.strip() for n, v in zip(header, values, strict=False)}, wrong
    except csv.Error as broken:
        yield place + 1, {}, f"cannot be read as CSV ({broken})."


def _row(
    line: int, given: Mapping[str, str], agents: Mapping[str, uuid.UUID], time_zone: str
) -> Row | str:
    """The row, or what is wrong with it."""
    agent_id = agents.get(given["agent"].lower())
    if agent_id is None:
        return f"there is no agent with the user name “{given['agent'][:60]}”."
    activity = ACTIVITIES.get(given["activity"].lower())
    if activity is None:
        known = ", ".join(Shift.Activity.values)
        return f"“{given['activity'][:60]}” is no activity; there are {known}."
    zone = given.get("time_zone") or time_zone
    try:
        starts_at, ends_at = (_instant(given[name], zone) for name in ("start", "end"))
    except ValueError as wrong:
        return str(wrong)
    if ends_at <= starts_at:
        return "it must end after it starts."
    if ends_at - starts_at > LONGEST:
        return "it is longer than 24 hours."
    return Row(line, agent_id, activity, starts_at, ends_at)


def _instant(text: str, zone: str) -> datetime:
    """The moment (UTC). Raises ``ValueError`` with what to do about it."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"“{text[:40]}” is no time, such as 2026-12-01T09:00Z or 2026-12-01 09:00."
        ) from None
    if given.year not in moments.YEARS:
        raise ValueError(f"the year {given.year} is out of reach.")
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    if not zone:
        raise ValueError(
            f"“{text[:40]}” could be any zone. Write an offset or Z, or give a time_zone."
        )
    if zone not in moments.ZONES:
        raise ValueError(f"“{zone[:64]}” is not a time zone, such as Europe/London.")
    try:
        return moments.resolve(moments.WallTime(given.date(), given.time(), zone)).instant
    except (moments.Gap, moments.Overlap, moments.MomentRefused) as refused:
        raise ValueError(f"{refused} Write it with an offset.") from refused


# --- against each other, and what is there -----------------------------------------------------


def _overlaps(rows: list[Row]) -> list[str]:
    """Two shifts of work of one agent at the same time, both lines named."""
    problems: list[str] = []
    last: dict[uuid.UUID, Row] = {}
    of_work = [row for row in rows if row.activity == Shift.Activity.ON_QUEUE]
    for row in sorted(of_work, key=lambda one: (one.starts_at, one.ends_at)):
        before = last.get(row.agent_id)
        if before and before.ends_at > row.starts_at and before.key != row.key:
            problems.append(f"Lines {before.line} and {row.line}: two shifts at the same time.")
        if before is None or row.ends_at > before.ends_at:
            last[row.agent_id] = row
    return problems


def _span(rows: list[Row]) -> dict[str, object]:
    return {
        "agent__in": {row.agent_id for row in rows},
        "ends_at__gt": min(row.starts_at for row in rows),
        "starts_at__lt": max(row.ends_at for row in rows),
    }


def _there(rows: list[Row]) -> list[Row]:
    if not rows:
        return []
    found = Shift.objects.filter(**_span(rows))
    return [Row(0, s.agent_id, s.activity, s.starts_at, s.ends_at) for s in found]


def _remove(rows: list[Row]) -> int:
    return Shift.objects.filter(**_span(rows)).delete()[0]


def _clashes(rows: list[Row], there: list[Row]) -> list[str]:
    """Shifts of work that overlap ones that are there already, and are not the same."""
    by_agent: dict[uuid.UUID, list[Row]] = {}
    for shift in there:
        if shift.activity == Shift.Activity.ON_QUEUE:
            by_agent.setdefault(shift.agent_id, []).append(shift)
    return [
        f"Line {row.line}: overlaps a shift that is there already. Use --replace to put the file in "
        "its place."
        for row in rows
        if row.activity == Shift.Activity.ON_QUEUE
        and any(
            one.starts_at < row.ends_at and row.starts_at < one.ends_at and one.key != row.key
            for one in by_agent.get(row.agent_id, ())
        )
    ]
