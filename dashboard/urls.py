"""All addresses, grouped by noun."""

from django.contrib import admin
from django.urls import path

from dashboard import entrance, errors, health, metrics, platform_events
from dashboard.accounts import views as accounts
from dashboard.agent import calling
from dashboard.agent import views as agent
from dashboard.api import tokens
from dashboard.api.api import api
from dashboard.calendar import views as calendar
from dashboard.callback import views as callback
from dashboard.imports import views as imports
from dashboard.schedule import views as schedule
from dashboard.supervisor import contact_lists, expired
from dashboard.sync import views as sync
from dashboard.sync_drift import views as sync_drift
from dashboard.tasks import views as tasks
from dashboard.webhooks import views as webhooks

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.broken

urlpatterns = [
    # The agent
    path("", agent.home, name="home"),
    path("now", calling.now, name="now"),
    path("presence", calling.presence, name="presence"),
    path("callbacks/<uuid:key>/answer", calling.answer, name="callback-answer"),
    path("callbacks/<uuid:key>/wrap-up", calling.wrap_up, name="callback-wrap-up"),
    # The schedule panel
    path("schedule", schedule.panel, name="schedule"),
    path("schedule/preview", schedule.preview, name="schedule-preview"),
    path("schedule/<uuid:key>", schedule.scheduled, name="scheduled"),
    path("time-zones", schedule.time_zones, name="time-zones"),
    # Callbacks
    path("callbacks", callback.index, name="callbacks"),
    path("callbacks.csv", callback.export, name="callbacks-csv"),
    path("callbacks/<uuid:key>", callback.page, name="callback"),
    path("callbacks/<uuid:key>/change", callback.change, name="callback-change"),
    path(
        "callbacks/<uuid:key>/change/preview",
        callback.change_preview,
        name="callback-change-preview",
    ),
    path("callbacks/<uuid:key>/ownership", callback.ownership, name="callback-ownership"),
    path("callbacks/<uuid:key>/hand-over", callback.hand_over, name="callback-hand-over"),
    path("callbacks/<uuid:key>/cancellation", callback.cancellation, name="callback-cancellation"),
    path("callbacks/<uuid:key>/taking-back", callback.taking_back, name="callback-taking-back"),
    path("callbacks/<uuid:key>/conversion", tasks.conversion, name="callback-conversion"),
    path("callbacks/<uuid:key>/revival", expired.revival, name="callback-revival"),
    path("tasks", tasks.index, name="tasks"),
    path("search", callback.search, name="search"),
    # The supervisor
    path("supervisor/expired", expired.index, name="expired"),
    path("supervisor/contact-lists", contact_lists.index, name="contact-lists"),
    path("supervisor/contact-lists/<uuid:key>", contact_lists.entries, name="contact-list"),
    path(
        "supervisor/contact-lists/<uuid:key>/reset",
        contact_lists.resetting,
        name="contact-list-reset",
    ),
    path(
        "supervisor/contact-lists/<uuid:key>/recycle",
        contact_lists.recycling,
        name="contact-list-recycle",
    ),
    path("import", imports.index, name="imports"),
    path("import/<uuid:key>", imports.page, name="import"),
    path("import/<uuid:key>/start", imports.start, name="import-start"),
    path("import/<uuid:key>/cancel", imports.cancel, name="import-cancel"),
    path("import/<uuid:key>/rejects.csv", imports.rejects, name="import-rejects"),
    # Webhooks
    path("webhooks", webhooks.index, name="webhooks"),
    path("webhooks/<uuid:key>", webhooks.page, name="webhook"),
    path("webhooks/<uuid:key>/removal", webhooks.removal, name="webhook-removal"),
    path("webhooks/deliveries/<int:key>", webhooks.delivery, name="webhook-delivery"),
    # Synchronisation
    path("sync", sync.index, name="sync"),
    path("sync/connections/<uuid:key>", sync.connection, name="connection"),
    path("sync/callbacks/<uuid:key>", sync.counterpart, name="counterpart"),
    path("sync/drift", sync_drift.index, name="sync-drift"),
    # Calendars
    path("calendar", calendar.page, name="calendar"),
    path("calendar/<str:secret>.ics", calendar.calendar_feed, name="calendar-feed"),
    # People
    path("login", accounts.log_in, name="log-in"),
    path("logout", accounts.log_out, name="log-out"),
    path("admin/", admin.site.urls),
    # Programs
    path("api/v2/", entrance.letting_programs_in(api.urls)),
    path("oauth/token", tokens.token, name="oauth-token"),
    path("oauth/revoke", tokens.revocation, name="oauth-revoke"),
    # Machines
    path("sync/<uuid:key>/events", platform_events.receive, name="platform-events"),
    path("engine", health.engine, name="engine"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
