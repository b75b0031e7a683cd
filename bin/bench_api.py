"""How many callbacks a second programs can schedule, as seen by programs.

    creations(base_url, token, clients, seconds) -> answers and how long each took

Sixteen connections are kept open and written to by hand, so that the measuring costs less than what
is measured.
"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

NUMBERS = count()


def token(base_url: str, client_id: str, secret: str) -> str:
    """A bearer token for these credentials."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    asked = Request(f"{base_url}/oauth/token", urlencode(form).encode())
    with urlopen(asked, timeout=30) as answer:
        return str(json.load(answer)["access_token"])


def payload(place: int) -> dict[str, object]:
    """The guide's payload, without an owner, for a London number that nobody else has."""
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2, seconds=place % 7200)
    requested = at.replace(hour=12 + place % 4).isoformat().replace("+00:00", ".000Z")
    return {
        "target": {"id": f"+4420{70_000_000 + place:08d}", "type": "phoneNumber"},
        "requestedTime": requested,
        "callbackWindow": {"duration": 3600, "startTime": requested},
        "externalData": {"reason": "Technical Support Follow-up", "ticketId": f"INC-{place}"},
        "status": "pending",
    }


def creations(base_url: str, bearer: str, clients: int, seconds: float) -> list[tuple[int, float]]:
    """Status and seconds of each answer, of so many clients that ask as fast as they are answered."""
    return asyncio.run(_creations(base_url, bearer, clients, seconds))


async def _creations(
    base_url: str, bearer: str, clients: int, seconds: float
) -> list[tuple[int, float]]:
    place = urlsplit(base_url)
    told: list[tuple[int, float]] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(
        *(
            _client(place.hostname or "", place.port or 80, bearer, until, told)
            for _ in range(clients)
        )
    )
    return told


async def _client(
    host: str, port: int, bearer: str, until: float, told: list[tuple[int, float]]
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while (began := time.perf_counter()) < until:
        body = json.dumps(payload(next(NUMBERS))).encode()
        head = (
            f"POST /api/v2/callbacks HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        status = int((await reader.readline()).split()[1])
        length = 0
        while (line := await reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await reader.readexactly(length)
        told.append((status, time.perf_counter() - began))
    writer.close()
