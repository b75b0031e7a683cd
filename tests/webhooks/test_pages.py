"""The admins' pages of webhooks: who may, what they say, and what their buttons do."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from callbacks import webhooks
from callbacks.models import User, Webhook, WebhookDelivery
from callbacks.models.webhook import EventType
from callbacks.webhooks import deliver
from tests.cast import Cast, make_callback
from tests.webhooks.receiver import Receiver, Reply

Enter = Callable[[User], Client]
URL = "https://crm.example.com/ringback"
ACTIONS = ["test", "pause", "resume", "secret"]


def now() -> datetime:
    return datetime.now(UTC)


def hook(url: str = URL, name: str = "CRM") -> Webhook:
    made = webhooks.subscribe(url, EventType.values, name=name, by_name="Ada Lund", at=now())
    return made[0]


def told(cast: Cast, webhook: Webhook, state: str = "waiting") -> WebhookDelivery:
    """A delivery in this state."""
    day = f"{now() + timedelta(days=1):%Y-%m-%d}"
    callback = make_callback(cast.support, cast.ana, at=now(), date=day)
    made = WebhookDelivery.objects.get(webhook=webhook, callback=callback)
    settled = None if state == "waiting" else now()
    WebhookDelivery.objects.filter(pk=made.pk).update(state=state, settled_at=settled)
    return made


def press(client: Client, webhook: Webhook, verb: str, **more: str) -> str:
    answer = client.post(f"/webhooks/{webhook.pk}", {"do": verb, **more}, follow=True)
    return answer.content.decode()


# --- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "may"), [("ana", False), ("lena", False), ("sam", False), ("ada", True)]
)
def test_only_admins_see_and_do_anything(cast: Cast, enter: Enter, who: str, may: bool) -> None:
    webhook = hook()
    parked = told(cast, webhook, "parked")
    client = enter(getattr(cast, who))
    assert ("/webhooks" in client.get("/callbacks").content.decode()) == may
    for path in ("/webhooks", f"/webhooks/{webhook.pk}", f"/webhooks/{webhook.pk}/removal"):
        assert client.get(path).status_code == (200 if may else 403)
    if may:
        return
    for verb in ACTIONS:
        assert client.post(f"/webhooks/{webhook.pk}", {"do": verb}).status_code == 403
    assert client.post(f"/webhooks/{webhook.pk}/removal").status_code == 403
    address = f"/webhooks/deliveries/{parked.pk}"
    assert client.post(address, {"do": "again"}).status_code == 403
    fields = {"name": "Mine", "url": URL + "2", "events": "callback.due"}
    assert client.post("/webhooks", fields).status_code == 403
    parked.refresh_from_db()
    assert parked.state == "parked"
    assert Webhook.objects.count() == 1


def test_strangers_are_asked_to_log_in(cast: Cast) -> None:
    assert Client().get("/webhooks").status_code == 302
    assert Client().post("/webhooks/deliveries/1", {"do": "again"}).status_code == 302


def test_what_is_not_there_is_not_found(cast: Cast, enter: Enter) -> None:
    webhook, client = hook(), enter(cast.ada)
    absent = "00000000-0000-7000-8000-000000000000"
    assert client.get(f"/webhooks/{absent}").status_code == 404
    assert client.get(f"/webhooks/{absent}/removal").status_code == 404
    assert client.post(f"/webhooks/{webhook.pk}", {"do": "nonsense"}).status_code == 404
    for key in (1, 10**30):
        path = f"/webhooks/deliveries/{key}"
        assert client.post(path, {"do": "again"}).status_code == 404
    delivery = told(cast, webhook)
    assert client.post(f"/webhooks/deliveries/{delivery.pk}", {"do": "x"}).status_code == 404
    assert client.get(f"/webhooks/deliveries/{delivery.pk}").status_code == 405


# --- adding one -------------------------------------------------------------------------------


def test_a_webhook_is_added_and_its_secret_shown_once(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ada)
    fields = {"name": "CRM", "url": URL, "events": ["callback.created", "callback.due"]}
    page = client.post("/webhooks", fields).content.decode()
    found = re.search(r'value="(whsec_[\w+/=]+)"', page)
    assert found
    webhook = Webhook.objects.get()
    assert webhook.secret.open() == found.group(1)
    assert (webhook.created_by_name, webhook.client) == ("Ada Lund", None)
    for path in ("/webhooks", f"/webhooks/{webhook.pk}"):
        assert "whsec_" not in client.get(path).content.decode()


def test_every_problem_stands_at_its_field_and_what_was_typed_is_kept(
    cast: Cast, enter: Enter
) -> None:
    fields = {"name": "", "url": "http://169.254.169.254/<b>"}
    answer = enter(cast.ada).post("/webhooks", fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    for field in ("name", "url", "events"):
        assert f'class="message is-problem" id="msg-{field}"' in page
    assert 'value="http://169.254.169.254/&lt;b&gt;"' in page
    assert Webhook.objects.count() == 0


@pytest.mark.parametrize("typed", ["\0", "x" * 5000, "\ud800".encode("utf-8", "replace").decode()])
def test_nonsense_is_refused_and_never_breaks_it(cast: Cast, enter: Enter, typed: str) -> None:
    client = enter(cast.ada)
    for fields in ({"name": typed * 101}, {"url": typed}, {"events": typed}):
        good = {"name": "CRM", "url": URL, "events": "callback.due"}
        assert client.post("/webhooks", {**good, **fields}).status_code == 422


# --- how it is doing --------------------------------------------------------------------------


def test_each_standing_is_said_in_a_word_and_a_sentence(
    cast: Cast, enter: Enter, settings: Settings
) -> None:
    webhook, client = hook(), enter(cast.ada)

    def said(**changes: object) -> str:
        Webhook.objects.update(**changes)
        return client.get(f"/webhooks/{webhook.pk}").content.decode()

    assert '<span class="tag accent">New</span>' in said()
    assert '<span class="tag good">Well</span>' in said(last_success_at=now())
    page = said(
        failures=7, failing_since=now(), rests_until=now() + timedelta(minutes=5, seconds=20)
    )
    assert '<span class="tag warn">Trying again</span>' in page
    assert "It failed 7 times in a row. It is left alone, and asked again in 5 minutes." in page
    page = said(failing_since=now() - timedelta(hours=25))
    assert '<span class="tag danger">Failing</span>' in page
    assert "it began 1 day 1 hour ago" in page or "it began 25 hours ago" in page
    settings.ENCRYPTION_KEYS = ["another key, as after a restore without the file"]
    page = said()
    assert '<span class="tag danger">Not sending</span>' in page
    assert "ENCRYPTION_KEYS does not hold the key" in page
    webhooks.pause(webhook, by_name="Ada Lund")
    page = said()
    assert '<span class="tag warn">Off</span>' in page
    assert "Paused by Ada Lund." in page
    assert "CRM" in client.get("/webhooks").content.decode()


def test_what_waits_and_what_is_parked_is_counted(cast: Cast, enter: Enter) -> None:
    webhook, client = hook(), enter(cast.ada)
    for state in ("waiting", "waiting", "parked", "delivered", "discarded"):
        told(cast, webhook, state)
    page = client.get("/webhooks").content.decode()
    assert "2 waiting" in page
    assert "1 parked" in page


def test_the_answer_and_the_error_are_shown_and_their_marks_mean_nothing(
    cast: Cast, enter: Enter, receiver: Receiver
) -> None:
    webhook = hook(receiver.url)
    told(cast, webhook)
    receiver.answers = lambda request: Reply(500, "<script>alert(1)</script>")
    deliver(now() + timedelta(seconds=1))
    page = enter(cast.ada).get(f"/webhooks/{webhook.pk}").content.decode()
    assert "Answered 500." in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "tried once, answered 500" in page


def test_deliveries_are_filtered_and_paged_newest_first(cast: Cast, enter: Enter) -> None:
    webhook, client = hook(), enter(cast.ada)
    first = told(cast, webhook, "parked")
    like = WebhookDelivery.objects.get(pk=first.pk)
    for _ in range(52):
        like.pk, like.event = None, webhooks.events.derived_key("x", first.event, _)
        like.save()
    told(cast, webhook, "delivered")
    address = f"/webhooks/{webhook.pk}"

    def keys(query: str) -> list[int]:
        page = client.get(address + query).content.decode()
        return [
            int(key) for key in re.findall(r'<li class="promise-row" id="delivery-(\d+)"', page)
        ]

    shown = keys("")
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == 50
    rest = keys(f"?before={shown[-1]}")
    assert rest[-1] == first.pk
    assert len(rest) == 4
    assert len(keys("?state=delivered")) == 1
    assert len(keys("?state=parked&before=nonsense")) == 50
    assert keys("?state=discarded") == []
    assert len(keys("?state=nonsense")) == 50
    assert len(keys("?before=99999999999999999999999")) == 50


def test_the_pages_cost_the_same_however_much_there_is(cast: Cast, enter: Enter) -> None:
    client, webhook = enter(cast.ada), hook()
    for path in ("/webhooks", f"/webhooks/{webhook.pk}"):
        counts = []
        for more in (1, 6):
            for number in range(more):
                hook(f"{URL}/{path}/{more}/{number}", f"Hook {number}")
                told(cast, webhook, "parked")
            with CaptureQueriesContext(connection) as statements:
                client.get(path)
            counts.append(len(statements))
        assert counts[0] == counts[1] <= 9


# --- the buttons ------------------------------------------------------------------------------


def test_a_test_event_is_sent_and_what_came_of_it_shown(
    cast: Cast, enter: Enter, receiver: Receiver
) -> None:
    webhook, client = hook(receiver.url), enter(cast.ada)
    page = press(client, webhook, "test")
    assert "A test event is on its way." in page
    assert 'hx-trigger="load delay:2s"' in page
    deliver(now())
    assert receiver.types == ["webhook.test"]
    page = client.get(f"/webhooks/{webhook.pk}").content.decode()
    assert "tried once, answered 200" in page
    assert "hx-trigger=" not in page.split('id="deliveries"')[1], "nothing is on its way any more"


def test_a_webhook_is_paused_and_resumed(cast: Cast, enter: Enter) -> None:
    webhook, client = hook(), enter(cast.ada)
    press(client, webhook, "pause")
    assert not Webhook.objects.get().is_active
    assert "Resume it first" in press(client, webhook, "test")
    press(client, webhook, "resume")
    assert Webhook.objects.get().is_active


def test_a_new_secret_is_shown_once_and_a_reload_does_not_make_another(
    cast: Cast, enter: Enter
) -> None:
    webhook, client = hook(), enter(cast.ada)
    old = webhook.secret.open()
    page = client.get(f"/webhooks/{webhook.pk}").content.decode()
    known = page.split('name="known" value="')[1].split('"')[0]
    shown = press(client, webhook, "secret", known=known)
    webhook.refresh_from_db()
    assert f'value="{webhook.secret.open()}"' in shown
    assert webhook.previous_secret is not None
    assert webhook.previous_secret.open() == old
    assert "Nothing was done" in press(client, webhook, "secret", known=known)
    assert Webhook.objects.get().secret.token == webhook.secret.token


def test_removing_says_what_is_lost(cast: Cast, enter: Enter) -> None:
    webhook, client = hook(), enter(cast.ada)
    told(cast, webhook)
    address = f"/webhooks/{webhook.pk}/removal"
    assert "What still waits for it is lost: 1 event." in client.get(address).content.decode()
    assert "CRM is removed." in client.post(address, follow=True).content.decode()
    assert Webhook.objects.count() == WebhookDelivery.objects.count() == 0


@pytest.mark.parametrize("has_javascript", [True, False])
def test_deliveries_are_sent_again_and_discarded(
    cast: Cast, enter: Enter, has_javascript: bool
) -> None:
    """As a row that is exchanged, or as the page on which it stood."""
    webhook, client = hook(), enter(cast.ada)
    parked = told(cast, webhook, "parked")
    headers = {"HX-Request": "true"} if has_javascript else {}

    def pressed(verb: str) -> tuple[int, str]:
        answer = client.post(
            f"/webhooks/deliveries/{parked.pk}", {"do": verb, "state": "parked"}, headers=headers
        )
        if not has_javascript:
            assert answer["Location"] == f"/webhooks/{webhook.pk}?state=parked#deliveries"
            answer = client.get(f"/webhooks/{webhook.pk}")
        parked.refresh_from_db()
        return answer.status_code, answer.content.decode()

    assert ">Waiting</span>" in pressed("again")[1]
    assert parked.state == "waiting"
    assert ">Discarded</span>" in pressed("discard")[1]
    assert parked.state == "discarded"
    WebhookDelivery.objects.update(state="delivered")
    status, page = pressed("discard")
    assert status == (422 if has_javascript else 200)
    assert "It was delivered already." in page
