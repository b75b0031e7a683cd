"""The pages of imports: who may, wrong input, the way from a file to callbacks."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callbacks import imports
from callbacks.models import Callback, CallbackImport, User
from tests.cast import Cast, fresh_number

Enter = Callable[[User], Client]
State = CallbackImport.State


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def day() -> str:
    """The day after tomorrow."""
    return f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"


def table(*names: str) -> bytes:
    """A row for each name; “Bad” has no number."""
    lines = ["Phone,Date,Time,Name,Colour"]
    lines += [f"{'abc' if n == 'Bad' else fresh_number()},{day()},12:00,{n},red" for n in names]
    return "\n".join(lines).encode()


def upload(client: Client, content: bytes) -> Any:
    """The answer to a file."""
    return client.post("/import", {"file": SimpleUploadedFile("march.csv", content)})


def choice(cast: Cast, **changes: Any) -> dict[str, Any]:
    """The form of the columns filled in."""
    columns = ["phone_number", "date", "time", "contact_name", "external_data"]
    values = {"column": columns, "queue": str(cast.support.pk), "time_zone": "Europe/London"}
    return {**values, "consent": "on", **changes}


@pytest.mark.parametrize(
    ("who", "status"), [("ana", 403), ("lena", 403), ("sam", 200), ("ada", 200)]
)
def test_supervisors_and_admins_import(cast: Cast, enter: Enter, who: str, status: int) -> None:
    client = enter(getattr(cast, who))
    assert client.get("/import").status_code == status
    assert (b'href="/import"' in client.get("/callbacks").content) == (status == 200)
    assert upload(client, table("Eve")).status_code == (302 if status == 200 else 403)


def test_an_import_is_nobody_elses_but_an_admins(cast: Cast, enter: Enter) -> None:
    address = upload(enter(cast.ada), table("Eve"))["Location"]
    mine = upload(enter(cast.sam), table("Eve"))["Location"]
    client = enter(cast.sam)
    assert client.get(mine).status_code == enter(cast.ada).get(mine).status_code == 200
    assert client.get(f"{address}/rejects.csv").status_code == 404
    for action in ("", "/start", "/cancel"):
        assert client.post(f"{address}{action}", choice(cast)).status_code == 404
    assert address.encode() not in client.get("/import").content
    assert CallbackImport.objects.filter(state=State.UPLOADED).count() == 2


def test_from_the_file_to_callbacks(cast: Cast, enter: Enter) -> None:
    client = enter(cast.sam)
    address = upload(client, table("Eve", "Bad", "Ian"))["Location"]
    page = client.get(address).content.decode()
    assert '<option value="phone_number" selected>' in page
    assert "<bdi>Eve</bdi>" in page
    assert client.post(address, choice(cast))["Location"] == address
    page = client.get(address).content.decode()
    assert "0 of 3 rows done" in page
    assert (
        "0 of 3 rows"
        in client.get(f"{address}?progress=1", HTTP_HX_REQUEST="true").content.decode()
    )
    imports.go_on()
    answer = client.get(f"{address}?progress=1", HTTP_HX_REQUEST="true")
    assert answer["HX-Refresh"] == "true"
    page = client.get(address).content.decode()
    assert "Import the 2 good rows" in page
    assert "<td>3</td>" in page
    assert not Callback.objects.exists()
    assert client.post(f"{address}/start")["Location"] == address
    imports.go_on()
    page = client.get(address).content.decode()
    assert "<strong>2</strong> callbacks are scheduled" in page
    made = {c.contact_name: c for c in Callback.objects.all()}
    assert set(made) == {"Eve", "Ian"}
    assert made["Eve"].consent is True
    assert made["Eve"].external_data == {"Colour": "red"}
    answer = client.get(f"{address}/rejects.csv")
    assert "attachment" in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")  # type: ignore[arg-type]
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["Rejected line"], row["Phone"], row["Name"]) == ("3", "abc", "Bad")
    assert "is not a phone number" in row["Rejected because"]


def test_wrong_input_is_said_where_it_is(cast: Cast, enter: Enter) -> None:
    client = enter(cast.sam)
    for content, why in (
        (b"", "Choose a file|empty"),
        (b"a,a\n1,2\n", "twice"),
        (b"PK\x03\x04", "workbook"),
    ):
        answer = upload(client, content) if content else client.post("/import", {})
        assert answer.status_code == 422
        assert any(word in answer.content.decode() for word in why.split("|"))
    address = upload(client, table("Eve"))["Location"]
    for changes, why in (
        ({"column": [""] * 5}, "Say which column is the phone number."),
        ({"column": ["phone_number"]}, "Choose for each column what it is."),
        ({"queue": "x"}, "Choose a queue, or a column for it."),
        ({"time_zone": "Mars"}, "Choose a time zone of the list."),
    ):
        answer = client.post(address, choice(cast, **changes))
        assert answer.status_code == 422
        assert why in answer.content.decode()
    assert CallbackImport.objects.get().state == State.UPLOADED


def test_what_is_under_way_or_over_cannot_be_begun_again(cast: Cast, enter: Enter) -> None:
    client = enter(cast.sam)
    address = upload(client, table("Eve"))["Location"]
    client.post(address, choice(cast))
    answer = client.post(f"{address}/start", follow=True)
    assert "This import is being checked" in answer.content.decode()
    client.post(f"{address}/cancel")
    assert "Cancelled." in client.get(address).content.decode()
    assert client.post(address, choice(cast)).status_code == 422
    imports.go_on()
    assert CallbackImport.objects.get().state == State.CANCELLED


def test_the_page_costs_the_same_however_many_rows_are_rejected(cast: Cast, enter: Enter) -> None:
    client = enter(cast.sam)
    counts = []
    for rows in (1, 80):
        address = upload(client, table(*["Bad"] * rows))["Location"]
        client.post(address, choice(cast))
        imports.go_on()
        with CaptureQueriesContext(connection) as statements:
            page = client.get(address).content.decode()
        counts.append(len(statements))
    assert "the first 50 of 80" in page
    assert counts[0] == counts[1] <= 12
