"""Contact lists, which may mark numbers as uncallable (rules §2.9)."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from callbacks.models.keys import Keyed
from callbacks.models.people import User


class ContactList(Keyed):
    """A list of contacts, such as a campaign's or a do-not-call list."""

    name = models.CharField(max_length=100, unique=True)
    is_active = models.BooleanField(
        "active", default=True, help_text="Marks of an inactive list do not count."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ContactListEntryQuerySet(models.QuerySet["ContactListEntry"]):
    """Questions about entries."""

    def uncallable(self) -> Self:
        """Marks that count now."""
        return self.filter(is_uncallable=True, contact_list__is_active=True)


class ContactListEntry(Keyed):
    """A number on a list."""

    contact_list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="entries")
    phone_number = models.CharField(max_length=16, help_text="E.164, such as +12125550123.")
    is_uncallable = models.BooleanField("uncallable", default=False)
    reason = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    objects = ContactListEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "contact list entries"
        constraints = [
            models.UniqueConstraint(
                fields=["contact_list", "phone_number"],
                name="contact_list_entry_once",
                violation_error_message="This number is on the list already.",
            ),
            models.CheckConstraint(
                condition=Q(phone_number__regex=r"^\+[1-9][0-9]{3,14}$"),
                name="contact_list_entry_number_is_e164",
                violation_error_message="Write the number as + and digits only.",
            ),
        ]
        indexes = [
            models.Index(
                fields=["phone_number"],
                condition=Q(is_uncallable=True),
                name="contact_list_uncallable",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.phone_number} on {self.contact_list}"
