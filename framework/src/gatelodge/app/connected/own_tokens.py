"""The linked accounts of whoever calls, for an application of one's own behind ``auth_middleware``.

Invariant: an application gets the tokens of its caller and has no way to name another person. Accounts are linked where
there are pages for it: a server with packs on the same database and with the same key.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gatelodge.app.connected.parts import opened
from gatelodge.audit.trail import Trail
from gatelodge.connections.dialects import own_credential
from gatelodge.connections.registry import Registry
from gatelodge.connections.tokens import AccessToken, AccessTokens
from gatelodge.core.clock import Clock
from gatelodge.core.identity import Principal
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.settings.connected import ConnectedSettings
from gatelodge.settings.connections import ConnectionSettings
from gatelodge.settings.load import load
from gatelodge.settings.proxy import ProxySettings
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.vault import VaultSettings
from gatelodge.settings.web import WebSettings
from gatelodge.storage.database import Database
from gatelodge.storage.errors import StorageUnavailable
from gatelodge.vault.config import StoreKind
from gatelodge.vault.owner import Owner

__all__ = ["OwnTokens", "Vault"]


@dataclass(frozen=True)
class OwnTokens:
    """Access tokens of one person's linked accounts."""

    _tokens: AccessTokens
    _principal: Principal
    _purpose: str

    async def access(self, provider: str) -> AccessToken:
        """The person's own token of ``provider`` that is good now, renewed when due.

        Raises: ConnectionMissing, NeedsReauth, ProviderUnavailable, ProviderMisconfigured.
        """
        owner = Owner(self._principal.issuer, self._principal.subject, provider)
        return await self._tokens.access(owner, purpose=self._purpose, credential=own_credential(provider))


class Vault:
    """The vault of an application, opened with it. ``key`` and ``store`` go before what the environment says."""

    def __init__(
        self, settings: ServerSettings, service: str, *, store: StoreKind, key: Secret | None, clock: Clock
    ) -> None:
        """Raises: SettingsInvalid, ProviderMisconfigured."""
        self._service, self._clock = service, clock
        given = {"token_store": store, "state_dir": settings.state_dir, "mode": settings.mode}
        vault = load(VaultSettings, **given, **({} if key is None else {"vault_key": key}))
        connections = load(ConnectionSettings)
        self._settings = ConnectedSettings(settings, vault, connections, load(WebSettings), load(ProxySettings))
        self._registry = Registry(connections.provider_configs(), development=settings.mode == "development")
        self._tokens: AccessTokens | None = None
        self.store = store
        # The open database and its trail, and the way to providers.
        self.kept: tuple[Database, Trail] | None = None
        self.outbound: Outbound | None = None

    @property
    def providers(self) -> list[tuple[str, str]]:
        """Name and API of each provider that is set up."""
        return [(name, self._registry.get(name).provider.api_base) for name in self._registry.names()]

    @property
    def sessions_in_redis(self) -> bool:
        """No: it has no pages, so no browser signs in here."""
        return False

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open it. Raises: VaultKeyUnusable, StorageUnavailable, StorageFault."""
        async with opened(self._settings, self._registry, self._clock) as parts:
            self._tokens, self.kept, self.outbound = parts.tokens, (parts.database, parts.trail), parts.outbound
            try:
                yield
            finally:
                self._tokens = self.kept = self.outbound = None

    def of(self, principal: Principal) -> OwnTokens:
        """The linked accounts of one person. Raises: StorageUnavailable, outside of the server's life."""
        if self._tokens is None:
            raise StorageUnavailable("the application was not started: its server sends no lifespan events")
        return OwnTokens(self._tokens, principal, self._service)
