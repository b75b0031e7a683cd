"""Schedule: make a promise, once, whoever else is promising the same at this moment."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from callbacks import journal
from callbacks.access import Actor
from callbacks.errors import Refused
from callbacks.models import Agent, Callback
from callbacks.rules import moments, ownership
from callbacks.rules.terms import OwnerFacts
from callbacks.scheduling import facts
from callbacks.scheduling.examination import EVERYTHING, Clear, Examination
from callbacks.scheduling.examining import examine
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
    if twin := _made_by_same_form(found):
        return Scheduled(twin, Assignment(request.owner_id, twin.owner_id), is_new=False)
    clear = found.clear()
    assignment = _assign(found, clear)
    callback = _build(found, clear, assignment, by)
    callback.save(force_insert=True)
    journal.record(
        callback,
        journal.What.SCHEDULED,
        by=by,
        at=at,
        before={},
        after=journal.snapshot(callback, _names(callback, clear, assignment, by)),
        reason=_remarks(found, assignment),
        action=journal.Action.CREATE,
    )
    return Scheduled(callback, assignment)


def _made_by_same_form(found: Examination) -> Callback | None:
    """The callback that this very form made when it was sent before (double click, back, reload)."""
    key, existing = found.request.request_key, found.existing
    return existing if key and existing and existing.request_key == key else None


def _assign(found: Examination, clear: Clear) -> Assignment:
    """The wished owner; who cannot own it falls back to the team lead, else to the queue."""
    wished, owner = found.request.owner_id, found.owner
    if wished is None or owner is None:
        return Assignment()
    if not found.why_owner_cannot:
        return Assignment(wished, wished, owner.name)
    lead = _able_lead(owner, found, clear)
    why = f"{found.why_owner_cannot}, so it falls to "
    if lead is None:
        return Assignment(wished, None, None, f"{why}the queue {clear.terms.name}.")
    return Assignment(wished, lead.id, lead.name, f"{why}the team lead, {lead.name}.")


def _able_lead(owner: OwnerFacts, found: Examination, clear: Clear) -> OwnerFacts | None:
    if owner.team_lead_id is None or owner.team_lead_id == owner.id:
        return None
    sheet = facts.of_queue(clear.terms.id, owner.team_lead_id, None, found.at)
    lead = sheet.owner if sheet else None
    window = (clear.window.starts_at, clear.window.ends_at)
    if lead is None:
        return None
    if ownership.why_unable(facts.with_skills(lead, found.skills), clear.terms, *window):
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


def _names(callback: Callback, clear: Clear, assignment: Assignment, by: Actor) -> journal.Names:
    """What the history calls queue and people, from what is known without asking again."""
    preferred = callback.preferred_agent_id
    if preferred in (None, by.id):
        preferred_name = by.name if preferred else None
    else:
        preferred_name = str(Agent.objects.select_related("user").get(pk=preferred))
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
    when = f"{request.date} {request.time} {request.time_zone}".strip()
    wanted = when or (request.requested_at.isoformat() if request.requested_at else "")
    journal.record(
        existing,
        journal.What.DUPLICATE_PREVENTED,
        by=by,
        at=at,
        before=journal.snapshot(existing),
        reason=f"A second callback was asked for: {wanted[:120]}.",
        action=None,
    )
