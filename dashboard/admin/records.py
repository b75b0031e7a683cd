"""What may be looked at here, and changed by nobody: callbacks, history, outbox."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from callbacks.models import Attempt, Callback, HistoryEvent, OutboxMessage


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Looks, and does not touch. Counts nothing, so that a million rows do not matter."""

    show_full_result_count = False
    list_per_page = 50

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
    search_fields = ("id__exact", "phone_number__exact", "ticket_id__exact")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Also by owner: the page of a person links here."""
        return lookup == "owner__user__id__exact" or super().lookup_allowed(lookup, value, request)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    """Attempts."""

    list_display = ("started_at", "callback", "agent", "outcome")
    list_select_related = ("callback", "agent__user", "outcome")


@admin.register(HistoryEvent)
class HistoryAdmin(ReadOnly):
    """The history of everything, latest first."""

    list_display = ("at", "what", "actor_name", "reason", "callback")
    list_filter = ("what", "actor_kind")
    list_select_related = ("callback",)
    search_fields = ("callback__id__exact",)
    ordering = ("-id",)


@admin.register(OutboxMessage)
class OutboxAdmin(ReadOnly):
    """What the platform is still to be told."""

    list_display = ("id", "created_at", "action", "state", "callback")
    list_filter = ("state", "action")
    list_select_related = ("callback",)
    ordering = ("-id",)
