"""What the logs say: everything but secrets that stand in an address."""

import logging
import re

_SECRET = re.compile(r"(/calendar/)[^\s?#\"'<>]+")


class Discreet(logging.Formatter):
    """Leaves out of each entry, its traceback too, what would let its reader into a calendar feed."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry as it is written."""
        return _SECRET.sub(r"\1…", super().format(record))
