"""The guide's contract, as a server."""

from callbacks.practice.guide import callbacks, reference
from callbacks.practice.routes import Route

ROUTES = [
    Route("POST", "/api/v2/callbacks", callbacks.create, "callback:write"),
    Route("GET", "/api/v2/callbacks", callbacks.search, "callback:read"),
    Route("POST", "/api/v2/callbacks/batch", callbacks.create_many, "callback:write"),
    Route("GET", "/api/v2/callbacks/{key}", callbacks.get, "callback:read"),
    Route("PATCH", "/api/v2/callbacks/{key}", callbacks.change, "callback:write"),
    Route("GET", "/api/v2/availability", reference.availability, "callback:read"),
    Route("GET", "/api/v2/queues", reference.queues, "callback:read"),
    Route("GET", "/api/v2/agents", reference.agents, "callback:read"),
    Route("GET", "/api/v2/webhooks", reference.hooks, "webhook:manage"),
    Route("POST", "/api/v2/webhooks", reference.subscribe, "webhook:manage"),
    Route("DELETE", "/api/v2/webhooks/{key}", reference.unsubscribe, "webhook:manage"),
]
