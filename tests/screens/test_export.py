"""The list of callbacks as a file: what the filter shows, nobody else's, and nothing that calculates."""

import csv
import io
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from callbacks import imports
from callbacks.models import Callback, User
from callbacks.scheduling import cancel
from dashboard.callback.listing import Listing
from tests.cast import Cast, by, make_callback

Enter = Callable[[User], Client]


def coming(cast: Cast, user: User, **changes: Any) -> Callback:
    """A callback for tomorrow."""
    now = datetime.now(UTC)
    values = {"queue": cast.support, "date": f"{now + timedelta(days=1):%Y-%m-%d}", **changes}
    return make_callback(values.pop("queue"), user, at=now, **values)


def exported(client: Client, asked: str = "") -> list[dict[str, str]]:
    """The rows of the file, as they are written."""
    answer = client.get(f"/callbacks.csv{asked}")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_file_has_what_the_filter_shows_and_the_log_who_took_it(
    cast: Cast, enter: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    kept = coming(cast, cast.ana, owner_id=cast.ana.pk)
    over = coming(cast, cast.ana)
    cancel(over.pk, by=by(cast.ana), at=datetime.now(UTC), version=1, reason="Solved")
    coming(cast, cast.otto, queue=cast.billing)
    client = enter(cast.sam)
    address = f"?status=open&queue={cast.support.pk}"
    assert (
        f'href="/callbacks.csv{address.replace("&", "&amp;")}'
        in client.get(f"/callbacks{address}").content.decode()
    )
    with caplog.at_level(logging.INFO, "dashboard"):
        (row,) = exported(client, address)
    assert row["Id"] == str(kept.pk)
    assert (row["Owner"], row["Phone number"]) == ("ana", f"'{kept.phone_number}")
    assert any(
        str(cast.sam.pk) in message and "status=open" in message for message in caplog.messages
    )
    assert [row["Id"] for row in exported(client, "?status=cancelled")] == [str(over.pk)]


@pytest.mark.parametrize(("who", "seen"), [("ana", 1), ("otto", 0), ("sam", 1), ("ada", 1)])
def test_nobody_takes_away_what_they_may_not_see(
    cast: Cast, enter: Enter, who: str, seen: int
) -> None:
    made = coming(cast, cast.ana, owner_id=cast.ana.pk)
    found = exported(enter(getattr(cast, who)))
    assert len(found) == seen
    is_whole = any(made.phone_number in row["Phone number"] for row in found)
    assert is_whole == (who in ("sam", "ada")), "agents see numbers one by one, not by the list"


def test_no_more_rows_than_the_role_may_take(cast: Cast, enter: Enter) -> None:
    made = [coming(cast, cast.ana) for _ in range(3)]
    listing = Listing(by(cast.ana), datetime.now(UTC), after=(made[0].requested_at, made[0].pk))
    assert len(list(listing.all_of_them(2))) == 2
    assert len(list(listing.all_of_them(9))) == 3, "whatever page one looks at"
    for person, most in ((cast.ana, "1,000"), (cast.sam, "50,000")):
        assert f"At most {most} rows" in enter(person).get("/callbacks").content.decode()


def test_formulas_are_text_and_the_import_reads_them_back(
    cast: Cast, enter: Enter, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    made = coming(cast, cast.ana, contact_name="=HYPERLINK(1)", reason='"+1', ticket_id="@x")
    client = enter(cast.sam)
    answer = client.get("/callbacks.csv")
    raw = b"".join(answer.streaming_content)  # type: ignore[arg-type]
    for cell in ("'=HYPERLINK(1)", '\'""+1', "'@x"):
        assert f'"{cell}"' in raw.decode()
    cancel(made.pk, by=by(cast.ana), at=datetime.now(UTC), version=1, reason="Again")
    now = datetime.now(UTC)
    job = imports.upload(io.BytesIO(raw), "callbacks.csv", by=by(cast.sam), at=now)
    imports.start(job.pk, by=by(cast.sam), at=now)
    imports.go_on()
    again = Callback.objects.open().get()
    for name in ("phone_number", "contact_name", "reason", "ticket_id", "requested_at"):
        assert getattr(again, name) == getattr(made, name)
