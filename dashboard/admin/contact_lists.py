"""Contact lists and the numbers that they mark."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from callbacks.models import ContactList, ContactListEntry
from callbacks.rules import numbers


class EntryForm(forms.ModelForm):  # type: ignore[type-arg]
    """A number in any notation; stored as E.164."""

    phone_number = forms.CharField(max_length=60)

    class Meta:
        model = ContactListEntry
        fields = ("contact_list", "phone_number", "is_uncallable", "reason")

    def clean_phone_number(self) -> str:
        """The number that the text means."""
        try:
            return numbers.parse(self.cleaned_data["phone_number"], "US").e164
        except numbers.NumberRefused as refused:
            raise ValidationError(refused.message) from refused


@admin.register(ContactListEntry)
class EntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Entries, found by the beginning of their number."""

    form = EntryForm
    list_display = ("phone_number", "contact_list", "is_uncallable", "reason", "changed_at")
    list_filter = ("is_uncallable", "contact_list")
    list_select_related = ("contact_list",)
    search_fields = ("phone_number__startswith",)
    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Note who marked it, and when."""
        obj.changed_by, obj.changed_at = request.user, timezone.now()
        super().save_model(request, obj, form, change)


@admin.register(ContactList)
class ContactListAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists; their numbers stand under *contact list entries*."""

    list_display = ("name", "is_active")
    search_fields = ("name",)
