"""The callback itself: one promise to call a contact at a requested time."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Self

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, Subquery, When
from django.db.models.functions import Greatest, JSONObject, Upper
from django.utils import timezone

from callbacks.lifecycle import EDITABLE, ENDED, Status
from callbacks.models.contact_list import ContactListEntry
from callbacks.models.keys import Keyed
from callbacks.models.people import Agent, TimeZoneField, User
from callbacks.models.queue import Queue
from callbacks.rules import limits
from callbacks.rules.availability import Stretch
from callbacks.rules.standing import Standing

OPEN = Q(ended_at__isnull=True)
"""Open, as queries and partial indexes say it: no parameter, so that the planner can match them."""
QUIET_SINCE = Greatest("requested_at", "updated_at")
"""Since when nothing has happened to a due callback: since it was due, or last changed."""
PICKY = ~Q(skills=[])
"""Those that ask for skills of their own."""
AT_HAND = (Status.OFFERED, Status.IN_PROGRESS)
"""With one agent: being rung for it, or on the phone."""
ENGAGED = {Status.OFFERED: "being offered another callback", Status.IN_PROGRESS: "on a call"}
"""What keeps that agent from another one."""


class Hold(models.TextChoices):
    """Why a due callback is held back (rules §2.9, §2.10): nobody may be called now."""

    CALLING_HOURS = "calling_hours", "Outside calling hours"
    UNCALLABLE = "uncallable", "Number uncallable"


class CallbackQuerySet(models.QuerySet["Callback"]):
    """Questions about many callbacks, in the field's words."""

    def open(self) -> Self:
        """Those not over yet."""
        return self.filter(OPEN)

    def overdue(self, at: datetime) -> Self:
        """Open, and the callback window has ended."""
        return self.filter(OPEN, window_ends_at__lt=at)

    def stuck(self, at: datetime) -> Self:
        """Open, due, and nothing has happened to it for longer than its queue's stuck limit."""
        return self.quiet().filter(
            requested_at__lte=at, quiet_since__lt=at - F("queue__stuck_after")
        )

    def quiet(self) -> Self:
        """Open ones with ``quiet_since``: when they were due, or last changed."""
        return self.filter(OPEN).annotate(quiet_since=QUIET_SINCE)

    def breached(self, at: datetime) -> Self:
        """Open, and the service level's deadline passed before any attempt was made."""
        return self.filter(OPEN, attempts_made=0, due_by__lt=at)

    def unowned(self) -> Self:
        """Open ones that nobody has taken ownership of."""
        return self.filter(OPEN, owner__isnull=True)

    def at_hand_of(self, agent_id: Any) -> Self:
        """The one that this agent is being rung for, or on the phone about."""
        return self.filter(agent=agent_id)

    def promised_by(self, agent_id: Any) -> Self:
        """Open ones that this agent owns or is preferred for."""
        return self.filter(OPEN).filter(Q(owner=agent_id) | Q(preferred_agent=agent_id))

    def beyond_limit_of(self, queue_id: Any, limit: timedelta, at: datetime) -> Self:
        """Owned and open ones of a queue, further ahead than this limit allows (rules §3.6)."""
        return self.filter(OPEN, queue=queue_id, owner__isnull=False, requested_at__gt=at + limit)

    def near(self, phone_number: str, soon: datetime, earliest: datetime, latest: datetime) -> Self:
        """Open ones for the number until soon, or between these two moments (rules §2.8)."""
        return self.filter(OPEN, phone_number=phone_number).filter(
            Q(requested_at__lte=soon) | Q(requested_at__range=(earliest, latest))
        )

    def promised_in(self, queue_id: Any, span: Stretch, leaving_out: Any = None) -> Self:
        """Open ones of a queue requested within a span, without one that is to be moved."""
        there = self.filter(
            OPEN, queue=queue_id, requested_at__gte=span.starts_at, requested_at__lt=span.ends_at
        )
        return there.exclude(pk=leaving_out) if leaving_out else there

    def flagged(self) -> Self:
        """With ``is_uncallable``: whether a contact list bars the number today (rules §2.9)."""
        marks = ContactListEntry.objects.uncallable().filter(phone_number=OuterRef("phone_number"))
        return self.annotate(is_uncallable=Exists(marks))

    def with_standing(self) -> Self:
        """With what ``standing`` is read from: how it stands on its queue's platform (rules §6)."""
        place = OuterRef("queue__connected__connection")
        counterparts = apps.get_model("callbacks", "Counterpart").objects
        ours = counterparts.filter(callback=OuterRef("pk")).filter(
            Q(connection=place) | Q(state__in=("sending", "there", "parked"))
        )
        nearest = Case(When(connection=place, then=0), default=1, output_field=IntegerField())
        told = JSONObject(
            key="id", connection="connection__name", state="state", external_id="external_id",
            existing_id="existing_id", error="last_error", told_until="synced_message",
        )  # fmt: skip
        unsettled = apps.get_model("callbacks", "OutboxMessage").objects.filter(
            callback=OuterRef("pk"), settled_at__isnull=True
        )
        return self.annotate(
            platform=F("queue__connected__connection__name"),
            there=Subquery(
                ours.alias(nearest=nearest).order_by("nearest", "pk").values(told=told)[:1]
            ),
            is_unsettled=Exists(unsettled),
        )

    def for_display(self) -> Self:
        """With everything that a row on a screen shows, in the same statement."""
        return (
            self.flagged()
            .with_standing()
            .select_related("queue", "owner__user", "preferred_agent__user", "agent__user")
        )


class Callback(Keyed):
    """A promise to call a contact at a requested time.

    The wall time with its zone is the promise; ``requested_at`` (UTC) is derived from it by the
    zone data of ``tzdata_version``. Changed only by the rooms of the domain, never by ``save()``
    on a whole row.
    """

    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="callbacks")
    priority = models.SmallIntegerField(default=0)

    contact_name = models.CharField(max_length=200, blank=True)
    phone_number = models.CharField(max_length=16)
    phone_extension = models.CharField(max_length=20, blank=True)
    contact_time_zone = TimeZoneField()

    wall_date = models.DateField()
    wall_time = models.TimeField()
    time_zone = TimeZoneField()
    fold = models.PositiveSmallIntegerField(default=0)
    requested_at = models.DateTimeField()
    tzdata_version = models.CharField(max_length=16)
    window_starts_at = models.DateTimeField()
    window_ends_at = models.DateTimeField()
    is_outside_hours_agreed = models.BooleanField(default=False)
    """Made on purpose outside the calling hours, by somebody who was told (rules §2.10)."""

    agent = models.ForeignKey(
        Agent,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="callbacks_at_hand",
        db_index=False,  # the constraint below has the few that are not null
    )
    """Who is being rung for it, or is on the phone with the contact."""
    attempts_made = models.PositiveSmallIntegerField(default=0)
    held_for = models.CharField(max_length=16, choices=Hold, blank=True)
    """Why it is due and yet not with the agents; the clock looks again at ``next_action_at``."""

    owner = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="owned_callbacks"
    )
    ownership_expires_at = models.DateTimeField(null=True, blank=True)
    is_stood_in_for = models.BooleanField(default=False)
    """The owner got it in place of another one, who could not take it (rules §3.5)."""
    preferred_agent = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="preferred_callbacks"
    )

    skills = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    """Names of skills that its agent needs beside those that the queue requires."""

    reason = models.TextField(blank=True)
    ticket_id = models.CharField(max_length=100, blank=True)
    conversation_id = models.CharField(max_length=100, blank=True)
    external_data = models.JSONField(default=dict, blank=True)
    consent = models.BooleanField(null=True)
    """Whether the contact agreed to be called; ``None`` where nobody asked (rules §2.7)."""
    consent_recorded_at = models.DateTimeField(null=True, blank=True)
    consent_recorded_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    due_by = models.DateTimeField()
    """The service level's deadline."""
    next_action_at = models.DateTimeField(null=True)
    """When the clock looks at it again; every open callback has one (rules §4.8)."""
    ended_at = models.DateTimeField(null=True, blank=True)

    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="made_callbacks"
    )
    request_key = models.UUIDField(null=True, blank=True)
    """The form it came from: the same form sent twice is the same callback."""
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)

    objects = CallbackQuerySet.as_manager()

    is_uncallable: bool
    """Only with ``flagged()``."""

    class Meta:
        ordering = ["requested_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="callback_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(ENDED), ended_at__isnull=False)
                | Q(status__in=sorted(set(Status) - ENDED), ended_at__isnull=True),
                name="callback_ended_when_over",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, next_action_at__isnull=False)
                | Q(ended_at__isnull=False, next_action_at__isnull=True),
                name="callback_always_has_a_next_look",
            ),
            models.CheckConstraint(
                condition=Q(window_ends_at__gt=F("window_starts_at"))
                & Q(requested_at__gte=F("window_starts_at"))
                & Q(requested_at__lte=F("window_ends_at")),
                name="callback_window_holds_requested_time",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=True, ownership_expires_at__isnull=True)
                | Q(owner__isnull=False, ownership_expires_at__gt=F("requested_at")),
                name="callback_owner_has_a_period",
            ),
            models.CheckConstraint(condition=Q(fold__in=(0, 1)), name="callback_fold"),
            models.CheckConstraint(
                condition=Q(status__in=AT_HAND, agent__isnull=False)
                | (~Q(status__in=AT_HAND) & Q(agent__isnull=True)),
                name="callback_at_hand_has_its_agent",
            ),
            models.UniqueConstraint(
                fields=["agent"],
                condition=Q(agent__isnull=False),
                name="callback_one_at_hand_an_agent",
            ),
            models.CheckConstraint(
                condition=Q(held_for="") | Q(held_for__in=Hold.values, status=Status.PENDING),
                name="callback_held_while_pending",
            ),
            models.CheckConstraint(
                condition=Q(phone_number__regex=r"^\+[1-9][0-9]{3,14}$"),
                name="callback_number_is_e164",
            ),
            models.CheckConstraint(
                condition=~Q(consent=False), name="callback_never_against_consent"
            ),
            models.UniqueConstraint(
                fields=["conversation_id"],
                condition=OPEN & ~Q(conversation_id=""),
                name="callback_one_open_per_conversation",
            ),
        ]
        indexes = [
            models.Index(fields=["next_action_at"], condition=OPEN, name="callback_next_look"),
            # What time makes of open ones: overdue, breached, stuck (rules §5.1).
            models.Index(fields=["window_ends_at"], condition=OPEN, name="callback_window_ends"),
            models.Index(
                fields=["due_by"], condition=OPEN & Q(attempts_made=0), name="callback_due_by"
            ),
            models.Index(QUIET_SINCE, condition=OPEN, name="callback_quiet_since"),
            # The order of a queue (rules §4.2), and what waits for one agent.
            models.Index(
                F("queue"),
                F("priority").desc(),
                "requested_at",
                "id",
                condition=Q(status=Status.WAITING, owner__isnull=True),
                name="callback_waiting",
            ),
            models.Index(
                fields=["queue"],
                condition=PICKY & Q(status=Status.WAITING, owner__isnull=True),
                name="callback_waiting_picky",
            ),
            models.Index(
                fields=["owner"],
                condition=Q(status=Status.WAITING, owner__isnull=False),
                name="callback_waiting_for_owner",
            ),
            models.Index(
                fields=["phone_number"],
                condition=Q(held_for=Hold.UNCALLABLE),
                name="callback_held_number",
            ),
            models.Index(
                fields=["owner", "requested_at"],
                condition=OPEN & Q(owner__isnull=False),
                name="callback_owned",
            ),
            models.Index(
                fields=["preferred_agent", "requested_at"],
                condition=OPEN & Q(preferred_agent__isnull=False),
                name="callback_preferred",
            ),
            models.Index(
                fields=["queue", "requested_at"],
                condition=OPEN & Q(owner__isnull=True),
                name="callback_to_take",
            ),
            models.Index(
                fields=["queue", "requested_at", "id"],
                condition=OPEN,
                name="callback_open_in_queue",
            ),
            models.Index(fields=["requested_at", "id"], condition=OPEN, name="callback_open"),
            models.Index(fields=["phone_number", "requested_at"], name="callback_number"),
            # The search: beginnings of numbers and names, tickets without regard to case.
            models.Index(
                OpClass("phone_number", name="text_pattern_ops"), name="callback_number_begins"
            ),
            models.Index(
                OpClass(Upper("contact_name"), name="text_pattern_ops"), name="callback_name_begins"
            ),
            models.Index(Upper("ticket_id"), name="callback_ticket"),
            models.Index(fields=["requested_at", "id"], name="callback_by_time"),
            models.Index(fields=["created_by", "requested_at"], name="callback_made_by"),
            models.Index(
                fields=["ended_at", "id"],
                condition=Q(status=Status.EXPIRED),
                name="callback_expired",
            ),
            models.Index(fields=["queue", "requested_at"], name="callback_in_queue"),
        ]

    def __str__(self) -> str:
        return f"Callback to {self.contact_name or 'a contact'} at {self.requested_at:%Y-%m-%d %H:%M} UTC"

    def get_absolute_url(self) -> str:
        """The page of this callback."""
        return f"/callbacks/{self.pk}"

    @cached_property
    def standing(self) -> Standing:
        """How it stands on its queue's platform. A statement, unless it was asked for display."""
        if "there" not in self.__dict__:
            return Callback.objects.with_standing().get(pk=self.pk).standing
        told: Any = self
        return Standing.of(
            told.there,
            platform=told.platform or "",
            is_open=self.ended_at is None,
            is_unsettled=told.is_unsettled,
        )

    @property
    def is_open(self) -> bool:
        """Whether it is not over yet."""
        return self.ended_at is None

    @property
    def is_editable(self) -> bool:
        """Whether nobody is being rung or spoken to, so that the promise may be changed."""
        return self.status in EDITABLE

    @property
    def is_owned(self) -> bool:
        """Whether an agent took ownership."""
        return self.owner_id is not None

    @property
    def editable_until(self) -> datetime | None:
        """The last moment for an edit of an owned callback (rules §3.2)."""
        return limits.editable_until(self.requested_at) if self.is_owned else None

    @property
    def window_duration(self) -> timedelta:
        """The length of the callback window."""
        return self.window_ends_at - self.window_starts_at

    def is_locked(self, at: datetime) -> bool:
        """Whether it is owned and less than 15 real minutes are left (rules §3.2).

        Once it was tried, the agreed time has had its call, and another may be agreed upon.
        """
        is_untried = self.attempts_made == 0
        return self.is_owned and is_untried and limits.is_locked(self.requested_at, at)

    def is_overdue(self, at: datetime) -> bool:
        """Open, and the callback window has ended."""
        return self.is_open and self.window_ends_at < at
