"""Where telephony platforms tell what happened there: signed, kept, and answered at once."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from callbacks.sync import events
from dashboard.entrance import admits_everyone


@csrf_exempt
@require_POST
@admits_everyone
def receive(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """204 once it is written down, also where it was before; 401 for what is not signed as it must be.

    No session, no cookie: the signature is all that lets it in.
    """
    signature = request.headers.get("X-Ringback-Signature", "")
    try:
        events.take_in(key, signature, request.body, timezone.now())
    except events.Forged:
        return HttpResponse(status=401)
    except events.Meaningless:
        return HttpResponse(status=400)
    return HttpResponse(status=204)
