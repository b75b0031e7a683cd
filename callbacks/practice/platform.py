"""One practice platform: its options, and all that it holds."""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callbacks.practice.faults import Faults
from callbacks.practice.pace import Rate, Turnstile
from callbacks.practice.people import People
from callbacks.practice.store import Callback, Store
from callbacks.practice.tokens import Tokens
from callbacks.practice.web import Answer

GUIDE, GENESYS = "guide", "genesys-cloud"
REMEMBERED = 100_000


@dataclass(frozen=True)
class Options:
    """How the platform is to behave; what nobody knows of the real one can be had either way."""

    dialects: frozenset[str] = frozenset({GUIDE, GENESYS})
    rate: Rate | None = None
    clients: dict[str, str] = field(default_factory=lambda: {"practice": "practice"})
    token_lifetime: timedelta = timedelta(days=1)
    ledger: Path | None = None
    reference_key: str = "extId"
    batch: int = 500
    allows_duplicates: bool = False
    """guide: no 409, as on Genesys Cloud."""
    forgets_keys: bool = False
    """guide: ``Idempotency-Key`` is not heeded."""
    patch_agent: str = "sets"
    """genesys-cloud: whether ``agentId`` of a patch ``sets`` the owner or is ``ignored``."""
    unowned: str = "silent"
    """genesys-cloud: ownership that the queue does not allow is dropped ``silent``, or ``refused``."""
    numbers: str = "as-typed"
    """genesys-cloud: how analytics shows numbers: ``as-typed``, or with ``tel:``."""
    interval_days: int = 31
    ratelimit_headers: bool = False
    plays: bool = False
    play_every: float = 1.0
    habits: Mapping[str, float] = field(default_factory=dict)
    """How the agents play, where it is not as usual."""
    people: Mapping[str, Any] = field(default_factory=dict)
    """Queues and agents that it has besides, as ``POST /practice/people`` takes them."""
    hook: str = ""
    hook_secret: str = "practice"  # noqa: S105 (nothing is behind it)


@dataclass(frozen=True)
class Seen:
    """A request that was answered."""

    at: float
    client: str
    endpoint: str
    status: int
    fault: str | None

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "at": round(self.at, 4), "client": self.client, "endpoint": self.endpoint,
            "status": self.status, "fault": self.fault,
        }  # fmt: skip


class Platform:
    """All that is held in memory."""

    def __init__(self, options: Options, faults: Faults) -> None:
        self.options = options
        self.faults = faults
        self.people = People(self.options.people)
        self.store = Store(options.ledger, options.reference_key)
        self.turnstile = Turnstile(options.rate)
        only_genesys = options.dialects == {GENESYS}
        self.tokens = Tokens(options.clients, options.token_lifetime, needs_basic=only_genesys)
        self.seen: deque[Seen] = deque(maxlen=REMEMBERED)
        self.answered: dict[tuple[str, str], tuple[bytes, Answer]] = {}
        """What was answered under an idempotency key."""
        self.hooks: dict[str, dict[str, Any]] = {}

    @property
    def now(self) -> datetime:
        """The moment, in the milliseconds that are written."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    @property
    def ticks(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def reset(self) -> None:
        """As if it had just been started, without faults; clients keep their tokens."""
        self.store.clear()
        self.people = People(self.options.people)
        self.turnstile = Turnstile(self.options.rate)
        self.faults.clear()
        self.seen.clear()
        self.answered.clear()
        self.hooks.clear()

    def searched(self, keys: Iterable[str] | None = None) -> list[Callback]:
        """What a search finds now, of all or of these: the callbacks of a while ago."""
        return self.store.as_of(self.now - timedelta(seconds=self.faults.lag), keys)
