"""The admins' door: Django's admin, which is a screen, too. One module a noun.

Callbacks are not edited here: people do that on their screens, where every change has its reason.
"""

from dashboard.admin import (
    connections,
    contact_lists,
    people,
    programs,
    queues,
    records,
    service_levels,
    site,
)

__all__ = [
    "connections",
    "contact_lists",
    "people",
    "programs",
    "queues",
    "records",
    "service_levels",
    "site",
]
