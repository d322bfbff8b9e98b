"""The keys an authorization server signs with: found by id, kept through rotation and outage (RFC 7517, section 5).

Invariants: strangers who make up key ids cause at most one fetch per cool-down, and a token under a new key waits no
longer than that for its own; while the issuer is down the last good keys serve up to a limit, a restart in between
included, and after it the answer is "cannot tell", never "bad token"; a key that was taken away is gone after
``keys_ttl`` while the issuer answers.

Not here: which keys qualify (``key_set``), single flight and cool-down (``last_good``), the tokens themselves.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from joserfc.jwk import Key

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import origin_of
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.disk_copy import DiskCopy
from gatelodge.issuer.errors import Unavailable
from gatelodge.issuer.key_set import KeySetRefused, fits, read_key_set
from gatelodge.issuer.last_good import LastGood
from gatelodge.issuer.metadata import IssuerMismatch, IssuerUnavailable, MetadataSource
from gatelodge.observability.metrics import keys_fetched, keys_kept
from gatelodge.outbound.client import Outbound, UpstreamAnswerUnusable, UpstreamUnreachable

__all__ = ["KeySource", "KeysUnavailable", "UnknownKey"]

logger = logging.getLogger(__name__)

# Keycloak's set has about 3 kB; parsing grows with what is sent.
MAX_BYTES = 50_000


class UnknownKey(GatelodgeError):
    """The issuer publishes no signing key of that id for that algorithm."""

    code = Code.TOKEN_REJECTED


class KeysUnavailable(Unavailable):
    """No keys, or only ones too old, and the issuer does not give any."""

    code = Code.KEYS_UNAVAILABLE


class KeySource:
    """The keys of one issuer; make one per process and issuer.

    With a ``state`` folder the last good set also outlives this process, up to ``keys_stale_limit``.
    """

    def __init__(
        self,
        outbound: Outbound,
        config: IssuerConfig,
        metadata: MetadataSource | None,
        clock: Clock,
        state: Path | None = None,
    ) -> None:
        """``metadata`` names where the keys are, unless ``config.keys_url`` does."""
        self._outbound = outbound
        self._config = config
        self._metadata = metadata
        self._clock = clock
        self._disk = DiskCopy(state, config.issuer, "keys", config.keys_stale_limit, clock) if state else None
        self._last: Mapping[str, Key] = {}
        self._url: str | None = None
        self._kept = LastGood(
            self._counted,
            clock,
            unfetched=KeysUnavailable(f"no keys of {config.issuer}"),
            ttl=config.keys_ttl,
            cooldown=config.keys_cooldown,
            stale_limit=config.keys_stale_limit,
            restore=self._restore,
        )

    async def find(self, kid: str, algorithm: str) -> Key:
        """The public key ``kid`` when it may verify ``algorithm``. Raises: UnknownKey, KeysUnavailable."""
        key = (await self._kept.get()).get(kid)
        for _ in range(2):
            if key is None:
                # The issuer may have begun to sign with a key it published after our last fetch. Twice: the first may
                # only join a fetch that was sent before that.
                await self._kept.renew()
                key = (await self._kept.get()).get(kid)
        if key is None or not fits(key, algorithm):
            raise UnknownKey(f"no key {kid[:80]!r} for {algorithm[:20]!r} at {self._config.issuer}")
        return key

    async def warm(self) -> None:
        """Have usable keys at hand, fetched now when there are none. Raises: KeysUnavailable."""
        await self._kept.get()

    @property
    def found(self) -> tuple[float, float]:
        """Age of the keys at hand and how long their fetch took, in seconds."""
        return self._kept.found

    async def aclose(self) -> None:
        """End the fetches in flight, of keys and metadata."""
        await self._kept.aclose()
        if self._metadata is not None:
            await self._metadata.aclose()

    async def _counted(self) -> Mapping[str, Key]:
        outcome = "failed"
        try:
            keys = await self._load()
            outcome = "ok"
            return keys
        finally:
            keys_fetched(self._config.issuer, outcome)

    async def _load(self) -> Mapping[str, Key]:
        asked = self._clock.now()
        try:
            url = self._keys_url(await self._named())
            keys = read_key_set(await self._outbound.get_json(url, max_bytes=MAX_BYTES))
        except (IssuerUnavailable, IssuerMismatch, UpstreamUnreachable, UpstreamAnswerUnusable) as error:
            raise KeysUnavailable(f"no keys of {self._config.issuer}: {error.detail}", hint=error.hint) from error
        except KeySetRefused as error:
            raise KeysUnavailable(f"keys of {self._config.issuer} refused: {error}") from error
        if self._url not in {None, url}:
            logger.warning("keys of %s now come from %s, before from %s", self._config.issuer, url, self._url)
        self._url = url
        # An unchanged key stays the same object: what was checked with it stays checked.
        self._last = {kid: _kept(self._last.get(kid), key) for kid, key in keys.items()}
        keys_kept(self._config.issuer, asked, self._clock)
        if self._disk is not None:
            await self._disk.save({"keys": [_public(key) for key in keys.values()]}, asked)
        return self._last

    def _restore(self) -> tuple[Mapping[str, Key], float] | None:
        copy = self._disk.load() if self._disk is not None else None
        try:
            if copy is None:
                return None
            keys = read_key_set(copy[0])
        except KeySetRefused as error:
            logger.warning("copy of the keys of %s on disk ignored: %s", self._config.issuer, error)
            return None
        keys_kept(self._config.issuer, self._clock.now() - copy[1], self._clock)
        return keys, copy[1]

    async def _named(self) -> object:
        """Where the keys are said to be. Raises: IssuerUnavailable, IssuerMismatch."""
        if self._config.keys_url is not None or self._metadata is None:
            return self._config.keys_url
        return (await self._metadata.raw()).get("jwks_uri")

    def _keys_url(self, named: object) -> str:
        """Where to fetch: the internal way in, when the named URL is the public one. Raises: KeysUnavailable."""
        issuer, internal = self._config.issuer, self._config.internal_url
        url = named if isinstance(named, str) and named.isascii() and named.isprintable() else ""
        if internal is not None and url.startswith(f"{issuer}/"):
            return internal + url.removeprefix(issuer)
        # A host of its own would decide on its own who may sign.
        if url.startswith((f"{origin_of(issuer)}/", f"{origin_of(self._config.base_url)}/")):
            return url
        raise KeysUnavailable(
            f"jwks_uri {str(named)[:200]!r} is not on the host of {issuer}",
            hint="Correct the issuer's jwks_uri, or GATELODGE_ISSUER and GATELODGE_ISSUER_INTERNAL_URL.",
        )


def _public(key: Key) -> dict[str, object]:
    """The members that ``key_set`` let through, none of them private."""
    return dict(key.as_dict(private=False))


def _kept(old: Key | None, new: Key) -> Key:
    return old if old is not None and _public(old) == _public(new) else new
