"""A connection's secrets sealed and opened: a data key of its own for each, wrapped by a key-encryption key.

In front of every value stands a digest of the row's public part, so that a row is opened whole or not at all: older
values under a newer row, a changed scope, account or expiry, and a field taken away are noticed.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gatelodge.core.secret import Secret
from gatelodge.vault.aead import KEY_BYTES, NotAuthentic
from gatelodge.vault.envelope import Binding, Key, open_sealed, seal
from gatelodge.vault.key_source import read_again
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.records import Record

__all__ = ["KeyUnknown", "Sealed", "Sealing", "WrappedKey"]

_DIGEST_BYTES = 32


class KeyUnknown(NotAuthentic):
    """The key-encryption key of a row is not in the keyring: another one may be all that is missing."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as it is stored."""

    id: str
    kek_id: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A connection's secrets as they are stored."""

    key: WrappedKey
    values: Mapping[str, bytes]


class Sealing:
    """Seals and opens with one keyring; ``reload`` reads it anew when a row needs a key that is not in it, or when the
    primary key was retired.

    So a server goes on when an operator puts a new key into the key file and rotates.
    """

    def __init__(
        self,
        keyring: Keyring,
        *,
        reload: Callable[[], Keyring] | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.keyring = keyring
        self._reload, self._random = reload, random

    def seal(self, record: Record, secrets: Mapping[str, Secret]) -> Sealed:
        """All secrets of a connection under a new data key."""
        key = Key(uuid.UUID(bytes=self._random(16), version=4).bytes, self._random(KEY_BYTES))
        name, digest = key.id.hex(), _digest(record, secrets.keys())
        values = {
            field: seal(
                key,
                Binding(record.owner, record.id, name, field),
                digest + secret.reveal().encode(),
                random=self._random,
            )
            for field, secret in secrets.items()
        }
        return Sealed(self._wrap(record, key), values)

    def open(self, record: Record, sealed: Sealed | None) -> dict[str, Secret]:
        """The secrets by field; without a data key there is nothing to open. Raises: NotAuthentic, KeyUnknown."""
        if sealed is None or not sealed.values:
            raise NotAuthentic
        key = self._unwrap(record, sealed.key)
        digest = _digest(record, sealed.values.keys())
        secrets: dict[str, Secret] = {}
        for field, value in sealed.values.items():
            plain = open_sealed(key, Binding(record.owner, record.id, sealed.key.id, field), value)
            if plain[:_DIGEST_BYTES] != digest:
                raise NotAuthentic
            secrets[field] = Secret(plain[_DIGEST_BYTES:].decode())
        return secrets

    async def opened(self, record: Record, sealed: Sealed | None) -> dict[str, Secret]:
        """As ``open``, with the keys as they are by now where one is missing."""
        try:
            return self.open(record, sealed)
        except KeyUnknown:
            if not await self.renew():
                raise
            return self.open(record, sealed)

    async def renew(self) -> bool:
        """Read the keys anew, where that is possible."""
        fresh = await read_again(self._reload)
        self.keyring = fresh or self.keyring
        return fresh is not None

    def rewrap(self, record: Record, stored: WrappedKey) -> WrappedKey:
        """The same data key, wrapped by the primary key. Raises: NotAuthentic, KeyUnknown."""
        return self._wrap(record, self._unwrap(record, stored))

    def _wrap(self, record: Record, key: Key) -> WrappedKey:
        name = key.id.hex()
        wrapped = seal(self.keyring.primary, Binding(record.owner, record.id, name), key.secret, random=self._random)
        return WrappedKey(name, self.keyring.primary_id, wrapped)

    def _unwrap(self, record: Record, stored: WrappedKey) -> Key:
        kek = self.keyring.find(stored.kek_id)
        if kek is None:
            raise KeyUnknown
        secret = open_sealed(kek, Binding(record.owner, record.id, stored.id), stored.wrapped)
        try:
            return Key(bytes.fromhex(stored.id), secret)
        except ValueError:
            raise NotAuthentic from None


def _digest(record: Record, fields: Iterable[str]) -> bytes:
    """Of what is public and changes only together with the secrets."""
    public = [
        record.version,
        record.account_id,
        record.account_name,
        sorted(record.scopes),
        record.expires_at,
        record.absolute_expires_at,
        dict(record.extra),
        sorted(fields),
    ]
    return hashlib.sha256(json.dumps(public, sort_keys=True, separators=(",", ":"), default=repr).encode()).digest()
