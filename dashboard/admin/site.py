"""The admin's frame: its name, and the product's own log-in instead of a second one."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import redirect, resolve_url
from django.template.loader import render_to_string

admin.site.site_header = "Ringback"
admin.site.site_title = "Ringback"
admin.site.index_title = "Set-up of the contact centre"
admin.site.site_url = "/callbacks"
# One list answers "which ones?" with one action less to regret.
admin.site.disable_action("delete_selected")
# Roles decide here, not groups of permissions.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


def _log_in(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """To the product's log-in; for somebody who is no admin there is nothing here."""
    if admin.site.has_permission(request):
        return redirect("admin:index")
    if request.user.is_authenticated:
        context = {
            "title": "There is nothing here",
            "advice": "The address is wrong, or what was here is not yours to see.",
            "status": 404,
        }
        return HttpResponseNotFound(render_to_string("error.html", context, request))
    return redirect_to_login(request.GET.get("next") or "/admin/", resolve_url("log-in"))


_log_in.admin_site = admin.site  # type: ignore[attr-defined]
admin.site.login = _log_in  # type: ignore[method-assign]
