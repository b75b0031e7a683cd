"""What the web server runs.

Pages are synchronous, so they are served by a fixed pool of threads, each keeping its database
connection: measured three to four times quicker than a new thread for each request. Long-lived
streams, when they come, are routed here before Django sees them.
"""

import os
from typing import Any, cast

from a2wsgi import WSGIMiddleware

from dashboard.wsgi import application as pages

THREADS = int(os.environ.get("WEB_THREADS", "8"))

application = WSGIMiddleware(cast("Any", pages), workers=THREADS)
