"""Connections: telephony platforms, and the queues that are kept in step with them.

Secrets go in and never come out. Saving is what ``callbacks.sync`` does: whatever way somebody comes,
the same is checked, and open callbacks are announced.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from callbacks import sync
from callbacks.access import Actor
from callbacks.errors import Refused
from callbacks.models import ConnectedQueue, Connection, Counterpart, Queue

LEFT = "left"
TERMS = ("name", "dialect", "base_url", "token_url", "client_id", "batch_size", "settle_seconds", "poll_seconds")  # fmt: skip

USUAL = ("batch_size", "settle_seconds")
"""Empty: as is usual for the dialect."""
REGION = (
    "Such as https://api.example.com. Of Genesys Cloud: the region, such as eu-central-1; its log-in "
    "follows from that."
)


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A connection, its pace as people say it, and a tick for each queue."""

    client_secret = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted, and never shown. Empty: as it is.",
    )
    events_secret = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="What the platform signs its own events with, where it sends any. Kept encrypted, "
        "and never shown. Empty: as it is.",
    )
    rate = forms.CharField(
        required=False,
        max_length=20,
        help_text="10/s or 300/min, of all workers together. Empty: as the dialect permits.",
    )
    when_disconnected = forms.ChoiceField(
        choices=(("cancelled", "cancelled there"), (LEFT, "left there")),
        label="what a queue has there that is disconnected now is",
    )

    class Meta:
        model = Connection
        fields = TERMS
        help_texts = {
            "token_url": "Where tokens are given out. A region of Genesys Cloud has its own."
        }
        widgets = dict.fromkeys(("base_url", "token_url"), forms.TextInput(attrs={"size": 60}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("token_url", *USUAL):
            self.fields[name].required = False
        self.fields["base_url"].help_text = REGION
        if self.instance._state.adding:
            self.initial.update(dict.fromkeys(USUAL))
        self.places = {place.queue_id: place for place in self._places()}
        self.fields["token_url"].required = False
        if not self.instance._state.adding:
            self.initial["rate"] = sync.rate_in_words(self.instance)
            path = reverse("platform-events", args=[self.instance.pk])
            self.fields["events_secret"].help_text += f" They are sent to {path}."
        for queue in self.queues:
            place = self.places.get(queue.pk)
            self.initial[f"joins_{queue.pk.hex}"] = place is not None
            self.initial[f"named_{queue.pk.hex}"] = place.remote_id if place else ""

    queues: tuple[Queue, ...] = ()

    def _places(self) -> Iterator[ConnectedQueue]:
        if not self.instance._state.adding:
            yield from self.instance.queues.select_related("queue")

    @property
    def chosen(self) -> Mapping[Queue, str]:
        """The ticked queues, each with the platform's id for it."""
        return {
            queue: self.cleaned_data.get(f"named_{queue.pk.hex}", "")
            for queue in self.queues
            if self.cleaned_data.get(f"joins_{queue.pk.hex}")
        }

    @property
    def wish(self) -> sync.Wish:
        """What was typed."""
        said: dict[str, Any] = {
            name: self.cleaned_data.get(name) or "" for name in (*TERMS, "rate", "client_secret")
        }
        numbers = {name: self.cleaned_data.get(name) for name in USUAL}
        poll_seconds = self.cleaned_data.get("poll_seconds") or 0
        return sync.Wish(**{**said, **numbers, "poll_seconds": poll_seconds})

    def clean(self) -> dict[str, Any]:
        """All that the domain says against it, beside its field."""
        held = None if self.instance._state.adding else self.instance
        for problem in sync.problems_of(self.wish, self.chosen, held):
            name = problem.field if problem.field in self.fields else None
            if name not in self.errors:
                self.add_error(name, problem.message)
        return self.cleaned_data


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Connections. How they are doing stands under Synchronisation."""

    form = ConnectionForm
    list_display = ("name", "dialect", "base_url", "pace", "paused_reason", "doing")
    search_fields = ("name",)

    @admin.display(description="at most")
    def pace(self, held: Connection) -> str:
        """How fast it may be asked."""
        return sync.rate_in_words(held)

    @admin.display(description="synchronisation")
    def doing(self, held: Connection) -> str:
        """The way to its page."""
        return format_html(
            '<a href="{}">how it is doing</a>', reverse("connection", args=[held.pk])
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """With two fields for each queue: whether it joins, and what it is called there."""
        queues = tuple(Queue.objects.order_by("name"))
        fields: dict[str, Any] = {"queues": queues}
        for queue in queues:
            fields[f"joins_{queue.pk.hex}"] = forms.BooleanField(required=False, label=queue.name)
            fields[f"named_{queue.pk.hex}"] = forms.CharField(
                required=False, max_length=255, label=f"{queue.name} is called there"
            )
        kwargs["form"] = type("ConnectionForm", (ConnectionForm,), fields)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The platform, its pace, its queues."""
        queues = [
            (f"joins_{queue.pk.hex}", f"named_{queue.pk.hex}")
            for queue in Queue.objects.order_by("name")
        ]
        where = ("name", "dialect", "base_url", "token_url", "client_id", "client_secret")
        told = (
            "When a queue is connected, its open callbacks are announced to the platform. A queue "
            "has one platform at most."
        )
        return (
            (None, {"fields": where}),
            ("Events", {"fields": ("events_secret",)}),
            ("Pace", {"fields": ("rate", *TERMS[-3:])}),
            ("Queues", {"description": told, "fields": (*queues, "when_disconnected")}),
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """As ``manage.py connection`` and everybody else does it."""
        if not change:
            by, at = Actor.person(request.user), timezone.now()  # type: ignore[arg-type]
            made = sync.add(form.wish, form.chosen, by=by, at=at)
            obj.__dict__.update(made.__dict__)
        else:
            sync.change(Connection.objects.get(pk=obj.pk), form.wish)
            self._join_and_leave(request, obj, form)
        if secret := form.cleaned_data["events_secret"]:
            sync.set_secret(obj, secret)

    def _join_and_leave(self, request: HttpRequest, obj: Any, form: Any) -> None:
        """Connect the queues that are ticked now, and disconnect those that no longer are."""
        by, at = Actor.person(request.user), timezone.now()  # type: ignore[arg-type]
        is_left = form.cleaned_data["when_disconnected"] == LEFT
        wanted = form.chosen
        for place in form.places.values():
            if place.queue not in wanted:
                count = sync.disconnect_queue(place.queue, is_left=is_left, by=by, at=at)
                became = "left there" if is_left else "to be cancelled there"
                messages.info(request, f"{place.queue} is disconnected; {became}: {count:,}.")
        for queue, remote_id in wanted.items():
            if count := sync.connect_queue(obj, queue, remote_id, by=by, at=at):
                messages.info(request, f"{queue}: {count:,} open callbacks are announced.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not while it holds callbacks: they would be left there (``connection remove --force``)."""
        return obj is not None and not Counterpart.objects.filter(connection=obj).live().exists()

    def delete_model(self, request: HttpRequest, obj: Connection) -> None:
        """Remove it, unless it holds something by now."""
        by, at = Actor.person(request.user), timezone.now()  # type: ignore[arg-type]
        try:
            sync.remove(obj, by=by, at=at)
        except Refused as refused:
            messages.error(request, refused.message)
