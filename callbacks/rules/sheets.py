"""Tables as spreadsheets write and read them: records out of CSV, and cells that nothing calculates."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

LONGEST_LINE = 1_000_000
"""Characters; a file without line ends must not fill the memory."""
_STARTS_A_FORMULA = re.compile(r"[\s\0\"';,|]*[=+\-@＝＋－＠\t\r\0]")
"""Also behind quotes and separators, at which another program may cut differently."""


class Writes(Protocol):
    """What ``writer`` writes to: the answer of ``write`` comes back from ``writerow``."""

    def write(self, text: str, /) -> object:
        """Take one line."""


class Echo:
    """A file that keeps nothing: each line written comes back at once, to be sent on."""

    def write(self, text: str, /) -> str:
        """The line itself."""
        return text


class SafeWriter:
    """Writes rows as CSV in which no cell is a formula (ASVS 1.2.10); ``plain`` reads them back."""

    def __init__(self, file: Writes) -> None:
        self._writer = csv.writer(file, quoting=csv.QUOTE_ALL)

    def line(self, values: Iterable[object]) -> str:
        """Write one row; what the file said to it."""
        return str(self._writer.writerow([safe(str(value)) for value in values]))


def safe(value: str) -> str:
    """The text with ``'`` in front where a spreadsheet would calculate it; so is what begins with ``'``.

    Phone numbers in E.164 begin with ``+``, so they are written ``'+44…``.
    """
    return f"'{value}" if value[:1] == "'" or _STARTS_A_FORMULA.match(value) else value


def plain(value: str) -> str:
    """What somebody meant by a cell: without space around it, and without one ``'`` in front."""
    return value.strip().removeprefix("'").strip()


def bounded(text: Iterator[str]) -> Iterator[str]:
    """The lines of a text file; raises ``ValueError`` at one that is too long to be one."""
    readline = text.readline  # type: ignore[attr-defined]
    number = 0
    while line := readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise ValueError(f"Line {number} is longer than {LONGEST_LINE:,} characters.")
        yield line


def records(
    lines: Iterable[str], delimiter: str, above: int
) -> Iterator[tuple[int, list[str] | str]]:
    """The line on which each record begins, with its values, or why it cannot be read as CSV.

    ``above``: so many lines stood above the first. Empty records are left out.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = above + reader.line_num + 1
        try:
            values = [value.strip() for value in next(reader)]
        except StopIteration:
            return
        except csv.Error as broken:
            yield line, f"cannot be read as CSV ({broken})."
            continue
        if any(values):
            yield line, values


def unreadable(values: Sequence[str]) -> str:
    """What makes a record no text; empty when it is one."""
    text = "".join(values)
    if "\0" in text:
        return "has a NUL character in it. Type the line anew, or save the file as CSV in UTF-8."
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return f"is {NO_TEXT}"
    return ""


NO_TEXT = "not UTF-8 text. Save the file as CSV in UTF-8."
