"""The sealed form of a value: version (1 byte), key id, nonce (12 bytes), ciphertext and tag.

What a value is bound to is authenticated with it: a value that is copied to another row, user, provider, field or key does
not open. Invariant: every seal draws a new random nonce, so that no counter has to survive a fork, a restart or a
restored backup; at most 2^32 seals per key (NIST SP 800-38D, section 8.3).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from gatelodge.vault import aead
from gatelodge.vault.aead import NotAuthentic
from gatelodge.vault.owner import Owner

__all__ = ["VERSION", "Binding", "Key", "NotAuthentic", "open_sealed", "seal"]

VERSION = 1
_DATA_KEY_FIELD = "data_key"


@dataclass(frozen=True, slots=True)
class Key:
    """A 256-bit key and the id that stands in front of everything it sealed; neither shows the key."""

    id: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.id.hex()}, ***)"


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a value belongs; ``field`` is the column, or None for the data key itself, bound by its own id."""

    owner: Owner
    connection: str
    data_key: str
    field: str | None = None

    def bytes_for(self, key: Key) -> bytes:
        """Additional data: every part with its length in front, so that no two bindings are the same bytes."""
        owner = self.owner
        parts = (
            b"gatelodge vault",
            bytes((VERSION,)),
            owner.tenant.encode(),
            owner.user.encode(),
            owner.provider.encode(),
            self.connection.encode(),
            b"key" if self.field is None else b"value",
            (_DATA_KEY_FIELD if self.field is None else self.field).encode(),
            self.data_key.encode(),
            key.id,
        )
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def seal(key: Key, binding: Binding, plaintext: bytes, *, random: Callable[[int], bytes] = os.urandom) -> bytes:
    """The sealed form of ``plaintext``; two seals of the same value differ."""
    nonce = random(aead.NONCE_BYTES)
    ciphertext = aead.encrypt(key.secret, nonce, plaintext, binding.bytes_for(key))
    return bytes((VERSION,)) + key.id + nonce + ciphertext


def open_sealed(key: Key, binding: Binding, sealed: bytes) -> bytes:
    """The plaintext. Raises: NotAuthentic, whatever is wrong with it."""
    start = 1 + len(key.id)
    nonce_end = start + aead.NONCE_BYTES
    if sealed[:start] != bytes((VERSION,)) + key.id or len(sealed) < nonce_end:
        raise NotAuthentic
    return aead.decrypt(key.secret, sealed[start:nonce_end], sealed[nonce_end:], binding.bytes_for(key))
