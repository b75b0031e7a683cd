"""Logging in and out."""

from typing import Any, cast

from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.decorators import method_decorator

from callbacks import calls
from callbacks.access import Actor
from callbacks.models import Agent, Presence, User
from dashboard.entrance import admits_everyone
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


class LogOut(auth.LogoutView):
    """Whoever logs out takes no callbacks: what rings goes on at once."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Set the agent to Offline, then log out."""
        agent = Agent.objects.filter(pk=request.user.pk).first() if request.user.pk else None
        if agent and agent.presence != Presence.OFFLINE:
            by = Actor.person(cast("User", request.user))
            calls.set_presence(agent.pk, Presence.OFFLINE, by=by, at=timezone.now())
        return super().post(request, *args, **kwargs)


log_out = admits_everyone(LogOut.as_view())


def too_many_tries(
    request: HttpRequest, response: HttpResponse | None = None, credentials: object = None
) -> HttpResponse:
    """Answer to the sixth wrong password within a minute."""
    form = LogInForm(request)
    context = {"form": form, "is_locked": True, "next": request.POST.get("next", "")}
    answer = render(request, "accounts/log_in.html", context, status=429)
    answer["Retry-After"] = "60"
    return answer
