"""Who is told: added with all problems at once, paused, tried out, removed."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from callbacks import programs, webhooks
from callbacks.errors import Refused
from callbacks.models import ApiClient, Callback, Webhook, WebhookDelivery
from callbacks.models.program import Scope
from callbacks.models.webhook import EventType
from callbacks.webhooks import deliver, subscribe, subscriptions
from tests.cast import NOW, Cast, make_callback
from tests.webhooks.conftest import hook
from tests.webhooks.receiver import Receiver

URL = "https://crm.example.com/ringback"
HOUR = timedelta(hours=1)


def test_every_problem_is_named_at_once(cast: Cast) -> None:
    with pytest.raises(Refused) as refused:
        subscribe("http://127.0.0.1/", [], name=" ", by_name="Ada Lund", at=NOW)
    assert [problem.field for problem in refused.value.problems] == ["url", "events", "name"]
    with pytest.raises(Refused) as refused:
        subscribe(URL, ["callback.created", "nonsense"], name="\0", by_name="Ada Lund", at=NOW)
    assert [problem.field for problem in refused.value.problems] == ["events", "name"]
    assert "There is no event nonsense." in refused.value.message
    assert Webhook.objects.count() == 0


def test_this_machine_is_refused_when_it_is_written_and_allowed_by_the_setting_alone(
    cast: Cast, settings: Settings
) -> None:
    with pytest.raises(Refused):
        hook("http://127.0.0.1:9/")
    settings.WEBHOOK_PRIVATE_TARGETS = True
    assert hook("http://127.0.0.1:9/").url == "http://127.0.0.1:9/"


def test_an_address_is_told_once_in_whatever_spelling(cast: Cast) -> None:
    hook(URL)
    with pytest.raises(Refused) as refused:
        hook("HTTPS://CRM.example.com:443/ringback")
    assert [problem.code for problem in refused.value.problems] == ["webhook.exists"]


def test_a_program_sees_its_own_alone(cast: Cast) -> None:
    hook(URL)
    crm, other = (programs.create(name, [Scope.WEBHOOKS]).client for name in ("CRM", "Other"))
    theirs, _ = subscribe(URL, ["callback.due"], name="CRM", by_name="CRM", client=crm, at=NOW)
    assert list(subscriptions(crm)) == [theirs]
    assert subscriptions(other).count() == 0
    assert subscriptions().count() == 2


def test_events_are_kept_once_each(cast: Cast) -> None:
    webhook = hook(URL, "callback.due", "callback.created", "callback.due")
    assert webhook.events == ["callback.created", "callback.due"]
    assert hook(URL + "2").events == sorted(EventType.values)


def test_no_two_secrets_are_the_same_and_a_new_one_is_another(cast: Cast) -> None:
    made = [subscribe(f"{URL}{n}", ["callback.due"], name="x", by_name="x", at=NOW) for n in "ab"]
    secrets = {secret for _, secret in made}
    secrets |= {webhooks.rotate_secret(webhook, at=NOW) for webhook, _ in made}
    assert len(secrets) == 4
    assert all(secret.startswith("whsec_") and len(secret) == 50 for secret in secrets)


def test_what_is_removed_takes_along_what_it_was_to_be_told(cast: Cast) -> None:
    webhook, other = hook(URL), hook(URL + "2")
    make_callback(cast.support, cast.ana)
    webhooks.unsubscribe(webhook)
    assert list(Webhook.objects.all()) == [other]
    assert WebhookDelivery.objects.count() == 1
    webhooks.unsubscribe(webhook)  # somebody else was first


def test_what_waits_while_it_is_paused_arrives_when_it_is_resumed(
    cast: Cast, receiver: Receiver
) -> None:
    webhook = hook(receiver.url)
    make_callback(cast.support, cast.ana)
    webhooks.pause(webhook, by_name="Ada Lund")
    assert Webhook.objects.get().disabled_reason == "Paused by Ada Lund."
    assert deliver(NOW) == 0
    webhooks.resume(webhook, at=NOW + 50 * HOUR)
    assert deliver(NOW + 50 * HOUR) == 1
    assert receiver.types == ["callback.created"]


def test_a_test_event_arrives_though_the_webhook_rests_and_is_never_held_up(
    cast: Cast, receiver: Receiver
) -> None:
    webhook = hook(receiver.url, "callback.due")
    Webhook.objects.update(failures=7, failing_since=NOW, rests_until=NOW + HOUR)
    webhooks.send_test(webhook, by_name="Ada Lund", at=NOW)
    deliver(NOW)
    [got] = receiver.received
    assert got.said["type"] == "webhook.test"
    assert got.said["callback"] is None
    assert got.said["reason"] == "Sent by Ada Lund to see whether it arrives."
    assert Webhook.objects.get().failures == 0


def test_ten_tests_an_hour_and_none_while_it_is_off(cast: Cast) -> None:
    webhook = hook(URL)
    for _ in range(10):
        webhooks.send_test(webhook, by_name="Ada Lund", at=NOW)
    with pytest.raises(Refused, match="At most 10"):
        webhooks.send_test(webhook, by_name="Ada Lund", at=NOW + HOUR / 2)
    webhooks.send_test(webhook, by_name="Ada Lund", at=NOW + HOUR)
    webhooks.pause(webhook, by_name="Ada Lund")
    with pytest.raises(Refused, match="Resume it first"):
        webhooks.send_test(webhook, by_name="Ada Lund", at=NOW + 9 * HOUR)


class TestPrograms:
    """A program's webhook tells what the program may see, and nothing else (rules §7)."""

    @pytest.fixture
    def crm(self, cast: Cast) -> ApiClient:
        return programs.create("CRM", [Scope.WEBHOOKS], queues=[cast.billing]).client

    def theirs(self, crm: ApiClient, url: str, *events: str) -> Webhook:
        wanted = events or EventType.values
        return subscribe(url, wanted, name="CRM", by_name="CRM", client=crm, at=NOW)[0]

    def test_of_other_queues_it_is_told_nothing(self, cast: Cast, crm: ApiClient) -> None:
        self.theirs(crm, URL)
        make_callback(cast.support, cast.sam)
        assert not WebhookDelivery.objects.exists()
        mine = make_callback(cast.billing, cast.ada)
        assert WebhookDelivery.objects.get().callback == mine

    def test_what_was_moved_away_is_withheld(
        self, cast: Cast, crm: ApiClient, receiver: Receiver
    ) -> None:
        self.theirs(crm, receiver.url)
        moved, kept = (make_callback(cast.billing, cast.ada) for _ in range(2))
        Callback.objects.filter(pk=moved.pk).update(queue=cast.support)
        deliver(NOW)
        assert [one.said["callback"]["id"] for one in receiver.received] == [str(kept.pk)]
        withheld = WebhookDelivery.objects.get(callback=moved)
        assert (withheld.state, withheld.body) == (WebhookDelivery.State.DISCARDED, "")

    def test_a_program_that_is_switched_off_is_told_nothing(
        self, cast: Cast, crm: ApiClient, receiver: Receiver
    ) -> None:
        self.theirs(crm, receiver.url)
        make_callback(cast.billing, cast.ada)
        crm.is_active = False
        crm.save()
        make_callback(cast.billing, cast.ada)
        deliver(NOW)
        assert receiver.received == []
        assert WebhookDelivery.objects.count() == 1
