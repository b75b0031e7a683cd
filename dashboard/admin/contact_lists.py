"""Contact lists and the numbers that they mark."""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from callbacks import rescue
from callbacks.models import ContactList, ContactListEntry
from callbacks.rules import numbers
from dashboard.admin.records import ShortPaginator


class EntryForm(forms.ModelForm):  # type: ignore[type-arg]
    """A number in any notation; stored as E.164."""

    country = forms.ChoiceField(
        choices=numbers.regions, initial="US", help_text="Of a number that is typed without +."
    )
    phone_number = forms.CharField(max_length=numbers.LONGEST)
    field_order = ("contact_list", "country", "phone_number", "is_uncallable", "reason")

    class Meta:
        model = ContactListEntry
        fields = ("contact_list", "phone_number", "is_uncallable", "reason")

    def clean_phone_number(self) -> str:
        """The number that the text means."""
        region = self.cleaned_data.get("country")
        try:
            return numbers.parse(self.cleaned_data["phone_number"], region).e164
        except numbers.NumberRefused as refused:
            raise ValidationError(refused.message) from refused


@admin.register(ContactListEntry)
class EntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Entries, found by the beginning of their number."""

    form = EntryForm
    fields = EntryForm.field_order
    autocomplete_fields = ("contact_list",)
    list_display = ("phone_number", "contact_list", "is_uncallable", "reason", "changed_at")
    list_filter = ("is_uncallable", "contact_list")
    list_select_related = ("contact_list",)
    search_fields = ("phone_number__startswith",)
    search_help_text = "The beginning of a number, from + and the country code on."
    show_full_result_count = False
    paginator = ShortPaginator

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Whatever stands between the digits."""
        return super().get_search_results(request, queryset, re.sub(r"[^\d+]", "", search_term))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Note who marked it, and when."""
        obj.changed_by, obj.changed_at = request.user, timezone.now()
        super().save_model(request, obj, form, change)
        rescue.entry_changed([obj.phone_number], timezone.now())

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """What was held back for it goes on."""
        super().delete_model(request, obj)
        rescue.entry_changed([obj.phone_number], timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """The same for many."""
        phone_numbers = [*queryset.values_list("phone_number", flat=True)]
        super().delete_queryset(request, queryset)
        rescue.entry_changed(phone_numbers, timezone.now())


@admin.register(ContactList)
class ContactListAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists; their numbers stand under *contact list entries*."""

    list_display = ("name", "is_active", "entries")
    search_fields = ("name",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Switched off, its marks count no more: what was held back for them goes on."""
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:
            rescue.list_switched(obj, timezone.now())

    @admin.display(description="numbers")
    def entries(self, of: ContactList) -> SafeString:
        """The way to its numbers, which may be many."""
        address = reverse("admin:callbacks_contactlistentry_changelist")
        return format_html('<a href="{}?contact_list__id__exact={}">Show</a>', address, of.pk)

    def has_delete_permission(self, request: HttpRequest, obj: ContactList | None = None) -> bool:
        """An empty one alone: switched off, a list keeps its marks for the day it is needed."""
        return obj is not None and not obj.entries.exists()
