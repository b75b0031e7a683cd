"""Pages for what went wrong, in words that say what to do."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html


def _page(request: HttpRequest, status: int, title: str, advice: str) -> HttpResponse:
    context = {"title": title, "advice": advice, "status": status}
    return render(request, "error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Something that no screen of ours sends."""
    return _page(
        request,
        400,
        "This request could not be read",
        "It was too large or damaged on its way. Go back, shorten what you typed, and try again.",
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """A page that the person's role does not open."""
    return _page(
        request,
        403,
        "This page is not open to you",
        "Your role does not include it. Ask your administrator if you need it.",
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Absent, or not this person's to see: the answer is the same."""
    return _page(
        request,
        404,
        "There is nothing here",
        "The address is wrong, or what was here is not yours to see.",
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Our fault. Shows nothing of the inside, and needs neither database nor session."""
    try:
        return _page(
            request,
            500,
            "Something went wrong on our side",
            "Nothing that was confirmed is lost. Try again in a moment; if it stays, tell your administrator.",
        )
    except Exception:
        return HttpResponse("Something went wrong on our side. Try again in a moment.", status=500)


def not_allowed(request: HttpRequest, message: str) -> HttpResponse:
    """Something that the person may see, but not do."""
    return _page(request, 403, "This is not yours to do", message)


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's CSRF token no longer holds: the page was open since before another log-in."""
    title = "This page was open for too long"
    advice = (
        "You logged in again meanwhile, or cookies are blocked. Nothing was saved: copy what you "
        "typed, reload the page and send it again."
    )
    if not request.headers.get("HX-Request"):
        return _page(request, 403, title, advice)
    notice = format_html('<p class="notice error"><span>{}. {}</span></p>', title, advice)
    return HttpResponse(
        notice, status=403, headers={"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"}
    )
