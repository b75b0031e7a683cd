"""One process for all tests of a worker, emptied before each."""

from collections.abc import Iterator

import pytest

from tests.practice.platforms import Practice, process, within


@pytest.fixture(scope="session")
def shared() -> Iterator[Practice]:
    """The process."""
    with process("--rate", "none", "--seed", "7", "--slow", "0.05") as practice:
        yield practice


@pytest.fixture
def remote(shared: Practice) -> Practice:
    """A client of the process, on an empty platform without faults."""
    shared.console("POST", "reset", {})
    return shared


@pytest.fixture
def practice() -> Practice:
    """A client of a platform within this process."""
    return within()
