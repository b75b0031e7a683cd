"""Subscriptions of programs to what happens to callbacks; each sees its own, admins see all."""

from typing import Annotated, Any

from django.http import HttpResponse
from django.utils import timezone
from ninja import Body, Path, Query, Router

from callbacks import webhooks
from callbacks.access import Actor
from callbacks.models import Webhook
from callbacks.models.program import Scope
from callbacks.portrait import stamp
from dashboard.api import reading
from dashboard.api.answers import as_json, page
from dashboard.api.documents import refusals
from dashboard.api.entrance import ApiRequest, OAuth2
from dashboard.api.errors import Misread
from dashboard.api.listing import Paging
from dashboard.api.reference import BY_NAME
from dashboard.api.schemas import WebhookIn, WebhookMade, WebhookOut, WebhookPage
from dashboard.api.wishes import key_in

router = Router(tags=["Webhooks"])
Subscription = Annotated[WebhookIn, reading.collecting(WebhookIn), Body()]
Id = Annotated[str, Path(alias="id", description="The subscription's id.")]


@router.get(
    "/webhooks",
    auth=OAuth2(Scope.WEBHOOKS),
    response={200: WebhookPage, **refusals(400)},
    summary="List subscriptions",
)
def index(request: ApiRequest, asked: Annotated[Paging, Query()]) -> HttpResponse:
    """By name."""
    reading.refuse_strangers(request, asked)
    rows = _theirs(request.actor)
    return as_json(page(rows, BY_NAME, _shown, size=asked.pageSize, cursor=asked.cursor))


@router.post(
    "/webhooks",
    auth=OAuth2(Scope.WEBHOOKS),
    response={201: WebhookMade, **refusals(400, 409, 413, 415)},
    summary="Subscribe",
)
def subscribe(request: ApiRequest, payload: Subscription) -> HttpResponse:
    """With the secret that deliveries are signed with; it is never told again."""
    body: Any = payload
    if body.problems:
        raise Misread(body.problems)
    by, wish = request.actor, body.content
    made, secret = webhooks.subscribe(
        wish.url,
        wish.events,
        name=by.name if wish.name is None else wish.name,
        by_name=by.name,
        client=by.client,
        at=timezone.now(),
    )
    address = f"{request.path}/{made.pk}"
    return as_json({**_shown(made), "secret": secret}, 201, {"Location": address})


@router.get(
    "/webhooks/{id}",
    auth=OAuth2(Scope.WEBHOOKS),
    response={200: WebhookOut, **refusals(404)},
    summary="Read a subscription",
)
def read(request: ApiRequest, key: Id) -> HttpResponse:
    """As it stands."""
    return as_json(_shown(_visible(request.actor, key)))


@router.delete(
    "/webhooks/{id}",
    auth=OAuth2(Scope.WEBHOOKS),
    response={204: None, **refusals(404)},
    summary="Unsubscribe",
)
def unsubscribe(request: ApiRequest, key: Id) -> HttpResponse:
    """Nothing more is sent, not even what waits."""
    webhooks.unsubscribe(_visible(request.actor, key))
    return HttpResponse(status=204)


def _theirs(by: Actor) -> Any:
    return webhooks.subscriptions(by.client)


def _visible(by: Actor, said: str) -> Webhook:
    if (key := key_in(said)) is None:
        raise Webhook.DoesNotExist
    found: Webhook = _theirs(by).get(pk=key)
    return found


def _shown(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": str(webhook.pk),
        "name": webhook.name,
        "url": webhook.url,
        "events": list(webhook.events),
        "isActive": webhook.is_active,
        "disabledReason": webhook.disabled_reason or None,
        "createdAt": stamp(webhook.created_at),
        "lastSuccessAt": stamp(webhook.last_success_at),
        "failingSince": stamp(webhook.failing_since),
    }
