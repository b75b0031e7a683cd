"""Match waiting callbacks with idle agents, and offer them (rules §4.1–§4.4).

1. Look, without any lock, whether there is anything to match: mostly there is not.
2. Be the only one who matches, or leave it to who is: what is missed now is found a second later.
3. Lock the idle agents, then the callbacks, each only where nobody else holds it: whoever changes
   presence, edits or cancels at this moment goes first, and what they did is seen the next time.
4. Check again what must be true at the moment of an offer: the number, the contact's clock.
5. Decide, and write offers, callbacks, history together: a death on any line leaves nothing.

The database holds an agent to one callback at hand and a callback to one agent, whoever writes.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import connection, transaction

from callbacks import holding, journal
from callbacks.access import Actor
from callbacks.lifecycle import Move, Status, status_after
from callbacks.models import Agent, Callback, Offer
from callbacks.models.callback import CallbackQuerySet
from callbacks.routing import barring, snapshots
from callbacks.rules.routing import Candidate, Decision, Snapshot, decide_all

ONLY_ONE = 7_250_001
"""The advisory lock of whoever matches."""
KEPT_CANDIDATES = 40
"""So many candidates are kept with an offer; of the rest, how many they were."""
ROUTING = Actor.engine("Routing")


def match(at: datetime) -> int:
    """Offer what waits to who is idle; how many offers were made (``at``: aware UTC, now)."""
    made = 0
    while (more := _match_some(at)) is not None:
        made += more
    return made


def _match_some(at: datetime) -> int | None:
    """One transaction of offers; ``None`` when there is nothing to match, or somebody else does."""
    work = snapshots.work()
    if not work.queues and not work.owned:
        return None
    with transaction.atomic():
        if not _is_the_only_one():
            return None
        idle = set(_lock_idle())
        callbacks = _lock_callbacks(work, idle, at)
        fit, barred = barring.part(callbacks, at)
        barring.hold_back(barred, at)
        decisions = [d for d in _decide(fit, idle, at) if d.agent_id]
        _offer(fit, decisions, at)
    return len(decisions) if decisions or barred else None


def _is_the_only_one() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ONLY_ONE])
        return bool(cursor.fetchone()[0])


def _lock_idle() -> Iterable[uuid.UUID]:
    free = snapshots.idle_agents()
    locked = free.select_for_update(of=("self",), skip_locked=True, no_key=True)
    return locked.order_by("pk").values_list("pk", flat=True)  # type: ignore[no-any-return]


def _lock_callbacks(work: snapshots.Work, idle: set[uuid.UUID], at: datetime) -> list[Callback]:
    """As many as could be offered now.

    One that everybody idle declined, or lacks the skills for, must not be in the way of others.
    """
    declined = len(snapshots.declines(at, agent__in=idle))
    picky = snapshots.picky(work.queues)
    at_most = {queue: count + declined + picky[queue] for queue, count in work.queues.items()}
    keys = {*snapshots.first_of_each(at_most), *work.owned}
    waiting: CallbackQuerySet = Callback.objects.filter(pk__in=keys, status=Status.WAITING)
    locked = waiting.flagged().select_for_update(of=("self",), skip_locked=True)
    related = locked.select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
    return list(related.order_by("-priority", "requested_at", "id")[: snapshots.AT_ONCE])


def _decide(
    callbacks: Sequence[Callback], idle: set[uuid.UUID], at: datetime
) -> Sequence[Decision]:
    if not callbacks:
        return []
    around = snapshots.places({callback.queue_id for callback in callbacks})
    people = {agent for place in around.values() for agent in place.members}
    people |= {c.owner_id for c in callbacks if c.owner_id}
    people |= {c.preferred_agent_id for c in callbacks if c.preferred_agent_id}
    candidates = {
        key: candidate if key in idle else _unless_idle(candidate)
        for key, candidate in snapshots.candidates(people, callbacks).items()
    }
    declined = snapshots.declines(at, callback__in=[callback.pk for callback in callbacks])
    waiting = snapshots.as_waiting(callbacks, declined)
    return decide_all(Snapshot(at, around, candidates, waiting))


def _unless_idle(candidate: Candidate) -> Candidate:
    """One whose row somebody else holds is changing at this moment: not now."""
    if candidate.why_unavailable:
        return candidate
    return replace(candidate, engaged_in="changing presence at this moment")


def _offer(callbacks: Sequence[Callback], decisions: Sequence[Decision], at: datetime) -> None:
    """Make the offers. Four statements however many they are."""
    if not decisions:
        return
    by_key = {callback.pk: callback for callback in callbacks}
    agents = Agent.objects.select_related("user").in_bulk([d.agent_id for d in decisions])
    offered, entries, offers = [], [], []
    for decision in decisions:
        callback = by_key[decision.waiting.id]
        before = journal.snapshot(callback)
        agent = agents[decision.agent_id]
        # Who just finished may have done so after this tick began: the record never runs backwards.
        offer = _as_offer(callback, decision, max(at, callback.updated_at, agent.idle_since))
        callback.status = status_after(Move.OFFER, callback.status)
        callback.agent = agent
        callback.next_action_at = offer.expires_at
        offered.append(callback)
        offers.append(offer)
        entries.append(journal.Entry(callback, journal.What.OFFERED, before, None, decision.reason))
    Offer.objects.bulk_create(offers)
    holding.store_all(offered, "status", "agent", "next_action_at", at=at)
    journal.record_all(entries, by=ROUTING, at=at)


def _as_offer(callback: Callback, decision: Decision, at: datetime) -> Offer:
    return Offer(
        callback=callback,
        agent_id=decision.agent_id,
        made_at=at,
        expires_at=at + callback.queue.alerting_timeout,
        reason=decision.reason,
        candidates=kept(decision),
    )


def kept(decision: Decision) -> list[list[object]]:
    """The verdicts as an offer keeps them, the best first; of a long list the end is counted."""
    verdicts = decision.verdicts
    told: list[list[object]] = [
        [verdict.name, verdict.why, verdict.is_let_in] for verdict in verdicts[:KEPT_CANDIDATES]
    ]
    rest = Counter(verdict.why for verdict in verdicts[KEPT_CANDIDATES:])
    return told + [[f"{count} more", why, False] for why, count in rest.items()]
