"""Delivery: signed, in order, at least once, tried again for a day, then shown to people."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from callbacks import webhooks
from callbacks.errors import Refused
from callbacks.models import Callback, Webhook, WebhookDelivery
from callbacks.models.encrypted import Sealed
from callbacks.outbound import Answer
from callbacks.portrait import portray
from callbacks.scheduling import cancel, change
from callbacks.scheduling.changing import Changes
from callbacks.webhooks import deliver, discard, send_again
from callbacks.webhooks.delivering import OF_ONE, pause_after, settle
from tests.cast import NOW, Cast, by, make_callback
from tests.server import ROOT, database_url
from tests.webhooks.conftest import hook
from tests.webhooks.receiver import Received, Receiver, Reply, receiving

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))  # fmt: skip
WELL, ILL = Reply(), Reply(503, "down for maintenance")
State = WebhookDelivery.State


def changed(callback: Callback, cast: Cast, times: int, at: datetime = NOW) -> Callback:
    """The callback, changed so many times more."""
    for _ in range(times):
        now = Callback.objects.get(pk=callback.pk)
        reason = f"Reason {now.version}"
        change(callback.pk, Changes(reason=reason), by=by(cast.ana), at=at, version=now.version)
    return callback


def only(**found: Any) -> WebhookDelivery:
    return WebhookDelivery.objects.get(**found)


def reread(webhook: Webhook) -> Webhook:
    return Webhook.objects.get(pk=webhook.pk)


def states() -> list[str]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", flat=True))


# --- what arrives -----------------------------------------------------------------------------


def documented() -> Callable[..., bool]:
    """The receiver's code, as docs/webhooks.md prints it."""
    text = (ROOT / "docs" / "webhooks.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code.group(1), names)
    verify: Callable[..., bool] = names["is_from_ringback"]
    return verify


def test_what_arrives_is_the_event_with_its_callback_signed(cast: Cast, receiver: Receiver) -> None:
    webhook, secret = webhooks.subscribe(
        receiver.url, ["callback.created"], name="CRM", by_name="Ada Lund", at=NOW
    )
    callback = make_callback(cast.support, cast.ana)
    assert deliver(NOW) == 1
    [got] = receiver.received
    event = callback.history.get()
    assert got.said == {
        "id": str(event.pk),
        "type": "callback.created",
        "time": "2026-11-23T15:00:00.000Z",
        "version": 1,
        "what": "scheduled",
        "reason": event.reason,
        "callback": portray(Callback.objects.get()),
    }
    assert got.headers["x-ringback-event-id"] == got.headers["webhook-id"] == str(event.pk)
    assert got.headers["x-ringback-event-type"] == "callback.created"
    is_ours, signature, now = documented(), got.headers["x-ringback-signature"], NOW.timestamp()
    assert is_ours(secret, signature, got.body, now=now)
    assert is_ours(secret, signature, got.body, now=now + 299)
    assert not is_ours(secret, signature, got.body, now=now + 301), "somebody sends it again"
    assert not is_ours(secret, signature, got.body + b" ", now=now)
    assert not is_ours("whsec_" + "A" * 44, signature, got.body, now=now)
    assert not is_ours(secret, signature.replace("t=1", "t=2"), got.body, now=now)
    assert not is_ours(secret, "", got.body, now=now)
    delivery = only()
    assert (delivery.state, delivery.attempts, delivery.settled_at) == ("delivered", 1, NOW)
    assert (delivery.response_status, delivery.response_text) == (200, "thank you")
    assert reread(webhook).last_success_at == NOW


def test_while_a_secret_is_changed_both_prove_it_and_then_the_new_one_alone(
    cast: Cast, receiver: Receiver
) -> None:
    webhook, old = webhooks.subscribe(
        receiver.url, ["callback.created"], name="CRM", by_name="Ada Lund", at=NOW
    )
    new = webhooks.rotate_secret(webhook, at=NOW)
    is_ours = documented()
    for at, fits in ((NOW + HOUR, {old, new}), (NOW + 25 * HOUR, {new})):
        make_callback(cast.support, cast.ana)
        deliver(at)
        got = receiver.received[-1]
        signature = got.headers["x-ringback-signature"]
        proven = {s for s in (old, new) if is_ours(s, signature, got.body, now=at.timestamp())}
        assert proven == fits


# --- order ------------------------------------------------------------------------------------


def test_a_callbacks_events_arrive_in_order_however_often_one_fails(
    cast: Cast, receiver: Receiver
) -> None:
    """Each third request fails; about other callbacks, things go on meanwhile."""
    hook(receiver.url)
    first = changed(make_callback(cast.support, cast.ana), cast, 4)
    second = changed(make_callback(cast.support, cast.ana), cast, 4)
    receiver.answers = lambda request: ILL if len(receiver.received) % 3 == 0 else WELL
    at = NOW
    for _ in range(60):
        deliver(at)
        at += 10 * MINUTE
    assert states() == ["delivered"] * 10
    for callback in (first, second):
        arrived = [r for r in receiver.received if r.said["callback"]["id"] == str(callback.pk)]
        versions = [one.said["version"] for one in arrived]
        assert versions == sorted(versions), "the next one only when the one before is settled"
        assert list(dict.fromkeys(versions)) == [1, 2, 3, 4, 5]
        assert len(versions) > 5, "some failed, and were tried again"


def test_what_comes_behind_one_that_failed_waits_and_other_callbacks_do_not(
    cast: Cast, receiver: Receiver
) -> None:
    hook(receiver.url)
    bad = changed(make_callback(cast.support, cast.ana), cast, 2)
    good = changed(make_callback(cast.support, cast.ana), cast, 2)
    receiver.answers = lambda r: ILL if r.said["callback"]["id"] == str(bad.pk) else WELL
    deliver(NOW)
    sent = [(one.said["callback"]["id"], one.said["version"]) for one in receiver.received]
    assert sent.count((str(bad.pk), 1)) == 1
    assert [key for key in sent if key[0] == str(good.pk)] == [
        (str(good.pk), version) for version in (1, 2, 3)
    ]
    assert len(sent) == 4


def test_a_retry_has_the_same_id_and_the_same_bytes_though_the_callback_changed(
    cast: Cast, receiver: Receiver
) -> None:
    hook(receiver.url, "callback.created")
    callback = make_callback(cast.support, cast.ana)
    receiver.answers = lambda request: ILL
    deliver(NOW)
    changed(callback, cast, 1)
    receiver.answers = lambda request: WELL
    deliver(NOW + 10 * MINUTE)
    before, after = receiver.received
    assert before.event == after.event
    assert before.body == after.body
    assert before.headers["x-ringback-signature"] != after.headers["x-ringback-signature"]


# --- failures ---------------------------------------------------------------------------------


def test_pauses_grow_from_half_a_minute_to_hours_and_heed_the_receiver() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, 30)]
    assert 30 * SECOND <= pauses[0] <= 37.5 * SECOND
    assert 4 * MINUTE <= pauses[3] <= 5 * MINUTE
    assert all(4 * HOUR <= pause <= 5 * HOUR for pause in pauses[10:])
    assert len({pause_after(1) for _ in range(20)}) > 10, "not all at once"
    assert pause_after(1, "600") >= 10 * MINUTE
    assert pause_after(1, "99999999999") <= HOUR
    assert pause_after(1, "9999999") <= 5 * HOUR
    assert pause_after(1, "Wed, 21 Oct 2026 07:28:00 GMT") <= MINUTE


def test_it_is_not_tried_before_its_pause_is_over(cast: Cast, receiver: Receiver) -> None:
    hook(receiver.url, "callback.created")
    make_callback(cast.support, cast.ana)
    receiver.answers = lambda request: ILL
    deliver(NOW)
    assert deliver(NOW + 29 * SECOND) == 0
    assert deliver(NOW + 38 * SECOND) == 1
    found = only()
    assert (found.state, found.attempts, found.response_status) == ("waiting", 2, 503)
    assert (found.error, found.response_text) == ("Answered 503.", "down for maintenance")


def test_after_a_day_it_is_parked_the_webhook_is_red_and_stays_active(
    cast: Cast, receiver: Receiver
) -> None:
    webhook = hook(receiver.url)
    changed(make_callback(cast.support, cast.ana), cast, 2)
    late = make_callback(cast.support, cast.ana, at=NOW + 20 * HOUR)
    receiver.answers = lambda request: ILL
    at = NOW
    while at < NOW + 23 * HOUR:
        deliver(at)
        at += 5 * MINUTE
    assert states() == ["waiting"] * 4
    assert not reread(webhook).is_failing(at)
    attempts = len(receiver.received)
    assert 8 <= attempts <= 60, "a receiver that is down is not battered"
    at = NOW + 30 * HOUR
    deliver(at)
    assert states() == ["parked"] * 3 + ["waiting"]
    found = reread(webhook)
    assert found.is_active
    assert found.is_failing(at)
    # It is well again: what is not a day old arrives by itself, the rest when somebody says so.
    receiver.answers = lambda request: WELL
    deliver(at + 10 * HOUR)
    assert states() == ["parked"] * 3 + ["delivered"]
    assert receiver.received[-1].said["callback"]["id"] == str(late.pk)
    assert not reread(webhook).is_failing(at + 10 * HOUR)
    first = WebhookDelivery.objects.order_by("pk")[0]
    send_again(first.pk, at=at + 11 * HOUR)
    deliver(at + 11 * HOUR)
    assert receiver.received[-1].event == receiver.received[0].event
    assert states() == ["delivered", "parked", "parked", "delivered"]


def test_410_switches_the_webhook_off_and_says_so(cast: Cast, receiver: Receiver) -> None:
    webhook = hook(receiver.url)
    changed(make_callback(cast.support, cast.ana), cast, 1)
    receiver.answers = lambda request: Reply(410)
    deliver(NOW)
    assert states() == ["parked", "waiting"]
    found = reread(webhook)
    assert not found.is_active
    assert "410 Gone" in found.disabled_reason
    assert deliver(NOW + HOUR) == 0
    with pytest.raises(Refused, match="switched off"):
        send_again(only(state="parked").pk, at=NOW)
    # Resumed, it gets what it waited for, and a whole day for it.
    receiver.answers = lambda request: WELL
    webhooks.resume(webhook, at=NOW + 3 * DAY)
    deliver(NOW + 3 * DAY)
    assert states() == ["parked", "delivered"]


def test_a_redirect_is_a_failure_and_nobody_goes_there(cast: Cast, receiver: Receiver) -> None:
    hook(receiver.url, "callback.created")
    make_callback(cast.support, cast.ana)
    with receiving() as elsewhere:
        receiver.answers = lambda request: Reply(307, headers={"Location": elsewhere.url})
        deliver(NOW)
        assert elsewhere.received == []
    found = only()
    assert found.state == State.WAITING
    assert found.error == "Answered 307, a redirect: these are not followed. Change the address."


def test_a_target_that_became_forbidden_is_not_reached(
    cast: Cast, receiver: Receiver, settings: Settings
) -> None:
    hook(receiver.url, "callback.created")
    make_callback(cast.support, cast.ana)
    settings.WEBHOOK_PRIVATE_TARGETS = False
    deliver(NOW)
    assert receiver.received == []
    assert only().error.startswith("Only https")


def test_one_that_fails_again_and_again_is_left_alone_and_then_asked_with_one(
    cast: Cast, receiver: Receiver
) -> None:
    webhook = hook(receiver.url, "callback.created")
    for _ in range(30):
        make_callback(cast.support, cast.ana)
    receiver.answers = lambda request: ILL
    deliver(NOW)
    assert 5 <= len(receiver.received) <= 5 + OF_ONE
    assert deliver(NOW + SECOND) == 0, "it rests"
    assert reread(webhook).rests_until is not None
    before = len(receiver.received)
    deliver(NOW + 20 * MINUTE)
    assert len(receiver.received) == before + 1
    receiver.answers = lambda request: WELL
    deliver(NOW + HOUR)
    deliver(NOW + 2 * HOUR)
    assert set(states()) == {"delivered"}


def test_a_slow_target_holds_up_nobody_else(cast: Cast, receiver: Receiver) -> None:
    """It is not answered before all others have theirs; and it gets a few requests at a time."""
    may_answer = threading.Event()

    def slowly(request: Received) -> Reply:
        assert may_answer.wait(8), "the others were held up"
        return WELL

    with receiving() as slow:
        slow.answers = slowly
        hook(slow.url, "callback.created", name="Slow")
        hook(receiver.url, "callback.created", name="Quick")
        for _ in range(12):
            make_callback(cast.support, cast.ana)

        def quickly(request: Received) -> Reply:
            if len(receiver.received) == 12:
                may_answer.set()
            return WELL

        receiver.answers = quickly
        deliver(NOW)
        assert len(slow.received) == len(receiver.received) == 12
        assert slow.most_at_once == OF_ONE


def test_a_secret_that_cannot_be_read_is_said_and_a_new_one_is_the_remedy(
    cast: Cast, receiver: Receiver, settings: Settings
) -> None:
    webhook = hook(receiver.url, "callback.created")
    make_callback(cast.support, cast.ana)
    settings.ENCRYPTION_KEYS = ["another key, as after a restore without the file"]
    deliver(NOW)
    assert receiver.received == []
    assert "ENCRYPTION_KEYS" in only().error
    webhooks.rotate_secret(webhook, at=NOW)
    deliver(NOW + HOUR)
    assert states() == ["delivered"]


# --- what people do ---------------------------------------------------------------------------


def test_discarding_the_first_lets_the_line_go_on_at_once(cast: Cast, receiver: Receiver) -> None:
    hook(receiver.url)
    changed(make_callback(cast.support, cast.ana), cast, 1)
    receiver.answers = lambda request: ILL
    for hours in range(6):
        deliver(NOW + hours * HOUR)
    receiver.answers = lambda request: WELL
    at = NOW + 5 * HOUR + MINUTE
    discard(WebhookDelivery.objects.order_by("pk")[0].pk, at=at)
    deliver(at + 10 * MINUTE)
    assert states() == ["discarded", "delivered"]


def test_send_again_is_at_once_and_takes_the_line_along(cast: Cast, receiver: Receiver) -> None:
    hook(receiver.url)
    changed(make_callback(cast.support, cast.ana), cast, 1)
    receiver.answers = lambda request: ILL
    for hours in range(6):
        deliver(NOW + hours * HOUR)
    receiver.answers = lambda request: WELL
    at = NOW + 5 * HOUR + MINUTE
    send_again(WebhookDelivery.objects.order_by("pk")[0].pk, at=at)
    deliver(at)
    assert states() == ["delivered", "delivered"]


def test_what_was_delivered_can_be_sent_again_but_not_discarded(
    cast: Cast, receiver: Receiver
) -> None:
    hook(receiver.url, "callback.created")
    make_callback(cast.support, cast.ana)
    deliver(NOW)
    with pytest.raises(Refused, match="delivered already"):
        discard(only().pk, at=NOW)
    send_again(only().pk, at=NOW)
    deliver(NOW)
    before, after = receiver.received
    assert (before.event, before.body) == (after.event, after.body)


def test_what_is_discarded_while_it_is_under_way_stays_discarded(cast: Cast) -> None:
    hook("https://crm.example.com/", "callback.created")
    make_callback(cast.support, cast.ana)
    under_way = only()
    discard(under_way.pk, at=NOW)
    settle(under_way, Answer(503), NOW)
    assert states() == ["discarded"]


# --- several at once, and sudden death --------------------------------------------------------


def test_two_sweeps_at_once_send_each_once(committed: Cast, receiver: Receiver) -> None:
    hook(receiver.url)
    for _ in range(6):
        changed(make_callback(committed.support, committed.ana), committed, 2)

    def sweep(number: int) -> int:
        try:
            return deliver(NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        sent = sum(pool.map(sweep, range(8)))
    assert sent == len(receiver.received) == 18
    assert len({one.event for one in receiver.received}) == 18
    assert set(states()) == {"delivered"}


SWEEP = """
import sys
from datetime import datetime
import django
django.setup()
from callbacks.webhooks import deliver
deliver(datetime.fromisoformat(sys.argv[1]))
"""


def test_who_is_killed_between_sending_and_settling_loses_nothing(
    committed: Cast, receiver: Receiver
) -> None:
    """A worker's process gets SIGKILL while its request is being answered."""
    hook(receiver.url)
    changed(make_callback(committed.support, committed.ana), committed, 1)
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "dashboard.settings_test",
        "WEBHOOK_PRIVATE_TARGETS": "1",
    }
    command = [sys.executable, "-c", SWEEP, NOW.isoformat()]
    worker = subprocess.Popen(command, cwd=Path(ROOT), env=environment)

    def kill(request: Received) -> Reply:
        os.kill(worker.pid, signal.SIGKILL)
        return WELL

    receiver.answers = kill
    assert worker.wait(30) == -signal.SIGKILL
    assert states() == ["waiting", "waiting"]
    receiver.answers = lambda request: WELL
    for _ in range(100):  # until PostgreSQL has noticed that the lock's holder is gone
        if deliver(NOW):
            break
        threading.Event().wait(0.05)
    assert states() == ["delivered", "delivered"]
    first, again, second = receiver.received
    assert (first.event, first.body) == (again.event, again.body)
    assert [one.said["version"] for one in (again, second)] == [1, 2]


# --- what is old ------------------------------------------------------------------------------


def test_what_is_settled_is_kept_for_a_month(cast: Cast, receiver: Receiver) -> None:
    hook(receiver.url)
    callback = make_callback(cast.support, cast.ana)
    deliver(NOW)
    cancel(callback.pk, reason="Done", by=by(cast.ana), at=NOW, version=1)
    assert webhooks.prune(NOW + 30 * DAY) == 0
    assert webhooks.prune(NOW + 30 * DAY + SECOND) == 1
    assert states() == ["waiting"], "what is not settled is never forgotten"


def test_a_sealed_secret_shows_nothing_of_itself(cast: Cast) -> None:
    webhook, secret = webhooks.subscribe(
        "https://crm.example.com/", ["callback.due"], name="CRM", by_name="Ada Lund", at=NOW
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM callbacks_webhook")
        assert secret not in str(cursor.fetchall())
    found = reread(webhook)
    assert secret not in f"{found.secret} {found.secret!r} {found.__dict__}"
    assert found.secret.open() == secret
    found.secret = secret
    with pytest.raises(TypeError):
        found.save()


def test_keys_change_while_secrets_are_kept(settings: Settings) -> None:
    old, new = "an old key, thirty-two characters", "a new key, of thirty-two characters"
    settings.ENCRYPTION_KEYS = [old]
    sealed = Sealed.of("secret")
    settings.ENCRYPTION_KEYS = [new, old]
    assert sealed.open() == "secret"
    renewed = sealed.renewed()
    settings.ENCRYPTION_KEYS = [new]
    assert renewed.open() == "secret"
