"""What people do with connections, with queues, and with callbacks on which a platform disagrees."""

import io
import json
import os
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from callbacks import sync
from callbacks.errors import NotAllowed, Refused
from callbacks.models import (
    Callback,
    ConnectedQueue,
    Connection,
    Counterpart,
    HistoryEvent,
    OutboxMessage,
    Queue,
)
from callbacks.models.connection import Dialect
from callbacks.portrait import portray
from callbacks.rules.standing import Word
from callbacks.sync import lines
from tests.cast import NOW, Cast, by, make_callback, make_cast
from tests.practice.platforms import Practice

State = Counterpart.State
WISH: dict[str, Any] = {
    "name": "Genesys",
    "dialect": Dialect.GUIDE,
    "base_url": "https://api.example.com/",
    "token_url": "https://login.example.com/oauth/token",
    "client_id": "ringback",
    "client_secret": "a secret of the platform",
}


@pytest.fixture
def cast(db: None) -> Cast:
    """The cast, in a transaction: nothing here needs a platform."""
    return make_cast()


@pytest.fixture
def committed(transactional_db: None, settings: Settings) -> Cast:
    """The cast, where the pace's own connection sees it."""
    settings.PRIVATE_PLATFORMS = True
    return make_cast()


def connect(cast: Cast, *queues: Queue, **changes: Any) -> Connection:
    places = dict.fromkeys(queues, "")
    return sync.add(sync.Wish(**{**WISH, **changes}), places, by=by(cast.ada), at=NOW)


def stand(callback: Callback, held: Connection, state: str, **more: Any) -> Counterpart:
    """The callback as the platform is believed to have it."""
    return Counterpart.objects.create(callback=callback, connection=held, state=state, **more)


def settle_all() -> None:
    OutboxMessage.objects.update(state="sent", settled_at=NOW)


def last_said(callback: Callback) -> str:
    event = callback.history.filter(what="synchronised").order_by("-id").first()
    return f"{event.actor_name}: {event.reason}" if event else ""


def unsettled(callback: Callback) -> int:
    return OutboxMessage.objects.filter(callback=callback, settled_at=None).count()


def word(callback: Callback) -> Word:
    return Callback.objects.for_display().get(pk=callback.pk).standing.word


# --- connections ------------------------------------------------------------------------------


def test_a_connection_is_added_with_its_secret_sealed(cast: Cast) -> None:
    held = connect(cast, cast.support, rate="300/min", batch_size=50)
    held.refresh_from_db()
    assert (held.requests, held.per_seconds, held.batch_size) == (300, 60, 50)
    assert held.base_url == "https://api.example.com"
    assert held.client_secret.open() == WISH["client_secret"]
    assert WISH["client_secret"] not in str(Connection.objects.values_list("client_secret"))
    assert ConnectedQueue.objects.get().queue == cast.support
    assert sync.rate_in_words(held) == "300/min"
    assert sync.rate_in_words(connect(cast, name="Another")) == "10/s", "as the guide permits"


def test_every_problem_is_named_at_once(cast: Cast) -> None:
    connect(cast, cast.support)
    wrong = {
        "dialect": "esperanto", "base_url": "http://127.0.0.1/", "token_url": "", "client_id": " ",
        "client_secret": "", "rate": "fast", "batch_size": 501, "poll_seconds": 0,
    }  # fmt: skip
    with pytest.raises(Refused) as refused:
        connect(cast, cast.support, **wrong)
    fields = [problem.field for problem in refused.value.problems]
    assert fields == [
        "client_id", "name", "dialect", "base_url", "token_url", "rate", "batch_size",
        "poll_seconds", "queues", "client_secret",
    ]  # fmt: skip
    assert Connection.objects.count() == 1


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com", "https://10.0.0.1", "https://localhost", "https://a.b/?x=1", "x"],
)
def test_private_places_are_refused_unless_the_installation_allows_them(
    cast: Cast, settings: Settings, url: str
) -> None:
    settings.PRIVATE_PLATFORMS = False
    with pytest.raises(Refused) as refused:
        connect(cast, base_url=url)
    assert [problem.field for problem in refused.value.problems] == ["base_url"]
    settings.PRIVATE_PLATFORMS = True
    assert connect(cast, base_url="http://127.0.0.1:8090").base_url == "http://127.0.0.1:8090"


@pytest.mark.parametrize("said", ["", "10", "0/s", "10/day", "1e3/s", "10/0s", "999999/s", "１/s"])
def test_a_pace_that_cannot_be_read_is_refused(said: str) -> None:
    with pytest.raises(Refused):
        sync.read_rate(said)


def test_a_change_keeps_the_secret_that_nobody_typed_and_drops_the_token(cast: Cast) -> None:
    held, other = connect(cast), connect(cast, name="Other")
    Connection.objects.filter(pk=held.pk).update(token=held.client_secret, token_until=NOW)
    wish = sync.Wish(**{**WISH, "client_secret": "", "rate": "5/s"})
    sync.change(Connection.objects.get(pk=held.pk), wish)
    held.refresh_from_db()
    assert held.client_secret.open() == WISH["client_secret"]
    assert (held.requests, held.token) == (5, None)
    with pytest.raises(Refused, match="There is a connection named Genesys"):
        sync.change(other, wish)


def test_a_paused_connection_rests_until_it_is_resumed(cast: Cast) -> None:
    held = connect(cast)
    assert list(sync.connections_at_work()) == [held.pk]
    sync.pause(held, reason="Migration  tonight", by=by(cast.ada))
    assert Connection.objects.get().paused_reason == "Ada Lund: Migration tonight"
    assert list(sync.connections_at_work()) == []
    Connection.objects.update(rests_until=NOW.replace(year=2099), failures=7)
    sync.resume(held)
    assert list(sync.connections_at_work()) == [held.pk]
    assert Connection.objects.get().failures == 0


def test_a_connection_that_holds_callbacks_is_removed_only_by_force(cast: Cast) -> None:
    callback = make_callback(cast.support, cast.ana)
    held = connect(cast, cast.support)
    stand(callback, held, State.THERE, external_id="r-1")
    with pytest.raises(Refused, match="holds 1 callback of ours"):
        sync.remove(held, by=by(cast.ada), at=NOW)
    assert sync.remove(held, is_forced=True, by=by(cast.ada), at=NOW) == 1
    assert not Connection.objects.exists()
    assert last_said(callback) == "Ada Lund: Left on Genesys, whose connection is removed."
    assert word(callback) is Word.OFF


def test_a_test_says_in_words_what_came_of_it(committed: Cast, platform: Practice) -> None:
    terms = {"base_url": platform.base, "token_url": f"{platform.base}/oauth/token"}
    terms |= {"client_id": "practice", "client_secret": "practice", "rate": "1000/s"}
    held = connect(committed, **terms)
    sync.connect_queue(held, committed.support, "nobody-knows", by=by(committed.ada), at=NOW)
    Connection.objects.update(refused_reason="No.", rests_until=NOW.replace(year=2099))
    tested = sync.test(held, at=NOW)
    assert tested.is_good
    assert tested.said[:2] == ["It gave a token.", "It shows 0 callbacks."]
    assert "It does not know nobody-knows, which Support is to be called there." in tested.said
    assert Connection.objects.get().refused_reason == ""
    assert list(sync.connections_at_work()) == [held.pk]

    wrong = connect(committed, **{**terms, "name": "Wrong", "client_secret": "another"})
    failed = sync.test(wrong, at=NOW)
    assert (failed.is_good, list(failed.said)) == (
        False, ["The platform does not take the client id and secret."],
    )  # fmt: skip


# --- queues -----------------------------------------------------------------------------------


def test_what_is_open_is_announced_once_when_its_queue_is_connected(cast: Cast) -> None:
    old, new = make_callback(cast.support, cast.ana), make_callback(cast.support, cast.ana)
    over, other = make_callback(cast.support, cast.ana), make_callback(cast.billing, cast.otto)
    settle_all()
    OutboxMessage.objects.filter(callback=new).update(state="waiting", settled_at=None)
    Callback.objects.filter(pk=over.pk).update(
        status="cancelled", ended_at=NOW, next_action_at=None
    )
    held = connect(cast, cast.support)
    assert [unsettled(one) for one in (old, new, over, other)] == [1, 1, 0, 0]
    assert last_said(old) == "Ada Lund: Announced to Genesys."
    assert last_said(new) == ""
    assert sync.connect_queue(held, cast.support, by=by(cast.ada), at=NOW) == 0
    waiting = lines.waiting(held, NOW, at_most=9)
    assert {line.callback_id for line in waiting} == {old.pk, new.pk}


def test_a_queue_of_another_name_there_is_told_anew(cast: Cast) -> None:
    callback = make_callback(cast.support, cast.ana)
    held = connect(cast, cast.support)
    settle_all()
    assert sync.connect_queue(held, cast.support, " r-7 ", by=by(cast.ada), at=NOW) == 1
    assert ConnectedQueue.objects.get().remote_id == "r-7"
    assert unsettled(callback) == 1


def test_a_queue_has_one_platform(cast: Cast) -> None:
    connect(cast, cast.support)
    other = connect(cast, name="Other")
    with pytest.raises(Refused, match="Support is connected with Genesys already"):
        sync.connect_queue(other, cast.support, by=by(cast.ada), at=NOW)


def test_what_a_disconnected_queue_has_there_is_cancelled_there(cast: Cast) -> None:
    live, odd = make_callback(cast.support, cast.ana), make_callback(cast.support, cast.ana)
    held = connect(cast, cast.support)
    settle_all()
    stand(live, held, State.THERE, external_id="r-1")
    stand(odd, held, State.CONFLICT, existing_id="r-9")
    assert sync.disconnect_queue(cast.support, by=by(cast.ada), at=NOW) == 1
    assert last_said(live).endswith("no longer connected: to be cancelled on Genesys.")
    assert [line.callback_id for line in lines.waiting(held, NOW, at_most=9)] == [live.pk]
    sync.forget_the_unconnected()
    assert unsettled(live) == 1, "it must still be cancelled there"
    assert word(odd) is Word.OFF
    with pytest.raises(Refused, match="Support is not connected"):
        sync.disconnect_queue(cast.support, by=by(cast.ada), at=NOW)


def test_or_left_there_and_what_happens_to_it_is_told_no_more(cast: Cast) -> None:
    callback = make_callback(cast.support, cast.ana)
    held = connect(cast, cast.support)
    stand(callback, held, State.THERE, external_id="r-1", generation=3)
    sync.disconnect_queue(cast.support, is_left=True, by=by(cast.ada), at=NOW)
    assert last_said(callback).endswith("no longer connected: left on Genesys.")
    assert lines.waiting(held, NOW, at_most=9) == []
    assert sync.forget_the_unconnected() == 1
    there = Counterpart.objects.get()
    assert (there.external_id, there.reference) == ("", f"{callback.pk}.3")


# --- callbacks on which a platform does not agree ----------------------------------------------


def parked(cast: Cast, state: str = State.PARKED, **more: Any) -> tuple[Callback, Counterpart]:
    callback = make_callback(cast.support, cast.ana)
    held = Connection.objects.first() or connect(cast, cast.support)
    last = OutboxMessage.objects.latest("id").pk
    return callback, stand(callback, held, state, tried_message=last, last_error="No.", **more)


def is_next(callback: Callback, held: Connection) -> bool:
    return callback.pk in {line.callback_id for line in lines.waiting(held, NOW, at_most=9)}


def test_what_is_parked_is_sent_again_and_history_says_by_whom(cast: Cast) -> None:
    callback, there = parked(cast, attempts=9, handle={"vanished": 4})
    settle_all()
    assert not is_next(callback, there.connection)
    sync.retry(there.pk, by=by(cast.sam), at=NOW)
    assert is_next(callback, there.connection)
    assert last_said(callback) == "Sam Okoro: Sent again to Genesys."
    there.refresh_from_db()
    assert (there.state, there.attempts, there.handle) == (State.ABSENT, 0, {})
    assert there.checks_left == 2, "what was given up may turn up there yet"


def test_who_may_edit_it_sends_it_again_and_nobody_else(cast: Cast) -> None:
    _, there = parked(cast)
    with pytest.raises(Counterpart.DoesNotExist):
        sync.retry(there.pk, by=by(cast.otto), at=NOW)
    with pytest.raises(NotAllowed):
        sync.retry(there.pk, by=by(cast.ben), at=NOW)
    sync.retry(there.pk, by=by(cast.ana), at=NOW)
    for verb in (lambda: sync.discard(there.pk, reason="x", by=by(cast.ana), at=NOW),
                 lambda: sync.adopt(there.pk, by=by(cast.ana), at=NOW)):  # fmt: skip
        with pytest.raises(NotAllowed):
            verb()


def test_what_is_under_way_or_over_is_not_sent_again(cast: Cast) -> None:
    _, there = parked(cast, State.SENDING, sending={"kind": "create"}, sent_at=NOW)
    with pytest.raises(Refused, match="under way"):
        sync.retry(there.pk, by=by(cast.sam), at=NOW)
    with pytest.raises(Refused, match="does not wait for a person"):
        sync.discard(there.pk, reason="x", by=by(cast.sam), at=NOW)
    Callback.objects.update(status="cancelled", ended_at=NOW, next_action_at=None)
    Counterpart.objects.update(state=State.OVER)
    with pytest.raises(Refused, match="over here and there"):
        sync.retry(there.pk, by=by(cast.sam), at=NOW)


@pytest.mark.parametrize(
    ("external_id", "then", "says"),
    [("", State.ABSENT, Word.DISCARDED), ("r-1", State.THERE, Word.IN_STEP)],
)
def test_what_is_discarded_is_told_again_by_its_next_change(
    cast: Cast, external_id: str, then: str, says: Word
) -> None:
    callback, there = parked(cast, external_id=external_id)
    assert word(callback) is Word.PARKED
    with pytest.raises(Refused, match="Say why"):
        sync.discard(there.pk, reason=" ", by=by(cast.sam), at=NOW)
    sync.discard(there.pk, reason="Solved by mail", by=by(cast.sam), at=NOW)
    there.refresh_from_db()
    assert there.state == then
    assert word(callback) is says
    assert last_said(callback) == "Sam Okoro: Kept from Genesys: Solved by mail"
    assert set(callback.outbox.values_list("state", flat=True)) == {"discarded"}
    assert not is_next(callback, there.connection)
    event = HistoryEvent.objects.filter(callback=callback).latest("id")
    OutboxMessage.objects.create(callback=callback, event=event, action="update")
    assert is_next(callback, there.connection)


def test_the_one_in_the_way_is_taken_and_changed_to_ours(cast: Cast) -> None:
    callback, there = parked(cast, State.CONFLICT, existing_id="r-9")
    assert word(callback) is Word.CONFLICT
    sync.adopt(there.pk, by=by(cast.sam), at=NOW)
    there.refresh_from_db()
    assert (there.state, there.external_id, there.content) == (State.THERE, "r-9", None)
    assert is_next(callback, there.connection)
    assert last_said(callback) == "Sam Okoro: Took r-9 on Genesys as this one's."


def test_but_not_one_that_is_anothers_or_that_nobody_named(cast: Cast) -> None:
    parked(cast, State.THERE, external_id="r-9")
    _, there = parked(cast, State.CONFLICT, existing_id="r-9")
    with pytest.raises(Refused, match="another callback of ours"):
        sync.adopt(there.pk, by=by(cast.sam), at=NOW)
    Counterpart.objects.filter(pk=there.pk).update(existing_id="")
    with pytest.raises(Refused, match="did not say"):
        sync.adopt(there.pk, by=by(cast.sam), at=NOW)


# --- the word for it ---------------------------------------------------------------------------


def test_each_standing_has_its_word(cast: Cast) -> None:
    callback = make_callback(cast.support, cast.ana)
    assert word(callback) is Word.OFF
    held = connect(cast, cast.support)
    assert word(callback) is Word.WAITING
    there = stand(callback, held, State.SENDING, sending={}, sent_at=NOW, external_id="r-1")
    for state, is_told, says in (
        (State.SENDING, False, Word.SENDING), (State.SENDING, True, Word.SENDING),
        (State.THERE, False, Word.WAITING), (State.THERE, True, Word.IN_STEP),
        (State.CONFLICT, False, Word.CONFLICT), (State.PARKED, True, Word.PARKED),
        (State.OVER, True, Word.OVER), (State.OVER, False, Word.WAITING),
        (State.ABSENT, False, Word.WAITING),
    ):  # fmt: skip
        Counterpart.objects.update(state=state)
        settled = {"state": "sent", "settled_at": NOW} if is_told else {"state": "waiting", "settled_at": None}  # fmt: skip
        OutboxMessage.objects.update(**settled)
        assert word(callback) is says, (state, is_told)
    there.refresh_from_db()


def test_a_new_callback_of_a_connected_queue_waits_and_asks_no_statement_more(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    made = make_callback(cast.support, cast.ana)
    with django_assert_num_queries(0):
        assert portray(made)["sync"]["state"] == "off"
    connect(cast, cast.support)
    made = make_callback(cast.support, cast.ana)
    with django_assert_num_queries(0):
        assert portray(made)["sync"]["state"] == "waiting"


def test_rows_say_it_in_the_statement_that_fetches_them(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        parked(cast, external_id=f"r-{_}")
    with django_assert_num_queries(1):
        told = [portray(one)["sync"] for one in Callback.objects.for_display()]
    assert {one["state"] for one in told} == {"parked"}
    assert {one["lastError"] for one in told} == {"No."}


# --- on the shell ------------------------------------------------------------------------------


def run(*said: str) -> Any:
    out = io.StringIO()
    call_command("connection", *said, stdout=out)
    return json.loads(out.getvalue())


ADD = (
    "add", "Genesys", "--dialect", "guide", "--base-url", "https://api.example.com",
    "--token-url", "https://login.example.com/token", "--client-id", "ringback",
)  # fmt: skip


def test_the_command_adds_lists_pauses_and_removes_and_never_prints_a_secret(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--rate", "300/min", "--batch", "50", "--queues", "Support, billing=r-7")
    made = run(*ADD, "--client-secret", "topsecret", *more)
    assert made["queues"] == {"Support": "", "Billing": "r-7"}
    assert (made["rate"], made["batch"]) == ("300/min", 50)
    assert "topsecret" not in json.dumps([made, run("list")])
    assert run("pause", "Genesys", "--reason", "tonight")["paused"] == "Ada Lund: tonight"
    assert run("resume", "Genesys")["paused"] is None
    assert run("remove", "Genesys") == {"name": "Genesys", "removed": True, "leftThere": 0}
    assert run("list") == []
    monkeypatch.setitem(os.environ, "CONNECTION_SECRET", "from the environment")
    run(*ADD)
    assert Connection.objects.get().client_secret.open() == "from the environment"
    run("remove", "Genesys")
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))
    run(*ADD, "--client-secret", "-")
    assert Connection.objects.get().client_secret.open() == "from a pipe"


def test_the_command_says_all_that_is_wrong(cast: Cast) -> None:
    with pytest.raises(CommandError, match="no queue named Nowhere"):
        run(*ADD, "--client-secret", "x", "--queues", "Nowhere")
    with pytest.raises(CommandError) as wrong:
        run(*ADD, "--rate", "fast")
    assert str(wrong.value).splitlines() == [
        "rate: Say it as 10/s or 300/min.",
        "client_secret: Give the client's secret.",
    ]
    with pytest.raises(CommandError, match="no connection named Nobody"):
        run("pause", "Nobody")


def test_the_commands_test_fails_where_the_platform_does(committed: Cast) -> None:
    connect(committed, base_url="http://127.0.0.1:9", token_url="http://127.0.0.1:9/token")
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("connection", "test", "Genesys", stdout=out)
    assert ended.value.code == 1
    told = json.loads(out.getvalue())
    assert told["ok"] is False
    assert "connection failed" in told["said"][0].lower()
