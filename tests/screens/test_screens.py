"""The other screens: log-in, My callbacks, lists, a callback's page and its actions, access, headers."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from callbacks.models import Attempt, Callback, ContactList, Heartbeat, Outcome, Shift, User
from callbacks.scheduling import Changes, cancel, change
from dashboard import shell
from dashboard.checks import every_view_declares_who_may_enter, routes, zone_data_is_right
from dashboard.entrance import admits_everyone
from tests.cast import PASSWORD, Cast, by, make_callback

pytestmark = pytest.mark.django_db
Enter = Callable[[User], Client]


def soon(cast: Cast, user: User | None = None, days: int = 1, **changes: object) -> Callback:
    """A callback some days from the real now."""
    day = datetime.now(UTC) + timedelta(days=days)
    queue = changes.pop("queue", cast.support)
    return make_callback(
        queue, user or cast.ana, at=datetime.now(UTC), date=f"{day:%Y-%m-%d}", **changes
    )


# --- logging in ------------------------------------------------------------------------------


def test_logging_in_and_out(cast: Cast) -> None:
    client = Client()
    assert client.get("/", follow=True).redirect_chain == [("/login?next=/", 302)]
    entered = client.post("/login", {"username": "ana", "password": PASSWORD, "next": "/schedule"})
    assert entered["Location"] == "/schedule"
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_the_log_in_leads_nowhere_else(cast: Cast, where: str) -> None:
    answer = Client().post("/login", {"username": "ana", "password": PASSWORD, "next": where})
    assert answer["Location"] == "/"


def test_a_wrong_password_is_said_in_words(cast: Cast) -> None:
    answer = Client().post("/login", {"username": "ana", "password": "wrong"})
    assert answer.status_code == 422
    assert "do not belong together" in answer.content.decode()


def test_guessing_is_slowed_down_for_who_guesses_and_for_nobody_else(cast: Cast) -> None:
    guesser, elsewhere = Client(REMOTE_ADDR="10.0.0.1"), Client(REMOTE_ADDR="10.0.0.2")
    for _ in range(5):
        answer = guesser.post("/login", {"username": "ana", "password": "wrong"})
    answer = guesser.post("/login", {"username": "ana", "password": PASSWORD})
    assert answer.status_code == 429
    assert answer["Retry-After"] == "60"
    assert "Wait a minute" in answer.content.decode()
    assert elsewhere.post("/login", {"username": "ana", "password": PASSWORD}).status_code == 302


def test_somebody_deactivated_is_out_at_the_next_request(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ana)
    assert client.get("/").status_code == 200
    User.objects.filter(pk=cast.ana.pk).update(is_active=False)
    assert client.get("/").status_code == 302


# --- who may enter ---------------------------------------------------------------------------


def test_every_view_declares_who_may_enter() -> None:
    assert every_view_declares_who_may_enter() == []
    assert zone_data_is_right() == []


def test_the_check_finds_a_view_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    view = dict(routes(get_resolver().url_patterns))["callbacks"]
    monkeypatch.delattr(view, "admits")
    (found,) = every_view_declares_who_may_enter()
    assert "callbacks" in found.msg
    assert admits_everyone(lambda request: None).admits  # type: ignore[arg-type,return-value,attr-defined]


OF_OTHERS = ("supervisor/", "import/", "webhooks/", "sync/")
"""Where a key is of something else than a callback: their own tests knock there."""


def addresses(callback: Callback) -> list[tuple[str, str]]:
    """Every address of one callback, with every method that it takes."""
    found = []
    for route, _ in routes(get_resolver().url_patterns):
        if "<uuid:key>" in route and not route.startswith(OF_OTHERS):
            address = "/" + route.replace("<uuid:key>", str(callback.pk))
            found += [("get", address), ("post", address)]
    return found


def test_somebody_elses_callback_is_a_404_at_every_address_and_changes_nothing(
    cast: Cast, enter: Enter
) -> None:
    # While the clock is silent, each page says for how long.
    Heartbeat.beat("clock", datetime.now(UTC))
    made = soon(cast, owner_id=cast.ana.pk)
    asked = addresses(made)
    assert len(asked) >= 14
    for person in (cast.otto, cast.ben):
        client = enter(person)
        absent = client.get("/callbacks/00000000-0000-7000-8000-000000000000").content
        for method, address in asked:
            answer = getattr(client, method)(address, {"reason": "x", "cancel_reason": "x"})
            assert answer.status_code in (404, 405), (method, address)
            if answer.status_code == 404 and method == "get":
                assert _without_tokens(answer.content) == _without_tokens(absent)
    made.refresh_from_db()
    assert made.version == 1


def _without_tokens(page: bytes) -> bytes:
    varying = rb'(csrfmiddlewaretoken"\s+value="|X-CSRFToken": "|name="next"\s+value="|data-arrived-at=")[^"]+'
    return re.sub(varying, b"", page)


def test_what_one_may_see_but_not_change_is_said_so(cast: Cast, enter: Enter) -> None:
    made = soon(cast, cast.sam)
    client = enter(cast.ana)
    assert client.get(made.get_absolute_url()).status_code == 200
    for action in ("change", "hand-over", "cancellation"):
        answer = client.get(f"{made.get_absolute_url()}/{action}")
        assert answer.status_code == 403
        assert "This is not yours to do" in answer.content.decode()


def test_strangers_are_led_to_the_log_in_everywhere(cast: Cast) -> None:
    made = soon(cast)
    for method, address in [
        *addresses(made),
        ("get", "/"),
        ("get", "/callbacks"),
        ("post", "/search"),
    ]:
        answer = getattr(Client(), method)(address)
        assert answer.status_code in (302, 405), address
        if answer.status_code == 302:
            assert answer["Location"].startswith("/login")


@pytest.mark.parametrize(
    "key", ["x", "-1", "9" * 30, "%00", "00000000-0000-0000-0000-00000000000g"]
)
def test_ids_that_are_none_find_nothing(cast: Cast, enter: Enter, key: str) -> None:
    assert enter(cast.ada).get(f"/callbacks/{key}").status_code == 404


def test_forms_need_their_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ana, backend="django.contrib.auth.backends.ModelBackend")
    plain = client.post("/schedule", {"date": "x"})
    assert plain.status_code == 403
    assert "open for too long" in plain.content.decode()
    fragment = client.post("/schedule/preview", {}, HTTP_HX_REQUEST="true")
    assert (fragment.status_code, fragment["HX-Retarget"]) == (403, "#notices")


def test_looking_changes_nothing(cast: Cast, enter: Enter) -> None:
    made = soon(cast, owner_id=cast.ana.pk)
    client = enter(cast.ana)
    for method, address in addresses(made):
        if method == "get":
            client.get(address)
            client.head(address)
    made.refresh_from_db()
    assert (made.version, made.history.count()) == (1, 1)


@pytest.mark.parametrize("address", ["/", "/schedule", "/callbacks", "/login", "/nothing-here"])
def test_every_answer_is_private_and_strict(cast: Cast, enter: Enter, address: str) -> None:
    answer = enter(cast.ana).get(address)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "base-uri 'none'" in policy
    assert "no-store" in answer["Cache-Control"] or "no-cache" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    text = answer.content.decode()
    assert not re.search(r"<style|\son\w+=\"|\sstyle=\"|<script>", text)


# --- my callbacks ----------------------------------------------------------------------------


def test_my_callbacks_shows_what_i_promised_what_to_take_and_what_is_done(
    cast: Cast, enter: Enter
) -> None:
    soon(cast, contact_name="Mine Owned", owner_id=cast.ana.pk)
    soon(cast, cast.sam, contact_name="Mine Preferred", preferred_agent_id=cast.ana.pk)
    soon(cast, cast.sam, contact_name="To Take")
    soon(cast, contact_name="Made For The Queue")
    soon(cast, cast.sam, contact_name="Bens Own", owner_id=cast.ben.pk)
    done = soon(cast, contact_name="Done One", owner_id=cast.ana.pk)
    now = datetime.now(UTC)
    Attempt.objects.create(
        callback=done, number=1, agent_id=cast.ana.pk, started_at=now, ended_at=now,
        outcome=Outcome.objects.get(name="Reached"),
    )  # fmt: skip
    cancel(done.pk, reason="x", by=by(cast.ana), at=now, version=1)
    Shift.objects.create(
        agent_id=cast.ana.pk, activity="break", starts_at=now, ends_at=now + timedelta(minutes=15)
    )
    text = enter(cast.ana).get("/").content.decode()
    sections = re.split(r'<section class="card"', text)
    following, made, to_take, finished = sections[1:5]
    assert "Made For The Queue" in made
    assert "Mine Owned" in following
    assert "Mine Preferred" in following
    assert "To Take" in to_take
    assert "Take ownership" in to_take
    assert "Done One" in finished
    assert "Callback Tasks Completed: <strong>1</strong>" in finished
    assert "Bens Own" not in text
    assert 'class="absent"' in following


def test_uncallable_promises_are_flagged_on_every_screen(cast: Cast, enter: Enter) -> None:
    """Rules §2.9: they stay scheduled."""
    made = soon(cast, owner_id=cast.ana.pk)
    barred = ContactList.objects.create(name="DNC")
    barred.entries.create(phone_number=made.phone_number, is_uncallable=True)
    client = enter(cast.ana)
    for address in ("/", "/callbacks", made.get_absolute_url()):
        assert "Uncallable" in client.get(address).content.decode(), address
    found = client.post("/search", {"q": made.phone_number})
    assert "Uncallable" in found.content.decode()


@pytest.mark.parametrize("address", ["/", "/callbacks", "/callbacks?status=all&sort=-requested"])
def test_a_page_takes_the_same_statements_for_one_row_and_for_many(
    cast: Cast, enter: Enter, address: str
) -> None:
    client, counts = enter(cast.ana), []
    for rows in (1, 12):
        for _ in range(rows):
            soon(cast, owner_id=cast.ana.pk)
            soon(cast, cast.sam)
        with CaptureQueriesContext(connection) as statements:
            assert client.get(address).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 12


def test_a_callbacks_page_takes_the_same_statements_whatever_its_history(
    cast: Cast, enter: Enter
) -> None:
    made, client, counts = soon(cast, owner_id=cast.ana.pk), enter(cast.ana), []
    for rounds in (0, 8):
        for place in range(rounds):
            change(
                made.pk,
                Changes(reason=f"{place}"),
                by=by(cast.ana),
                at=datetime.now(UTC),
                version=None,
            )
        with CaptureQueriesContext(connection) as statements:
            assert client.get(made.get_absolute_url()).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 11


def test_somebody_without_callbacks_of_their_own_sees_all_of_their_queues(
    cast: Cast, enter: Enter
) -> None:
    mine = soon(cast, contact_name="Of Support", owner_id=cast.ana.pk)
    soon(cast, cast.ada, queue=cast.billing, contact_name="Of Billing")
    text = enter(cast.sam).get("/", follow=True).content.decode()
    assert mine.contact_name in text
    assert "Of Billing" not in text


# --- lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        "sort=queue__name", "sort=-owner__user__password", "status=x'--", "queue=nonsense",
        "owner=1 OR 1=1", "after=x", "after=2026-01-01T00:00:00_x", "_connector=OR", "beyond=1",
        "after=9999-12-31T23:59:59%2B00:00_00000000-0000-0000-0000-000000000000", "q=%00",
        "&".join(["status=open"] * 300), "queue=%00", "status=%00",
    ],
)  # fmt: skip
def test_what_a_list_does_not_know_is_left_out(cast: Cast, enter: Enter, asked: str) -> None:
    soon(cast, contact_name="Still There")
    answer = enter(cast.ana).get(f"/callbacks?{asked}")
    assert answer.status_code == 200


def test_the_list_filters_sorts_and_turns_its_pages_by_key(cast: Cast, enter: Enter) -> None:
    for place in range(60):
        soon(cast, days=1 + place % 20, contact_name=f"No {place}")
    client, seen, address = enter(cast.ana), [], "/callbacks?sort=-requested"
    while address:
        page = client.get(address)
        listing = page.context["listing"]
        seen += [callback.pk for callback in listing.callbacks]
        address = f"/callbacks{listing.next_page}" if listing.next_page else ""
    times = list(
        Callback.objects.filter(pk__in=seen)
        .order_by("-requested_at", "-id")
        .values_list("pk", flat=True)
    )
    assert seen == times
    assert len(seen) == len(set(seen)) == 60
    only = client.get(f"/callbacks?owner=me&queue={cast.support.pk}&status=pending")
    assert only.context["listing"].callbacks == []


def test_the_search_finds_by_number_name_ticket_and_id_what_one_may_see(
    cast: Cast, enter: Enter
) -> None:
    made = soon(cast, contact_name="Zoë Quist", ticket_id="INC-77", owner_id=cast.ana.pk)
    for text in (
        made.phone_number,
        "020 7946",
        "zoë q",
        "inc-77",
        str(made.pk),
        made.phone_number[1:],
    ):
        asked = {"q": made.phone_number[:9] if text == "020 7946" else text}
        assert "Zoë Quist" in enter(cast.ana).post("/search", asked).content.decode(), text
        assert "Zoë Quist" not in enter(cast.ben).post("/search", asked).content.decode(), text
    for text in ("\0", "%", "'", "x" * 5000, "🙂", "()"):
        assert enter(cast.ana).post("/search", {"q": text}).status_code == 200


# --- actions ---------------------------------------------------------------------------------


def test_changing_by_the_form_and_being_told_what_changed_meanwhile(
    cast: Cast, enter: Enter
) -> None:
    made = soon(cast, owner_id=cast.ana.pk)
    client, address = enter(cast.ana), f"/callbacks/{made.pk}/change"
    form = client.get(address).context["form"]
    fields = {name: form.data[name] for name in form.data}
    change(made.pk, Changes(reason="By Sam"), by=by(cast.sam), at=datetime.now(UTC), version=1)
    stale = client.post(address, {**fields, "reason": "By Ana"})
    text = stale.content.decode()
    assert stale.status_code == 422
    assert "Sam Okoro" in text
    assert "Router → By Sam" in text
    assert "By Ana" in text
    again = re.search(r'name="version"\s+value="(\d+)"', text)
    assert again
    assert again.group(1) == "2"
    saved = client.post(address, {**fields, "reason": "By Ana", "version": "2"})
    assert saved.status_code == 302
    made.refresh_from_db()
    assert made.reason == "By Ana"


def test_the_change_form_shows_the_promise_unchanged_and_saves_nothing_then(
    cast: Cast, enter: Enter
) -> None:
    made = soon(cast, owner_id=cast.ana.pk, phone_number="+442079460777 ext. 12")
    client, address = enter(cast.ana), f"/callbacks/{made.pk}/change"
    form = client.get(address).context["form"]
    client.post(address, {name: form.data[name] for name in form.data})
    made.refresh_from_db()
    assert (made.phone_extension, made.history.count()) == ("12", 1)


def test_a_locked_callback_is_refused_with_the_text_kept_and_a_supervisor_may(
    cast: Cast, enter: Enter
) -> None:
    made = soon(cast, owner_id=cast.ana.pk)
    client, address = enter(cast.ana), f"/callbacks/{made.pk}/change"
    form = client.get(address).context["form"]
    fields = {name: form.data[name] for name in form.data}
    move_to(made, datetime.now(UTC) + timedelta(minutes=14))
    fields["time"] = "13:37"
    refused = client.post(address, {**fields, "reason": "Kept"})
    assert refused.status_code == 422
    assert "less than 15 minutes away" in refused.content.decode()
    assert "Kept" in refused.content.decode()
    boss = enter(cast.sam)
    asked = boss.post(address, {**fields, "reason": "Kept"})
    assert "Reason for changing it now" in asked.content.decode()
    done = boss.post(address, {**fields, "override_reason": "The contact phoned"})
    assert done.status_code == 302


def move_to(callback: Callback, moment: datetime) -> None:
    """Move the data, as time would have."""
    moved = moment - callback.requested_at
    Callback.objects.filter(pk=callback.pk).update(
        requested_at=callback.requested_at + moved,
        window_starts_at=callback.window_starts_at + moved,
        window_ends_at=callback.window_ends_at + moved,
        next_action_at=moment,
    )


def test_taking_giving_up_handing_over_and_cancelling(cast: Cast, enter: Enter) -> None:
    made = soon(cast, cast.sam)
    ana, base = enter(cast.ana), f"/callbacks/{made.pk}"
    assert (
        "You own this callback now"
        in ana.post(f"{base}/ownership", {"version": "1"}, follow=True).content.decode()
    )
    late = enter(cast.sam).post(f"{base}/ownership", {"version": "1"})
    assert late.status_code == 422
    assert "Ana Reyes" in late.content.decode()
    ana.post(f"{base}/ownership", {"give_up": "1", "version": "2"})
    ana.post(f"{base}/ownership", {"version": "3"})
    nobody = ana.post(f"{base}/hand-over", {"agent": "", "version": "4"})
    assert "Choose an agent" in nobody.content.decode()
    given = ana.post(
        f"{base}/hand-over", {"agent": str(cast.ben.pk), "version": "4", "reason": "Leave"}
    )
    assert given["Location"] == "/"
    assert ana.get(base).status_code == 404
    ben = enter(cast.ben)
    assert "Say why" in ben.post(f"{base}/cancellation", {"version": "5"}).content.decode()
    ben.post(f"{base}/cancellation", {"version": "5", "cancel_reason": "Solved"})
    made.refresh_from_db()
    assert made.status == "cancelled"
    page = ben.get(base).content.decode()
    for word in (
        "Ownership taken",
        "Ownership given up",
        "Handed over",
        "Leave",
        "Cancelled",
        "Solved",
    ):
        assert word in page
    again = ben.post(f"{base}/cancellation", {"version": "6", "cancel_reason": "Solved"})
    assert "This callback is over" in again.content.decode()


@pytest.mark.parametrize("version", ["", "x", "-1", "１", "9" * 40])
def test_a_nonsense_version_is_no_error_page(cast: Cast, enter: Enter, version: str) -> None:
    made = soon(cast, owner_id=cast.ana.pk)
    answer = enter(cast.ana).post(f"/callbacks/{made.pk}/cancellation", {"version": version})
    assert answer.status_code == 422


def test_presence_is_set_to_what_exists(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ana)
    client.post("/presence", {"presence": "on_queue"})
    assert client.post("/presence", {"presence": "dancing", "next": "//evil"})["Location"] == "/"
    cast.ana.agent.refresh_from_db()
    assert cast.ana.agent.presence == "on_queue"


# --- the frame -------------------------------------------------------------------------------


def test_a_silent_engine_is_never_silent_on_screen(cast: Cast, enter: Enter) -> None:
    """Screens: Shell. A minute without a sign of life, and the red strip stands on every page."""
    client, later = enter(cast.ana), datetime.now(UTC) + timedelta(hours=1)
    for since, is_silent in ((None, True), (59, False), (61, True)):
        if since is not None:
            heard_at = {"at": later - timedelta(seconds=since)}
            Heartbeat.objects.update_or_create(part="clock", defaults=heard_at)
        with time_machine.travel(later, tick=False):
            text = client.get("/").content.decode()
        assert ('class="strip"' in text) is is_silent, since
    assert "silent for 1 minute" in text


def test_a_clock_that_starts_with_the_web_gets_a_minute_to_be_heard(
    cast: Cast, enter: Enter
) -> None:
    Heartbeat.beat("clock", datetime.now(UTC) - timedelta(days=1))
    with time_machine.travel(shell.STARTED_AT + timedelta(seconds=30), tick=False):
        assert 'class="strip"' not in enter(cast.ana).get("/").content.decode()


def test_names_cannot_break_out_of_the_page(cast: Cast, enter: Enter) -> None:
    evil = "<script>alert(1)</script>\u202e"
    made = soon(cast, contact_name=evil, reason=evil, ticket_id=evil, owner_id=cast.ana.pk)
    client = enter(cast.ana)
    for address in (
        "/",
        "/callbacks",
        made.get_absolute_url(),
        f"{made.get_absolute_url()}/change",
    ):
        assert "<script>alert" not in client.get(address).content.decode()
