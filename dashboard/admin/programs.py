"""API clients: made here or by ``manage.py apiclient``; a secret is shown once, and never again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html

from callbacks import programs
from callbacks.models import ApiClient
from callbacks.models.program import Scope


class ApiClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """Scopes as ticks."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.READ]
    )
    renew_secret = forms.BooleanField(
        required=False,
        label="new secret",
        help_text="The old secret and all tokens are worth nothing from the moment you save.",
    )

    class Meta:
        model = ApiClient
        fields = "__all__"


@admin.register(ApiClient)
class ApiClientAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Programs that call the HTTP API."""

    form = ApiClientForm
    list_display = ("name", "client_id", "may", "rate", "is_active")
    search_fields = ("name", "client_id")
    readonly_fields = ("client_id", "created_at")
    filter_horizontal = ("queues",)
    fieldsets = (
        (None, {"fields": ("name", "is_active", "client_id", "created_at")}),
        ("Rights", {"fields": ("scopes", "queues", "may_call_outside_hours")}),
        ("Pace", {"fields": ("rate", "burst")}),
        ("Secret", {"fields": ("renew_secret",)}),
    )

    @admin.display(description="scopes")
    def may(self, client: ApiClient) -> str:
        """What it may do."""
        return ", ".join(client.scopes)

    def save_model(self, request: HttpRequest, obj: ApiClient, form: Any, change: bool) -> None:
        """Save; a new secret is told at once, since nobody can read it later."""
        if not change:
            obj.client_id, secret = programs.new_credentials()
            obj.secret_digest = programs.digest(secret)
        super().save_model(request, obj, form, change)
        if change and form.cleaned_data.get("renew_secret"):
            secret = programs.renew_secret(obj)
        elif change:
            return
        told = "Copy it now, it is shown this once: client id {}, secret {}"
        messages.warning(
            request, format_html(told, obj.client_id, format_html("<code>{}</code>", secret))
        )

    def response_add(self, request: HttpRequest, obj: ApiClient, *args: Any) -> HttpResponse:
        """Stay where the secret is told."""
        return redirect("admin:callbacks_apiclient_change", obj.pk)
