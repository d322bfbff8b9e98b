"""Who signs callers in, by ``GATELODGE_AUTH_MODE``: the one object that the gate asks, and what it lives on.

Invariant: a mode has only what belongs to it; where Access or a static token signs in, no key source of Keycloak exists
that could vouch for a token, and the other way round.
"""

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass

from gatelodge.core.clock import Clock
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.resource_server.access_assertion import CERTS_PATH, AccessIdentity, AccessVerifier
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.resource_server.development import DevelopmentIdentity
from gatelodge.resource_server.identity import BearerIdentity, EitherIdentity, Identity
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.settings.server import ServerSettings

__all__ = ["Identities", "identities"]

logger = logging.getLogger(__name__)

# Access changes its key every six weeks; the one before stays published and valid for seven days.
_ACCESS_KEYS_TTL = 3600.0
_ACCESS_KEYS_COOLDOWN = 60.0
_OUTAGE = 6 * 3600.0


@dataclass(frozen=True)
class Identities:
    """``identity`` is asked for each request. ``metadata`` and ``keys`` are Keycloak's, None where it signs nobody in.

    ``access_keys`` are those of Access, None where it signs nobody in; ``sources`` are all key sources.
    """

    identity: Identity
    outbound: Outbound
    metadata: MetadataSource | None = None
    keys: KeySource | None = None
    access_keys: KeySource | None = None
    sources: tuple[KeySource, ...] = ()
    clients: tuple[Outbound, ...] = ()

    async def warm(self) -> None:
        """Have usable keys of whoever signs people in first. Raises: KeysUnavailable."""
        if self.sources:
            await self.sources[0].warm()

    def close_with(self, stack: AsyncExitStack) -> None:
        """End what is in flight, and close what requests go out by, when ``stack`` ends."""
        for client in (self.outbound, *self.clients):
            stack.push_async_callback(client.aclose)
        for source in self.sources:
            stack.push_async_callback(source.aclose)


def identities(settings: ServerSettings, clock: Clock, outbound: Outbound | None = None) -> Identities:
    """What the mode of ``settings`` needs; ``outbound`` in place of clients of its own."""
    client = outbound or Outbound(ca_file=settings.ca_file)
    if settings.auth_mode == "bearer":
        logger.warning(
            "DEVELOPMENT TOKEN: whoever has GATELODGE_DEV_TOKEN on this machine is the developer, with the scopes %s; "
            "for anyone else: GATELODGE_AUTH_MODE=keycloak",
            " ".join(sorted(settings.dev_scopes)),
        )
        return Identities(DevelopmentIdentity(settings.development_config()), client)
    if settings.auth_mode == "cloudflare":
        return _access(settings, clock, client, outbound)
    keycloak = _keycloak(settings, clock, client)
    if settings.auth_mode == "keycloak":
        return keycloak
    access = _access(settings, clock, client, outbound)
    return Identities(
        EitherIdentity(keycloak.identity, access.identity),
        client,
        keycloak.metadata,
        keycloak.keys,
        access.access_keys,
        keycloak.sources + access.sources,
        access.clients,
    )


def _keycloak(settings: ServerSettings, clock: Clock, client: Outbound) -> Identities:
    config, issuer = settings.resource_server_config(), settings.issuer_config()
    # Outlives a restart while an issuer is away.
    state = settings.state_dir / "issuer"
    metadata = MetadataSource(client, issuer, clock, state)
    keys = KeySource(client, issuer, metadata, clock, state)
    trusted = {
        other.issuer: KeySource(client, other, MetadataSource(client, other, clock, state), clock, state)
        for other in settings.trusted_issuer_configs()
    }
    verifier = TokenVerifier(config, keys, clock, trusted=trusted)
    cached = CachedVerifier(verifier, {config.issuer: keys, **trusted}, clock, leeway=config.leeway)
    return Identities(BearerIdentity(cached), client, metadata, keys, sources=(keys, *trusted.values()))


def _access(settings: ServerSettings, clock: Clock, client: Outbound, given: Outbound | None) -> Identities:
    config = settings.access_config(settings.token_leeway)
    if not config.scopes.rules:
        logger.warning("GATELODGE_ACCESS_SCOPES is empty: nobody who comes by Cloudflare Access has a scope")
    issuer = IssuerConfig(
        config.issuer,
        keys_url=config.issuer + CERTS_PATH,
        keys_ttl=_ACCESS_KEYS_TTL,
        keys_cooldown=_ACCESS_KEYS_COOLDOWN,
        keys_stale_limit=_OUTAGE + _ACCESS_KEYS_TTL,
    )
    # GATELODGE_CA_FILE is for a private Keycloak: Access has a public certificate.
    own = given or (client if settings.ca_file is None else Outbound())
    keys = KeySource(own, issuer, None, clock, settings.state_dir / "issuer")
    cached = CachedVerifier(AccessVerifier(config, keys, clock), {config.issuer: keys}, clock, leeway=config.leeway)
    clients = () if own is client else (own,)
    return Identities(AccessIdentity(cached), client, access_keys=keys, sources=(keys,), clients=clients)
