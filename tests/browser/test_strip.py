"""The red strip on a screen that is open already, where patience is shorter than by default."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from callbacks.models import Heartbeat
from tests.cast import Cast
from tests.server import serving

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
Open = Callable[..., Page]


@pytest.fixture
def base(cast: Cast) -> Iterator[str]:
    """The product, which misses clock and worker after fifteen seconds."""
    with serving(workers=1, ENGINE_SILENT_SECONDS="15") as address:
        yield address


def test_the_red_strip_comes_and_goes_on_an_open_screen(cast: Cast, open_as: Open) -> None:
    """Nobody reloads; the page was opened while all was well. A web that starts waits as long."""
    page = open_as(cast.ana)
    expect(page.locator("#connection")).to_have_text("live", timeout=15_000)
    expect(page.locator(".strip")).to_have_count(0)
    Heartbeat.objects.update(at=datetime.now(UTC) - timedelta(minutes=5))
    expect(page.get_by_text("callbacks do not fall due")).to_be_visible(timeout=60_000)
    Heartbeat.beat("clock", datetime.now(UTC))
    expect(page.locator(".strip")).to_have_count(0, timeout=30_000)
