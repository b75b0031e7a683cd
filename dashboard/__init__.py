"""The web: the project package and one folder for each door into the domain."""

from dashboard.celery import app as celery_app

__all__ = ["celery_app"]
