"""A file of planned shifts, read line by line: what each row plans, or what is wrong with it.

Columns: agent (user name), start, end, activity; a time without an offset needs a zone, from the
column time_zone or for the whole file.
"""

import csv
import io
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from callbacks.errors import CallbackError
from callbacks.models import Shift
from callbacks.rules import moments, sheets
from callbacks.rules.moments import quoted

COLUMNS = ("agent", "start", "end", "activity")
OPTIONAL = ("time_zone",)
LONGEST = timedelta(hours=24)
ACTIVITIES = {str(value): value for value in Shift.Activity.values} | {
    str(label).lower(): value for value, label in Shift.Activity.choices
}


class ShiftsRefused(CallbackError):
    """The file cannot be imported; nothing of it was. Every problem is named with its line."""

    code = "shifts.refused"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Row:
    """One planned stretch of one agent, from start to end (UTC)."""

    line: int
    agent_id: uuid.UUID
    activity: str
    starts_at: datetime
    ends_at: datetime


def rows(
    file: BinaryIO, agents: Mapping[str, uuid.UUID], time_zone: str, problems: list[str]
) -> Iterator[Row]:
    """The good rows one by one; of the others, what is wrong goes to ``problems``.

    ``agents``: keys by user name in small letters. Raises ``ShiftsRefused`` for what is no such
    file at all.
    """
    if time_zone and time_zone not in moments.ZONES:
        raise ShiftsRefused([_no_zone(time_zone)])
    # What is not UTF-8 is told with its line, and the lines after it are read all the same.
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        for line, values in _records(text, problems):
            found = values if isinstance(values, str) else _row(line, values, agents, time_zone)
            if isinstance(found, Row):
                yield found
            else:
                problems.append(f"Line {line}: {found}")
    finally:
        text.detach()


# --- the file ---------------------------------------------------------------------------------


def _records(
    text: Iterator[str], problems: list[str]
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """The line on which each record begins, with its values by column, or what is wrong with it."""
    above, first = _first_line(text)
    delimiter = ";" if ";" in first else ","
    header = _header(above, first, delimiter)
    for line, values in sheets.records(text, delimiter, above):
        if isinstance(values, str):
            problems.append(f"Line {line}: {values}")
        elif wrong := sheets.unreadable(values):
            yield line, wrong
        elif len(values) != len(header):
            yield line, f"has {len(values)} values instead of {len(header)}."
        else:
            yield line, dict(zip(header, values, strict=True))


def _first_line(text: Iterator[str]) -> tuple[int, str]:
    """The first line with anything on it, and its number."""
    for number, line in enumerate(text, 1):
        if "\0" in line:
            raise ShiftsRefused([f"The file is UTF-16, or {sheets.NO_TEXT}"])
        if line.strip():
            return number, line
    raise ShiftsRefused(["The file is empty."])


def _header(number: int, first: str, delimiter: str) -> list[str]:
    try:
        header = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter))]
    except csv.Error as broken:
        raise ShiftsRefused([f"Line {number}: cannot be read as CSV ({broken})."]) from broken
    if wrong := sheets.unreadable(header):
        raise ShiftsRefused([f"Line {number}: {wrong}"])
    missing = [name for name in COLUMNS if name not in header]
    unknown = [quoted(name) for name in header if name not in COLUMNS + OPTIONAL]
    doubled = sorted({name for name in header if header.count(name) > 1})
    problems = []
    if missing:
        problems.append(
            f"The header lacks {', '.join(missing)}. It must name {', '.join(COLUMNS)}."
        )
    if unknown:
        problems.append(
            f"The header names unknown columns: {', '.join(unknown)}. There may be "
            f"{', '.join(COLUMNS + OPTIONAL)}."
        )
    if doubled:
        problems.append(f"The header names twice: {', '.join(map(quoted, doubled))}.")
    if problems:
        raise ShiftsRefused(problems)
    return header


# --- a row ------------------------------------------------------------------------------------


def _row(
    line: int, given: Mapping[str, str], agents: Mapping[str, uuid.UUID], time_zone: str
) -> Row | str:
    """The row, or what is wrong with it."""
    agent_id = agents.get(given["agent"].lower())
    if agent_id is None:
        return f"there is no agent with the user name {quoted(given['agent'], 60)}."
    activity = ACTIVITIES.get(given["activity"].lower())
    if activity is None:
        known = ", ".join(Shift.Activity.values)
        return f"{quoted(given['activity'])} is no activity; there are {known}."
    try:
        zone = given.get("time_zone") or time_zone
        starts_at, ends_at = (_instant(given[name], zone) for name in ("start", "end"))
    except ValueError as wrong:
        return str(wrong)
    if ends_at <= starts_at:
        return "it must end after it starts."
    if ends_at - starts_at > LONGEST:
        return "it is longer than 24 hours."
    return Row(line, agent_id, activity, starts_at, ends_at)


def _instant(text: str, zone: str) -> datetime:
    """The moment (UTC). Raises ``ValueError`` with what to do about it (rules §2.3, §6.6)."""
    if zone and zone not in moments.ZONES:
        raise ValueError(_no_zone(zone))
    given = moments.parse_moment(text)
    if given.year not in moments.YEARS:
        raise ValueError(f"the year {given.year} is out of reach.")
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    if not zone:
        raise ValueError(
            f"{quoted(text)} could be any zone. Write an offset or Z, or give a time_zone."
        )
    try:
        return moments.resolve(moments.WallTime(given.date(), given.time(), zone)).instant
    except moments.Gap as gap:
        near = f"{gap.before:%Y-%m-%dT%H:%M} or {gap.after:%Y-%m-%dT%H:%M}"
        raise ValueError(f"{gap} Write {near}.") from gap
    except moments.Overlap as overlap:
        raise ValueError(f"{overlap} Write it with its offset.") from overlap


def _no_zone(name: str) -> str:
    return f"{quoted(name, 64)} is not a time zone, such as Europe/London."
