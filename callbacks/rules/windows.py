"""The callback window: the stretch in which the call should be made (rules §2.5)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from callbacks.errors import Problem
from callbacks.rules import limits
from callbacks.rules.terms import ServiceLevelTerms

FIELD = "window"


@dataclass(frozen=True)
class Window:
    """From start to end, both UTC."""

    starts_at: datetime
    ends_at: datetime

    @property
    def duration(self) -> timedelta:
        """The length."""
        return self.ends_at - self.starts_at

    def problem(self, requested_at: datetime, level: ServiceLevelTerms) -> Problem | None:
        """What is wrong with it; ``None`` when nothing is."""
        if self.duration <= timedelta(0):
            return Problem("invalid.value", FIELD, "The callback window must not be empty.")
        if not self.starts_at <= requested_at <= self.ends_at:
            return Problem(
                "invalid.value", FIELD, "The callback window must contain the requested time."
            )
        if self.duration > level.threshold:
            return Problem(
                "window.exceeds.service.level",
                FIELD,
                f"The callback window ({limits.in_words(self.duration)}) is longer than the "
                f"threshold of the service level “{level.name}” "
                f"({limits.in_words(level.threshold)}). Shorten the window.",
            )
        return None
