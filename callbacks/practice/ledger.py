"""The ledger: every effect with its time, reference and content, in order; the judge of lost and doubled.

In a file it is JSON lines, appended and flushed before the answer goes out, so that it outlives the
process; a last line that was cut off by the end of the process is dropped at the next start.
"""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from callbacks.practice.moments import stamp


class Ledger:
    """Lines of ``{n, at, effect, id, reference, by, callback}``."""

    def __init__(self, file: Path | None = None) -> None:
        self.lines: list[dict[str, Any]] = _whole_lines(file) if file else []
        self._file = file.open("a", encoding="utf-8") if file else None

    def write(
        self,
        effect: str,
        key: str,
        reference: str,
        callback: dict[str, Any] | None,
        *,
        by: str,
        at: datetime,
    ) -> None:
        """Add an effect."""
        line = {
            "n": len(self.lines) + 1,
            "at": stamp(at),
            "effect": effect,
            "id": key,
            "reference": reference,
            "by": by,
            "callback": callback,
        }
        self.lines.append(line)
        if self._file:
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            self._file.flush()

    def created_twice(self) -> dict[str, list[str]]:
        """References for which more than one callback was ever made, with their ids."""
        made: dict[str, list[str]] = {}
        for line in self.lines:
            if line["effect"] == "create" and line["reference"]:
                made.setdefault(line["reference"], []).append(line["id"])
        return {reference: keys for reference, keys in made.items() if len(keys) > 1}

    def effects(self) -> dict[str, int]:
        """How many of each kind."""
        return dict(Counter(line["effect"] for line in self.lines))

    def clear(self) -> None:
        """Begin again, also in the file."""
        self.lines.clear()
        if self._file:
            self._file.seek(0)
            self._file.truncate()


def _whole_lines(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    written = file.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    if len(whole) < len(written):
        file.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]
