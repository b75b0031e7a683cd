"""Schedule: make a promise, once, whoever else is promising the same at this moment."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from callbacks import journal
from callbacks.access import Actor
from callbacks.errors import Refused
from callbacks.models import Callback
from callbacks.models.compiled import insert
from callbacks.rules import moments, ownership
from callbacks.rules.standing import Standing
from callbacks.rules.terms import OwnerFacts
from callbacks.scheduling.examination import EVERYTHING, Clear, Examination
from callbacks.scheduling.examining import examine
from callbacks.scheduling.lookups import ONE_BY_ONE, Lookup
from callbacks.scheduling.request import CallbackRequest


@dataclass(frozen=True)
class Assignment:
    """Who was to own a callback, who does, and why it is somebody else (rules §2.11)."""

    requested: uuid.UUID | None = None
    assigned: uuid.UUID | None = None
    assigned_name: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Scheduled:
    """A promise that was made."""

    callback: Callback
    assignment: Assignment
    is_new: bool = True
    """False where the same form was sent again: this is the callback that it made."""


def schedule(request: CallbackRequest, *, by: Actor, at: datetime) -> Scheduled:
    """Make a callback, or raise ``Refused`` with every problem at once (rules §2, §3.1).

    ``at`` is now (aware UTC). Eight statements with begin and commit. Under concurrency:

    1. what needs no lock is examined first, so that nobody waits longer than they must;
    2. the number and the interaction are locked until the end of the transaction;
    3. only then are duplicates looked for: whoever came first has committed by now;
    4. state, history and outbox are written together: a death on any line leaves nothing.
    """
    try:
        return _schedule(request, by=by, at=at)
    except Refused as refused:
        if problem := refused.of("callback.exists"):
            _note_prevented(problem.data["existing"], request, by=by, at=at)
        raise
    except IntegrityError as clash:
        # One open callback per conversation is the database's own rule, too. The locks keep this
        # product's writers from ever meeting it; a stranger's row must not become an error page.
        problems = examine(request, by=by, at=at).problems
        if not problems:
            raise
        raise Refused(problems) from clash


@transaction.atomic
def _schedule(request: CallbackRequest, *, by: Actor, at: datetime) -> Scheduled:
    found = examine(request, by=by, at=at, scope=EVERYTHING, lock=True)
    made = decide(found, by=by)
    if made.is_new:
        insert(made.callback)
        first = first_entry(found, made, by=by)
        journal.record(
            made.callback, first.what, by=by, at=at, before=first.before, after=first.after,
            reason=first.reason, action=first.action,
        )  # fmt: skip
    return made


def decide(found: Examination, *, by: Actor, ask: Lookup = ONE_BY_ONE) -> Scheduled:
    """The callback that an examination comes to, not written yet; raises ``Refused``."""
    if twin := _made_by_same_form(found):
        return Scheduled(twin, Assignment(found.request.owner_id, twin.owner_id), is_new=False)
    clear = found.clear()
    assignment = _assign(found, clear, ask)
    made = _build(found, clear, assignment, by)
    made.standing = Standing.of_new(clear.terms.platform)
    return Scheduled(made, assignment)


def first_entry(
    found: Examination, made: Scheduled, *, by: Actor, ask: Lookup = ONE_BY_ONE
) -> journal.Entry:
    """What the journal says of a callback that was just made."""
    names = _names(made.callback, found.clear(), made.assignment, by, ask)
    return journal.Entry(
        made.callback,
        journal.What.SCHEDULED,
        before={},
        after=journal.snapshot(made.callback, names),
        reason=_remarks(found, made.assignment),
        action=journal.Action.CREATE,
    )


def _made_by_same_form(found: Examination) -> Callback | None:
    """The callback that this very form made when it was sent before (double click, back, reload)."""
    key, existing = found.request.request_key, found.existing
    return existing if key and existing and existing.request_key == key else None


def _assign(found: Examination, clear: Clear, ask: Lookup) -> Assignment:
    """The wished owner; who cannot own it falls back to the team lead, else to the queue."""
    wished, owner = found.request.owner_id, found.owner
    if wished is None or owner is None:
        return Assignment()
    if not found.why_owner_cannot:
        return Assignment(wished, wished, owner.name)
    lead = _able_lead(owner, found, clear, ask)
    why = f"{found.why_owner_cannot}, so it falls to "
    if lead is None:
        return Assignment(wished, None, None, f"{why}the queue {clear.terms.name}.")
    return Assignment(wished, lead.id, lead.name, f"{why}the team lead, {lead.name}.")


def _able_lead(
    owner: OwnerFacts, found: Examination, clear: Clear, ask: Lookup
) -> OwnerFacts | None:
    if owner.team_lead_id is None or owner.team_lead_id == owner.id:
        return None
    sheet = ask.queue(clear.terms.id, owner.team_lead_id, None, found.at)
    lead = sheet.owner if sheet else None
    window = (clear.window.starts_at, clear.window.ends_at)
    if lead is None:
        return None
    if ownership.why_unable(ask.with_skills(lead, found.skills), clear.terms, *window):
        return None
    return lead


def _build(found: Examination, clear: Clear, assignment: Assignment, by: Actor) -> Callback:
    request, moment = found.request, clear.moment
    owner_id = assignment.assigned
    return Callback(
        queue_id=clear.terms.id,
        priority=request.priority,
        contact_name=request.contact_name.strip(),
        phone_number=clear.number.e164,
        phone_extension=clear.number.extension,
        contact_time_zone=moments.canonical(found.contact_time_zone),
        wall_date=moment.local.date(),
        wall_time=moment.local.time(),
        time_zone=moments.canonical(moment.zone),
        fold=moment.fold,
        requested_at=moment.instant,
        tzdata_version=moments.TZDATA_VERSION,
        window_starts_at=clear.window.starts_at,
        window_ends_at=clear.window.ends_at,
        is_outside_hours_agreed=found.is_outside_hours,
        owner_id=owner_id,
        ownership_expires_at=moment.instant + clear.terms.ownership_period if owner_id else None,
        preferred_agent_id=request.preferred_agent_id,
        skills=found.skills,
        reason=request.reason.strip(),
        ticket_id=request.ticket_id.strip(),
        conversation_id=request.conversation_id,
        external_data=dict(request.external_data),
        consent=request.consent,
        consent_recorded_at=found.at if request.consent else None,
        consent_recorded_by=by.user if request.consent else None,
        due_by=clear.due_by,
        next_action_at=moment.instant,
        created_by=by.user,
        request_key=request.request_key,
        created_at=found.at,
        updated_at=found.at,
    )


def _names(
    callback: Callback, clear: Clear, assignment: Assignment, by: Actor, ask: Lookup
) -> journal.Names:
    """What the history calls queue and people, from what is known without asking again."""
    preferred = callback.preferred_agent_id
    if preferred in (None, by.id):
        preferred_name = by.name if preferred else None
    else:
        preferred_name = ask.name_of(preferred)
    return journal.Names(clear.terms.name, assignment.assigned_name, preferred_name)


def _remarks(found: Examination, assignment: Assignment) -> str:
    """What the history must say beside the values."""
    hours = [warning.message for warning in found.warnings if warning.code == "calling.hours"]
    return " ".join([assignment.reason, *hours]).strip()


@transaction.atomic
def _note_prevented(
    existing: Callback, request: CallbackRequest, *, by: Actor, at: datetime
) -> None:
    """Count the prevented duplicate where it is looked for: in the existing one's history."""
    journal.record_all([prevented_entry(existing, request)], by=by, at=at)


def prevented_entry(existing: Callback, request: CallbackRequest) -> journal.Entry:
    """What the journal of an existing callback says of the one that would have doubled it."""
    when = f"{request.date} {request.time} {request.time_zone}".strip()
    wanted = when or (request.requested_at.isoformat() if request.requested_at else "")
    return journal.Entry(
        existing,
        journal.What.DUPLICATE_PREVENTED,
        before={},
        after={},
        reason=f"A second callback was asked for: {wanted[:120]}.",
    )
