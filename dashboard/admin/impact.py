"""What a change would do to open callbacks, shown before it is saved (screens: Admin).

A form that would affect promises is refused once, with what it affects, and offers a box to tick;
ticked, it is saved, and what it affected is said again. What was typed stays in the form. The tick
stands for the very changes that it was shown with: other ones are asked about anew.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

CONFIRM = "confirm_impact"


class Tick(forms.CheckboxInput):
    """A box that is never ticked yet, and that says what it was ticked for."""

    def __init__(self, stands_for: str) -> None:
        super().__init__(check_test=lambda value: False)
        self.stands_for = stands_for

    def format_value(self, value: Any) -> str:
        """What comes back when it is ticked."""
        return self.stands_for

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """What came back."""
        return data.get(name, "")


class TickField(forms.CharField):
    """The tick; no change of the thing itself."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Never: the log of changes leaves it out."""
        return False


class ImpactForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that asks again before it touches promises."""

    confirm_impact = TickField(
        required=False, label="Save all the same", widget=forms.HiddenInput()
    )
    found_impacts: tuple[SafeString, ...] = ()
    """What the form would do, for ``tell``."""

    def impacts(self) -> list[SafeString]:
        """What the change would do, one sentence each; nothing when it is harmless."""
        return []

    def clean(self) -> dict[str, Any]:
        """Ask for the tick where there is something to know."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors or self.instance._state.adding:
            return cleaned
        self.found_impacts = tuple(self.impacts())
        if self.found_impacts and cleaned.get(CONFIRM) != self._tick():
            self.fields[CONFIRM].widget = Tick(self._tick())
            self.add_error(CONFIRM, forms.ValidationError([*self.found_impacts]))
        return cleaned

    def _tick(self) -> str:
        """What a tick says: these changes, and no others."""
        data = cast("QueryDict", self.data)
        changed = [
            f"{name}={sorted(map(str, data.getlist(self.add_prefix(name))))}"
            for name in sorted(self.changed_data)
        ]
        return hashlib.sha256("&".join(changed).encode()).hexdigest()[:16]


def tell(request: HttpRequest, impacts: Iterable[SafeString]) -> None:
    """Say again, after saving, what the change affects."""
    for impact in impacts:
        messages.warning(request, impact)


def listed(what: str, count: int, remark: str, address: str) -> SafeString:
    """``Open callbacks beyond the new limit: 37. They stay as promised.`` with a link to them."""
    return format_html('{}: {}. {} <a href="{}">Show them</a>', what, count, remark, address)
