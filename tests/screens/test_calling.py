"""What an agent sees and does when a callback rings: the offer, the call, wrap-up, presence."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callbacks import clock
from callbacks.lifecycle import Status
from callbacks.models import Agent, Attempt, Callback, Offer, Outcome, Presence, Task, User
from callbacks.scheduling import schedule
from tests.cast import Cast, by, open_day_and_night, wish_at

Enter = Callable[[User], Client]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _any_hour(cast: Cast) -> None:
    open_day_and_night(cast.support)


def now() -> datetime:
    return datetime.now(UTC)


def due(cast: Cast, maker: User | None = None, **changes: object) -> Callback:
    """A callback that falls due now, whatever the hour is in London."""
    made = schedule(
        wish_at(cast.support, now(), **changes), by=by(maker or cast.sam), at=now()
    )  # fmt: skip
    return made.callback


def ringing(cast: Cast, user: User, **changes: object) -> Callback:
    """A callback that rings for this agent."""
    Agent.objects.filter(pk=user.pk).update(presence=Presence.ON_QUEUE)
    callback = due(cast, **changes)
    clock.tick()
    callback.refresh_from_db()
    assert callback.agent_id == user.pk
    return callback


def answer(client: Client, callback: Callback, said: str) -> object:
    return client.post(f"/callbacks/{callback.pk}/answer", {"answer": said})


def test_an_offer_shows_on_every_screen_with_both_clocks_and_why(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    client = enter(cast.ana)
    for address in ("/", "/callbacks", callback.get_absolute_url(), "/now", "/now?large=1"):
        page = client.get(address).content.decode()
        assert "Call back <bdi>Liam Byrne</bdi> now?" in page, address
        assert f'data-rings="{callback.pk}"' in page
        assert "in London" in page
        assert "in New York" in page
        assert "Offered to Ana Reyes: the only one available" in page
    assert "Call back" not in enter(cast.ben).get("/").content.decode()


def test_accepting_leads_to_the_call_with_all_that_is_needed(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana, ticket_id="INC-7", external_data={"crm": "C-9"})
    client = enter(cast.ana)
    assert answer(client, callback, "accept").url == "/"  # type: ignore[attr-defined]
    page = client.get("/").content.decode()
    assert "On a call with <bdi>Liam Byrne</bdi>" in page
    assert f'href="tel:{callback.phone_number}"' in page
    for part in ("INC-7", "C-9", "Router", "Reached", "No answer", "Finish the call", "History"):
        assert part in page
    elsewhere = client.get("/callbacks").content.decode()
    assert "To the call" in elsewhere


def test_wrapping_up_completes_it_and_the_list_of_today_shows_it(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    client = enter(cast.ana)
    answer(client, callback, "accept")
    reached = Outcome.objects.get(name="Reached")
    response = client.post(
        f"/callbacks/{callback.pk}/wrap-up",
        {"outcome": str(reached.pk), "notes": "Sent the manual"},
        follow=True,
    )
    page = response.content.decode()
    assert "Liam Byrne: completed." in page
    assert "Callback Tasks Completed: <strong>1</strong>" in page
    assert Attempt.objects.get().notes == "Sent the manual"


@pytest.mark.parametrize("is_htmx", [True, False])
def test_a_wrap_up_without_an_outcome_is_refused_and_keeps_the_notes(
    cast: Cast, enter: Enter, is_htmx: bool
) -> None:
    callback = ringing(cast, cast.ana)
    client = enter(cast.ana)
    answer(client, callback, "accept")
    headers = {"HX-Request": "true"} if is_htmx else {}
    response = client.post(
        f"/callbacks/{callback.pk}/wrap-up", {"notes": "Sent <the> manual"}, headers=headers
    )
    page = response.content.decode()
    assert response.status_code == 422
    assert "Say how the call ended." in page
    assert "Sent &lt;the&gt; manual" in page
    assert ("<html" in page) is not is_htmx
    assert Callback.objects.get().status == Status.IN_PROGRESS


def test_a_wrap_up_can_make_a_task(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    client = enter(cast.ana)
    answer(client, callback, "accept")
    outcome = Outcome.objects.get(name="Reached")
    client.post(
        f"/callbacks/{callback.pk}/wrap-up", {"outcome": str(outcome.pk), "task": "Send the bill"}
    )
    assert Callback.objects.get().status == Status.CONVERTED
    assert Task.objects.get().assignee_id == cast.ana.pk


def test_a_wrap_up_of_a_call_that_was_taken_back_shows_the_notes_again(
    cast: Cast, enter: Enter
) -> None:
    callback = ringing(cast, cast.ana)
    client = enter(cast.ana)
    answer(client, callback, "accept")
    callback.refresh_from_db()
    enter(cast.sam).post(
        f"/callbacks/{callback.pk}/taking-back",
        {"reason": "Line is dead", "version": callback.version},
    )
    outcome = Outcome.objects.get(name="Reached")
    page = client.post(
        f"/callbacks/{callback.pk}/wrap-up",
        {"outcome": str(outcome.pk), "notes": "Wanted a refund"},
        follow=True,
    ).content.decode()
    assert "This call is over already" in page
    assert "Wanted a refund" in page
    assert Attempt.objects.get(was_interrupted=True).outcome is None


def test_declining_rings_the_next_one_and_says_nothing_wrong(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    Agent.objects.filter(pk=cast.ben.pk).update(presence=Presence.ON_QUEUE)
    answer(enter(cast.ana), callback, "decline")
    callback.refresh_from_db()
    assert callback.agent_id == cast.ben.pk
    assert Offer.objects.get(agent=cast.ana.pk).result == "declined"


def test_a_late_answer_says_where_the_callback_went(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    Agent.objects.filter(pk=cast.ben.pk).update(presence=Presence.ON_QUEUE)
    clock.tick(now() + MINUTE)
    for said in ("accept", "decline"):
        page = enter(cast.ana).post(
            f"/callbacks/{callback.pk}/answer", {"answer": said}, follow=True
        ).content.decode()  # fmt: skip
        assert "This offer is over" in page
        assert "Offered to Ben Hughes" in page
    callback.refresh_from_db()
    assert callback.agent_id == cast.ben.pk


def test_a_missed_offer_is_told_and_one_button_brings_the_agent_back(
    cast: Cast, enter: Enter
) -> None:
    callback = ringing(cast, cast.ana)
    clock.tick(now() + MINUTE)
    client = enter(cast.ana)
    assert "You are not responding." in client.get("/callbacks").content.decode()
    client.post("/presence", {"back": "1"})
    assert "You are not responding." not in client.get("/").content.decode()
    callback.refresh_from_db()
    assert callback.agent_id == cast.ana.pk, "what waits rings at once"


def test_going_on_queue_finds_what_waits(cast: Cast, enter: Enter) -> None:
    callback = due(cast, cast.ana, owner_id=cast.ana.pk)
    clock.tick()
    client = enter(cast.ana)
    page = client.get("/").content.decode()
    assert "1 of your promises is due and waits for you." in page
    response = client.post("/presence", {"presence": "on_queue"}, headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Trigger"]) == (204, '{"live:mine": {}}')
    callback.refresh_from_db()
    assert callback.agent_id == cast.ana.pk


def test_who_was_set_away_is_told_on_return(cast: Cast, enter: Enter) -> None:
    Agent.objects.filter(pk=cast.ana.pk).update(
        presence=Presence.AWAY, presence_reason="You were set to Away because …"
    )
    client = enter(cast.ana)
    assert "You were set to Away because …" in client.get("/").content.decode()
    client.post("/presence", {"presence": "on_queue"})
    assert "You were set to Away" not in client.get("/").content.decode()


def test_a_presence_that_does_not_exist_changes_nothing(cast: Cast, enter: Enter) -> None:
    for said in ("", "asleep", "x" * 5000):
        assert enter(cast.ana).post("/presence", {"presence": said}).status_code == 302
    assert Agent.objects.get(pk=cast.ana.pk).presence == Presence.OFFLINE


def test_ten_minutes_before_an_own_callback_the_agent_is_reminded(cast: Cast, enter: Enter) -> None:
    soon = schedule(
        wish_at(cast.support, now() + 9 * MINUTE, owner_id=cast.ana.pk), by=by(cast.ana), at=now()
    ).callback  # fmt: skip
    schedule(
        wish_at(cast.support, now() + 30 * MINUTE, owner_id=cast.ana.pk), by=by(cast.ana), at=now()
    )  # fmt: skip
    page = enter(cast.ana).get("/callbacks").content.decode()
    assert page.count("data-reminds=") == 1
    assert f'data-reminds="{soon.pk}"' in page
    assert 'data-remind-in="11' in page or 'data-remind-in="12' in page, (
        "the next one comes by itself"
    )
    assert "data-reminds=" not in enter(cast.ben).get("/callbacks").content.decode()


def test_the_time_of_reminders_is_a_setting(cast: Cast, enter: Enter, settings: object) -> None:
    schedule(
        wish_at(cast.support, now() + 19 * MINUTE, owner_id=cast.ana.pk), by=by(cast.ana), at=now()
    )  # fmt: skip
    client = enter(cast.ana)
    assert "data-reminds=" not in client.get("/now").content.decode()
    settings.REMIND_BEFORE = 20 * MINUTE  # type: ignore[attr-defined]
    assert "data-reminds=" in client.get("/now").content.decode()


def test_an_unchanged_present_is_answered_with_nothing(cast: Cast, enter: Enter) -> None:
    """A refresh must not wipe what somebody types during a call."""
    callback = ringing(cast, cast.ana)
    client = enter(cast.ana)
    answer(client, callback, "accept")
    page = client.get("/now?large=1").content.decode()
    seen = page.split("seen=")[1].split("&")[0].split('"')[0]
    assert client.get(f"/now?large=1&seen={seen}").status_code == 204
    clock.tick(now() + 5 * MINUTE)
    assert client.get(f"/now?large=1&seen={seen}").status_code == 204


def test_the_callbacks_page_tells_why_it_went_there(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    page = enter(cast.sam).get(callback.get_absolute_url()).content.decode()
    assert "Why did it go there?" in page
    assert "<strong>Ben Hughes</strong>: not on queue (Offline)" in page
    clock.tick(now() + MINUTE)
    page = enter(cast.sam).get(callback.get_absolute_url()).content.decode()
    assert "Right now:</strong> Nobody in Support can take it now." in page
    assert "<strong>Ana Reyes</strong>: not responding" in page
    assert "Missed" in page


def test_a_deactivated_agents_promises_move_in_the_admins_own_transaction(
    cast: Cast, enter: Enter
) -> None:
    callback = schedule(
        wish_at(cast.support, now() + 60 * MINUTE, owner_id=cast.ana.pk), by=by(cast.ana), at=now()
    ).callback  # fmt: skip
    client = enter(cast.ada)
    address = f"/admin/callbacks/user/{cast.ana.pk}/change/"
    fields = {
        "username": "ana", "name": "Ana Reyes", "email": "", "role": "agent",
        "time_zone": "America/New_York",
        "agent-TOTAL_FORMS": "1", "agent-INITIAL_FORMS": "1", "agent-MIN_NUM_FORMS": "0",
        "agent-MAX_NUM_FORMS": "1", "agent-0-user": str(cast.ana.pk), "agent-0-presence": "offline",
        "agent-0-team": str(cast.ana.agent.team_id),
    }  # fmt: skip
    page = client.post(address, fields).content.decode()
    assert "Each goes at once to a peer of the team" in page
    callback.refresh_from_db()
    assert callback.owner_id == cast.ana.pk, "asked first"
    tick = page.split('name="confirm_impact"')[1].split('value="')[1].split('"')[0]
    assert client.post(address, {**fields, "confirm_impact": tick}).status_code == 302
    callback.refresh_from_db()
    assert callback.owner_id in {cast.ben.pk, cast.lena.pk}
    assert callback.history.order_by("-version")[0].actor_name == "Ada Lund"


@pytest.mark.parametrize("address", ["/now", "/now?large=1", "/"])
def test_the_present_takes_the_same_statements_for_one_promise_and_for_many(
    cast: Cast, enter: Enter, address: str
) -> None:
    client, counts = enter(cast.ana), []
    for rows in (1, 10):
        for place in range(rows):
            schedule(
                wish_at(cast.support, now() + (place + 1) * MINUTE, owner_id=cast.ana.pk),
                by=by(cast.ana), at=now(),
            )  # fmt: skip
        with CaptureQueriesContext(connection) as statements:
            assert client.get(address).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 12


def test_only_supervisors_take_callbacks_back(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    answer(enter(cast.ana), callback, "accept")
    address = f"/callbacks/{callback.pk}/taking-back"
    assert enter(cast.ana).post(address, {"reason": "x"}).status_code == 403
    assert enter(cast.otto).post(address, {"reason": "x"}).status_code == 404
    page = enter(cast.sam).post(address, {"reason": " "})
    assert page.status_code == 422
    assert "Say why it is taken back" in page.content.decode()
    assert Callback.objects.get().status == Status.IN_PROGRESS


def test_a_call_that_ends_between_two_statements_breaks_no_page(cast: Cast, enter: Enter) -> None:
    """What another process does while this page is put together."""
    callback = ringing(cast, cast.ana)
    client = enter(cast.ana)
    Offer.objects.update(ended_at=now(), result="missed")
    assert client.get("/now?large=1").status_code == 200
    Offer.objects.update(ended_at=None, result="")
    answer(client, callback, "accept")
    Attempt.objects.update(ended_at=now(), was_interrupted=True)
    for address in ("/", "/now", "/now?large=1", "/callbacks"):
        assert client.get(address).status_code == 200


def test_a_presence_that_an_admin_changes_has_the_same_effects(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    fields = {"team": str(cast.ana.agent.team_id), "presence": "break"}
    address = f"/admin/callbacks/agent/{cast.ana.pk}/change/"
    assert enter(cast.ada).post(address, fields).status_code == 302
    callback.refresh_from_db()
    assert (callback.status, callback.agent_id) == (Status.WAITING, None)
    page = enter(cast.ana).get("/").content.decode()
    assert "Ada Lund changed your presence. Choose On Queue when you are back." in page


def test_logging_out_passes_on_what_rings(cast: Cast, enter: Enter) -> None:
    callback = ringing(cast, cast.ana)
    assert enter(cast.ana).post("/logout").status_code == 302
    callback.refresh_from_db()
    assert callback.agent_id is None
    assert Agent.objects.get(pk=cast.ana.pk).presence == Presence.OFFLINE
    assert enter(cast.sam).post("/logout").status_code == 302
    assert Client().post("/logout").status_code in (200, 302)
