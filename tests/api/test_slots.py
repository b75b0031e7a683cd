"""GET /slots and GET /availability: when a callback may be promised, and who is there for it."""

from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlencode

import pytest

from callbacks.models import CallingHours, Presence, Shift, Skill
from tests.api.conftest import Program, program
from tests.api.payloads import codes, payload
from tests.cast import Cast

DAY = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}


def slots(ivr: Program, cast: Cast, **changes: Any) -> Any:
    """The half hours of Tuesday in Support, on London's clocks."""
    asked = {"queueId": cast.support.pk, "timeZone": "Europe/London", "pageSize": 200, **DAY}
    return ivr.get(f"/slots?{urlencode({**asked, **changes})}")


def availability(ivr: Program, cast: Cast, **changes: Any) -> Any:
    """Of Support, on Tuesday."""
    asked = {"queueId": cast.support.pk, **DAY, **changes}
    wanted = {name: value for name, value in asked.items() if value is not None}
    return ivr.get(f"/availability?{urlencode(wanted, doseq=True)}")


class TestSlots:
    """Bookable half hours, with what fits in still."""

    @pytest.fixture(autouse=True)
    def by_day(self, cast: Cast) -> None:
        CallingHours.objects.create(queue=cast.support, weekday=1, opens=time(9), closes=time(12))
        cast.support.slot_capacity = 2
        cast.support.save()

    def test_what_can_be_promised_with_its_local_time_and_room(
        self, cast: Cast, ivr: Program
    ) -> None:
        ivr.post("/callbacks", payload(requestedTime="2026-11-24T10:10:00Z"))
        page = slots(ivr, cast).json()
        assert [one["startTime"][11:16] for one in page["entities"]] == [
            "09:00", "09:30", "10:00", "10:30", "11:00", "11:30",
        ]  # fmt: skip
        assert (page["total"], page["nextCursor"]) == (6, None)
        taken = page["entities"][2]
        assert (taken["capacity"], taken["taken"], taken["remaining"]) == (2, 1, 1)
        assert taken["status"] == "tight"
        assert taken["reasons"][0]["code"] == "slot.tight"
        assert taken["localTime"] == "2026-11-24T10:00:00+00:00"
        assert taken["endTime"] == "2026-11-24T10:30:00.000Z"

    def test_calling_hours_count_on_the_contacts_clocks(self, cast: Cast, ivr: Program) -> None:
        page = slots(ivr, cast, timeZone="America/New_York").json()
        first = page["entities"][0]
        assert (first["startTime"], first["localTime"]) == (
            "2026-11-24T14:00:00.000Z", "2026-11-24T09:00:00-05:00",
        )  # fmt: skip

    def test_a_full_one_is_left_out_unless_it_is_asked_for(self, cast: Cast, ivr: Program) -> None:
        for _ in range(2):
            ivr.post("/callbacks", payload(requestedTime="2026-11-24T10:00:00Z"))
        starts = [one["startTime"] for one in slots(ivr, cast).json()["entities"]]
        assert "2026-11-24T10:00:00.000Z" not in starts
        every = slots(ivr, cast, closed="true").json()
        assert every["total"] == 48
        (full,) = [one for one in every["entities"] if one["startTime"][11:16] == "10:00"]
        assert (full["status"], full["remaining"]) == ("closed", 0)
        assert "slot.full" in [reason["code"] for reason in full["reasons"]]

    def test_pages_go_on_where_the_last_one_ended(self, cast: Cast, ivr: Program) -> None:
        first = slots(ivr, cast, pageSize=4).json()
        rest = slots(ivr, cast, pageSize=4, cursor=first["nextCursor"]).json()
        starts = [one["startTime"][11:16] for one in first["entities"] + rest["entities"]]
        assert starts == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]

    def test_an_owner_narrows_them(self, cast: Cast, ivr: Program) -> None:
        Shift.objects.create(
            agent=cast.ana.agent, activity=Shift.Activity.ABSENT,
            starts_at=datetime(2026, 11, 24, 8, tzinfo=UTC),
            ends_at=datetime(2026, 11, 24, 23, tzinfo=UTC),
        )  # fmt: skip
        page = slots(ivr, cast, agentId=cast.ana.agent.platform_id).json()
        assert page["total"] < 6

    @pytest.mark.parametrize(
        ("changes", "field", "code"),
        [
            ({"from": "2026-11-24T00:00:00"}, "from", "time.naive"),
            ({"from": "yesterday"}, "from", "time.invalid"),
            ({"to": "2026-11-23T00:00:00Z"}, "to", "invalid.value"),
            ({"to": "2026-12-26T00:00:00Z"}, "to", "invalid.value"),
            ({"timeZone": "Mars"}, "timeZone", "zone.unknown"),
            ({"queueId": "x"}, "queueId", "invalid.value"),
            ({"queueId": "00000000-0000-7000-8000-000000000000"}, "queueId", "invalid.value"),
            ({"agentId": "nobody"}, "agentId", "invalid.value"),
            ({"closed": "perhaps"}, "closed", "invalid.value"),
            ({"free": "true"}, "free", "invalid.value"),
            ({"cursor": "x"}, "cursor", "invalid.value"),
            ({"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T23:00:00Z"}, "to", "time.invalid"),
        ],
    )
    def test_bad_input_is_named(
        self, cast: Cast, ivr: Program, changes: dict[str, Any], field: str, code: str
    ) -> None:
        answer = slots(ivr, cast, **changes)
        assert answer.status_code == 400, answer.json()
        assert codes(answer) == {field: code}

    def test_a_program_limited_to_other_queues_asks_in_vain(self, cast: Cast) -> None:
        limited = program(name="CRM", queues=[cast.billing])
        assert codes(slots(limited, cast)) == {"queueId": "invalid.value"}


class TestAvailability:
    """Planned schedule, less breaks, less owned callbacks; and who is there now."""

    def test_the_guides_question_which_agent_is_there_for_it(
        self, cast: Cast, ivr: Program
    ) -> None:
        agent = cast.ana.agent
        at_nine, at_noon, at_one, at_five = (
            datetime(2026, 11, 24, hour, tzinfo=UTC) for hour in (14, 17, 18, 22)
        )
        for activity, starts, ends in (
            (Shift.Activity.ON_QUEUE, at_nine, at_five), (Shift.Activity.MEAL, at_noon, at_one),
        ):  # fmt: skip
            Shift.objects.create(agent=agent, activity=activity, starts_at=starts, ends_at=ends)
        agent.presence = Presence.ON_QUEUE
        agent.save()
        sent = payload(agentId=agent.platform_id, requestedTime="2026-11-24T15:00:00Z")
        assert ivr.post("/callbacks", sent).status_code == 201
        page = availability(ivr, cast).json()
        ana = page["entities"][0]
        assert [one["name"] for one in page["entities"]] == ["Ana Reyes", "Ben Hughes", "Lena Vogt"]
        assert (ana["agentId"], ana["presence"]) == (str(cast.ana.pk), "on_queue")
        assert (ana["available"], ana["whyNot"], ana["isPlanned"]) == (True, None, True)
        assert [(one["startTime"][11:16], one["endTime"][11:16]) for one in ana["free"]] == [
            ("14:00", "15:00"), ("15:10", "17:00"), ("18:00", "22:00"),
        ]  # fmt: skip
        assert [(one["what"], one["startTime"][11:16]) for one in ana["busy"]] == [
            ("callback", "15:00"), ("meal", "17:00"),
        ]  # fmt: skip
        ben = page["entities"][1]
        assert (ben["available"], ben["isPlanned"], ben["free"]) == (False, False, [])
        assert ben["whyNot"]

    def test_by_skills_in_whatever_queue(self, cast: Cast, ivr: Program) -> None:
        for name in ("French", "Billing"):
            cast.otto.agent.skills.add(Skill.objects.create(name=name))
        page = availability(ivr, cast, queueId=None, skills=["french", "Billing"]).json()
        assert [one["name"] for one in page["entities"]] == ["Otto Berg"]

    def test_one_agent_alone_and_what_keeps_them(self, cast: Cast, ivr: Program) -> None:
        (otto,) = availability(ivr, cast, agentId=cast.otto.pk).json()["entities"]
        assert (otto["available"], otto["whyNot"]) == (False, "no member of Support")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"queueId": None}, "queueId"),
            ({"queueId": "x"}, "queueId"),
            ({"skills": "Klingon"}, "skills"),
            ({"agentId": "nobody"}, "agentId"),
            ({"to": "2026-12-26T00:00:00Z"}, "to"),
            ({"from": ""}, "from"),
        ],
    )
    def test_bad_input_is_named(
        self, cast: Cast, ivr: Program, changes: dict[str, Any], field: str
    ) -> None:
        answer = availability(ivr, cast, **changes)
        assert answer.status_code == 400, answer.json()
        assert list(codes(answer)) == [field]

    def test_its_statements_do_not_grow_with_the_agents(
        self, cast: Cast, ivr: Program, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(8):
            assert availability(ivr, cast).status_code == 200
