"""The public API of Genesys Cloud, as far as it has to do with callbacks."""

from callbacks.practice.genesys import analytics, callbacks, reference
from callbacks.practice.routes import Route

_C = "/api/v2/conversations"
_B = f"{_C}/callbacks"
_P = f"{_B}/{{key}}/participants/{{participant}}"
_U = "/api/v2/users"
_R = "/api/v2/routing"
_A = "/api/v2/analytics"

ROUTES = [
    Route("POST", _B, callbacks.create),
    Route("GET", _B, callbacks.logged_in),
    Route("PATCH", _B, callbacks.patch),
    Route("POST", f"{_B}/bulk/update", callbacks.bulk_update),
    Route("POST", f"{_B}/bulk/disconnect", callbacks.bulk_disconnect),
    Route("GET", f"{_B}/{{key}}", callbacks.get),
    Route("PATCH", f"{_B}/{{key}}", callbacks.disconnect),
    Route("PATCH", _P, callbacks.change_participant),
    Route("PATCH", f"{_P}/attributes", callbacks.attributes),
    Route("PATCH", f"{_P}/communications/{{communication}}", callbacks.change_communication),
    Route("POST", f"{_P}/replace", callbacks.transfer),
    Route("POST", f"{_C}/{{key}}/participants/{{participant}}/callbacks", callbacks.create_on),
    Route("GET", f"{_C}/settings", reference.settings),
    Route("GET", f"{_C}/{{key}}", callbacks.get_conversation),
    Route("DELETE", f"{_C}/{{key}}", callbacks.tear_down),
    Route("POST", f"{_C}/{{key}}/disconnect", callbacks.tear_down),
    Route("POST", f"{_C}/{{key}}/assign", callbacks.assign),
    Route("PUT", f"{_C}/{{key}}/tags", callbacks.tag),
    Route("PATCH", f"{_R}/conversations/{{key}}", callbacks.route),
    Route("POST", f"{_A}/conversations/details/query", analytics.query),
    Route("GET", f"{_A}/conversations/details", analytics.details_of),
    Route("GET", f"{_A}/conversations/{{key}}/details", analytics.details),
    Route("POST", f"{_A}/agents/status/query", reference.status_query),
    Route("GET", f"{_A}/agents/{{key}}/status", reference.status),
    Route("GET", _U, reference.users),
    Route("POST", f"{_U}/search", reference.search_users),
    Route("GET", f"{_U}/presences/purecloud/bulk", reference.presences),
    Route("GET", f"{_U}/{{key}}", reference.user),
    Route("GET", f"{_U}/{{key}}/routingstatus", reference.routing_status),
    Route("GET", f"{_U}/{{key}}/presences/purecloud", reference.presence),
    Route("GET", f"{_U}/{{key}}/routingskills", reference.user_skills),
    Route("GET", f"{_U}/{{key}}/queues", reference.user_queues),
    Route("GET", f"{_U}/{{key}}/outofoffice", reference.out_of_office),
    Route("GET", f"{_R}/users/{{key}}/utilization", reference.utilization),
    Route("GET", f"{_R}/skills", reference.skills),
    Route("GET", f"{_R}/queues", reference.queues),
    Route("GET", f"{_R}/queues/{{key}}", reference.one_queue),
    Route("GET", f"{_R}/queues/{{key}}/members", reference.members),
    Route(
        "GET",
        f"{_R}/queues/{{key}}/mediatypes/callback/estimatedwaittime",
        reference.waiting_time,
    ),
    Route("GET", "/api/v2/presence/definitions", reference.definitions),
    Route("GET", "/api/v2/systempresences", reference.system_presences),
    Route("GET", "/api/v2/organizations/limits/namespaces/{namespace}", reference.limits),
]
"""The first that fits answers: what is said in full stands before what has parts."""
