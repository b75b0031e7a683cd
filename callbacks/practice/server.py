"""The platform as a process: uvicorn, with a way to the connection, so that it can be cut."""

import asyncio
import contextlib
import sys

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


def serve(options: Options, faults: Faults, *, host: str, ports: list[int]) -> None:
    """Serve until SIGINT or SIGTERM, on one port or on several (the log-in host's own)."""
    asyncio.run(_serve(options, faults, host, ports))


async def _serve(options: Options, faults: Faults, host: str, ports: list[int]) -> None:
    platform = Platform(options, faults)
    application = Application(platform, Players(platform, faults.seed), Courier(platform))
    if options.hook:
        add_hook(platform, options.hook, list(EVENTS), options.hook_secret)
    servers = [uvicorn.Server(_config(application, host, port)) for port in ports]
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(application.courier.run())]
        if options.plays:
            beside.append(group.create_task(_play(application.players, options.play_every)))
        beside.append(group.create_task(_announce(servers, host)))
        await _first_to_end(servers)
        for task in beside:
            task.cancel()


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


async def _first_to_end(servers: list[uvicorn.Server]) -> None:
    """Serve until one of them ends, then end the others."""
    serving = [asyncio.create_task(server.serve()) for server in servers]
    await asyncio.wait(serving, return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*serving)


async def _announce(servers: list[uvicorn.Server], host: str) -> None:
    """Say when it listens: whoever starts it waits for that line."""
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
    for server in servers:
        port = server.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"The practice platform listens at http://{host}:{port}\n")
    sys.stdout.flush()


async def _play(players: Players, every: float) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(every)
            players.step()
