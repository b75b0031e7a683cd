"""The platform as a process: uvicorn, with a way to the connection, so that it can be cut."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callbacks.practice.application import Application
from callbacks.practice.faults import Faults
from callbacks.practice.guide.reference import EVENTS, add_hook
from callbacks.practice.hooks import Courier
from callbacks.practice.platform import Options, Platform
from callbacks.practice.play import Players


class Cuttable(HttpToolsProtocol):
    """Gives the application the connection that a request came on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand it on in the state of the scope."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Told(uvicorn.Server):
    """Leaves signals to whoever runs several."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


def serve(options: Options, faults: Faults, *, host: str, ports: list[int]) -> None:
    """Serve until SIGINT or SIGTERM, on one port or on several (the log-in host's own)."""
    asyncio.run(_serve(options, faults, host, ports))


async def _serve(options: Options, faults: Faults, host: str, ports: list[int]) -> None:
    platform = Platform(options, faults)
    application = Application(platform, Players(platform, faults.seed), Courier(platform))
    if options.hook:
        add_hook(platform, options.hook, list(EVENTS), options.hook_secret)
    servers = [Told(_config(application, host, port)) for port in ports]
    _end_by_signal(servers)
    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(application.courier.run()),
            group.create_task(_announce(servers, host)),
        ]
        if options.plays:
            beside.append(group.create_task(_play(application.players, options.play_every)))
        await asyncio.gather(*(server.serve() for server in servers))
        for task in beside:
            task.cancel()


def _end_by_signal(servers: list["Told"]) -> None:
    """A signal ends all of them."""

    def end() -> None:
        for server in servers:
            server.should_exit = True

    for sent in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sent, end)


def _config(application: Application, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        http=Cuttable,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )


async def _announce(servers: list[Told], host: str) -> None:
    """Say when it listens: whoever starts it waits for that line."""
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
    for server in servers:
        port = server.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"The practice platform listens at http://{host}:{port}\n")
    sys.stdout.flush()


async def _play(players: Players, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        players.step()
