"""The day's half hours as the panel shows them: a strip of buttons by hours, and the best three."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from callbacks.errors import Problem
from callbacks.rules import moments
from callbacks.rules.moments import Moment
from callbacks.rules.slots import Slot
from callbacks.scheduling import Examination, Strip, strip_of_day

OUT_OF_REACH = {"time.past", "time.too.far"}
"""What no button can help with; everything else is for a person to decide."""


@dataclass(frozen=True)
class Suggestion:
    """A button that puts another time into the form."""

    value: str
    label: str
    word: str = ""
    """``tight`` where something speaks against it."""


def suggest(local: datetime) -> Suggestion:
    """The button for a wall time."""
    return Suggestion(f"{local:%Y-%m-%dT%H:%M}", f"{local:%a %-d %b, %H:%M}")


@dataclass(frozen=True)
class HalfHour:
    """One button of the strip."""

    slot: Slot
    is_chosen: bool

    @property
    def key(self) -> str:
        """Its id on the page: the same when the strip is drawn anew, so that focus stays."""
        return f"slot-{self.slot.starts_at:%Y%m%dT%H%M}"

    @property
    def value(self) -> str:
        """What the button puts into the form."""
        return value_of(self.slot.moment)

    @property
    def word(self) -> str:
        """``free``, ``tight``, ``closed``."""
        return self.slot.colour.word

    @property
    def can_be_used(self) -> bool:
        """Whether a callback could be promised then at all."""
        return not _is_out_of_reach(self.slot)

    @property
    def label(self) -> str:
        """``14:30, tight: 3 of 4 taken.``"""
        said = " ".join(_facts(self.slot))
        return f"{_clock(self.slot.moment)}, {self.word}{': ' if said else ''}{said}"


@dataclass(frozen=True)
class Hour:
    """Two half hours, or what clocks leave of them."""

    name: str
    offset: str
    """Only where clocks show this hour twice."""
    halves: Sequence[HalfHour]


@dataclass(frozen=True)
class Against:
    """What speaks against a stretch of half hours."""

    span: str
    word: str
    said: str


@dataclass(frozen=True)
class DayOfSlots:
    """The strip of one day, with the half hour that holds the form's time marked."""

    strip: Strip
    queue: str
    wished: datetime | None

    @property
    def halves(self) -> list[HalfHour]:
        """Every half hour of the day."""
        return [
            HalfHour(slot, bool(self.wished and slot.holds(self.wished)))
            for slot in self.strip.slots
        ]

    @property
    def hours(self) -> Iterator[Hour]:
        """The half hours by the hours on the wall; a doubled hour stands there twice."""

        def on_the_wall(half: HalfHour) -> tuple[int, object]:
            return half.slot.moment.local.hour, half.slot.moment.utc_offset

        for (hour, _), halves in groupby(self.halves, on_the_wall):
            there = list(halves)
            yield Hour(f"{hour:02}", _offset(there[0].slot.moment), there)

    @property
    def chosen(self) -> HalfHour | None:
        """The half hour that holds the time of the form."""
        return next((half for half in self.halves if half.is_chosen), None)

    @property
    def suggested(self) -> list[Suggestion]:
        """The three best, the best first."""
        return [
            Suggestion(
                value_of(slot.moment),
                self._when(slot.moment),
                "" if slot.colour.word == "free" else slot.colour.word,
            )
            for slot in self.strip.suggested
        ]

    def _when(self, moment: Moment) -> str:
        """``14:30``; with its day where that is another one."""
        is_same_day = moment.local.date() == self.strip.day
        return _clock(moment) if is_same_day else f"{moment.local:%a %-d %b}, {_clock(moment)}"

    @property
    def against(self) -> Iterator[Against]:
        """What speaks against which times: equal neighbours as one stretch."""

        def of(slot: Slot) -> tuple[str, str]:
            return slot.colour.word, " ".join(_facts(slot)) if slot.reasons else ""

        for (word, said), there in groupby(self.strip.slots, of):
            if said:
                slots = list(there)
                ends = moments.at_instant(slots[-1].ends_at, self.strip.zone)
                yield Against(f"{_clock(slots[0].moment)}–{ends.local:%H:%M}", word, said)

    @property
    def warning(self) -> Problem | None:
        """That the chosen half hour is full: nothing refuses it, so whoever promises must know."""
        slot = self.chosen.slot if self.chosen else None
        if slot is None or not slot.is_full:
            return None
        said = f"This half hour is full: {slot.taken} of {slot.capacity}."
        if self.suggested:
            said += f" Suggested: {'; '.join(one.label for one in self.suggested)}."
        return Problem("slot.full", "time", said)


def day_of_slots(found: Examination) -> DayOfSlots | None:
    """The strip for the day, zone and queue of the form; ``None`` until these are clear.

    One statement.
    """
    request = found.request
    try:
        day: date = moments.parse_date(request.date)
    except moments.UnreadableDate:
        return None
    if request.time_zone not in moments.ZONES or found.terms is None:
        return None
    strip = strip_of_day(found, day, request.time_zone)
    return DayOfSlots(strip, found.terms.name, found.requested_at) if strip else None


def value_of(moment: Moment) -> str:
    """What a button sends for a moment: ``2026-11-01T01:30``, with its fold where clocks need one."""
    fold = f"/{moment.fold}" if moment.is_doubled else ""
    return f"{moment.local:%Y-%m-%dT%H:%M}{fold}"


def _clock(moment: Moment) -> str:
    return f"{moment.local:%H:%M} {_offset(moment)}".strip()


def _offset(moment: Moment) -> str:
    return moments.offset_text(moment.utc_offset) if moment.is_doubled else ""


def _facts(slot: Slot) -> Iterator[str]:
    """How full it is, where that matters, and everything else that speaks against it."""
    others = [reason.message for reason in slot.reasons if not reason.code.startswith("slot.")]
    if slot.capacity is not None and (slot.taken or not others) and not _is_out_of_reach(slot):
        yield f"{slot.taken} of {slot.capacity} taken."
    yield from others


def _is_out_of_reach(slot: Slot) -> bool:
    return any(reason.code in OUT_OF_REACH for reason in slot.reasons)
