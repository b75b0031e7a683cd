"""The exchange with a real platform: in order, once in effect, whatever its answers (rules §6)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callbacks.models import Callback, Connection, Counterpart, OutboxMessage
from callbacks.scheduling import Changes, cancel, change, schedule
from callbacks.sync import exchange
from tests.cast import Cast, by, fresh_number, wish
from tests.practice.platforms import Practice
from tests.sync.conftest import connect

State = Counterpart.State


def promise(cast: Cast, **changes: Any) -> Callback:
    """A callback for tomorrow, by the real clock."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    wanted = wish(cast.support, date=f"{tomorrow:%Y-%m-%d}", **changes)
    return schedule(wanted, by=by(cast.ana), at=datetime.now(UTC)).callback


def run(connection: Connection, *, times: int = 1) -> None:
    """Exchange until nothing waits; several times where something must settle first."""
    for _ in range(times):
        exchange(connection.pk, seconds=5)


def live(platform: Practice) -> list[dict[str, Any]]:
    """What the platform holds open."""
    found: list[dict[str, Any]] = platform.console("GET", "callbacks?live=1&limit=1000")["lines"]
    return found


def is_all_settled() -> bool:
    """Whether the outbox is empty."""
    return not OutboxMessage.objects.filter(settled_at__isnull=True).exists()


class TestTelling:
    """Every change reaches it, folded, and what it knows is not told again."""

    def test_a_new_callback_is_made_there(self, cast: Cast, platform: Practice) -> None:
        connection = connect(cast, platform)
        made = promise(cast, contact_name="Nora", external_data={"plan": {"a": [1]}})
        run(connection)
        (there,) = live(platform)
        counterpart = Counterpart.objects.get()
        assert (counterpart.state, counterpart.external_id) == (State.THERE, there["id"])
        assert there["number"] == made.phone_number
        assert there["data"]["timeZone"] == made.contact_time_zone
        assert there["data"]["plan"] == '{"a": [1]}'
        assert is_all_settled()

    def test_changes_that_were_not_sent_yet_are_one_request(
        self, cast: Cast, platform: Practice
    ) -> None:
        connection = connect(cast, platform)
        made = promise(cast)
        for n in range(5):
            change(
                made.pk,
                Changes(reason=f"Reason {n}"),
                by=by(cast.ana),
                at=datetime.now(UTC),
                version=None,
            )
        run(connection)
        assert platform.effects() == {"create": 1}
        assert live(platform)[0]["data"]["reason"] == "Reason 4"

    def test_what_is_changed_later_is_patched(self, cast: Cast, platform: Practice) -> None:
        connection = connect(cast, platform)
        made = promise(cast)
        run(connection)
        later = made.requested_at + timedelta(hours=2)
        wanted = Changes(requested_at=later)
        change(made.pk, wanted, by=by(cast.ana), at=datetime.now(UTC), version=None)
        run(connection)
        assert platform.effects() == {"create": 1, "update": 1}
        assert live(platform)[0]["requested_at"] == f"{later:%Y-%m-%dT%H:%M:%S}.000Z"

    def test_one_that_is_over_is_ended_there(self, cast: Cast, platform: Practice) -> None:
        connection = connect(cast, platform)
        made = promise(cast)
        run(connection)
        cancel(made.pk, reason="Solved.", by=by(cast.ana), at=datetime.now(UTC), version=None)
        run(connection)
        assert live(platform) == []
        assert platform.effects() == {"create": 1, "cancel": 1}
        assert Counterpart.objects.get().state == State.OVER

    def test_one_that_was_over_before_it_was_told_is_never_made(
        self, cast: Cast, platform: Practice
    ) -> None:
        connection = connect(cast, platform)
        made = promise(cast)
        cancel(made.pk, reason="A mistake.", by=by(cast.ana), at=datetime.now(UTC), version=None)
        run(connection)
        assert platform.effects() == {}
        assert is_all_settled()

    def test_what_changes_nothing_for_it_is_no_request(
        self, cast: Cast, platform: Practice
    ) -> None:
        connection = connect(cast, platform)
        made = promise(cast)
        run(connection)
        change(
            made.pk,
            Changes(priority=made.priority + 1),
            by=by(cast.sam),
            at=datetime.now(UTC),
            version=None,
        )
        change(
            made.pk,
            Changes(priority=made.priority),
            by=by(cast.sam),
            at=datetime.now(UTC),
            version=None,
        )
        run(connection)
        assert platform.effects() == {"create": 1}
        assert is_all_settled()

    def test_of_queues_that_are_not_connected_it_hears_nothing(
        self, cast: Cast, platform: Practice
    ) -> None:
        connection = connect(cast, platform)
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        wanted = wish(cast.billing, date=f"{tomorrow:%Y-%m-%d}")
        schedule(wanted, by=by(cast.ada), at=datetime.now(UTC))
        run(connection)
        assert platform.effects() == {}

    def test_many_go_together_where_it_takes_many(self, cast: Cast, platform: Practice) -> None:
        connection = connect(cast, platform, batch_size=50)
        for _ in range(120):
            promise(cast)
        run(connection)
        assert len(live(platform)) == 120
        asked = platform.console("GET", "requests?limit=1000")["lines"]
        batches = [one for one in asked if one["endpoint"].endswith("/batch")]
        assert len(batches) == 3
        assert is_all_settled()

    def test_one_whose_time_has_passed_is_told_as_due_now_with_what_was_promised(
        self, cast: Cast, platform: Practice
    ) -> None:
        """After an outage of the platform (rules §6.1): no platform takes the past."""
        connection = connect(cast, platform)
        made = promise(cast)
        past = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
        Callback.objects.filter(pk=made.pk).update(
            requested_at=past,
            window_starts_at=past,
            window_ends_at=past + timedelta(hours=1),
        )
        run(connection)
        (there,) = live(platform)
        assert there["data"]["promisedAt"] == past.isoformat()
        assert datetime.fromisoformat(there["requested_at"]) > datetime.now(UTC)
        change(made.pk, Changes(reason="Late"), by=by(cast.sam), at=datetime.now(UTC), version=None)
        run(connection)
        (again,) = live(platform)
        assert (again["data"]["reason"], again["requested_at"]) == ("Late", there["requested_at"])
        assert platform.effects() == {"create": 1, "update": 1}
        assert is_all_settled()


class TestFaults:
    """Whatever it answers: one there, with the right content, and nothing left to tell."""

    @pytest.mark.parametrize(
        "fault",
        [
            "drop_before", "drop_after", "500_before", "500_after", "502_before", "503_before",
            "504_after", "429_seconds", "429_date", "429_bare", "token_dies", "html_after",
            "invalid_json", "cut_json", "truncated", "empty", "no_id", "redirect", "403_before",
        ],
    )  # fmt: skip
    def test_a_new_callback_is_there_once(self, cast: Cast, platform: Practice, fault: str) -> None:
        connection = connect(cast, platform)
        made = promise(cast)
        platform.order(script=[fault], retry_after=1)
        settle(connection)
        assert [one["number"] for one in live(platform)] == [made.phone_number]
        assert platform.effects() == {"create": 1}
        assert platform.console("GET", "doubles")["createdTwice"] == {}
        assert is_all_settled()

    @pytest.mark.parametrize("fault", ["drop_after", "500_after", "504_after", "drop_before"])
    def test_a_change_is_there(self, cast: Cast, platform: Practice, fault: str) -> None:
        connection = connect(cast, platform)
        made = promise(cast)
        settle(connection)
        change(made.pk, Changes(reason="New"), by=by(cast.ana), at=datetime.now(UTC), version=None)
        platform.order(script=[fault])
        settle(connection)
        assert live(platform)[0]["data"]["reason"] == "New"
        assert is_all_settled()

    @pytest.mark.parametrize(
        "fault", ["batch_reordered", "batch_missing", "batch_extra", "partial", "500_after",
                  "token_dies_midway", "drop_after", "413_before"],
    )  # fmt: skip
    def test_a_batch_is_there_once_each(self, cast: Cast, platform: Practice, fault: str) -> None:
        connection = connect(cast, platform, batch_size=20)
        for _ in range(20):
            promise(cast)
        platform.order(script=[fault])
        settle(connection)
        assert len(live(platform)) == 20
        assert platform.console("GET", "doubles")["createdTwice"] == {}
        assert is_all_settled()

    def test_somebody_elses_callback_in_the_way_is_a_conflict_and_never_a_second_one(
        self, cast: Cast, platform: Practice
    ) -> None:
        connection = connect(cast, platform)
        number = fresh_number()
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        theirs = {
            "target": {"id": number, "type": "phoneNumber"},
            "requestedTime": f"{tomorrow:%Y-%m-%dT%H:%M:%S}.000Z",
        }
        other = platform.post("/api/v2/callbacks", theirs).json()
        made = promise(cast, phone_number=number)
        settle(connection)
        counterpart = Counterpart.objects.get()
        assert (counterpart.state, counterpart.existing_id) == (State.CONFLICT, other["id"])
        assert len(live(platform)) == 1
        assert other["id"] in made.history.latest("at").reason


def settle(connection: Connection) -> None:
    """Exchange until it is calm, as if every pause were over."""
    for _ in range(8):
        Connection.objects.filter(pk=connection.pk).update(rests_until=None)
        Counterpart.objects.update(next_attempt_at=datetime.now(UTC))
        exchange(connection.pk, seconds=5)
        if is_all_settled():
            return
