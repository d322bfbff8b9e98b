"""A connection as calls may use it: it exists, its provider is configured, and it is not dead."""

from collections.abc import Mapping

from gatelodge.audit.actor import SYSTEM
from gatelodge.connections.errors import AccountsNotKept, ConnectionMissing, NeedsReauth
from gatelodge.connections.provider import Provider
from gatelodge.connections.registry import Registry
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Opened, Status
from gatelodge.vault.store import TokenStore

__all__ = ["REASONS", "Reading"]

# Why an account has to be linked again, for its user and for operators.
REASONS: Mapping[str, str] = {
    "refused": "The provider does not accept the stored refresh token any more.",
    "interrupted": "A refresh was cut off before its answer was stored, and the provider took the old token back.",
    "not_kept": "The provider gave new tokens, but the database did not take them.",
    "ended": "The consent has reached the end that the provider sets for it.",
    "expired": "The access token has ended, and the provider gave no way to renew it.",
    "rejected": "The provider does not accept the access token any more, and there is no way to renew it.",
    "incomplete": "The link has only the token of the workspace's bot, and none of your own.",
}


class Reading:
    """Opens connections of configured providers."""

    def __init__(self, store: TokenStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def provider(self, owner: Owner) -> Provider:
        """The owner's provider. Raises: ProviderMisconfigured."""
        return self._registry.get(owner.provider).provider

    def configured(self, owner: Owner) -> bool:
        """Whether the owner's provider has refreshes at all and is configured."""
        return self._registry.configured(owner.provider) and bool(self.provider(owner).credentials)

    async def usable(self, owner: Owner, *, purpose: str, actor: str = SYSTEM) -> Opened:
        """Raises: ConnectionMissing, AccountsNotKept, NeedsReauth, ProviderMisconfigured, what the store raises."""
        provider = self.provider(owner)
        opened = await self._store.open(owner, actor=actor, purpose=purpose)
        if opened is None:
            if owner.user and not self._store.keeps_accounts:
                raise AccountsNotKept(owner.provider)
            raise ConnectionMissing(owner.provider, "no account is linked")
        if opened.record.status is not Status.ACTIVE:
            raise NeedsReauth(owner.provider, opened.record.reason or "refused")
        needed = "api_token" if provider.kind == "api_token" else provider.credentials[0][0]
        if needed not in opened.secrets:
            raise ConnectionMissing(owner.provider, "the stored link has no access token")
        return opened
