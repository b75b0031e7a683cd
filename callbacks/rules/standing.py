"""How a callback stands on the telephony platform of its queue, in one word (rules §6).

| word        | means                                                                            |
|-------------|----------------------------------------------------------------------------------|
| `off`       | its queue is not connected, and no platform holds it                              |
| `waiting`   | the platform must still be told of it, or of its latest change                    |
| `sending`   | a request is under way, or its answer was lost and it is being looked up          |
| `in_step`   | the platform has it, as it is here                                                |
| `conflict`  | the platform has another callback for this contact: this one is not made there    |
| `parked`    | the platform does not take it: it waits for a person, or for the next change       |
| `discarded` | a person decided that the platform need not know; the next change is told again   |
| `over`      | it is over there                                                                  |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Word(StrEnum):
    """The words, as programs read them."""

    OFF = "off"
    WAITING = "waiting"
    SENDING = "sending"
    IN_STEP = "in_step"
    CONFLICT = "conflict"
    PARKED = "parked"
    DISCARDED = "discarded"
    OVER = "over"


AS_IT_IS = {"sending": Word.SENDING, "conflict": Word.CONFLICT, "parked": Word.PARKED}
"""States of a counterpart that are what people should read, whatever waits."""
LABELS: Mapping[Word, str] = {
    Word.OFF: "Not on a platform",
    Word.WAITING: "Waits for the platform",
    Word.SENDING: "Being sent to the platform",
    Word.IN_STEP: "In step with the platform",
    Word.CONFLICT: "Conflict on the platform",
    Word.PARKED: "Not taken by the platform",
    Word.DISCARDED: "Kept from the platform",
    Word.OVER: "Over on the platform",
}
"""The same for people."""


@dataclass(frozen=True)
class Standing:
    """The word, and what goes with it."""

    word: Word = Word.OFF
    platform: str = ""
    """What the connection is called."""
    counterpart: str = ""
    """The key of what we know of it there; empty: nothing yet."""
    external_id: str = ""
    existing_id: str = ""
    """In conflict: the platform's callback that is in the way."""
    error: str = ""

    @classmethod
    def of(
        cls, there: Mapping[str, Any] | None, *, platform: str, is_open: bool, is_unsettled: bool
    ) -> Self:
        """From its counterpart (``None``: there is none yet) and its queue's connection."""
        if there is None:
            waits = bool(platform) and is_unsettled
            return cls(Word.WAITING if waits else Word.OFF, platform)
        return cls(
            _word(there, is_open=is_open, is_unsettled=is_unsettled),
            there["connection"],
            str(there["key"]),
            there["external_id"],
            there["existing_id"],
            there["error"],
        )

    @classmethod
    def of_new(cls, platform: str) -> Self:
        """Of a callback that was made just now."""
        return cls(Word.WAITING, platform) if platform else cls()

    @property
    def label(self) -> str:
        """For people."""
        return LABELS[self.word]

    @property
    def needs_a_person(self) -> bool:
        """Whether nothing goes on by itself."""
        return self.word in (Word.CONFLICT, Word.PARKED)

    @property
    def is_shown(self) -> bool:
        """Whether a row says so: silence is for what has no platform."""
        return self.word is not Word.OFF


def _word(there: Mapping[str, Any], *, is_open: bool, is_unsettled: bool) -> Word:
    state = there["state"]
    if state in AS_IT_IS:
        return AS_IT_IS[state]
    if is_unsettled:
        return Word.WAITING
    if state == "there":
        return Word.IN_STEP
    if state == "absent" and is_open:
        return Word.DISCARDED if there["told_until"] else Word.WAITING
    return Word.OVER
