"""The pages of synchronisation: who may, what they say, what their buttons do, and what they never show."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callbacks import sync
from callbacks.models import Callback, ConnectedQueue, Connection, Counterpart, OutboxMessage, User
from callbacks.models.connection import Dialect
from callbacks.models.encrypted import Sealed
from tests.cast import Cast, by, make_callback

Enter = Callable[[User], Client]
State = Counterpart.State
SECRET = "a-secret-of-the-platform"
TOKEN = "a-token-of-the-platform"


def now() -> datetime:
    return datetime.now(UTC)


def connected(cast: Cast, name: str = "Genesys", queue: Any = None) -> Connection:
    wish = sync.Wish(
        name, Dialect.GUIDE, "https://api.example.com", "https://login.example.com/token",
        "ringback", SECRET,
    )  # fmt: skip
    held = sync.add(wish, {queue or cast.support: "r-7"}, by=by(cast.ada), at=now())
    Connection.objects.filter(pk=held.pk).update(token=Sealed.of(TOKEN), token_until=now())
    return held


def callback_of(cast: Cast, queue: Any = None, user: User | None = None) -> Callback:
    day = f"{now() + timedelta(days=1):%Y-%m-%d}"
    return make_callback(queue or cast.support, user or cast.ana, at=now(), date=day)


def parked(cast: Cast, held: Connection, state: str = State.PARKED, **more: Any) -> Counterpart:
    values = {
        "last_error": "It answered 400: The number is odd.",
        "last_answer": '400 {"access_token": "eyJx", "echo": "Bearer abc.def"}',
    }
    return Counterpart.objects.create(
        callback=callback_of(cast), connection=held, state=state, **{**values, **more}
    )


def text(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers or None)
    assert answer.status_code == 200, path
    return answer.content.decode()


# --- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "may"), [("ana", False), ("lena", False), ("otto", False), ("sam", True), ("ada", True)]
)
def test_supervisors_and_admins_look_and_only_admins_switch(
    cast: Cast, enter: Enter, who: str, may: bool
) -> None:
    held = connected(cast)
    client = enter(getattr(cast, who))
    assert ('href="/sync"' in text(client, "/callbacks")) == may
    for path in ("/sync", f"/sync/connections/{held.pk}"):
        assert client.get(path).status_code == (200 if may else 403)
    answer = client.post(f"/sync/connections/{held.pk}", {"do": "pause"})
    assert answer.status_code == (302 if who == "ada" else 403)
    held.refresh_from_db()
    assert bool(held.paused_reason) == (who == "ada")


def test_supervisors_see_their_queues_part(cast: Cast, enter: Enter) -> None:
    ours, other = connected(cast), connected(cast, "Avaya", cast.billing)
    ours_parked = parked(cast, ours)
    theirs = Counterpart.objects.create(
        callback=callback_of(cast, cast.billing, cast.otto), connection=other, state=State.PARKED
    )
    client = enter(cast.sam)
    page = text(client, "/sync")
    assert f"there-{ours_parked.pk}" in page
    assert "Avaya" not in page
    assert f"there-{theirs.pk}" not in page
    assert client.get(f"/sync/connections/{other.pk}").status_code == 404
    for verb in ("retry", "discard", "adopt"):
        assert client.post(f"/sync/callbacks/{theirs.pk}", {"do": verb}).status_code == 404
    assert "api.example.com" not in text(client, f"/sync/connections/{ours.pk}")
    page = text(enter(cast.ada), "/sync")
    assert "Avaya" in page
    assert f"there-{theirs.pk}" in page


def test_strangers_log_in_and_nonsense_is_not_found(cast: Cast, enter: Enter) -> None:
    held = connected(cast)
    there = parked(cast, held)
    assert Client().get("/sync").status_code == 302
    client = enter(cast.ada)
    absent = "00000000-0000-7000-8000-000000000000"
    assert client.get(f"/sync/connections/{absent}").status_code == 404
    assert client.post(f"/sync/connections/{held.pk}", {"do": "x"}).status_code == 404
    assert client.post(f"/sync/callbacks/{absent}", {"do": "retry"}).status_code == 404
    assert client.post(f"/sync/callbacks/{there.pk}", {"do": "x"}).status_code == 404
    assert client.get(f"/sync/callbacks/{there.pk}").status_code == 405
    assert client.get("/sync?connection=x&state=x&before=x").status_code == 200


def test_no_page_shows_a_secret_a_token_or_a_full_number(cast: Cast, enter: Enter) -> None:
    held = connected(cast)
    there = parked(cast, held)
    number = there.callback.phone_number
    echo = f'{{"target": {{"id": "{number}"}}, "q": "%2B{number[1:]}"}}'
    Counterpart.objects.update(last_request=echo, last_error=f"{number} is odd.")
    pages = {
        path: text(enter(cast.ada), path)
        for path in (
            "/sync",
            f"/sync/connections/{held.pk}",
            f"/callbacks/{there.callback_id}",
            f"/admin/callbacks/connection/{held.pk}/change/",
            "/admin/callbacks/connection/",
        )
    }
    for path, page in pages.items():
        for secret in (SECRET, TOKEN, "eyJx", "abc.def"):
            assert secret not in page, (path, secret)
    assert number[1:] not in pages["/sync"]
    assert "Bearer …" in pages["/sync"]
    assert "+44 ••• ••" in pages["/sync"]


# --- how a platform is doing -------------------------------------------------------------------


def test_each_standing_is_said_in_a_word_and_a_sentence(
    cast: Cast, enter: Enter, settings: Any
) -> None:
    held, client = connected(cast), enter(cast.sam)

    def said(**changes: object) -> str:
        Connection.objects.update(**changes)
        return text(client, "/sync")

    assert '<span class="tag accent">New</span>' in said()
    assert '<span class="tag good">In step</span>' in said(last_success_at=now())
    callback_of(cast)
    assert "1 callback to be told; the longest waits since" in said()
    page = said(rests_until=now() + timedelta(seconds=200))
    assert '<span class="tag warn">Resting</span>' in page
    assert "It asked us to be slower (429). It is asked again in 3 minutes" in page
    page = said(failures=4, failing_since=now() - timedelta(hours=2, seconds=9))
    assert '<span class="tag danger">Failing</span>' in page
    assert "it began 2 hours" in page
    page = said(refused_reason="It answered 403")
    assert '<span class="tag danger">Refused</span>' in page
    assert "Genesys does not let Ringback in: It answered 403." in page
    keys = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["another key, as after a restore without the file"]
    assert "ENCRYPTION_KEYS does not hold the key" in said()
    settings.ENCRYPTION_KEYS = keys
    assert "Paused by Ada Lund. Nothing is sent." in said(paused_reason="Paused by Ada Lund.")
    assert "Paused by Ada Lund." in text(client, f"/sync/connections/{held.pk}")


def test_a_refusal_stands_in_red_on_every_screen_of_who_watches(cast: Cast, enter: Enter) -> None:
    connected(cast)
    Connection.objects.update(refused_reason="It answered 403.")
    strip = '<div class="strip" role="alert">'
    for who, sees in ((cast.sam, True), (cast.ada, True), (cast.ana, False)):
        for path in ("/callbacks", "/engine"):
            page = text(enter(who), path)
            assert (strip in page and "Genesys does not let Ringback in" in page) == sees
    Connection.objects.update(paused_reason="Known.")
    assert "Genesys does not" not in text(enter(cast.sam), "/callbacks"), "somebody saw to it"


def test_what_waits_for_a_person_is_not_counted_as_waiting(cast: Cast, enter: Enter) -> None:
    held = connected(cast)
    parked(cast, held)
    callback_of(cast)
    page = text(enter(cast.sam), "/sync")
    assert "1 waiting" in page
    assert "1 parked" in page


def test_callbacks_are_filtered_and_paged_newest_first(cast: Cast, enter: Enter) -> None:
    held, client = connected(cast), enter(cast.sam)
    first = parked(cast, held, State.CONFLICT)
    for _ in range(52):
        parked(cast, held)

    def keys(query: str = "") -> list[str]:
        return re.findall(
            r'<li class="promise-row" id="there-([\w-]+)"', text(client, f"/sync{query}")
        )

    shown = keys()
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == 50
    assert keys(f"?before={shown[-1]}")[-1] == str(first.pk)
    assert keys("?state=conflict") == [str(first.pk)]
    assert keys(f"?connection={first.pk}") == []
    assert len(keys(f"?connection={held.pk}&state=parked")) == 50


def test_the_page_costs_the_same_however_much_there_is(cast: Cast, enter: Enter) -> None:
    held, client, counts = connected(cast), enter(cast.sam), []
    text(client, "/sync")
    for more in (1, 6):
        for _ in range(more):
            parked(cast, held)
        with CaptureQueriesContext(database) as statements:
            text(client, "/sync")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 15


def test_the_parts_are_fetched_by_themselves(cast: Cast, enter: Enter) -> None:
    held, client = connected(cast), enter(cast.sam)
    parked(cast, held)
    for target, other in (("platforms", "in-need"), ("in-need", "platforms")):
        part = text(client, "/sync", HX_Request="true", HX_Target=target)
        assert f'id="{target}"' in part
        assert f'id="{other}"' not in part
        assert "<html" not in part
    part = text(client, f"/sync/connections/{held.pk}", HX_Request="true")
    assert "<html" not in part


# --- the buttons ------------------------------------------------------------------------------


def test_admins_pause_with_a_reason_and_resume(cast: Cast, enter: Enter) -> None:
    held, client = connected(cast), enter(cast.ada)
    address = f"/sync/connections/{held.pk}"
    answer = client.post(address, {"do": "pause", "reason": "Move <b>"}, follow=True)
    assert "Ada Lund: Move &lt;b&gt;. Nothing is sent." in answer.content.decode()
    client.post(address, {"do": "pause", "reason": "\0"})
    client.post(address, {"do": "resume"})
    assert Connection.objects.get().paused_reason == ""


@pytest.mark.parametrize("has_javascript", [True, False])
def test_callbacks_are_sent_again_taken_and_discarded(
    cast: Cast, enter: Enter, has_javascript: bool
) -> None:
    """As a row that is exchanged, or as the page on which it stood."""
    held, client = connected(cast), enter(cast.sam)
    headers = {"HX-Request": "true"} if has_javascript else {}

    def pressed(there: Counterpart, **fields: str) -> tuple[int, str]:
        sent = {"on": "sync", "state": "parked", **fields}
        answer = client.post(f"/sync/callbacks/{there.pk}", sent, headers=headers)
        if not has_javascript:
            assert answer["Location"] == "/sync?state=parked#in-need"
            answer = client.get("/sync")
        there.refresh_from_db()
        return answer.status_code, answer.content.decode()

    one = parked(cast, held)
    assert "It is sent again." in pressed(one, do="retry")[1]
    assert one.state == State.ABSENT
    two = parked(cast, held, State.CONFLICT, existing_id="r-9")
    assert "Take the existing one" in text(client, "/sync")
    assert "The existing one is taken as ours." in pressed(two, do="adopt")[1]
    assert (two.state, two.external_id) == (State.THERE, "r-9")
    three = parked(cast, held)
    status, page = pressed(three, do="discard", reason=" ")
    assert "Say why; it goes into the history." in page
    assert status == (422 if has_javascript else 200)
    assert "kept from the platform" in pressed(three, do="discard", reason="Solved")[1]
    assert three.callback.history.filter(reason="Kept from Genesys: Solved").exists()


def test_the_callbacks_page_says_how_it_stands_and_lets_its_people_retry(
    cast: Cast, enter: Enter
) -> None:
    there = parked(cast, connected(cast))
    address = f"/callbacks/{there.callback_id}"
    page = text(enter(cast.ana), address)
    assert "On the platform" in page
    assert "It answered 400: The number is odd." in page
    assert "Retry now" in page
    assert "Discard …" not in page
    assert "Discard …" in text(enter(cast.sam), address)
    reader = text(enter(cast.ben), address)
    assert "Not taken by the platform" in reader
    assert "Retry now" not in reader
    answer = enter(cast.ana).post(f"/sync/callbacks/{there.pk}", {"do": "retry"}, follow=True)
    assert "It is sent again." in answer.content.decode()
    assert answer.redirect_chain[0][0] == address
    assert enter(cast.ben).post(f"/sync/callbacks/{there.pk}", {"do": "retry"}).status_code == 403
    assert enter(cast.otto).post(f"/sync/callbacks/{there.pk}", {"do": "retry"}).status_code == 404


def test_rows_carry_a_mark_in_words(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ana)
    callback = callback_of(cast)
    assert "the platform" not in text(client, "/callbacks")
    held = connected(cast)
    assert "waits for the platform" in text(client, "/callbacks")
    assert "waits for the platform" in text(client, "/")
    Counterpart.objects.create(callback=callback, connection=held, state=State.THERE)
    OutboxMessage.objects.update(state="sent", settled_at=now())
    assert "in step" in text(client, "/callbacks")
    Counterpart.objects.update(state=State.CONFLICT)
    assert "platform conflict" in text(client, "/callbacks")


# --- the admin ---------------------------------------------------------------------------------


def admin_fields(cast: Cast, **changes: str) -> dict[str, str]:
    fields = {
        "name": "Genesys", "dialect": "guide", "base_url": "https://api.example.com",
        "token_url": "https://login.example.com/token", "client_id": "ringback",
        "client_secret": SECRET, "rate": "300/min", "batch_size": "50", "settle_seconds": "10",
        "poll_seconds": "30", "when_disconnected": "cancelled",
        f"joins_{cast.support.pk.hex}": "on", f"named_{cast.support.pk.hex}": "r-7",
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value}


def test_the_admin_adds_changes_and_disconnects(cast: Cast, enter: Enter) -> None:
    callback, client = callback_of(cast), enter(cast.ada)
    OutboxMessage.objects.update(state="sent", settled_at=now())
    assert client.post("/admin/callbacks/connection/add/", admin_fields(cast)).status_code == 302
    held = Connection.objects.get()
    assert held.client_secret.open() == SECRET
    assert (held.requests, held.per_seconds, held.batch_size) == (300, 60, 50)
    assert ConnectedQueue.objects.get().remote_id == "r-7"
    assert callback.history.filter(reason="Announced to Genesys.", actor=cast.ada).exists()
    Counterpart.objects.create(callback=callback, connection=held, state="there", external_id="r")
    change = f"/admin/callbacks/connection/{held.pk}/change/"
    page = text(client, change)
    assert 'value="300/min"' in page
    assert 'value="r-7"' in page
    assert client.get(f"/admin/callbacks/connection/{held.pk}/delete/").status_code == 403
    moved = {f"joins_{cast.support.pk.hex}": "", "client_secret": "", "rate": "5/s"}
    answer = client.post(change, admin_fields(cast, **moved), follow=True)
    assert "Support is disconnected; to be cancelled there: 1." in answer.content.decode()
    held.refresh_from_db()
    assert (held.client_secret.open(), held.requests) == (SECRET, 5)
    assert not ConnectedQueue.objects.exists()
    Counterpart.objects.update(state="over")
    client.post(f"/admin/callbacks/connection/{held.pk}/delete/", {"post": "yes"})
    assert not Connection.objects.exists()


def test_the_admin_names_every_problem_beside_its_field(cast: Cast, enter: Enter) -> None:
    connected(cast, "Avaya")
    wrong = {"base_url": "http://10.0.0.1", "rate": "fast", "client_secret": "", "batch_size": "0"}
    client = enter(cast.ada)
    answer = client.post("/admin/callbacks/connection/add/", admin_fields(cast, **wrong))
    page = answer.content.decode()
    for said in ("Say it as 10/s or 300/min.", "Give the client&#x27;s secret.",
                 "Only https", "Support is connected with Avaya already."):  # fmt: skip
        assert said in page, said
    assert Connection.objects.count() == 1
