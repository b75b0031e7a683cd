"""What the logs say: each entry with its request, and without secrets that stand in an address."""

import logging
import re
from contextvars import ContextVar

_SECRET = re.compile(r"(/calendar/)[^\s?#\"'<>]+")
_context: ContextVar[str] = ContextVar("request", default="")


def context_id() -> str:
    """The id of the request that is being answered, as its answer and the logs call it."""
    return _context.get()


def set_context_id(value: str) -> None:
    """From now on, what this thread says belongs to this request; empty: to none."""
    _context.set(value)


class Discreet(logging.Formatter):
    """Names the request, and leaves out what would let a reader into a calendar feed."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry as it is written."""
        said = _SECRET.sub(r"\1…", super().format(record))
        named = context_id()
        return f"{said} [{named}]" if named else said
