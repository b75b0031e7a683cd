"""Logging in and out, the agent's presence, and the person's own settings."""

from typing import Any

from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from callbacks.models import Agent, Presence, Role
from dashboard.entrance import Request, admits, admits_everyone
from dashboard.framing import may_be_framed


class LogInForm(AuthenticationForm):
    """Name and password, with errors that say what to do."""

    error_messages = {
        "invalid_login": "This user name and password do not belong together. Check both; "
        "capital letters count in the password.",
        "inactive": "This account is switched off. Ask your administrator.",
    }


@method_decorator(may_be_framed, name="dispatch")
class LogIn(auth.LoginView):
    """The log-in page. Also inside a frame of an allowed site, where the panel leads to it."""

    template_name = "accounts/log_in.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: Any) -> HttpResponse:
        """Answer 422, so that programs can tell it from a log-in."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


log_in = admits_everyone(LogIn.as_view())
log_out = admits_everyone(auth.LogoutView.as_view())


def too_many_tries(
    request: HttpRequest, response: HttpResponse | None = None, credentials: object = None
) -> HttpResponse:
    """Answer to the sixth wrong password within a minute."""
    form = LogInForm(request)
    context = {"form": form, "is_locked": True, "next": request.POST.get("next", "")}
    answer = render(request, "accounts/log_in.html", context, status=429)
    answer["Retry-After"] = "60"
    return answer


@require_POST
@admits(Role.AGENT, Role.SUPERVISOR)
def presence(request: Request) -> HttpResponse:
    """Set the agent's own presence."""
    chosen = request.POST.get("presence", "")
    if chosen in Presence.values:
        Agent.objects.filter(pk=request.user.pk).exclude(presence=chosen).update(
            presence=chosen, presence_changed_at=timezone.now()
        )
    if request.htmx:
        return HttpResponse(status=204)
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return HttpResponseRedirect(back if safe else reverse("home"))
