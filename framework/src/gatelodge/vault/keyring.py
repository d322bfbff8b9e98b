"""The key-encryption keys: the first seals, all of them open.

Invariant: a key never shows in a representation, a message or an error; its id does, which is a digest of it. Not here:
where keys come from (``key_source``).
"""

import base64
import hashlib
import itertools
import re
from collections.abc import Iterable

from gatelodge.vault.envelope import Key
from gatelodge.vault.errors import VaultKeyUnusable

__all__ = ["Keyring", "key_from_bytes", "read_keys"]

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43}=?")
_LEAST_DISTINCT = 16
_MAKE_ONE = "Make one with `gatelodge vault init`, or by: openssl rand -base64 32"


class Keyring:
    """The primary key and those kept for opening; at least one."""

    __slots__ = ("_keys", "primary")

    def __init__(self, keys: Iterable[Key]) -> None:
        given = tuple(keys)
        if not given:
            raise VaultKeyUnusable("there is no key for the vault", hint=_MAKE_ONE)
        self.primary = given[0]
        self._keys = {key.id.hex(): key for key in given}

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all keys, the primary first."""
        return tuple(self._keys)

    @property
    def primary_id(self) -> str:
        """Id of the key that seals."""
        return self.primary.id.hex()

    def find(self, key_id: str) -> Key | None:
        """The key of that id."""
        return self._keys.get(key_id)


def key_from_bytes(raw: bytes, place: str) -> Key:
    """A key-encryption key and its id. Raises: VaultKeyUnusable, naming ``place``."""
    if len(raw) != 32:
        raise VaultKeyUnusable(f"{place} holds a key of {len(raw)} bytes; it must have 32", hint=_MAKE_ONE)
    # A random key fails none of these (each less often than once in 10^12); a typed or counted one does.
    steps = {(after - before) % 256 for before, after in itertools.pairwise(raw)}
    if len(set(raw)) < _LEAST_DISTINCT or len(steps) < _LEAST_DISTINCT // 2 or all(32 <= byte < 127 for byte in raw):
        raise VaultKeyUnusable(f"{place} holds a key that is not random", hint=_MAKE_ONE)
    return Key(hashlib.sha256(b"gatelodge kek id" + raw).digest()[:4], raw)


def read_keys(text: str, place: str) -> Keyring:
    """The keys of a setting or a file: hexadecimal or base64, separated by commas or white space, the first is primary.

    Raises: VaultKeyUnusable, which never repeats the text.
    """
    return Keyring(key_from_bytes(_decoded(word, place), place) for word in re.split(r"[,\s]+", text) if word)


def _decoded(word: str, place: str) -> bytes:
    if _BASE64.fullmatch(word):
        return base64.urlsafe_b64decode(word.replace("+", "-").replace("/", "_").rstrip("=") + "=")
    if _HEX.fullmatch(word):
        return bytes.fromhex(word)
    try:
        return base64.b64decode(word, validate=True)
    except ValueError:
        raise VaultKeyUnusable(
            f"{place} holds something that is neither base64 nor hexadecimal", hint=_MAKE_ONE
        ) from None
