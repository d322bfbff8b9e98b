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
from gatelodge.vault.current_keys import CurrentKeys
from gatelodge.vault.envelope import Key
from gatelodge.vault.keyring import Keyring

__all__ = ["NotAuthentic", "SealedBox", "derive"]

_VERSION = b"\x01"


def derive(secret: bytes, info: bytes) -> bytes:
    """A key of 32 bytes: the first block of HKDF-Expand with SHA-256, for a secret that is random already.

    So the extraction of HKDF would have nothing to do.
    """
    return hmac.digest(secret, info + b"\x01", hashlib.sha256)


class SealedBox:
    """Seals with the primary key of ``keys`` and opens with any."""

    def __init__(
        self, keys: Keyring | CurrentKeys, purpose: str, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._keys = CurrentKeys(keys) if isinstance(keys, Keyring) else keys
        self._purpose, self._random = purpose.encode(), random

    async def sealed(self, plaintext: bytes, *bound: str) -> bytes:
        """As ``seal``, by no key that was retired. Raises: KeyRetired, StorageUnavailable, StorageFault."""
        await self._keys.check()
        return self.seal(plaintext, *bound)

    async def opened(self, sealed: bytes, *bound: str) -> bytes:
        """As ``open``, with the keys as they are by now where its own is missing. Raises: NotAuthentic."""
        if sealed[:1] == _VERSION and self._key(sealed) is None:
            await self._keys.renew()
        return self.open(sealed, *bound)

    def seal(self, plaintext: bytes, *bound: str) -> bytes:
        """Version (1 byte), key id, nonce (12 bytes), ciphertext and tag."""
        key, nonce = self._keys.keyring.primary, self._random(aead.NONCE_BYTES)
        return _VERSION + key.id + nonce + aead.encrypt(self._derived(key), nonce, plaintext, self._data(key, bound))

    def open(self, sealed: bytes, *bound: str) -> bytes:
        """The plaintext. Raises: NotAuthentic, also for another version and for a key that is not here."""
        key, size = self._key(sealed), len(self._keys.keyring.primary.id)
        start = 1 + size + aead.NONCE_BYTES
        if sealed[:1] != _VERSION or key is None or len(sealed) < start:
            raise NotAuthentic
        return aead.decrypt(self._derived(key), sealed[1 + size : start], sealed[start:], self._data(key, bound))

    def _key(self, sealed: bytes) -> Key | None:
        ring = self._keys.keyring
        return ring.find(sealed[1 : 1 + len(ring.primary.id)].hex())

    def _derived(self, key: Key) -> bytes:
        return derive(key.secret, b"gatelodge sealed " + self._purpose)

    def _data(self, key: Key, bound: tuple[str, ...]) -> bytes:
        """Additional data: every part with its length in front, so that no two lists are the same bytes."""
        parts = (b"gatelodge sealed", _VERSION, self._purpose, key.id, *(part.encode() for part in bound))
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
