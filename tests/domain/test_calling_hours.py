"""Rules §2.10: calling hours and holidays in the contact's own zone."""

from datetime import UTC, date, datetime, time, timedelta

from callbacks.rules.calling_hours import CallingHours, Opening

LONDON = "Europe/London"
HOURS = CallingHours()


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, tzinfo=UTC)


def test_eight_is_open_and_twenty_one_is_not() -> None:
    assert HOURS.why_closed(utc(1, 8), LONDON) == ""
    assert HOURS.why_closed(utc(1, 20, 59), LONDON) == ""
    assert "21:00" in HOURS.why_closed(utc(1, 21), LONDON)
    assert "07:59" in HOURS.why_closed(utc(1, 7, 59), LONDON)


def test_it_is_the_contacts_clock_that_counts() -> None:
    assert HOURS.why_closed(utc(1, 13), "America/New_York") == ""
    assert HOURS.why_closed(utc(1, 12), "America/New_York")


def test_a_day_without_hours_and_a_holiday_are_closed() -> None:
    weekdays = CallingHours(
        tuple(Opening(day, time(8), time(0)) for day in range(5)), {date(2026, 12, 25): "Christmas"}
    )
    assert "Sunday" in weekdays.why_closed(utc(6, 12), LONDON)
    assert "Christmas" in weekdays.why_closed(utc(25, 12), LONDON)
    assert weekdays.why_closed(utc(1, 23, 59), LONDON) == ""


def test_nearby_times_are_allowed_ones_and_never_past() -> None:
    near = HOURS.nearby(utc(1, 3), LONDON, not_before=utc(1, 2))
    assert near[0] == utc(1, 8)
    assert all(HOURS.why_closed(moment, LONDON) == "" for moment in near)
    late = HOURS.nearby(utc(1, 23), LONDON, not_before=utc(1, 10))
    assert late[0] == utc(1, 20, 30)


def test_business_time_runs_only_while_open() -> None:
    assert HOURS.after_open_time(utc(1, 20), timedelta(hours=3), LONDON) == utc(2, 10)


def test_opening_hours_keep_to_the_wall_across_a_clock_change() -> None:
    spring = datetime(2027, 3, 28, 7, 0, tzinfo=UTC)  # 08:00 summer time
    assert HOURS.why_closed(spring, LONDON) == ""
    assert HOURS.why_closed(spring - timedelta(minutes=1), LONDON)
