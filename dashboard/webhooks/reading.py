"""What the pages of webhooks show: how each is doing, and what became of its deliveries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from callbacks import webhooks
from callbacks.models import Webhook, WebhookDelivery
from callbacks.models.webhook import TEST, EventType
from callbacks.rules.limits import distance_in_words

PAGE = 50
State = WebhookDelivery.State
LABELS = {**dict(EventType.choices), TEST: "Test"}
TONES = {State.DELIVERED: "good", State.PARKED: "danger", State.WAITING: "accent"}


@dataclass(frozen=True)
class Standing:
    """How a webhook is doing, in a word and a sentence."""

    label: str
    tone: str
    sentence: str


def overview() -> QuerySet[Webhook]:
    """All webhooks with ``waiting``, ``parked`` and ``waits_since``. One statement."""
    oldest = WebhookDelivery.objects.filter(webhook=OuterRef("pk"), state=State.WAITING)
    return webhooks.subscriptions().annotate(
        waiting=_count_of(State.WAITING),
        parked=_count_of(State.PARKED),
        waits_since=Subquery(oldest.order_by("pk").values("created_at")[:1]),
    )


def _count_of(state: str) -> Coalesce:
    found = WebhookDelivery.objects.filter(webhook=OuterRef("pk"), state=state).order_by()
    counted = found.values("webhook").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def standing(webhook: Webhook, at: datetime) -> Standing:
    """How it is doing at this moment (aware UTC)."""
    if not webhook.is_active:
        return Standing("Off", "warn", f"{webhook.disabled_reason} It is told nothing.")
    if not webhook.secret.is_readable:
        sentence = (
            "Its secret cannot be read: ENCRYPTION_KEYS does not hold the key. Give that key back, "
            "or make a new secret."
        )
        return Standing("Not sending", "danger", sentence)
    if webhook.failing_since and webhook.is_failing(at):
        since = distance_in_words(webhook.failing_since, at)
        return Standing("Failing", "danger", f"Nothing has arrived any more; it began {since}.")
    if webhook.failures:
        return Standing("Trying again", "warn", _trying(webhook, at))
    if webhook.last_success_at is None:
        return Standing("New", "accent", "Nothing was sent yet. Send a test event.")
    return Standing("Well", "good", "")


def _trying(webhook: Webhook, at: datetime) -> str:
    times = "once" if webhook.failures == 1 else f"{webhook.failures} times in a row"
    rests = webhook.rests_until
    if rests is None or rests <= at:
        return f"It failed {times}."
    return f"It failed {times}. It is left alone, and asked again {distance_in_words(rests, at)}."


def secret_stamp(webhook: Webhook) -> str:
    """Which secret it is, without telling it: another one, another stamp."""
    return str(webhook.secret.token)[-16:]


@dataclass(frozen=True)
class Row:
    """One delivery, as the page shows it."""

    delivery: WebhookDelivery
    at: datetime

    @property
    def label(self) -> str:
        """The event, in a word."""
        return LABELS.get(self.delivery.type, self.delivery.type)

    @property
    def tone(self) -> str:
        """The colour of its state."""
        return TONES.get(State(self.delivery.state), "")

    @property
    def fate(self) -> str:
        """Its state, in a word."""
        return self.delivery.get_state_display().partition(":")[0]

    @property
    def attempts(self) -> str:
        """How often it was tried."""
        count = self.delivery.attempts
        if not count:
            return "not tried yet"
        return "tried once" if count == 1 else f"tried {count} times"

    @property
    def is_retried_at(self) -> datetime | None:
        """When it is tried again, where that is known."""
        waits = self.delivery.state == State.WAITING and self.delivery.attempts > 0
        return self.delivery.next_attempt_at if waits else None

    @property
    def can_discard(self) -> bool:
        """Whether there is something to give up."""
        return self.delivery.state in (State.WAITING, State.PARKED)

    @property
    def is_on_its_way(self) -> bool:
        """Whether the next sweep sends it."""
        return self.delivery.state == State.WAITING and self.delivery.next_attempt_at <= self.at


def deliveries(webhook: Webhook, state: str, before: str) -> QuerySet[WebhookDelivery]:
    """The newest first: of this state where it is one, before this key where it is one."""
    found = webhook.deliveries.select_related("callback").order_by("-pk")
    if state in State.values:
        found = found.filter(state=state)
    if before.isascii() and before.isdigit() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    return found


def listed(webhook: Webhook, state: str, before: str, at: datetime) -> dict[str, Any]:
    """One page of deliveries, with the way to the next one."""
    some = list(deliveries(webhook, state, before)[: PAGE + 1])
    rows = [Row(delivery, at) for delivery in some[:PAGE]]
    is_moving = webhook.is_active and not webhook.failures and not before
    return {
        "rows": rows,
        "more": some[PAGE - 1].pk if len(some) > PAGE else None,
        "state": state if state in State.values else "",
        "states": [
            ("", "All"),
            *((value, label.partition(":")[0]) for value, label in State.choices),
        ],
        "before": before,
        "is_moving": is_moving and any(row.is_on_its_way for row in rows),
    }
