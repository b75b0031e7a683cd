"""What the web server runs.

Pages are synchronous, so they are served by a fixed pool of threads, each keeping its database
connection: measured three to four times quicker than a new thread for each request. The streams of
the live screens stay open for hours; they are routed past the pool, before Django sees them.
"""

import os
from collections.abc import MutableMapping
from typing import Any, cast

from a2wsgi import WSGIMiddleware

from dashboard import wsgi  # first of all: it sets Django up
from dashboard.live import application as live

THREADS = int(os.environ.get("WEB_THREADS", "8"))

pages = WSGIMiddleware(cast("Any", wsgi.application), workers=THREADS)


async def application(
    scope: MutableMapping[str, Any], receive: live.Receive, send: live.Send
) -> None:
    """The pages, and beside them the streams."""
    if scope["type"] == "lifespan":
        await live.lifespan(receive, send)
    elif scope["type"] == "http" and scope["path"] == live.PATH:
        await live.events(scope, receive, send)
    else:
        await pages(cast("Any", scope), cast("Any", receive), cast("Any", send))
