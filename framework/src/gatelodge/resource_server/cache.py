"""Verified tokens kept for a short time, so that a client's next call costs no signature check.

An entry is found by the SHA-256 digest of the whole token and stands for a token that passed every check. It is used
only while the same checks would pass again: the issuer still publishes the very key object that verified it (a refetched
key set is a new object, so a key removed in an emergency takes its tokens along, and an issuer whose keys are unusable
answers as without a cache); ``exp`` plus leeway has not come; the clock is not before the moment of the check, at which
``nbf`` and ``iat`` held. Besides, an entry lives at most ``MAX_AGE``. Only accepted tokens enter, so strangers cannot
fill it; the oldest entry goes first. Tokens themselves are not kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from joserfc.jwk import Key

from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.resource_server.jwt import Verified
from gatelodge.resource_server.signature import KeyFinder

__all__ = ["MAX_AGE", "MAX_ENTRIES", "CachedVerifier", "Verifier"]

MAX_AGE = 60.0  # seconds
MAX_ENTRIES = 10_000  # about 1 KiB each


class Verifier(Protocol):
    """What is remembered: a check that also says which key vouched for the token."""

    async def check(self, token: str) -> Verified:
        """The acceptable token's principal and key. Raises: TokenRejected, KeysUnavailable."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A principal, the key that vouched for it, and from when to when (wall time) the entry may be used."""

    principal: Principal
    keys: KeyFinder
    kid: str
    algorithm: str
    key: Key
    since: float
    until: float


class CachedVerifier:
    """A token check that remembers. ``keys`` are the sources of all trusted issuers, by issuer."""

    def __init__(
        self,
        verifier: Verifier,
        keys: Mapping[str, KeyFinder],
        clock: Clock,
        *,
        leeway: float,
        max_age: float = MAX_AGE,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self._verifier = verifier
        self._keys = keys
        self._clock = clock
        self._leeway = leeway
        self._max_age = max_age
        self._max_entries = max_entries
        # In order of entry: the first is the oldest.
        self._entries: dict[bytes, _Entry] = {}

    async def verify(self, token: str) -> Principal:
        """The principal of an acceptable token. Raises: TokenRejected, with the reason; KeysUnavailable."""
        if not token.isascii():
            # Not even encodable, perhaps; no such token is ever accepted.
            return (await self._verifier.check(token)).principal
        digest = sha256(token.encode("ascii")).digest()
        entry = self._entries.get(digest)
        if entry is not None:
            if await self._usable(entry):
                return entry.principal
            self._entries.pop(digest, None)
        verified = await self._verifier.check(token)
        principal, now = verified.principal, self._clock.now()
        until = min(principal.expires_at + self._leeway, now + self._max_age)
        keys = self._keys[principal.issuer]
        while len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[digest] = _Entry(principal, keys, verified.kid, verified.algorithm, verified.key, now, until)
        return principal

    async def _usable(self, entry: _Entry) -> bool:
        if not entry.since <= self._clock.now() < entry.until:
            return False
        try:
            return await entry.keys.find(entry.kid, entry.algorithm) is entry.key
        except GatelodgeError:
            # Unknown key or no keys: the full check says which, in its own words.
            return False
