"""Keys: UUIDv7, so that new rows lie together in an index and ids tell nothing else."""

import uuid

from django.db import models
from uuid_utils.compat import uuid7


def new_key() -> uuid.UUID:
    """A new UUIDv7."""
    return uuid7()


class Keyed(models.Model):
    """A table whose key is a UUIDv7, made before the row is."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)

    class Meta:
        abstract = True
