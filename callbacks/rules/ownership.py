"""Whether an agent can own a callback, and what is said when not (rules §2.4, §2.11, §3.1)."""

from datetime import datetime

from callbacks.errors import Problem
from callbacks.rules import limits
from callbacks.rules.terms import OwnerFacts, QueueTerms

FIELD = "take_ownership"


def problem_with_terms(terms: QueueTerms, requested_at: datetime, at: datetime) -> Problem | None:
    """Why nobody can own a callback at this time in this queue; ``None`` when somebody can."""
    if not terms.ownership_enabled:
        return Problem(
            "ownership.disabled",
            FIELD,
            f"Owned callbacks are switched off in {terms.name}. Untick Take Ownership; “Route "
            "callback to me if possible” still offers it to you first.",
        )
    if limits.is_too_far(requested_at, at, terms.schedule_ahead_limit):
        limit = limits.in_words(terms.schedule_ahead_limit)
        return Problem(
            "ownership.too.far",
            FIELD,
            f"Owned callbacks in {terms.name} may lie at most {limit} ahead. Choose an earlier "
            "time, or leave it to the queue.",
            {"limit": limit, "latest": at + terms.schedule_ahead_limit},
        )
    return None


def why_unable(owner: OwnerFacts, terms: QueueTerms, starts: datetime, ends: datetime) -> str:
    """Why this agent cannot own a callback with this window, in words; empty when they can."""
    if not owner.is_active:
        return f"{owner.name} is deactivated"
    if not owner.is_member:
        return f"{owner.name} is not a member of {terms.name}"
    if owner.lacking_skills:
        word = "skill" if len(owner.lacking_skills) == 1 else "skills"
        return f"{owner.name} lacks the {word} {', '.join(owner.lacking_skills)}"
    if activity := _absence_over(owner, starts, ends):
        return f"{owner.name}'s schedule shows {activity} over the whole callback window"
    return ""


def _absence_over(owner: OwnerFacts, starts: datetime, ends: datetime) -> str:
    """The planned absence that leaves no minute of the window free; several may follow on."""
    covered_until, activities = starts, []
    for begins, finishes, activity in sorted(owner.absences):
        if begins > covered_until:
            break
        if finishes > covered_until:
            covered_until = finishes
            activities.append(activity)
    return " and ".join(activities) if covered_until >= ends else ""
