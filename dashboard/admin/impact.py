"""What a change would do to open callbacks, shown before it is saved (screens: Admin).

A form that would affect promises is refused once, with what it affects, and offers a box to tick;
ticked, it is saved. What was typed stays in the form.
"""

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString


class ImpactForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that asks again before it touches promises."""

    confirm_impact = forms.BooleanField(
        required=False, label="Save all the same", widget=forms.HiddenInput()
    )

    def impacts(self) -> list[SafeString]:
        """What the change would do, one sentence each; nothing when it is harmless."""
        return []

    def clean(self) -> dict[str, Any]:
        """Ask for the tick where there is something to know."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors or not self.instance.pk or self.instance._state.adding:
            return cleaned
        if cleaned.get("confirm_impact"):
            return cleaned
        if impacts := self.impacts():
            self.fields["confirm_impact"].widget = forms.CheckboxInput()
            self.add_error("confirm_impact", forms.ValidationError([*impacts]))
        return cleaned


def listed(what: str, count: int, remark: str, address: str) -> SafeString:
    """``Open callbacks beyond the new limit: 37. They stay as promised.`` with a link to them."""
    return format_html('{}: {}. {} <a href="{}">Show them</a>', what, count, remark, address)
