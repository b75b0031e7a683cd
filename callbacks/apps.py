"""Django's handle on the domain."""

from django.apps import AppConfig


class CallbacksConfig(AppConfig):
    """The domain as a Django app; all keys are UUIDv7, made by the models."""

    name = "callbacks"
    verbose_name = "Callbacks"
    default_auto_field = "django.db.models.BigAutoField"
