"""Signs of life: for machines, and for whoever looks at a screen."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.entrance import PEOPLE, Request, admits, admits_everyone
from dashboard.shell import engine_warning


@require_safe
@admits_everyone
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process answers and reaches its database, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "no database"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
@admits(*PEOPLE)
def engine(request: Request) -> HttpResponse:
    """The strip that says when clock or worker are silent, for screens that are open already."""
    return render(request, "components/strip.html", {"engine_warning": engine_warning()})
