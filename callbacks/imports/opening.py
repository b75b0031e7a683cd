"""Opening a file of callbacks: what it is written in, how its columns are called, how long it is."""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO

from callbacks.errors import CallbackError
from callbacks.rules import sheets
from callbacks.rules.moments import quoted

LARGEST = 50 * 1024 * 1024
"""Bytes."""
MOST_COLUMNS = 200
CHUNK = 1 << 20
_SEPARATOR = re.compile(r"\ufeff?\"?sep=(.)\"?\s*", re.IGNORECASE)
"""What Excel writes above the header, to say how it separates values."""
_UNDECODED = re.compile("[\udc80-\udcff]+")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]+")
_UNCLOSED = ("unexpected end of data", "field larger than field limit")
"""What the csv module says where a value does not end."""
_NO_CSV = "Save it as CSV (in Excel: “CSV UTF-8”)."


class FileRefused(CallbackError):
    """The file cannot be imported at all; says why."""

    code = "file.refused"


@dataclass(frozen=True)
class Sheet:
    """How a file is to be read."""

    encoding: str
    delimiter: str
    header_line: int
    """The line on which the header begins."""
    header: list[str]
    rows: int


def examine(file: IO[bytes]) -> Sheet:
    """How to read the file, after one look at all of it; raises ``FileRefused``."""
    encoding = _encoding(file)
    try:
        return _examine(file, encoding)
    except ValueError as wrong:
        raise FileRefused(f"{wrong} {_NO_CSV}") from wrong


def _examine(file: IO[bytes], encoding: str) -> Sheet:
    lines = _lines(file, encoding)
    above, delimiter, first = _first_line(lines)
    found = sheets.records(chain([first], lines), delimiter, above)
    _, header = next(found)
    if isinstance(header, str):
        raise FileRefused(f"The header {header}")
    names = _names(header)
    rows = _count(found)
    if not rows:
        raise FileRefused("The file has a header, but no rows under it.")
    return Sheet(encoding, delimiter, above + 1, names, rows)


def _count(found: Iterator[tuple[int, list[str] | str]]) -> int:
    """How many rows there are; refuses a file in which one of them swallows those behind it."""
    rows = 0
    for rows, (line, values) in enumerate(found, 1):  # noqa: B007 (the last one is the count)
        if isinstance(values, str) and any(sign in values for sign in _UNCLOSED):
            raise FileRefused(
                f"Line {line}: a quotation mark opens a value and nothing closes it, so that the rows "
                "behind it cannot be told apart. Correct that line."
            )
    return rows


def records(file: IO[bytes], sheet: Sheet) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with the line on which it begins: its values, or why it cannot be read."""
    lines = _lines(file, sheet.encoding)
    above = sheet.header_line - 1
    found = sheets.records(islice(lines, above, None), sheet.delimiter, above)
    for line, values in islice(found, 1, None):
        yield line, values if isinstance(values, str) else _as_meant(values, len(sheet.header))


def _as_meant(values: list[str], width: int) -> list[str]:
    """Without the empty cells that some programs write behind the last column."""
    while len(values) > width and not values[-1]:
        values.pop()
    return values


# --- what it is written in ----------------------------------------------------------------------


def _encoding(file: IO[bytes]) -> str:
    file.seek(0, io.SEEK_END)
    if (size := file.tell()) > LARGEST:
        raise FileRefused(
            f"The file has {size // (1024 * 1024)} MB; at most {LARGEST // (1024 * 1024)} MB can be "
            "imported at once. Split it."
        )
    file.seek(0)
    head = file.read(4096)
    if not head.strip():
        raise FileRefused("The file is empty.")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileRefused(f"This is a workbook, not a CSV file. {_NO_CSV}")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 5:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig" if _is_utf8(file) else "cp1252"


def _is_utf8(file: IO[bytes]) -> bool:
    """Whether it is UTF-8, if not in every line: then those lines are rejected one by one."""
    file.seek(0)
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    good = bad = 0
    try:
        while chunk := text.read(CHUNK):
            if not chunk.isascii():
                good += sum(1 for _ in _BEYOND_ASCII.finditer(chunk))
                bad += sum(1 for _ in _UNDECODED.finditer(chunk))
    finally:
        text.detach()
    return good >= bad


def _lines(file: IO[bytes], encoding: str) -> Iterator[str]:
    file.seek(0)
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    text = io.TextIOWrapper(file, encoding, errors=errors, newline="")
    try:
        yield from sheets.bounded(text)
    finally:
        if not file.closed:
            text.detach()


# --- the header ---------------------------------------------------------------------------------


def _first_line(lines: Iterator[str]) -> tuple[int, str, str]:
    """How many lines stand above the header, what separates values, and the header's first line."""
    said = ""
    for above, line in enumerate(lines):
        if found := _SEPARATOR.fullmatch(line):
            said = found.group(1)
        elif line.strip(" \t\r\n\ufeff,;"):
            return above, said or _delimiter(line), line
    raise FileRefused("The file is empty.")


def _delimiter(line: str) -> str:
    outside = "".join(line.split('"')[::2])
    return max(";\t,", key=outside.count) if any(c in outside for c in ";\t,") else ","


def _names(header: list[str]) -> list[str]:
    """What the columns are called; one without a name is called by its place."""
    if len(header) > MOST_COLUMNS:
        raise FileRefused(
            f"The header has {len(header):,} columns; at most {MOST_COLUMNS} can be read. {_NO_CSV}"
        )
    if wrong := sheets.unreadable(header):
        raise FileRefused(f"The header {wrong}")
    names = [sheets.plain(name)[:100] or f"Column {place}" for place, name in enumerate(header, 1)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise FileRefused(
            f"The header names {', '.join(map(quoted, doubled))} twice. Rename one of the columns."
        )
    return names
