"""Short-lived values of this program itself, sealed for one purpose: sign-ins under way, authorization states, sessions.

Each purpose has a key of its own, derived from the key-encryption key (HKDF-Expand, RFC 5869, section 2.3), so that
many sessions do not use up the seals of the key that wraps data keys. Invariant: a value opens only for its purpose and
for what it was bound to. Not here: credentials of connections (``sealing``).
"""

import hashlib
import hmac
import os
from collections.abc import Callable

from gatelodge.vault import aead
from gatelodge.vault.aead import NotAuthentic
from gatelodge.vault.envelope import Key
from gatelodge.vault.keyring import Keyring

__all__ = ["NotAuthentic", "SealedBox"]

_VERSION = b"\x01"


class SealedBox:
    """Seals with the primary key of ``keyring`` and opens with any."""

    def __init__(self, keyring: Keyring, purpose: str, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self._keyring, self._purpose, self._random = keyring, purpose.encode(), random

    def seal(self, plaintext: bytes, *bound: str) -> bytes:
        """Version (1 byte), key id, nonce (12 bytes), ciphertext and tag."""
        key, nonce = self._keyring.primary, self._random(aead.NONCE_BYTES)
        return _VERSION + key.id + nonce + aead.encrypt(self._derived(key), nonce, plaintext, self._data(key, bound))

    def open(self, sealed: bytes, *bound: str) -> bytes:
        """The plaintext. Raises: NotAuthentic, also for another version and for a key that is not here."""
        size = len(self._keyring.primary.id)
        key = self._keyring.find(sealed[1 : 1 + size].hex())
        start = 1 + size + aead.NONCE_BYTES
        if sealed[:1] != _VERSION or key is None or len(sealed) < start:
            raise NotAuthentic
        return aead.decrypt(self._derived(key), sealed[1 + size : start], sealed[start:], self._data(key, bound))

    def _derived(self, key: Key) -> bytes:
        # The key is random already, so that the extraction of HKDF has nothing to do.
        return hmac.digest(key.secret, b"gatelodge sealed " + self._purpose + b"\x01", hashlib.sha256)

    def _data(self, key: Key, bound: tuple[str, ...]) -> bytes:
        """Additional data: every part with its length in front, so that no two lists are the same bytes."""
        parts = (b"gatelodge sealed", _VERSION, self._purpose, key.id, *(part.encode() for part in bound))
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
