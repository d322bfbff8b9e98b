"""The keys an authorization server signs with: found by id, kept through rotation and outage (RFC 7517, section 5).

Invariants: strangers who make up key ids cause at most one fetch per cool-down; while the issuer is down the last good
keys serve up to a limit, and after it the answer is "cannot tell", never "bad token".

Not here: which keys qualify (``key_set``), single flight and cool-down (``last_good``), the tokens themselves.
"""

from collections.abc import Mapping

from joserfc.jwk import Key

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import origin_of
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.key_set import KeySetRefused, fits, read_key_set
from gatelodge.issuer.last_good import LastGood
from gatelodge.issuer.metadata import IssuerMismatch, IssuerUnavailable, MetadataSource
from gatelodge.outbound.client import Outbound, UpstreamAnswerUnusable, UpstreamUnreachable

__all__ = ["KeySource", "KeysUnavailable", "UnknownKey"]


class UnknownKey(GatelodgeError):
    """The issuer publishes no signing key of that id for that algorithm."""

    code = Code.TOKEN_REJECTED


class KeysUnavailable(GatelodgeError):
    """No keys, or only ones too old, and the issuer does not give any."""

    code = Code.KEYS_UNAVAILABLE


class KeySource:
    """The keys of one issuer; make one per process and issuer."""

    def __init__(self, outbound: Outbound, config: IssuerConfig, metadata: MetadataSource, clock: Clock) -> None:
        self._outbound = outbound
        self._config = config
        self._metadata = metadata
        self._kept = LastGood(
            self._load,
            clock,
            unfetched=KeysUnavailable(f"no keys of {config.issuer} were fetched yet"),
            ttl=config.keys_ttl,
            cooldown=config.keys_cooldown,
            stale_limit=config.keys_stale_limit,
        )

    async def find(self, kid: str, algorithm: str) -> Key:
        """The public key ``kid`` when it may verify ``algorithm``. Raises: UnknownKey, KeysUnavailable."""
        key = (await self._kept.get()).get(kid)
        if key is None:
            # The issuer may have begun to sign with a key it published after our last fetch.
            await self._kept.renew()
            key = (await self._kept.get()).get(kid)
        if key is None or not fits(key, algorithm):
            raise UnknownKey(f"no key {kid[:80]!r} for {algorithm[:20]!r} at {self._config.issuer}")
        return key

    async def warm(self) -> None:
        """Have usable keys at hand, fetched now when there are none. Raises: KeysUnavailable."""
        await self._kept.get()

    async def _load(self) -> Mapping[str, Key]:
        try:
            url = self._keys_url((await self._metadata.raw()).get("jwks_uri"))
            return read_key_set(await self._outbound.get_json(url))
        except (IssuerUnavailable, IssuerMismatch, UpstreamUnreachable, UpstreamAnswerUnusable) as error:
            raise KeysUnavailable(f"no keys of {self._config.issuer}: {error.detail}", hint=error.hint) from error
        except KeySetRefused as error:
            raise KeysUnavailable(f"keys of {self._config.issuer} refused: {error}") from error

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
