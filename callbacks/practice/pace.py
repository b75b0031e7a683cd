"""How many requests each client may send, what came of it, and how close to the limit it went."""

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

MINUTE = 60.0


@dataclass(frozen=True)
class Rate:
    """So many requests a second (a bucket that refills) or a minute (no 60 seconds with more)."""

    requests: int
    seconds: float
    burst: int

    @classmethod
    def parse(cls, text: str, burst: int | None = None) -> "Rate | None":
        """``10/s``, ``300/min``, or ``none``. Raises ``ValueError`` on anything else."""
        if text.lower() in {"none", "off"}:
            return None
        number, _, unit = text.partition("/")
        seconds = {"s": 1.0, "min": MINUTE, "m": MINUTE}.get(unit.strip())
        if seconds is None or not (number.isascii() and number.isdigit() and int(number)):
            raise ValueError(f"{text}: say a rate as 10/s, 300/min or none.")
        return cls(int(number), seconds, burst or int(number))

    def limit(self) -> "Bucket | Window":
        """What keeps to it for one client."""
        return Window(self) if self.seconds == MINUTE else Bucket(self)

    def __str__(self) -> str:
        """As it was said."""
        return f"{self.requests}/{'min' if self.seconds == MINUTE else 's'}"


class Bucket:
    """A token bucket: full at first, refilled steadily."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._tokens = float(rate.burst)
        self._since: float | None = None

    def take(self, now: float) -> float:
        """0 where the request may go on, else the seconds until the next may."""
        speed = self._rate.requests / self._rate.seconds
        passed = 0.0 if self._since is None else now - self._since
        self._since = now
        self._tokens = min(float(self._rate.burst), self._tokens + passed * speed)
        if self._tokens < 1:
            return (1 - self._tokens) / speed
        self._tokens -= 1
        return 0.0

    def used(self, now: float) -> int:
        """How much is gone."""
        return math.ceil(self._rate.burst - self._tokens)


class Window:
    """A sliding window: never more in any 60 seconds, wherever they begin."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._granted: deque[float] = deque()

    def take(self, now: float) -> float:
        """0 where the request may go on, else the seconds until the next may."""
        while self._granted and self._granted[0] <= now - self._rate.seconds:
            self._granted.popleft()
        if len(self._granted) >= self._rate.requests:
            return self._granted[0] + self._rate.seconds - now
        self._granted.append(now)
        return 0.0

    def used(self, now: float) -> int:
        """How much is gone."""
        return len(self._granted)


@dataclass
class Meter:
    """What one client did."""

    rate: Rate | None
    granted: int = 0
    refused: int = 0
    too_early: int = 0
    """Requests that came before the ``Retry-After`` of an earlier answer was over."""
    peak: int = 0
    first_at: float | None = None
    last_at: float = 0.0
    barred_until: float = 0.0
    endpoints: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    _second: deque[float] = field(default_factory=deque)

    def came(self, endpoint: str, now: float) -> None:
        """Count a request, granted or not."""
        self.endpoints[endpoint] += 1
        self.too_early += now < self.barred_until
        self._second.append(now)
        while self._second[0] <= now - 1:
            self._second.popleft()
        self.peak = max(self.peak, len(self._second))

    def passed(self, now: float) -> None:
        """Count a request that kept to the rate."""
        self.granted += 1
        self.first_at = now if self.first_at is None else self.first_at
        self.last_at = now

    def told(self) -> dict[str, Any]:
        """The figures.

        ``permitted`` is the most that could have been granted in this time, with the burst;
        ``share`` is how fast the client was, of the rate alone.
        """
        seconds = self.last_at - self.first_at if self.first_at is not None else 0.0
        steady = seconds * self.rate.requests / self.rate.seconds if self.rate else 0.0
        return {
            "requests": sum(self.endpoints.values()),
            "granted": self.granted,
            "refused": self.refused,
            "tooEarly": self.too_early,
            "peakPerSecond": self.peak,
            "seconds": round(seconds, 3),
            "permitted": math.floor(self.rate.burst + steady) if self.rate else None,
            "share": round((self.granted - 1) / steady, 4) if steady else None,
            "endpoints": dict(self.endpoints),
            "answers": {str(status): count for status, count in self.answers.items()},
            "faults": dict(self.faults),
        }


class Turnstile:
    """The limits and the figures of all clients."""

    def __init__(self, rate: Rate | None) -> None:
        self.rate = rate
        self._limits: dict[str, Bucket | Window] = {}
        self.meters: dict[str, Meter] = {}

    def meter(self, client: str) -> Meter:
        """The client's figures."""
        return self.meters.setdefault(client, Meter(self.rate))

    def enter(self, client: str, endpoint: str, now: float) -> float:
        """0 where the client may go on, else seconds to wait."""
        meter = self.meter(client)
        meter.came(endpoint, now)
        wait = self._wait(client, now)
        if wait:
            meter.refused += 1
            self.bar(client, now + math.ceil(wait))
        else:
            meter.passed(now)
        return wait

    def bar(self, client: str, until: float) -> None:
        """The client was told to wait so long."""
        meter = self.meter(client)
        meter.barred_until = max(meter.barred_until, until)

    def in_window(self, client: str, now: float) -> int:
        """How much of the rate is used now, as the headers of old told it."""
        limit = self._limits.get(client)
        return limit.used(now) if limit else 0

    def clear(self) -> None:
        """New figures; the limits stay as full as they are."""
        self.meters.clear()

    def _wait(self, client: str, now: float) -> float:
        if self.rate is None:
            return 0.0
        return self._limits.setdefault(client, self.rate.limit()).take(now)
