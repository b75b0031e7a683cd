"""What waits for a slow browser: bounded, each thing once, in order."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from dashboard.live.hearer import Hearer
from dashboard.live.stream import MOST_WAITING, Stream, event


def sent(*told: tuple[str, str]) -> list[str]:
    """What a browser gets that was busy while all this was told, without the ids."""

    async def tell() -> list[str]:
        stream = Stream("session", Hearer("ana", "agent"))
        for n, (name, about) in enumerate(told):
            stream.put(name, about, event(name, n, {"callback": about, "version": n}))
        chunks = stream.chunks()
        first = (await anext(chunks)).decode()
        stream.end()
        assert [chunk async for chunk in chunks] == []
        return [line for line in first.splitlines() if line.startswith(("event", "data"))]

    # In a thread, since a browser's tests leave their own loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, tell()).result()


def test_of_several_changes_of_one_thing_the_last_is_told() -> None:
    assert sent(("mine", "a"), ("mine", "b"), ("queue", "a"), ("mine", "a")) == [
        "event: mine", 'data: {"callback":"b","version":1}',
        "event: queue", 'data: {"callback":"a","version":2}',
        "event: mine", 'data: {"callback":"a","version":3}',
    ]  # fmt: skip


def test_a_browser_that_is_too_slow_asks_for_everything_anew() -> None:
    many = [("mine", str(n)) for n in range(MOST_WAITING + 1)]
    assert sent(*many) == ["event: resync", "data: {}"]
    assert sent(*many, ("queue", "later"))[::2] == ["event: resync", "event: queue"]


def test_an_event_says_up_to_when_everything_was_heard() -> None:
    assert event("ping", 12.3456) == b"id: 12.346\nevent: ping\ndata: {}\n\n"
