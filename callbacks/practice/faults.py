"""What may go wrong on the way, on demand: by share and seed, or one after another by script.

The k-th request that a fault may hit gets the k-th draw of the seed, so that the same seed gives the
same faults again. ``BEFORE`` happens instead of the effect; ``AFTER`` happens to the answer, when the
effect is in the ledger already.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

BEFORE = {
    "drop_before": "the connection is closed, nothing was done",
    "500_before": "500, nothing was done",
    "502_before": "502 with HTML, as from a proxy, nothing was done",
    "503_before": "503 with Retry-After, nothing was done",
    "504_before": "504, nothing was done",
    "403_before": "403 missing.permissions",
    "413_before": "413, as for a batch that is too large",
    "429_seconds": "429 with Retry-After in seconds",
    "429_date": "429 with Retry-After as an HTTP date, on the platform's clock",
    "429_bare": "429 without Retry-After",
    "429_odd": "429 with the next of the odd Retry-After values in their order",
    "html_before": "200 with a page of HTML, nothing was done",
    "redirect": "307 to another host, nothing was done",
    "token_dies": "401: the token is dead from now on",
    "slow_before": "the effect and the answer come only after `slow` seconds",
    "late": "the connection is closed; the effect lands `slow` seconds later",
    "conflict_bare": "409 that does not say which callback there is",
    "conflict_foreign": "409 with a callback that nobody knows",
}
AFTER = {
    "drop_after": "done, but the connection is closed without an answer",
    "500_after": "done, but answered with 500",
    "502_after": "done, but answered with 502 and HTML",
    "503_after": "done, but answered with 503",
    "504_after": "done, but answered with 504",
    "slow_after": "done at once, answered after `slow` seconds",
    "html_after": "done, but answered with 200 and a page of HTML",
    "invalid_json": "done, but the answer is no JSON",
    "truncated": "done, but the answer ends in the middle, and so does the connection",
    "cut_json": "done, but the JSON ends in the middle, with a Content-Length that fits",
    "empty": "done, but the answer is empty",
    "no_id": "done, but the answer names no id",
    "huge": "done, but the answer is `huge` bytes long (100 MB)",
    "drip": "done, but the answer comes byte by byte, `drip` seconds apart",
    "unknown_enum": "done; states in the answer are words that nobody has heard yet",
    "accepted": "done, but answered with 202",
}
BATCH = {
    "partial": "some items of a batch fail, the rest is done",
    "token_dies_midway": "a batch is done up to its middle, then 401",
    "batch_reordered": "done; the items' answers come in another order",
    "batch_missing": "done; some items have no answer",
    "batch_extra": "done; there is an answer for an item that was never sent",
}
KINDS = {**BEFORE, **AFTER, **BATCH}
EVENTS = {
    "event_twice": "delivered twice",
    "event_forged": "delivered with a wrong signature",
    "event_stale": "delivered with a signature of ten minutes ago",
    "event_late": "delivered after the next one",
    "event_unknown": "about a callback that nobody knows",
}
MIX = (
    "500_before", "500_after", "502_after", "503_before", "drop_before", "drop_after",
    "429_seconds", "429_date", "429_bare", "slow_after",
)  # fmt: skip
"""What ``--fail`` shares out in equal parts."""
ODD_RETRY_AFTERS = (
    ("Sunday, 06-Nov-94 08:49:37 GMT",), ("Sun Nov  6 08:49:37 1994",),
    ("Sun, 06 Nov 1994 08:49:37 GMT",), ("Fri, 01 Jan 2099 00:00:00 GMT",),
    ("-5",), ("1.5",), ("1e3",), ("９",), ("",), ("1", "2"), ("soon",), ("99999999999999999999",),
)  # fmt: skip
EVERYWHERE = r"[A-Z]+ /api/"


class Nonsense(ValueError):
    """What was ordered makes no sense; says why."""


@dataclass
class Faults:
    """What is ordered now."""

    seed: int = 0
    shares: dict[str, float] = field(default_factory=dict)
    script: list[str] = field(default_factory=list)
    """Faults for the next requests, one each; ``none`` lets one through."""
    on: str = EVERYWHERE
    """Which requests, by a pattern at the beginning of ``METHOD /path``."""
    slow: float = 3.0
    drip: float = 1.0
    huge: int = 100_000_000
    retry_after: int = 1
    lag: float = 0.0
    skew: float = 0.0
    drawn: int = 0
    odd: int = 0

    def order(self, wanted: dict[str, Any]) -> None:
        """Order otherwise; what is not named stays. A new seed or new shares begin to draw anew."""
        changed = _checked(wanted)
        if {"seed", "shares"} & changed.keys():
            self.drawn = self.odd = 0
        for name, value in changed.items():
            setattr(self, name, value)

    def clear(self) -> None:
        """Nothing goes wrong any more; the seed stays."""
        fresh = Faults(self.seed)
        for name in (*_TYPES, "drawn", "odd"):
            setattr(self, name, getattr(fresh, name))

    def next_for(self, endpoint: str) -> str | None:
        """The fault of this request, if it gets one."""
        if not re.match(self.on, endpoint):
            return None
        if self.script:
            planned = self.script.pop(0)
            return None if planned == "none" else planned
        if not self.shares:
            return None
        self.drawn += 1
        return self._draw(self.dice(), KINDS)

    def next_for_event(self, event: int) -> str | None:
        """The fault of the delivery of an event."""
        return self._draw(Random(f"{self.seed}:event:{event}"), EVENTS)  # noqa: S311

    def dice(self) -> Random:
        """The dice of the request that was drawn last."""
        return Random(f"{self.seed}:{self.drawn}")  # noqa: S311

    def odd_retry_after(self) -> tuple[str, ...]:
        """The next of the values that no client should trip over."""
        self.odd += 1
        return ODD_RETRY_AFTERS[(self.odd - 1) % len(ODD_RETRY_AFTERS)]

    def told(self) -> dict[str, Any]:
        """What is ordered, as JSON."""
        return {name: getattr(self, name) for name in _TYPES} | {"drawn": self.drawn}

    def _draw(self, dice: Random, kinds: dict[str, str]) -> str | None:
        at = dice.random()
        for kind, share in self.shares.items():
            if kind in kinds:
                at -= share
                if at < 0:
                    return kind
        return None


_TYPES: dict[str, type | tuple[type, ...]] = {
    "seed": int, "shares": dict, "script": list, "on": str, "slow": (int, float),
    "drip": (int, float), "huge": int, "retry_after": int, "lag": (int, float), "skew": (int, float),
}  # fmt: skip


def mixed(share: float) -> dict[str, float]:
    """The usual mix, so much of all requests in sum."""
    return {kind: share / len(MIX) for kind in MIX} if share else {}


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    wanted = dict(wanted)
    if "fail" in wanted:
        wanted["shares"] = mixed(wanted.pop("fail"))
    for name, value in wanted.items():
        if name not in _TYPES:
            raise Nonsense(f"{name}: there is {', '.join(_TYPES)}, and fail.")
        if isinstance(value, bool) or not isinstance(value, _TYPES[name]):
            raise Nonsense(f"{name}: this is of the wrong type.")
    _check_kinds(wanted.get("shares", {}), wanted.get("script", []))
    try:
        re.compile(wanted.get("on", ""))
    except re.error as wrong:
        raise Nonsense(f"on: {wrong}.") from wrong
    return wanted


def _check_kinds(shares: dict[str, Any], script: list[Any]) -> None:
    there_are = KINDS.keys() | EVENTS.keys()
    unknown = [kind for kind in shares if kind not in there_are]
    unknown += [str(kind) for kind in script if kind not in {*KINDS, "none"}]
    if unknown:
        raise Nonsense(f"There is no fault {', '.join(unknown)}.")
    for kind, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise Nonsense(f"{kind}: a share is a number from 0 to 1.")
    for kinds in (KINDS, EVENTS):
        if sum(Counter({kind: shares.get(kind, 0) for kind in kinds}).values()) > 1 + 1e-9:
            raise Nonsense("All shares together are more than 1.")
