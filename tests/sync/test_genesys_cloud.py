"""The dialect of Genesys Cloud against a strict platform, with everything that it may answer."""

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callbacks.sync.platforms import regions
from callbacks.sync.platforms.base import (
    Busy,
    CannotPatch,
    Change,
    Gone,
    NoAnswer,
    NotNow,
    Page,
    PlatformError,
    QueueLimits,
    Refused,
    Remote,
    Standing,
)
from callbacks.sync.platforms.genesys_cloud import GenesysCloud
from tests.practice.platforms import ANA, BEN, BILLING, GENESYS, SUPPORT, Practice, ahead, process
from tests.sync.genesys import (
    NUMBER,
    content,
    do,
    everything,
    give,
    kept,
    only,
    owned,
    requests,
    session,
    speaking,
)

CALLBACKS = "conversations/callbacks"
QUIET = ("--rate", "none", "--dialect", "genesys-cloud")


@pytest.fixture(scope="module")
def shared() -> Iterator[Practice]:
    """One process for all tests of this file that take the platform's answers as they are."""
    with process(*QUIET) as found:
        yield found


@pytest.fixture(scope="module")
def contrary() -> Iterator[Practice]:
    """Its twin with the other answer to everything that nobody could confirm."""
    other = ("--patch-agent", "ignored", "--unowned", "refused", "--numbers", "tel")
    with process(*QUIET, *other, "--interval-days", "40", "--ratelimit-headers") as found:
        yield found


@pytest.fixture(params=["shared", "contrary"])
def practice(request: pytest.FixtureRequest) -> Practice:
    """Both of them, emptied."""
    found: Practice = request.getfixturevalue(request.param)
    return emptied(found)


@pytest.fixture
def genesys(practice: Practice) -> Iterator[GenesysCloud]:
    """A client."""
    with speaking(practice) as found:
        yield found


@pytest.fixture
def as_documented(shared: Practice) -> Practice:
    """The platform as it is most likely, emptied."""
    return emptied(shared)


def emptied(found: Practice) -> Practice:
    """Without callbacks, faults, figures, and tokens that tests before have killed."""
    found.console("POST", "reset", {})
    found.console("DELETE", "status")
    found.token = ""
    return found


class TestMaking:
    """A callback is a conversation; what has no field goes along as data."""

    def test_one_that_nobody_owns(self, practice: Practice, genesys: GenesysCloud) -> None:
        wanted = content(priority=5)
        made = genesys.create(wanted)
        there = only(practice)
        assert there["conversation_id"] == made.id
        assert (there["number"], there["name"]) == (NUMBER, "Liam Byrne")
        assert (there["queue_id"], there["agent_id"], there["priority"]) == (SUPPORT, None, 5)
        assert there["data"] == {**wanted.data, "extId": wanted.reference}
        assert genesys.fetch(made.id).requested_at == wanted.requested_at

    def test_a_window_that_begins_at_another_time_goes_along(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        wanted = content()
        later = wanted.requested_at + timedelta(minutes=10)
        genesys.create(content(window_starts_at=later))
        assert only(practice)["data"]["windowStartsAt"] == f"{later:%Y-%m-%dT%H:%M:%S}.000Z"

    def test_an_owner_is_one_scored_agent_and_a_flag(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        made = genesys.create(owned(preferred=BEN))
        there = only(practice)
        assert (there["agent_id"], there["is_owned"]) == (ANA, True)
        assert genesys.fetch(made.id).owner == ANA

    def test_who_is_only_preferred_does_not_come_back_as_owner(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        made = genesys.create(content(preferred=ANA))
        there = only(practice)
        assert (there["agent_id"], there["is_owned"]) == (ANA, False)
        assert genesys.fetch(made.id).owner is None
        assert [one.owner for one in everything(genesys)] == [None]

    def test_a_queue_that_holds_nothing_for_owners_is_refused_before_it_drops_the_owner(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        dull = {"name": "Support", "id": SUPPORT, "routingRules": 0}
        practice.console("POST", "people", {"queues": [dull]})
        with pytest.raises(Refused, match="Preferred Agent Routing rule"):
            genesys.create(owned())
        assert kept(practice) == []

    def test_so_is_a_time_beyond_what_the_queue_lets_owners_promise(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        strict = {"name": "Support", "id": SUPPORT, "aheadHours": 1}
        practice.console("POST", "people", {"queues": [strict]})
        with pytest.raises(Refused, match="at most 1 hours ahead"):
            genesys.create(owned())
        genesys.create(content())
        assert len(kept(practice)) == 1

    def test_without_a_queue_nothing_is_sent(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        with pytest.raises(Refused, match="needs a queue"):
            genesys.create(content(queue=""))
        assert requests(practice) == []

    def test_many_are_made_one_by_one(self, practice: Practice, genesys: GenesysCloud) -> None:
        made, refused = genesys.create_many([content(), content(queue="nowhere")])
        assert not isinstance(made, PlatformError)
        assert isinstance(refused, Gone)
        assert only(practice)["conversation_id"] == made.id

    @pytest.mark.parametrize(
        "fault", ["drop_after", "500_after", "truncated", "empty", "no_id", "html_after"]
    )
    def test_an_answer_that_is_lost_leaves_one_and_sends_no_second(
        self, as_documented: Practice, fault: str
    ) -> None:
        as_documented.order(script=[fault])
        with speaking(as_documented) as genesys:
            with pytest.raises(NoAnswer) as lost:
                genesys.create(content())
            assert lost.value.is_open
            (found,) = genesys.find(content())
        assert found.id == only(as_documented)["conversation_id"]
        assert requests(as_documented).count(f"POST {CALLBACKS}") == 1

    def test_accepted_is_made(self, as_documented: Practice) -> None:
        as_documented.order(script=["accepted"])
        with speaking(as_documented) as genesys:
            assert genesys.create(content()).id == only(as_documented)["conversation_id"]


class TestFinding:
    """By number and data, from the moment it is made; by tag, where the number is another one now."""

    def test_before_its_tag_is_written(self, practice: Practice, genesys: GenesysCloud) -> None:
        made = genesys.create(content())
        assert only(practice)["tag"] == ""
        assert [one.id for one in genesys.find(content())] == [made.id]

    def test_by_its_tag(self, practice: Practice, genesys: GenesysCloud) -> None:
        made = genesys.create(content())
        genesys.mark(made, content())
        assert only(practice)["tag"] == content().reference
        another = content(number="+12025550177")
        assert [one.id for one in genesys.find(another)] == [made.id]

    def test_nobody_elses(self, practice: Practice, genesys: GenesysCloud) -> None:
        genesys.create(content(reference="7f4d.2"))
        practice.post(GENESYS, {"callbackNumbers": [NUMBER], "queueId": SUPPORT})
        assert genesys.find(content()) == []

    def test_doubles_are_both_found_and_over_ones_too(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        first, second = genesys.create(content()), genesys.create(content())
        genesys.cancel(first, "Twice.")
        found = {one.id: one.standing for one in genesys.find(content())}
        assert found == {first.id: Standing.CANCELLED, second.id: Standing.SCHEDULED}

    def test_one_that_was_made_39_days_ago_in_intervals_that_are_not_too_long(
        self, as_documented: Practice
    ) -> None:
        with speaking(as_documented) as genesys:
            made = genesys.create(content())
        with speaking(as_documented, ahead=timedelta(days=39)) as later:
            assert [one.id for one in later.find(content())] == [made.id]
            assert [one.id for one in everything(later, days=79)] == [made.id]

    def test_a_search_that_lags_shows_it_later_while_reading_it_does_not(
        self, as_documented: Practice
    ) -> None:
        with speaking(as_documented) as genesys:
            made = genesys.create(content())
            as_documented.order(lag=60)
            assert genesys.find(content()) == []
            assert genesys.fetch(made.id).standing == Standing.SCHEDULED
            as_documented.order(lag=0)
            assert len(genesys.find(content())) == 1

    def test_all_that_is_open_comes_in_pages_of_a_hundred(self, as_documented: Practice) -> None:
        for place in range(103):
            number = f"+1202555{place:04}"
            told = as_documented.post(GENESYS, {"callbackNumbers": [number], "queueId": SUPPORT})
            assert told.status_code == 200
        with speaking(as_documented) as genesys:
            over = genesys.create(owned())
            genesys.cancel(over, "Over.")
            found = everything(genesys)
        assert len({one.id for one in found}) == 103
        assert over.id not in {one.id for one in found}


class TestChanging:
    """Only what an agent owns can be patched; everything else must be made anew."""

    def test_time_number_and_queue_of_an_owned_one_are_one_patch(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        before = owned()
        made = genesys.create(before)
        later = before.requested_at + timedelta(hours=1)
        wanted = owned(
            requested_at=later, window_starts_at=later, number="+12025550199", queue=BILLING
        )
        genesys.update(made, before, wanted)
        there, seen = only(practice), genesys.fetch(made.id)
        assert (seen.requested_at, there["number"], there["queue_id"]) == (
            later, "+12025550199", BILLING,
        )  # fmt: skip
        assert (there["agent_id"], there["is_owned"]) == (ANA, True)
        assert requests(practice).count(f"PATCH {CALLBACKS}") == 1
        assert practice.effects() == {"create": 1, "update": 1}

    def test_another_owner_is_set_where_the_platform_does_so(self, as_documented: Practice) -> None:
        with speaking(as_documented) as genesys:
            made = genesys.create(owned())
            genesys.update(made, owned(), owned(owner=BEN))
            assert genesys.fetch(made.id).owner == BEN
            assert [one.owner for one in everything(genesys)] == [BEN]
        assert only(as_documented)["is_owned"]

    def test_where_it_keeps_the_owner_it_must_be_made_anew(self, contrary: Practice) -> None:
        contrary.console("POST", "reset", {})
        with speaking(contrary) as genesys:
            made = genesys.create(owned())
            with pytest.raises(CannotPatch, match="kept its owner"):
                genesys.update(made, owned(), owned(owner=BEN))

    @pytest.mark.parametrize(
        ("before", "changes"),
        [
            (content, {"owner": ANA}), (owned, {"owner": None}), (owned, {"name": "Nora"}),
            (content, {"name": "Nora"}), (content, {"preferred": BEN}), (owned, {"priority": 9}),
            (content, {"number": "+12025550199"}), (content, {"queue": BILLING}),
        ],
    )  # fmt: skip
    def test_what_it_cannot_patch_is_said_before_anything_is_changed(
        self, practice: Practice, genesys: GenesysCloud, before: Any, changes: dict[str, Any]
    ) -> None:
        made = genesys.create(before())
        with pytest.raises(CannotPatch):
            genesys.update(made, before(), before(**changes))
        assert practice.effects() == {"create": 1}

    def test_an_owned_one_is_closed_in_its_last_15_minutes(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        soon = content().requested_at - timedelta(minutes=110)
        before = owned(requested_at=soon)
        made = genesys.create(before)
        with pytest.raises(CannotPatch, match="within 15 minutes"):
            genesys.update(made, before, owned(requested_at=soon + timedelta(hours=1)))

    def test_a_time_that_it_does_not_take_is_no_reason_to_cancel(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        made = genesys.create(owned())
        practice.console("POST", "people", {"queues": [{"name": "Support", "aheadHours": 10**4}]})
        far = owned(requested_at=owned().requested_at + timedelta(days=31))
        with speaking(practice) as fresh, pytest.raises(Refused, match="too far in the future"):
            fresh.update(made, owned(), far)

    def test_data_are_written_and_emptied_and_nobody_elses_touched(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        before = content(data={"plan": "A", "note": "Old"})
        made = genesys.create(before)
        customer = practice.get(f"{GENESYS}/{made.id}").json()["participants"][0]["id"]
        path = f"{GENESYS}/{made.id}/participants/{customer}/attributes"
        practice.patch(path, {"attributes": {"flow": "theirs"}})
        genesys.update(made, before, content(data={"plan": "B"}))
        there = only(practice)["data"]
        assert (there["plan"], there["note"], there["flow"]) == ("B", "", "theirs")
        assert genesys.fetch(made.id).data == {"plan": "B", "flow": "theirs"}

    def test_what_it_has_already_is_not_sent_again(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        """After a lost answer nothing is known of it: it is read, and nothing is missing."""
        made = genesys.create(owned())
        genesys.update(made, None, owned())
        assert practice.effects() == {"create": 1}

    def test_what_somebody_changed_there_stays(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        made = genesys.create(owned())
        moved = ahead(hours=5)
        meddle(practice, do="reschedule", requestedTime=moved)
        genesys.update(made, owned(), owned(data={"reason": "New"}))
        assert only(practice)["requested_at"] == moved
        assert only(practice)["data"]["reason"] == "New"

    def test_nothing_is_changed_while_an_agent_has_it_in_hand(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        made = genesys.create(content())
        leg = give(practice, made)
        for _ in ("ringing", "talking"):
            with pytest.raises(NotNow):
                genesys.update(made, content(), content(name="Nora"))
            do(practice, made, leg, state="connected")

    def test_one_that_is_over_is_gone(self, practice: Practice, genesys: GenesysCloud) -> None:
        made = genesys.create(owned())
        meddle(practice, do="cancel")
        with pytest.raises(Gone):
            genesys.update(made, owned(), owned(data={}))

    def test_in_its_queue_it_is_moved_on_without_losing_its_place(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        due = content(requested_at=content().requested_at - timedelta(hours=3))
        made = genesys.create(due)
        assert genesys.fetch(made.id).standing == Standing.WAITING
        genesys.update(made, due, content(requested_at=due.requested_at, priority=7))
        assert only(practice)["priority"] == 7

    def test_a_state_that_nobody_has_heard_of_does_not_keep_from_patching(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        made = genesys.create(owned())
        practice.order(on=f"GET {GENESYS}", shares={"unknown_enum": 1})
        assert genesys.fetch(made.id).standing == Standing.UNKNOWN
        later = owned().requested_at + timedelta(hours=1)
        genesys.update(made, owned(), owned(requested_at=later))
        assert practice.effects() == {"create": 1, "update": 1}

    def test_what_could_not_be_read_beforehand_leaves_nothing_open(
        self, practice: Practice, genesys: GenesysCloud
    ) -> None:
        made = genesys.create(content())
        practice.order(script=["500_before"])
        with pytest.raises(PlatformError) as failed:
            genesys.update(made, content(), content(data={}))
        assert not failed.value.is_open


class TestChangingMany:
    """Plain changes go in one request, and what its answer leaves open is done alone."""

    @pytest.mark.parametrize(
        "fault",
        ["none", "partial", "batch_reordered", "batch_missing", "batch_extra", "unknown_enum"],
    )
    def test_all_of_them_are_as_wanted(
        self, practice: Practice, genesys: GenesysCloud, fault: str
    ) -> None:
        changes = three_moved(genesys)
        assert all(genesys.goes_with_others(change) for change in changes)
        practice.order(on=f"POST {GENESYS}/bulk", script=[fault])
        results = genesys.update_many(changes)
        assert [one.id for one in results if isinstance(one, Remote)] == [
            change.remote.id for change in changes
        ]
        seen = [genesys.fetch(change.remote.id).requested_at for change in changes]
        assert seen == [change.wanted.requested_at for change in changes]
        assert practice.effects() == {"create": 3, "update": 3}
        assert requests(practice).count(f"POST {CALLBACKS}/bulk/update") == 1

    @pytest.mark.parametrize("fault", ["500_after", "truncated", "token_dies_midway"])
    def test_where_the_answer_is_lost_it_is_open_for_all_or_sent_as_a_whole(
        self, as_documented: Practice, fault: str
    ) -> None:
        with speaking(as_documented) as genesys:
            changes = three_moved(genesys)
            as_documented.order(on=f"POST {GENESYS}/bulk", script=[fault])
            with suppress(NoAnswer):
                assert all(isinstance(one, Remote) for one in genesys.update_many(changes))
            for change in changes:
                genesys.update(change.remote, None, change.wanted)
                seen = genesys.fetch(change.remote.id)
                assert seen.requested_at == change.wanted.requested_at

    def test_each_has_its_own_outcome(self, practice: Practice, genesys: GenesysCloud) -> None:
        over, far, fine = three_moved(genesys)
        genesys.cancel(over.remote, "Over.")
        too_far = far.wanted.requested_at + timedelta(days=40)
        wanted = dataclasses.replace(far.wanted, requested_at=too_far, window_starts_at=too_far)
        results = genesys.update_many([over, dataclasses.replace(far, wanted=wanted), fine])
        assert [type(one) for one in results] == [Gone, Refused, Remote]

    def test_a_rest_that_is_asked_for_is_kept_by_all_that_follow(
        self, as_documented: Practice
    ) -> None:
        with speaking(as_documented) as genesys:
            changes = three_moved(genesys)
            for change in changes:
                genesys.cancel(change.remote, "Over.")
            as_documented.console("DELETE", "status")
            as_documented.order(on=f"GET {GENESYS}", script=["429_seconds"])
            results = genesys.update_many(changes)
        assert [type(one) for one in results] == [Busy, Busy, Busy]
        assert requests(as_documented) == [
            f"POST {CALLBACKS}/bulk/update",
            f"GET {CALLBACKS}/{{id}}",
        ]

    @pytest.mark.parametrize(
        ("before", "changes"),
        [
            (content, {"number": "+12025550199"}), (owned, {"owner": BEN}), (owned, {"name": "Nora"}),
            (owned, {"data": {}}), (owned, {"priority": 3}),
        ],
    )  # fmt: skip
    def test_what_must_be_read_or_made_anew_goes_alone(
        self, genesys: GenesysCloud, before: Any, changes: dict[str, Any]
    ) -> None:
        there = Remote("c-1", "")
        assert not genesys.goes_with_others(Change(there, before(), before(**changes)))
        assert not genesys.goes_with_others(Change(there, None, before(**changes)))


class TestEnding:
    """Cancelled there, and how it ended comes back."""

    def test_cancelled(self, practice: Practice, genesys: GenesysCloud) -> None:
        made = genesys.create(content())
        genesys.cancel(made, "It is over.")
        genesys.cancel(made, "Once more.")
        assert practice.effects() == {"create": 1, "cancel": 1}
        assert genesys.fetch(made.id).standing == Standing.CANCELLED

    def test_expired(self, practice: Practice, genesys: GenesysCloud) -> None:
        made = genesys.create(owned())
        meddle(practice, do="expire")
        assert genesys.fetch(made.id).standing == Standing.EXPIRED

    def test_from_the_ring_to_the_wrap_up(self, practice: Practice, genesys: GenesysCloud) -> None:
        made = genesys.create(content())
        leg = give(practice, made)
        standings = [genesys.fetch(made.id).standing]
        do(practice, made, leg, state="connected")
        standings += [genesys.fetch(made.id).standing, everything(genesys)[0].standing]
        do(practice, made, leg, state="disconnected", wrapup={"code": "Reached"})
        done = genesys.fetch(made.id)
        assert standings == [Standing.OFFERED, Standing.IN_PROGRESS, Standing.IN_PROGRESS]
        assert (done.standing, done.outcome) == (Standing.DONE, "Reached")

    def test_lost(self, practice: Practice, genesys: GenesysCloud) -> None:
        made = genesys.create(content())
        meddle(practice, do="lose")
        for verb in (lambda: genesys.fetch(made.id), lambda: genesys.cancel(made, "Over.")):
            with pytest.raises(Gone):
                verb()


class TestKnowing:
    """Its people, their presence, its queues and what these allow."""

    def test_people(self, practice: Practice, genesys: GenesysCloud) -> None:
        people = {one.id: one for one in genesys.people()}
        assert (people[ANA].name, people[ANA].presence) == ("Ana Reyes", "Offline")
        assert people[ANA].email == "ana@practice.invalid"
        more = [{"userName": f"agent{n}", "queues": ["Support"]} for n in range(120)]
        practice.console("POST", "people", {"agents": more})
        assert len(list(genesys.people())) == len(people) + 120

    def test_queues_and_their_limits(self, practice: Practice, genesys: GenesysCloud) -> None:
        added = [
            {"name": "Strict", "id": "q-1", "ownedHours": 4, "aheadHours": 48},
            {"name": "Ruleless", "id": "q-2", "routingRules": 0},
            {"name": "Off", "id": "q-3", "owns": False},
        ]
        practice.console("POST", "people", {"queues": added})
        limits = genesys.limits()
        assert genesys.queues()[SUPPORT] == "Support"
        assert limits["q-1"] == QueueLimits(
            "Strict", owns=True, ahead=timedelta(hours=48), waits=timedelta(hours=4)
        )
        assert (limits["q-2"].owns, limits["q-3"].owns) == (False, False)


class TestTheWire:
    """Tokens, pace, and permits: each request has one, and the caller brings the first."""

    def test_a_token_is_asked_for_once_and_again_when_it_dies(
        self, as_documented: Practice
    ) -> None:
        issued = as_documented.console("GET", "status")["tokensIssued"]
        with speaking(as_documented) as genesys:
            genesys.create(content())
            genesys.find(content())
            as_documented.console("DELETE", "tokens")
            genesys.create(content(reference="7f4d.2"))
        assert as_documented.console("GET", "status")["tokensIssued"] == issued + 2
        assert len(kept(as_documented)) == 2

    @pytest.mark.parametrize(("fault", "seconds"), [("429_seconds", 1), ("429_bare", None)])
    def test_too_fast_is_said_and_nothing_is_made(
        self, as_documented: Practice, fault: str, seconds: float | None
    ) -> None:
        as_documented.order(script=[fault])
        with speaking(as_documented) as genesys, pytest.raises(Busy) as busy:
            genesys.create(content())
        assert busy.value.seconds == seconds
        assert kept(as_documented) == []

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (owned, {"data": {}}),
            (owned, {"requested_at": content().requested_at + timedelta(minutes=20)}),
            (owned, {"owner": BEN}),
        ],
    )
    def test_every_request_has_a_permit(
        self, practice: Practice, before: Any, after: dict[str, Any]
    ) -> None:
        with session(practice) as (spoken, permits):
            genesys = GenesysCloud(spoken)
            made = genesys.create(before())
            genesys.mark(made, before())
            try:
                genesys.update(made, before(), before(**after))
            except CannotPatch as cannot:
                genesys.cancel(made, str(cannot))
                genesys.mark(made, before())
        # One more for the token; the first of the making and of the changing came along.
        assert permits.taken == len(requests(practice)) + 1 - 2

    def test_a_poll_needs_only_the_permit_of_its_caller(self, as_documented: Practice) -> None:
        with session(as_documented) as (spoken, permits):
            page = GenesysCloud(spoken).changes(datetime.now(UTC) - timedelta(days=40), None)
        assert isinstance(page, Page)
        assert (permits.taken, len(requests(as_documented))) == (1, 1)


class TestRegions:
    """The host is one of a fixed list, and the log-in follows from it."""

    def test_api_and_log_in_of_a_region(self) -> None:
        base_url, token_url = regions.addresses("eu-central-1")
        assert base_url == "https://api.mypurecloud.de"
        assert token_url == "https://login.mypurecloud.de/oauth/token"
        assert len(regions.REGIONS) == 18

    def test_the_secret_goes_to_the_regions_own_log_in_whatever_was_entered(self) -> None:
        entered = ("https://api.usw2.pure.cloud/", "https://evil.example/oauth/token")
        told = regions.checked(*entered, is_private=False)
        assert told == ("https://api.usw2.pure.cloud", "https://login.usw2.pure.cloud/oauth/token")

    @pytest.mark.parametrize(
        "host",
        [
            "", "https://api.mypurecloud.de.evil.example", "http://api.mypurecloud.de",
            "https://api.mypurecloud.de@evil.example", "https://mypurecloud.de",
            "https://API.mypurecloud.de:8443", "http://127.0.0.1:8090",
        ],
    )  # fmt: skip
    def test_no_other_host_is_asked(self, host: str) -> None:
        with pytest.raises(regions.NoRegion, match="is no region of Genesys Cloud"):
            regions.checked(host, "https://login.mypurecloud.de/oauth/token", is_private=False)

    def test_but_where_the_installation_allows_it(self) -> None:
        free = ("http://127.0.0.1:8090", "http://127.0.0.1:8091/oauth/token")
        assert regions.checked(*free, is_private=True) == free


def three_moved(genesys: GenesysCloud) -> list[Change]:
    """Three of Ana's, each wanted an hour later."""
    found = []
    for number in (f"+1202555010{n}" for n in range(3)):
        before = owned(number=number, reference=f"ref-{number}")
        later = before.requested_at + timedelta(hours=1)
        wanted = dataclasses.replace(before, requested_at=later, window_starts_at=later)
        found.append(Change(genesys.create(before), before, wanted))
    return found


def meddle(practice: Practice, **body: Any) -> None:
    """What somebody does with the only callback at another console."""
    practice.console("POST", f"callbacks/{only(practice)['id']}", body)
