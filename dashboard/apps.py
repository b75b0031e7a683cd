"""Django's handle on the web."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The web as a Django app: template tags, admin and checks."""

    name = "dashboard"

    def ready(self) -> None:
        """Register the system checks."""
        from dashboard import checks  # noqa: F401 (apps must be ready first)
