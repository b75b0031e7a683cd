"""What may be looked at here, and changed by nobody: callbacks, history, outbox."""

import uuid
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from callbacks.models import Attempt, Callback, HistoryEvent, OutboxMessage
from callbacks.rules import numbers

REACH = 5_000
"""Rows that can be paged through; what lies beyond is found by searching."""
BY_AGENT = ("owner__user__id__exact", "preferred_agent__user__id__exact")


def looked_up(**filters: object) -> str:
    """The address of the read-only list of callbacks with these filters."""
    asked = urlencode({name: str(value) for name, value in filters.items()})
    return f"{reverse('admin:callbacks_callback_changelist')}?{asked}"


class ShortPaginator(Paginator):  # type: ignore[type-arg]
    """Pages through the first rows only, and counts no further."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most ``REACH``."""
        rows: QuerySet[Any] = self.object_list[:REACH]  # type: ignore[assignment]
        return rows.count()


def key_in(text: str) -> uuid.UUID | None:
    """The key that a text is."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Looks, and does not touch. Counts nothing, so that a million rows do not matter."""

    show_full_result_count = False
    list_per_page = 50
    paginator = ShortPaginator
    key_fields: tuple[str, ...] = ()
    """Fields of the model that hold keys, by which a row is found."""
    search_help_text = "The whole key."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exactly what was asked for, by an index; a text that is no key finds nothing."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(self.meant_by(search_term.strip())), False

    def meant_by(self, term: str) -> Q:
        """What a text in the search box stands for."""
        key = key_in(term)
        if key is None:
            return Q(pk__in=[])
        return Q.create([(name, key) for name in self.key_fields], connector=Q.OR)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Callback)
class CallbackAdmin(ReadOnly):
    """Callbacks; the product's own pages change them."""

    list_display = ("requested_at", "contact_name", "queue", "owner", "status")
    list_filter = ("status", "queue")
    # Keys sort as the rows were made.
    ordering = ("-id",)
    list_select_related = ("queue", "owner__user")
    search_fields = key_fields = ("pk",)
    search_help_text = "The whole key, phone number or ticket."

    def meant_by(self, term: str) -> Q:
        """Also a number in any notation with +, or a ticket."""
        found = Q(ticket_id__iexact=term)
        if key_in(term):
            found |= super().meant_by(term)
        try:
            return found | Q(phone_number=numbers.parse(term, None).e164)
        except numbers.NumberRefused:
            return found

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Also by agent: the page of a person links here."""
        return lookup in BY_AGENT or super().lookup_allowed(lookup, value, request)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    """Attempts."""

    list_display = ("started_at", "callback", "agent", "outcome")
    list_select_related = ("callback", "agent__user", "outcome")
    ordering = ("-id",)
    search_fields = key_fields = ("pk", "callback")
    search_help_text = "The whole key of the attempt or of its callback."


@admin.register(HistoryEvent)
class HistoryAdmin(ReadOnly):
    """The history of everything, latest first."""

    list_display = ("at", "what", "actor_name", "reason", "callback")
    list_filter = ("what", "actor_kind")
    list_select_related = ("callback",)
    search_fields = key_fields = ("pk", "callback")
    search_help_text = "The whole key of the event or of its callback."
    ordering = ("-id",)


@admin.register(OutboxMessage)
class OutboxAdmin(ReadOnly):
    """What the platform is still to be told."""

    list_display = ("id", "created_at", "action", "state", "callback")
    list_filter = ("state", "action")
    list_select_related = ("callback",)
    ordering = ("-id",)
    search_fields = key_fields = ("callback", "event")
    search_help_text = "The number of the message, or the whole key of its callback or event."

    def meant_by(self, term: str) -> Q:
        """Messages have numbers for keys."""
        if term.isascii() and term.isdigit() and len(term) <= 18:
            return Q(pk=int(term))
        return super().meant_by(term)


@admin.register(LogEntry)
class ChangeAdmin(ReadOnly):
    """What admins changed in this admin, latest first."""

    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    ordering = ("-id",)
    search_fields = key_fields = ("object_id",)
    search_help_text = "The whole key of what was changed."
