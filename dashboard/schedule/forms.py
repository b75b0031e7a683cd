"""The panel's form: it carries texts, and shows the domain's problems each at its field.

It decides nothing. What is wrong with an input is said by ``callbacks.scheduling``.
"""

import uuid
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import QuerySet

from callbacks.access import Actor
from callbacks.models import Queue
from callbacks.rules import texts
from callbacks.scheduling import CallbackRequest, Changes


class Text(forms.CharField):
    """A text as it was typed; every judgement about it is the domain's."""

    def __init__(self, label: str, limit: int, **kwargs: Any) -> None:
        super().__init__(label=label, required=False, **kwargs)
        self.widget.attrs["maxlength"] = str(limit)
        self.validators = [
            v for v in self.validators if not isinstance(v, ProhibitNullCharactersValidator)
        ]

    def to_python(self, value: Any) -> str:
        """The text without the spaces around it."""
        return str(value or "").strip()


class PanelForm(forms.Form):
    """What scheduling and changing have in common."""

    date = Text("Date", 10, widget=forms.TextInput(attrs={"type": "date"}))
    time = Text("Time", 8, widget=forms.TextInput(attrs={"type": "time"}))
    time_zone = Text("Time zone", 64)
    fold = forms.TypedChoiceField(
        required=False,
        choices=[("0", "the first"), ("1", "the second")],
        coerce=int,
        empty_value=None,
    )
    phone_number = Text(
        "Phone number",
        60,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off", "inputmode": "tel"}),
    )
    contact_name = Text(
        "Contact name", texts.CONTACT_NAME, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    contact_time_zone = Text("Contact is in", 64)
    queue = forms.ModelChoiceField(Queue.objects.none(), label="Queue", required=False)
    reason = Text("Reason", texts.REASON, widget=forms.Textarea(attrs={"rows": 2}))
    ticket_id = Text("Ticket", texts.TICKET, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, data: Any = None, *, queues: QuerySet[Queue], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        choice: Any = self.fields["queue"]
        choice.queryset = queues
        choice.empty_label = None
        # A request is examined by the domain even where a field could not be read.
        self.is_valid()

    def text(self, name: str) -> str:
        """A field's text."""
        value: str = self.cleaned_data.get(name) or ""
        return value

    @property
    def queue_id(self) -> uuid.UUID | None:
        """The chosen queue's key."""
        queue = self.cleaned_data.get("queue")
        return queue.pk if queue else None

    def put(self, **values: str) -> None:
        """Type something on the person's behalf, as a suggestion's button does."""
        self.data = {name: self.data[name] for name in self.data} | values
        self.full_clean()


class ScheduleForm(PanelForm):
    """The panel of rules §2.1."""

    route_to_me = forms.BooleanField(label="Route callback to me if possible", required=False)
    take_ownership = forms.BooleanField(label="Take Ownership", required=False)
    consent = forms.BooleanField(label="The contact agreed to be called back", required=False)
    conversation_id = Text("Conversation", texts.CONVERSATION, widget=forms.HiddenInput())
    request_key = forms.UUIDField(required=False, widget=forms.HiddenInput())
    embed = forms.BooleanField(required=False, widget=forms.HiddenInput())

    def request(self, by: Actor) -> CallbackRequest:
        """The form as the domain wants it."""
        return CallbackRequest(
            queue_id=self.queue_id,
            phone_number=self.text("phone_number"),
            date=self.text("date"),
            time=self.text("time"),
            time_zone=self.text("time_zone"),
            fold=self.cleaned_data.get("fold"),
            contact_name=self.text("contact_name"),
            contact_time_zone=self.text("contact_time_zone"),
            owner_id=by.id if self.cleaned_data.get("take_ownership") else None,
            preferred_agent_id=by.id if self.cleaned_data.get("route_to_me") else None,
            reason=self.text("reason"),
            ticket_id=self.text("ticket_id"),
            conversation_id=self.text("conversation_id"),
            consent=True if self.cleaned_data.get("consent") else None,
            consent_required=True,
            allow_outside_calling_hours=True,
            request_key=self.cleaned_data.get("request_key"),
        )


class ChangeForm(PanelForm):
    """The panel for a callback that exists."""

    version = forms.IntegerField(widget=forms.HiddenInput(), required=False)
    override_reason = Text("Reason for changing it now", texts.REASON)

    def changes(self) -> Changes:
        """The form as the domain wants it. Everything in it is the wish, unchanged or not."""
        return Changes(
            date=self.text("date"),
            time=self.text("time"),
            time_zone=self.text("time_zone"),
            fold=self.cleaned_data.get("fold"),
            phone_number=self.text("phone_number"),
            queue_id=self.queue_id,
            contact_name=self.text("contact_name"),
            contact_time_zone=self.text("contact_time_zone"),
            reason=self.text("reason"),
            ticket_id=self.text("ticket_id"),
            allow_outside_calling_hours=True,
        )
