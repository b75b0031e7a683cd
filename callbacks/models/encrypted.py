"""Secrets that Ringback must know again: kept encrypted, read on purpose only.

The key is not that of the sessions (``SECRET_KEY``) but one of its own, ``ENCRYPTION_KEYS``: whoever
reads the database, or a dump of it, learns nothing. The first key encrypts, every one decrypts, so
that keys can be changed while the product runs.
"""

import base64
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class Unreadable(Exception):
    """A secret was encrypted with a key that this installation does not have (any more)."""

    def __init__(self) -> None:
        super().__init__(
            "The secret cannot be read: it was encrypted with a key that ENCRYPTION_KEYS does not "
            "hold. Give that key back, or make a new secret."
        )


@dataclass(frozen=True)
class Sealed:
    """An encrypted text. It shows nothing of itself until it is opened."""

    token: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Encrypt with the first key."""
        return cls(_cipher().encrypt(text.encode()).decode())

    def open(self) -> str:
        """The text. Raises ``Unreadable``."""
        try:
            return _cipher().decrypt(self.token.encode()).decode()
        except InvalidToken:
            raise Unreadable from None

    @property
    def is_readable(self) -> bool:
        """Whether this installation has the key to it."""
        try:
            self.open()
        except Unreadable:
            return False
        return True

    def renewed(self) -> "Sealed":
        """The same text, encrypted with the key that is first now. Raises ``Unreadable``."""
        try:
            return Sealed(_cipher().rotate(self.token.encode()).decode())
        except InvalidToken:
            raise Unreadable from None

    def __repr__(self) -> str:
        return "<sealed>"

    __str__ = __repr__


class EncryptedTextField(_TextField):
    """A column that holds ``Sealed`` texts and takes no other: a bare one cannot slip in.

    A row can always be read; only ``open()`` needs the key.
    """

    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, *args: object) -> Sealed | None:
        """As the database has it, still sealed."""
        return None if value is None else Sealed(value)

    def get_prep_value(self, value: Any) -> str | None:
        """The ciphertext."""
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise TypeError("Seal it first: Sealed.of(text).")
        return value.token

    def value_to_string(self, obj: models.Model) -> str:
        """For dumps: the ciphertext."""
        return self.get_prep_value(self.value_from_object(obj)) or ""

    def to_python(self, value: Any) -> Any:
        """From dumps: the ciphertext."""
        return Sealed(value) if isinstance(value, str) else value


def _cipher() -> MultiFernet:
    return _cipher_of(tuple(settings.ENCRYPTION_KEYS))


@functools.lru_cache(maxsize=4)
def _cipher_of(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    """Any long random text becomes a key of the length that the cipher wants."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ringback: secrets at rest")
    return base64.urlsafe_b64encode(hkdf.derive(key.encode()))
