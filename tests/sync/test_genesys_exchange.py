"""The exchange with Genesys Cloud: what it cannot patch, does not show yet, or drops without a word."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from callbacks.lifecycle import Status
from callbacks.models import (
    Agent,
    Callback,
    ConnectedQueue,
    Connection,
    Counterpart,
    Newcomer,
    OutboxMessage,
)
from callbacks.models.connection import Dialect
from callbacks.scheduling import Changes, change, schedule
from callbacks.sync import exchange, jobs
from callbacks.sync.connecting import USUAL, Wish, add, problems_of
from callbacks.sync.connecting import test as try_out
from callbacks.sync.platforms.base import Remote
from tests.cast import Cast, by, wish
from tests.practice.platforms import (
    ANA,
    BEN,
    GENESYS,
    QUERY,
    SUPPORT,
    Practice,
    ahead,
    key_of,
    process,
    query,
    wait,
)
from tests.sync.conftest import connect
from tests.sync.genesys import content, do, give, kept, only, requests, speaking

State = Counterpart.State
CREATE = f"POST {GENESYS}$"
SEARCH = "POST analytics/conversations/details/query"


@pytest.fixture(scope="module")
def shared() -> Iterator[Practice]:
    """One process for all tests of this file."""
    with process("--rate", "none", "--dialect", "genesys-cloud") as found:
        yield found


@pytest.fixture
def platform(shared: Practice) -> Practice:
    """Emptied."""
    shared.console("POST", "reset", {})
    shared.console("DELETE", "status")
    return shared


@pytest.fixture
def connection(cast: Cast, platform: Practice) -> Connection:
    """Support in step with the platform's Support, whose Ana and Ben are ours; polled when we say."""
    usual = USUAL[Dialect.GENESYS_CLOUD]
    made = connect(cast, platform, dialect=Dialect.GENESYS_CLOUD, requests=1000, **usual)
    ConnectedQueue.objects.update(remote_id=SUPPORT)
    for user, key in ((cast.ana, ANA), (cast.ben, BEN)):
        Agent.objects.filter(user=user).update(platform_id=key)
    Connection.objects.update(poll_at=datetime.now(UTC) + timedelta(days=1))
    return made


def promise(cast: Cast, **changes: Any) -> Callback:
    """A callback for tomorrow, by the real clock."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    wanted = wish(cast.support, date=f"{tomorrow:%Y-%m-%d}", **changes)
    return schedule(wanted, by=by(cast.sam), at=datetime.now(UTC)).callback


def owned(cast: Cast, **changes: Any) -> Callback:
    """One that Ana owns."""
    return promise(cast, owner_id=Agent.objects.get(user=cast.ana).pk, **changes)


def alter(callback: Callback, cast: Cast, **changes: Any) -> None:
    """Sam changes it."""
    change(callback.pk, Changes(**changes), by=by(cast.sam), at=datetime.now(UTC), version=None)


def run(connection: Connection, *, after: timedelta = timedelta()) -> None:
    """Exchange, so much later: what is remembered is moved back instead of waiting for it."""
    Connection.objects.update(rests_until=None)
    for there in Counterpart.objects.all():
        for name in ("sent_at", "check_at", "synced_at", "seen_at", "next_attempt_at"):
            if moment := getattr(there, name):
                setattr(there, name, moment - after)
        there.save()
    exchange(connection.pk, seconds=5)


def poll(connection: Connection, **later: timedelta) -> None:
    """Exchange with a look at what happened there."""
    Connection.objects.update(poll_at=datetime.now(UTC))
    run(connection, **later)


def settled(connection: Connection) -> timedelta:
    """Longer than anything needs to settle."""
    return connection.settle + timedelta(seconds=1)


def told(callback: Callback) -> str:
    """All that its history says of the platform."""
    return " ".join(callback.history.order_by("id").values_list("reason", flat=True))


def live(platform: Practice) -> list[dict[str, Any]]:
    """What is open there."""
    return [one for one in kept(platform) if one["isLive"]]


def is_all_settled() -> bool:
    """Whether the outbox is empty."""
    return not OutboxMessage.objects.filter(settled_at__isnull=True).exists()


class TestTelling:
    """Made and marked; patched where that is possible; else cancelled and made anew, and said so."""

    def test_it_is_made_and_marked_with_our_reference(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = owned(cast, external_data={"plan": {"a": [1]}})
        run(connection)
        there, counterpart = only(platform), Counterpart.objects.get()
        assert (counterpart.state, counterpart.external_id) == (
            State.THERE,
            there["conversation_id"],
        )
        assert there["tag"] == there["data"]["extId"] == counterpart.reference
        assert (there["agent_id"], there["is_owned"]) == (ANA, True)
        assert there["data"]["timeZone"] == callback.contact_time_zone
        assert (there["data"]["consent"], there["data"]["plan"]) == ("yes", '{"a": [1]}')
        assert is_all_settled()

    def test_a_new_time_of_an_owned_one_is_a_patch(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = owned(cast)
        run(connection)
        alter(callback, cast, requested_at=callback.requested_at + timedelta(hours=2))
        run(connection)
        (there,) = live(platform)
        later = callback.requested_at + timedelta(hours=2)
        assert there["requested_at"] == f"{later:%Y-%m-%dT%H:%M:%S}.000Z"
        assert len(kept(platform)) == 1
        assert is_all_settled()

    def test_new_times_of_many_are_one_request(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        promises = [owned(cast, time=f"{hour:02}:00") for hour in range(8, 18)]
        run(connection)
        platform.console("DELETE", "status")
        for callback in promises:
            alter(callback, cast, requested_at=callback.requested_at + timedelta(minutes=30))
        run(connection)
        assert [one for one in requests(platform) if "routing" not in one] == [
            "POST conversations/callbacks/bulk/update"
        ]
        assert sorted(one["requested_at"][14:16] for one in live(platform)) == ["30"] * 10
        assert is_all_settled()

    @pytest.mark.parametrize(
        ("make", "changes"),
        [(owned, {"contact_name": "Nora"}), (owned, {"owner_id": None}), (promise, {"date": ""})],
    )
    def test_what_it_cannot_patch_is_cancelled_and_made_anew(
        self, cast: Cast, platform: Practice, connection: Connection,
        make: Callable[[Cast], Callback], changes: dict[str, Any],
    ) -> None:  # fmt: skip
        callback = make(cast)
        run(connection)
        if "date" in changes:
            changes = {"requested_at": callback.requested_at + timedelta(hours=1)}
        alter(callback, cast, **changes)
        run(connection)
        (there,) = live(platform)
        counterpart = Counterpart.objects.get()
        assert counterpart.generation == 2
        assert there["tag"] == counterpart.reference == f"{callback.pk}.2"
        assert platform.console("GET", "status")["effects"]["cancel"] == 1
        assert "Cancelled on the platform, to be made there anew: the platform can" in told(
            callback
        )
        assert is_all_settled()

    def test_it_waits_until_an_agent_is_done_with_it(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = promise(cast)
        run(connection)
        made = Remote(Counterpart.objects.get().external_id, "")
        leg = give(platform, made)
        alter(callback, cast, contact_name="Nora")
        run(connection)
        counterpart = Counterpart.objects.get()
        assert (counterpart.state, len(live(platform))) == (State.THERE, 1)
        assert counterpart.last_error == "An agent has it in hand there."
        assert counterpart.attempts >= 1
        do(platform, made, leg, state="connected")
        do(platform, made, leg, state="disconnected")
        run(connection, after=timedelta(minutes=10))
        callback.refresh_from_db()
        assert callback.status == Status.COMPLETED
        assert is_all_settled()

    def test_a_queue_that_drops_owners_is_a_matter_for_a_person(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        dull = {"name": "Support", "id": SUPPORT, "owns": False}
        platform.console("POST", "people", {"queues": [dull]})
        callback = owned(cast)
        run(connection)
        assert Counterpart.objects.get().state == State.PARKED
        assert "holds no callback for its owner" in told(callback)
        assert kept(platform) == []


class TestLostAnswers:
    """One there in the end, however late the search shows it."""

    @pytest.mark.parametrize(
        "fault", ["drop_after", "500_after", "no_id", "html_after", "drop_before"]
    )
    def test_nothing_is_looked_for_before_it_has_settled(
        self, cast: Cast, platform: Practice, connection: Connection, fault: str
    ) -> None:
        promise(cast)
        platform.order(on=CREATE, script=[fault])
        run(connection)
        assert Counterpart.objects.get().state == State.SENDING
        assert SEARCH not in requests(platform)
        run(connection, after=settled(connection))
        assert Counterpart.objects.get().state == State.THERE
        assert [one["tag"] for one in live(platform)] == [Counterpart.objects.get().reference]
        assert platform.console("GET", "doubles") == {"doubles": {}, "createdTwice": {}}
        assert is_all_settled()

    def test_a_search_that_lags_beyond_it_leaves_a_double_that_is_found_and_cancelled(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = promise(cast)
        platform.order(on=CREATE, script=["drop_after"], lag=3600)
        run(connection)
        run(connection, after=settled(connection))
        assert len(live(platform)) == 2
        platform.order(lag=0)
        run(connection, after=settled(connection))
        (there,) = live(platform)
        assert there["conversation_id"] == Counterpart.objects.get().external_id
        assert "It was on the platform twice" in told(callback)

    def test_the_newer_of_two_is_known_though_the_search_shows_only_the_older(
        self, platform: Practice
    ) -> None:
        with speaking(platform) as genesys:
            late = genesys.create(content())
            platform.order(lag=0.2)
            wait(lambda: len(genesys.find(content())) == 1)
            known = genesys.create(content())
            assert [one.id for one in genesys.find(content())] == [late.id]
            (doubles,) = jobs.check(content(), known.id)(genesys)
        assert isinstance(doubles, jobs.Doubles)
        assert doubles.kept
        assert doubles.kept.id == known.id
        assert [one.id for one in doubles.dropped] == [late.id]
        assert [one["conversation_id"] for one in live(platform)] == [known.id]

    @pytest.mark.parametrize("fault", ["500_before", "drop_after", "403_before"])
    def test_a_mark_that_fails_makes_no_second_one(
        self, cast: Cast, platform: Practice, connection: Connection, fault: str
    ) -> None:
        promise(cast)
        platform.order(on="PUT ", script=[fault])
        run(connection)
        assert (Counterpart.objects.get().state, len(live(platform))) == (State.THERE, 1)
        assert is_all_settled()

    def test_too_fast_for_the_mark_is_a_rest_for_the_connection(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        promise(cast)
        platform.order(on="PUT ", script=["429_seconds"], retry_after=30)
        run(connection)
        connection.refresh_from_db()
        assert connection.is_resting(datetime.now(UTC) + timedelta(seconds=20))
        assert (Counterpart.objects.get().state, len(live(platform))) == (State.THERE, 1)

    def test_a_lost_answer_to_a_patch_is_read_and_nothing_is_done_twice(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = owned(cast)
        run(connection)
        platform.order(on=f"PATCH {GENESYS}$", script=["500_after"])
        alter(callback, cast, requested_at=callback.requested_at + timedelta(hours=2))
        run(connection)
        run(connection, after=settled(connection))
        patches = [one for one in requests(platform) if one == "PATCH conversations/callbacks"]
        assert (len(patches), len(kept(platform))) == (1, 1)
        assert is_all_settled()


class TestComingBack:
    """What happens there, by lists that lag and conversations that do not."""

    def test_a_list_that_lags_takes_nothing_back(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = owned(cast)
        run(connection)
        later = callback.requested_at + timedelta(hours=2)
        alter(callback, cast, requested_at=later)
        wait(lambda: is_shown_with_lag(platform, 0.5))
        run(connection)
        (there,) = live(platform)
        assert there["requested_at"] == f"{later:%Y-%m-%dT%H:%M:%S}.000Z"
        poll(connection)
        assert shown_time(platform) != there["requested_at"], "The search showed it at once."
        callback.refresh_from_db()
        assert callback.requested_at == later

    def test_another_time_there_comes_back_once_ours_has_settled(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = owned(cast)
        run(connection)
        moved = ahead(hours=30)
        meddle(platform, do="reschedule", requestedTime=moved)
        poll(connection)
        callback.refresh_from_db()
        assert f"{callback.requested_at:%Y-%m-%dT%H:%M:%S}" != moved[:19]
        poll(connection, after=settled(connection))
        callback.refresh_from_db()
        assert f"{callback.requested_at:%Y-%m-%dT%H:%M:%S}" == moved[:19]
        assert is_all_settled()

    def test_another_owner_there_comes_back(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = owned(cast)
        run(connection)
        meddle(platform, do="own", agentId=BEN)
        poll(connection, after=settled(connection))
        callback.refresh_from_db()
        assert callback.owner
        assert callback.owner.user == cast.ben

    def test_ownership_that_was_dropped_without_a_word_is_told(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        """Bao is no member of the platform's Support: it takes the callback, but not as his."""
        Agent.objects.filter(user=cast.ana).update(platform_id=key_of("agent", "bao"))
        callback = owned(cast)
        run(connection)
        assert not only(platform)["is_owned"]
        poll(connection, after=settled(connection))
        callback.refresh_from_db()
        assert callback.owner is None
        assert told(callback).count("Changed on the platform.") == 1
        platform.order(lag=3600)
        poll(connection, after=settled(connection) * 2)
        callback.refresh_from_db()
        assert callback.owner is None, "The conversation itself cannot tell, and is not asked."

    @pytest.mark.parametrize(
        ("what", "status"), [("cancel", Status.CANCELLED), ("expire", Status.EXPIRED)]
    )
    def test_what_is_over_there_is_read_and_over_here(
        self, cast: Cast, platform: Practice, connection: Connection, what: str, status: Status
    ) -> None:
        callback = promise(cast)
        run(connection)
        meddle(platform, do=what)
        poll(connection, after=settled(connection) * 2)
        callback.refresh_from_db()
        assert callback.status == status

    def test_one_that_was_made_there_appears_here(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        command = {
            "callbackNumbers": ["+12025550188"],
            "callbackUserName": "Vera",
            "queueId": SUPPORT,
        }
        platform.post(GENESYS, {**command, "callbackScheduledTime": ahead(hours=30)})
        poll(connection)
        callback = Callback.objects.get()
        assert (callback.contact_name, callback.queue) == ("Vera", cast.support)
        assert Counterpart.objects.get().external_id == only(platform)["conversation_id"]

    def test_one_that_was_made_anew_does_not_come_back_as_an_earlier_one(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = promise(cast)
        run(connection)
        wait(lambda: is_shown_with_lag(platform, 0.5))
        alter(callback, cast, contact_name="Nora")
        run(connection)
        poll(connection)
        assert (Callback.objects.count(), Newcomer.objects.count()) == (1, 0)

    def test_words_of_tomorrow_change_nothing(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        callback = owned(cast)
        run(connection)
        before = callback.history.count()
        platform.order(on=f"POST /api/v2/analytics|GET {GENESYS}", shares={"unknown_enum": 1})
        poll(connection, after=settled(connection))
        assert callback.history.count() == before
        assert Counterpart.objects.get().state == State.THERE


class TestConnecting:
    """By its region; with a long settle time; and what its queues allow is told."""

    @pytest.mark.parametrize("said", ["eu-central-1", "https://api.mypurecloud.de/"])
    def test_a_region_is_enough(self, cast: Cast, settings: Settings, said: str) -> None:
        settings.PRIVATE_PLATFORMS = False
        made = add(wish_for(said), {}, by=by(cast.ada), at=datetime.now(UTC))
        assert made.base_url == "https://api.mypurecloud.de"
        assert made.token_url == "https://login.mypurecloud.de/oauth/token"
        assert (made.rate, made.settle_seconds, made.batch_size) == (5, 30, 50)

    @pytest.mark.parametrize("said", ["", "eu-central-7", "https://api.mypurecloud.example"])
    def test_any_other_host_is_refused(self, cast: Cast, settings: Settings, said: str) -> None:
        settings.PRIVATE_PLATFORMS = False
        (problem,) = problems_of(wish_for(said), {})
        assert (problem.field, "no region" in problem.message) == ("base_url", True)

    def test_what_its_queues_hold_for_owners_is_told(
        self, cast: Cast, platform: Practice, connection: Connection
    ) -> None:
        strict = {"name": "Support", "id": SUPPORT, "aheadHours": 48}
        platform.console("POST", "people", {"queues": [strict]})
        told = try_out(connection, at=datetime.now(UTC)).said
        assert "Support lets owners promise at most 48 hours there, and 168 hours here." in told
        platform.console("POST", "people", {"queues": [{**strict, "owns": False}]})
        told = try_out(connection, at=datetime.now(UTC)).said
        assert any("Support holds no callbacks for their owners there" in one for one in told)


def wish_for(base_url: str) -> Wish:
    """A connection to Genesys Cloud."""
    return Wish("Genesys", Dialect.GENESYS_CLOUD, base_url, "", "client", "secret")


def test_a_free_host_is_asked_nothing_where_that_is_not_allowed(
    cast: Cast, platform: Practice, connection: Connection, settings: Settings
) -> None:
    settings.PRIVATE_PLATFORMS = False
    promise(cast)
    run(connection)
    connection.refresh_from_db()
    assert "is no region of Genesys Cloud" in connection.refused_reason
    assert connection.is_resting(datetime.now(UTC))
    assert requests(platform) == []


def shown_time(platform: Practice) -> str:
    """The time of the only callback, as the search shows it now; empty: it shows none."""
    told = platform.post(QUERY, query()).json()["conversations"]
    sessions = [one["participants"][0]["sessions"][0] for one in told]
    return str(sessions[0]["callbackScheduledTime"]) if sessions else ""


def is_shown_with_lag(platform: Practice, seconds: float) -> bool:
    """Whether even a search that lags shows it by now."""
    platform.order(lag=seconds)
    return shown_time(platform) != ""


def meddle(practice: Practice, **body: Any) -> None:
    """What somebody does with the only callback at another console."""
    practice.console("POST", f"callbacks/{only(practice)['id']}", body)
