"""What the panel shows while somebody types: the moment in three clocks, and everything about it."""

from dataclasses import dataclass

from callbacks.access import Actor, may_edit, readable
from callbacks.errors import Problem
from callbacks.models import Callback
from callbacks.rules import limits, moments, numbers, zones
from callbacks.rules.moments import Moment
from callbacks.scheduling import Examination
from dashboard.schedule.strip import DayOfSlots, Suggestion, suggest


@dataclass(frozen=True)
class Clock:
    """One face: whose it is, and the moment there."""

    whose: str
    moment: Moment
    remark: str = ""


class Preview:
    """An examination as the panel shows it."""

    def __init__(
        self,
        found: Examination,
        by: Actor,
        *,
        is_submitted: bool,
        strip: DayOfSlots | None = None,
    ) -> None:
        self.found = found
        self.strip = strip
        self.by = by
        self.is_submitted = is_submitted

    @property
    def problems(self) -> list[Problem]:
        """Every problem; while somebody still types, without what they have not come to yet."""
        return [p for p in self.found.problems if self.is_submitted or not p.data.get("missing")]

    @property
    def other_problems(self) -> list[Problem]:
        """Those with no slot of their own in the form."""
        return [p for p in self.problems if p.field not in FIELDS]

    @property
    def messages(self) -> dict[str, list[Problem]]:
        """The problems by field, for the slots beneath the fields."""
        by_field: dict[str, list[Problem]] = {name: [] for name in FIELDS}
        for problem in self.problems:
            by_field.setdefault(problem.field, []).append(problem)
        return by_field

    @property
    def warnings(self) -> list[Problem]:
        """What is worth knowing, and does not hinder."""
        full = self.strip.warning if self.strip else None
        return [*self.found.warnings, full] if full else self.found.warnings

    @property
    def clocks(self) -> list[Clock]:
        """The contact's, one's own, and UTC."""
        if not (moment := self.found.moment) or not self.by.user:
            return []
        contact = self.found.contact_time_zone or moment.zone
        faces = [("Contact", contact), ("You", self.by.user.time_zone), ("UTC", "UTC")]
        return [Clock(whose, moments.at_instant(moment.instant, zone)) for whose, zone in faces]

    @property
    def contact_zone_origin(self) -> str:
        """How it is known where the contact is."""
        if self.found.request.contact_time_zone:
            return "as entered"
        if self.found.number and numbers.suggested_zone(self.found.number.e164):
            return "from the number"
        return "assumed: the time zone above"

    @property
    def distance(self) -> str:
        """How far away it is: ``in 2 hours 14 minutes``."""
        if not self.found.moment:
            return ""
        return limits.distance_in_words(self.found.moment.instant, self.found.at)

    @property
    def window(self) -> str:
        """The callback window in the contact's clock."""
        if not (window := self.found.window):
            return ""
        zone = moments.zone(self.found.contact_time_zone or "UTC")
        ends = window.ends_at.astimezone(zone)
        starts = window.starts_at.astimezone(zone)
        return (
            f"{starts:%H:%M}–{ends:%H:%M} the contact's time ({limits.in_words(window.duration)})"
        )

    @property
    def limit_that_applies(self) -> str:
        """``Owned callbacks here: at most 7 days ahead``, or what else bounds the time."""
        terms = self.found.terms
        if terms and terms.ownership_enabled and self.found.request.owner_id:
            ahead = limits.in_words(terms.schedule_ahead_limit)
            period = limits.in_words(terms.ownership_period)
            return f"Owned callbacks here: at most {ahead} ahead; waits for its owner {period}."
        return "Callbacks may lie at most 30 days ahead."

    @property
    def offers_ownership(self) -> bool:
        """Whether the queue allows owned callbacks, and the person takes callbacks at all."""
        return bool(self.found.terms and self.found.terms.ownership_enabled and self.by.agent)

    @property
    def gap_choices(self) -> list[Suggestion]:
        """The minutes beside a gap."""
        problem = next((p for p in self.problems if p.code == "time.gap"), None)
        return [suggest(local) for local in problem.data["neighbours"]] if problem else []

    @property
    def overlap_choices(self) -> list[Suggestion]:
        """The two readings of a time that exists twice."""
        return [
            Suggestion(
                str(moment.fold),
                f"{which} {moment.local:%H:%M}: {moments.offset_text(moment.utc_offset)}"
                f" ({moments.abbreviation(moment)})",
            )
            for which, moment in zip(
                ("The first", "The second"), self.found.readings or (), strict=False
            )
        ]

    @property
    def nearby(self) -> list[Suggestion]:
        """Times near one outside the calling hours."""
        about = [*self.problems, *self.warnings]
        problem = next((p for p in about if p.code == "calling.hours"), None)
        return [suggest(moment.local) for moment in problem.data["nearby"]] if problem else []

    @property
    def zone_choices(self) -> list[zones.ZoneChoice]:
        """What a misspelt zone may have meant."""
        problem = next((p for p in self.problems if p.code == "zone.unknown"), None)
        if not problem or problem.field != "time_zone":
            return []
        return zones.search(self.found.request.time_zone, self.found.at, limit=3)

    @property
    def existing(self) -> Callback | None:
        """The callback that this one would double, with what this person may do about it."""
        return self.found.existing

    @property
    def may_open_existing(self) -> bool:
        """Whether this person may look at the existing one."""
        twin = self.found.existing
        return bool(twin and readable(self.by).filter(pk=twin.pk).exists())

    @property
    def may_move_existing(self) -> bool:
        """Whether this person may give the existing one the time of the form."""
        twin = self.found.existing
        return bool(twin and self.found.moment and twin.is_editable and may_edit(self.by, twin))


FIELDS = (
    "date",
    "time",
    "time_zone",
    "phone_number",
    "contact_name",
    "contact_time_zone",
    "queue",
    "take_ownership",
    "reason",
    "ticket_id",
    "consent",
    "override_reason",
)
