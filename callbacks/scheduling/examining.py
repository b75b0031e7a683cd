"""Every problem of a request at once, each at its field, and everything that follows from it.

The live preview, the panel, the API and the verbs all come through here, so that no rule is written
twice. Nothing is changed.
"""

import json
import re
from datetime import date, datetime, time, timedelta

from django.utils.formats import date_format

from callbacks import access
from callbacks.access import Actor
from callbacks.errors import Problem
from callbacks.models import Callback
from callbacks.rules import limits, moments, numbers, ownership, texts
from callbacks.rules.moments import Moment
from callbacks.rules.terms import QueueTerms
from callbacks.rules.windows import Window
from callbacks.scheduling import facts
from callbacks.scheduling.examination import EVERYTHING, Examination, Scope
from callbacks.scheduling.facts import Wanted
from callbacks.scheduling.lookups import ONE_BY_ONE, Lookup
from callbacks.scheduling.request import CallbackRequest


def examine(
    request: CallbackRequest,
    *,
    by: Actor,
    at: datetime,
    scope: Scope = EVERYTHING,
    lock: bool = False,
) -> Examination:
    """Find every problem of the request (rules §2.3–§2.11, §3.1).

    Two statements, one more with ``lock``, which keeps everybody else from deciding about this
    number and interaction until the caller's transaction ends, and one more for a duplicate.
    """
    found = examine_alone(request, by=by, at=at, scope=scope)
    if lock:
        facts.lock_promises(keys_of(found))
    examine_promise(found)
    return found


def examine_alone(
    request: CallbackRequest,
    *,
    by: Actor,
    at: datetime,
    scope: Scope = EVERYTHING,
    ask: Lookup = ONE_BY_ONE,
) -> Examination:
    """Find what is wrong with the request by itself, whatever others are promised."""
    found = Examination(request, at, scope)
    _examine_queue(found, by, ask)
    _examine_number(found)
    _examine_contact_zone(found)
    _examine_moment(found, scope)
    _examine_texts(found)
    if request.skills:
        _examine_skills(found, ask)
    if scope.consent:
        _examine_consent(found)
    if found.terms and found.moment:
        _examine_window(found, found.terms, found.moment)
        if scope.time or scope.queue:
            _examine_hours(found, found.terms, found.moment)
        if scope.owner:
            _examine_owner(found, found.terms, found.moment, ask)
    return found


def _examine_queue(found: Examination, by: Actor, ask: Lookup) -> None:
    request, scope = found.request, found.scope
    sheet = (
        ask.queue(request.queue_id, request.owner_id, by.id, found.at) if request.queue_id else None
    )
    may_create = sheet and access.may_create(by, sheet.terms.id, is_member=sheet.is_member)
    if sheet is None or (scope.queue and not may_create):
        found.refuse("invalid.value", "queue", "Choose one of your queues.")
        return
    found.terms, found.owner = sheet.terms, sheet.owner
    if scope.queue and not sheet.terms.is_active:
        found.refuse(
            "invalid.value",
            "queue",
            f"{sheet.terms.name} takes no new callbacks. Choose another queue.",
        )


def _examine_moment(found: Examination, scope: Scope) -> None:
    request = found.request
    if request.as_soon_as_possible:
        found.moment = _as_soon_as_possible(found)
    elif request.requested_at is not None:
        found.moment = _at_instant(found)
    else:
        found.moment = _resolve(found)
    if found.moment and scope.time:
        _examine_distance(found, found.moment)


def _as_soon_as_possible(found: Examination) -> Moment:
    """Now, or when calls may next be made where the contact is (rules §2.10)."""
    zone = found.contact_time_zone or "UTC"
    soonest = found.terms.hours.opens_after(found.at, zone) if found.terms else found.at
    return moments.at_instant(soonest, zone)


def _at_instant(found: Examination) -> Moment | None:
    """A program's instant, on the clocks of the zone that it names."""
    request = found.request
    instant = request.requested_at
    if instant is None or instant.tzinfo is None:
        found.refuse(
            "time.naive",
            "requested_at",
            "A time without Z or an offset could mean any zone. Send it with one.",
        )
        return None
    if instant.year not in moments.YEARS:
        found.refuse("time.invalid", "requested_at", f"The year {instant.year} is out of reach.")
        return None
    zone = request.time_zone or request.contact_time_zone
    return moments.at_instant(instant, zone if zone in moments.ZONES else "UTC")


def _resolve(found: Examination) -> Moment | None:
    """The wall time as an instant, or the problems that it has."""
    request = found.request
    day, clock = _readable_date(found), _readable_time(found)
    if request.time_zone not in moments.ZONES:
        found.refuse(
            "zone.unknown",
            "time_zone",
            _unknown_zone(request.time_zone),
            missing=not request.time_zone,
        )
        return None
    if day is None or clock is None:
        return None
    try:
        return moments.resolve(moments.WallTime(day, clock, request.time_zone))
    except moments.Gap as gap:
        found.refuse(
            "time.gap",
            "time",
            f"{gap} Choose one of the times beside it.",
            neighbours=(gap.before, gap.after),
        )
    except moments.Overlap as overlap:
        found.readings = (overlap.first, overlap.second)
        if request.fold in (0, 1):
            return found.readings[request.fold]
        found.refuse(
            "time.ambiguous",
            "time",
            f"{overlap} Say which is meant.",
            choices=(overlap.first, overlap.second),
        )
    except moments.MomentRefused as refused:
        found.refuse("time.invalid", "date", str(refused))
    return None


def _unknown_zone(name: str) -> str:
    if not name:
        return "Choose a time zone."
    said = moments.quoted(name, 64)
    return f"{said} is not a time zone. Type a city, such as London, and choose one."


def _readable_date(found: Examination) -> date | None:
    if not found.request.date:
        found.refuse("time.invalid", "date", "Enter a date.", missing=True)
        return None
    try:
        return moments.parse_date(found.request.date)
    except moments.UnreadableDate as refused:
        found.refuse("time.invalid", "date", str(refused))
    return None


def _readable_time(found: Examination) -> time | None:
    if not found.request.time:
        found.refuse("time.invalid", "time", "Enter a time.", missing=True)
        return None
    try:
        return moments.parse_time(found.request.time)
    except moments.UnreadableTime as refused:
        found.refuse("time.invalid", "time", str(refused))
    return None


def _examine_distance(found: Examination, moment: Moment) -> None:
    if limits.is_past(moment.instant, found.at):
        ago = limits.in_words(found.at - moment.instant)
        found.refuse(
            "time.past",
            "time",
            f"This time passed {ago} ago. Choose one that is still to come.",
        )
    elif limits.is_too_far(moment.instant, found.at, limits.FURTHEST_AHEAD):
        latest = (found.at + limits.FURTHEST_AHEAD).astimezone(moment.local.tzinfo)
        found.refuse(
            "time.too.far",
            "date",
            "No callback may lie more than 30 days (720 hours) ahead. The latest moment now is "
            f"{in_words(latest)}.",
            latest=latest,
        )


def in_words(local: datetime) -> str:
    """A local moment as people say it: ``Sun 20 Dec 2026, 14:05``."""
    return date_format(local, "D j M Y, H:i")


def _examine_number(found: Examination) -> None:
    if not found.request.phone_number.strip():
        found.refuse("number.invalid", "phone_number", "Enter the number to call.", missing=True)
        return
    region = found.terms.default_region if found.terms else None
    try:
        found.number = numbers.parse(found.request.phone_number, region)
    except numbers.NumberRefused as refused:
        found.refuse(refused.code, "phone_number", refused.message)
        return
    if found.number.warning:
        found.warnings.append(Problem("number.unusual", "phone_number", found.number.warning))


def _examine_contact_zone(found: Examination) -> None:
    """Where the contact is: as said, else as the number tells, else as the promise was given."""
    said = found.request.contact_time_zone
    if said and said not in moments.ZONES:
        found.refuse("zone.unknown", "contact_time_zone", _unknown_zone(said))
        return
    from_number = numbers.suggested_zone(found.number.e164) if found.number else None
    found.contact_time_zone = said or from_number or found.request.time_zone
    if found.contact_time_zone not in moments.ZONES:
        found.contact_time_zone = "UTC"


def _examine_texts(found: Examination) -> None:
    request = found.request
    for name, text, limit in (
        ("contact_name", request.contact_name, texts.CONTACT_NAME),
        ("reason", request.reason, texts.REASON),
        ("ticket_id", request.ticket_id, texts.TICKET),
        ("conversation_id", request.conversation_id, texts.CONVERSATION),
    ):
        if problem := texts.problem_with(text, limit):
            found.refuse("invalid.value", name, problem)
    _examine_external_data(found)


def _examine_skills(found: Examination, ask: Lookup) -> None:
    """Skills beside those of the queue: known ones, by their names."""
    wanted = dict.fromkeys(found.request.skills)
    known = ask.skills()
    unknown = [name for name in wanted if name.lower() not in known]
    if unknown:
        named = ", ".join(moments.quoted(name) for name in unknown[:5])
        found.refuse("invalid.value", "skills", f"There is no skill called {named}.")
    found.skills = [known[name.lower()] for name in wanted if name.lower() in known]


def _examine_external_data(found: Examination) -> None:
    try:
        written = json.dumps(dict(found.request.external_data), allow_nan=False)
    except (ValueError, RecursionError):
        found.refuse(
            "invalid.value",
            "external_data",
            "External data holds a number that is none, or is nested too deeply.",
        )
        return
    if _depth(written) > texts.EXTERNAL_DATA_DEPTH:
        found.refuse(
            "invalid.value",
            "external_data",
            f"External data may be nested {texts.EXTERNAL_DATA_DEPTH} levels deep at most.",
        )
    elif len(written) > texts.EXTERNAL_DATA_BYTES:
        found.refuse("invalid.value", "external_data", "At most 16 KiB of external data fit here.")
    elif "\\u0000" in written or ("\\ud8" in written.lower() and not _is_text(written)):
        found.refuse(
            "invalid.value",
            "external_data",
            "External data holds a character that cannot be stored.",
        )


_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')


def _depth(written: str) -> int:
    """How deeply JSON is nested; brackets within texts are none."""
    deepest = level = 0
    for character in _TEXTS.sub("", written):
        level += (character in "{[") - (character in "}]")
        deepest = max(deepest, level)
    return deepest


def _is_text(written: str) -> bool:
    try:
        json.dumps(json.loads(written), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _examine_consent(found: Examination) -> None:
    """An explicit no is always refused; a missing yes where door or queue insists (rules §2.7)."""
    wanted = found.request.consent_required or bool(found.terms and found.terms.consent_required)
    if found.request.consent is False or (found.request.consent is None and wanted):
        found.refuse(
            "consent.required",
            "consent",
            "Ask the contact whether we may call back, and record that they agreed.",
            missing=found.request.consent is None,
        )


def _examine_window(found: Examination, terms: QueueTerms, moment: Moment) -> None:
    starts = found.request.window_starts_at or moment.instant - found.request.window_lead
    window = Window(starts, starts + (found.request.window_duration or terms.window_duration))
    found.window = window
    is_new = found.scope.time or found.scope.queue or found.scope.window
    if is_new and (problem := window.problem(moment.instant, terms.level)):
        found.problems.append(problem)
    zone = found.contact_time_zone or "UTC"
    made_at = found.scope.created_at or found.at
    found.due_by = terms.level.due_by(moment.instant, made_at, terms.hours, zone)


def _examine_hours(found: Examination, terms: QueueTerms, moment: Moment) -> None:
    zone = found.contact_time_zone or "UTC"
    closed = terms.hours.why_closed(moment.instant, zone)
    if not closed:
        return
    found.is_outside_hours = True
    nearby = [
        moments.at_instant(instant, moment.zone)
        for instant in terms.hours.nearby(moment.instant, zone, found.at)
    ]
    message = f"Outside {terms.name}'s calling hours in {zone}: {closed}."
    problem = Problem("calling.hours", "time", message, {"nearby": nearby})
    if found.request.allow_outside_calling_hours:
        found.warnings.append(problem)
    else:
        found.problems.append(problem)


def _examine_owner(found: Examination, terms: QueueTerms, moment: Moment, ask: Lookup) -> None:
    if found.request.owner_id is None:
        return
    if problem := ownership.problem_with_terms(terms, moment.instant, found.at):
        found.problems.append(problem)
        return
    if found.owner is None:
        found.refuse("invalid.value", ownership.FIELD, "Only agents can own a callback.")
        return
    window = found.window or Window(moment.instant, moment.instant + timedelta(minutes=1))
    owner = ask.with_skills(found.owner, found.skills)
    unable = ownership.why_unable(owner, terms, window.starts_at, window.ends_at)
    found.why_owner_cannot = unable
    if unable and not found.request.falls_back:
        found.refuse(
            "ownership.agent.unable",
            ownership.FIELD,
            f"{unable}, so cannot own this callback. Choose another time or queue, or leave it to "
            "the queue.",
        )


def keys_of(found: Examination) -> tuple[str, ...]:
    """What nobody else may decide about at the same time: the number and the interaction."""
    if wanted := _wanted(found):
        return wanted.phone_number, wanted.conversation_id
    return ()


def _wanted(found: Examination) -> Wanted | None:
    """The promise that is asked for; ``None`` where none is, or nothing can be said of it."""
    if not found.scope.promise or found.terms is None or found.number is None:
        return None
    conversation = found.request.conversation_id
    return Wanted(
        found.terms.id,
        found.number.e164,
        "" if texts.problem_with(conversation, texts.CONVERSATION) else conversation,
        found.requested_at or found.at,
        found.scope.leaving_out,
    )


def examine_promise(found: Examination, ask: Lookup = ONE_BY_ONE) -> None:
    """Duplicates and uncallable numbers. Where the time is not clear yet, from now on."""
    wanted = _wanted(found)
    if wanted is None:
        return
    about = ask.promise(wanted, found.at)
    if about.barred_by and found.scope.number:
        found.refuse(
            "number.uncallable",
            "phone_number",
            f"The contact list “{about.barred_by}” says that this number must not be called. "
            "Ask your supervisor if that is wrong.",
        )
    if about.existing:
        found.existing = about.existing
        found.refuse(
            "callback.exists",
            "phone_number",
            _exists(about.existing, about.is_same_number),
            existing=about.existing,
        )


def _exists(existing: Callback, is_same_number: bool) -> str:
    whose = f"owned by {existing.owner}" if existing.owner else "owned by nobody"
    of_what = "This number" if is_same_number else "This interaction"
    local = existing.requested_at.astimezone(moments.zone(existing.time_zone))
    return (
        f"{of_what} has an open callback already: {in_words(local)} ({existing.time_zone}), "
        f"{whose}, {existing.get_status_display().lower()}."
    )
