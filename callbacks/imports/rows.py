"""One row of a file as a request for a callback, or what makes it none."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from callbacks import access
from callbacks.access import Actor
from callbacks.errors import Problem
from callbacks.imports.columns import EXTERNAL, LEFT_OUT
from callbacks.models import CallbackImport
from callbacks.rules import moments, sheets
from callbacks.rules.moments import quoted
from callbacks.scheduling import CallbackRequest

YES = frozenset({"yes", "y", "true", "1", "x", "ja", "oui", "si", "sí"})
NO = frozenset({"no", "n", "false", "0", "nein", "non"})
PRIORITIES = range(-1000, 1001)
LONGEST_WINDOW = 30 * 24 * 60
_NUMERIC_DATE = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([ap])\.?m\.?)?", re.ASCII | re.IGNORECASE)


@dataclass
class Row:
    """One row of the file, with the request that it makes as far as it can be read."""

    line: int
    values: list[str]
    problems: list[Problem] = field(default_factory=list)
    request: CallbackRequest | None = None


class RowReader:
    """Reads the rows of one import, for the person who brought it."""

    def __init__(self, job: CallbackImport, by: Actor) -> None:
        self._job = job
        self._by = by
        self._width = len(job.header)

    @cached_property
    def _queues(self) -> dict[str, uuid.UUID]:
        queues = access.queues_for_creating(self._by)
        named = {queue.name.lower(): queue.pk for queue in queues}
        return named | {str(key): key for key in named.values()}

    @cached_property
    def _agents(self) -> dict[str, uuid.UUID]:
        agents = access.agents_known(self._by).values_list("pk", "user__username")
        named = {name.lower(): key for key, name in agents}
        return named | {str(key): key for key in named.values()}

    def row(self, line: int, values: list[str] | str) -> Row:
        """The row; never raises."""
        if isinstance(values, str):
            return Row(line, [], [Problem("file.row", "", f"The row {values}")])
        row = Row(line, values)
        if wrong := sheets.unreadable(values):
            row.problems.append(Problem("file.row", "", f"The row {wrong}"))
        elif len(values) != self._width:
            row.problems.append(
                Problem(
                    "file.row",
                    "",
                    f"The row has {len(values):,} values; the header has {self._width} columns.",
                )
            )
        else:
            row.request = _Reading(row, self._given(values), self).request()
        return row

    def _given(self, values: list[str]) -> dict[str, str]:
        columns = zip(self._job.columns, values, strict=True)
        return {
            name: sheets.plain(value) for name, value in columns if name not in (LEFT_OUT, EXTERNAL)
        }

    def external(self, values: list[str]) -> dict[str, str]:
        """What the columns say that are kept as they are."""
        named = zip(self._job.header, self._job.columns, values, strict=True)
        return {
            name: plain
            for name, column, value in named
            if column == EXTERNAL and (plain := sheets.plain(value))
        }


class _Reading:
    """One row being read: every problem of it is noted, not only the first."""

    def __init__(self, row: Row, given: Mapping[str, str], reader: RowReader) -> None:
        self.row = row
        self.given = given
        self.reader = reader
        self.job = reader._job

    def request(self) -> CallbackRequest:
        given = self.given
        return CallbackRequest(
            queue_id=self._known("queue", self.reader._queues, _no_queue) or self.job.queue_id,
            phone_number=given.get("phone_number", ""),
            **self._when(),
            contact_name=given.get("contact_name", ""),
            contact_time_zone=given.get("contact_time_zone", ""),
            window_duration=self._window(),
            owner_id=self._known("owner", self.reader._agents, _no_agent),
            preferred_agent_id=self._known("preferred_agent", self.reader._agents, _no_agent),
            skills=[name for text in given.get("skills", "").split("|") if (name := text.strip())],
            reason=given.get("reason", ""),
            ticket_id=given.get("ticket_id", ""),
            conversation_id=given.get("conversation_id", ""),
            external_data=self.reader.external(self.row.values),
            priority=self._priority(),
            consent=self._consent(),
            request_key=uuid.uuid5(self.job.pk, str(self.row.line)),
        )

    def _refuse(self, name: str, message: str, code: str = "invalid.value") -> None:
        self.row.problems.append(Problem(code, name, message))

    def _known(
        self, name: str, known: Mapping[str, uuid.UUID], unknown: Callable[[str], str]
    ) -> uuid.UUID | None:
        text = self.given.get(name, "")
        if not text:
            return None
        found = known.get(text.lower())
        if found is None:
            self._refuse(name, unknown(quoted(text, 100)))
        return found

    def _when(self) -> dict[str, Any]:
        """The wall time with its zone, or an instant where the row names an offset."""
        zone = self.given.get("time_zone", "") or self.job.time_zone
        if not (text := self.given.get("requested_at", "")):
            return {"date": self._date(), "time": self._time(), "time_zone": zone}
        try:
            moment = moments.parse_moment(self._year_first(text))
        except moments.MomentRefused as refused:
            if not any(problem.field == "requested_at" for problem in self.row.problems):
                self._refuse("requested_at", str(refused), "time.invalid")
            return {"date": "", "time": "", "time_zone": zone}
        if moment.tzinfo is None and zone:
            return {**_on_the_wall(moment), "time_zone": zone}
        return {"requested_at": moment, "time_zone": zone}

    def _year_first(self, text: str) -> str:
        """A date and a time that a spreadsheet wrote in its own way, as programs write them."""
        day, _, clock = text.partition(" ")
        if not _NUMERIC_DATE.fullmatch(day):
            return text
        return f"{self._date_of(day, 'requested_at')} {_clock(clock)}"

    def _date(self) -> str:
        return self._date_of(self.given.get("date", ""), "date")

    def _date_of(self, text: str, name: str) -> str:
        """Year first; the text itself where it is no date of figures, for the rules to judge."""
        if not (found := _NUMERIC_DATE.fullmatch(text)):
            return text
        first, second, year = found.groups()
        match self.job.date_format:
            case CallbackImport.DateFormat.DAY_FIRST:
                day, month = first, second
            case CallbackImport.DateFormat.MONTH_FIRST:
                month, day = first, second
            case _:
                self._refuse(
                    name,
                    f"{quoted(text)} could be read with the day or the month first. Choose the date "
                    "format of the file, or write the year first: 2026-04-03.",
                    "time.invalid",
                )
                return text
        return f"{year}-{month:0>2}-{day:0>2}"

    def _time(self) -> str:
        return _clock(self.given.get("time", ""))

    def _window(self) -> timedelta | None:
        text = self.given.get("window_minutes", "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit()) or not 0 < int(text[:9]) <= LONGEST_WINDOW:
            self._refuse("window_minutes", f"{quoted(text)} is no number of minutes, such as 60.")
            return None
        return timedelta(minutes=int(text))

    def _priority(self) -> int:
        text = self.given.get("priority", "")
        digits = text.removeprefix("-").removeprefix("+")
        if not text:
            return 0
        if not (digits.isascii() and digits.isdigit()) or int(digits[:9]) not in PRIORITIES:
            self._refuse("priority", f"{quoted(text)} is no priority: a number from −1000 to 1000.")
            return 0
        return int(text)

    def _consent(self) -> bool | None:
        text = self.given.get("consent", "").lower()
        if text in YES:
            return True
        if text in NO:
            return False
        if text:
            self._refuse("consent", f"{quoted(text)} is neither yes nor no.")
        return True if self.job.is_consent_given else None


def _on_the_wall(moment: datetime) -> dict[str, str]:
    return {"date": f"{moment:%Y-%m-%d}", "time": f"{moment:%H:%M:%S}"}


def _clock(text: str) -> str:
    """``9:05`` and ``2:30 PM`` with 24 hours; what is no time stays, for the rules to judge."""
    found = _CLOCK.fullmatch(text)
    if not found:
        return text
    hour, minute, second, half = found.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            return text
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    return f"{hours:02}:{minute}" + (f":{second}" if second else "")


def _no_queue(said: str) -> str:
    return f"There is no queue called {said} in which you may schedule."


def _no_agent(said: str) -> str:
    return f"There is no agent with the user name {said}."
