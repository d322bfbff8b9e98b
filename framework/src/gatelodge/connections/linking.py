"""An account linked and unlinked: consent to stored tokens, and back.

Invariants: tokens are stored before anything else is asked of the provider; an account whose identity call failed stays
linked, and ``naming`` asks again; an API token is stored only after the provider said whose it is.

Not here: state, browser, redirect (``routes``).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatelodge.connections.errors import (
    AccountsNotKept,
    ConnectionMissing,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from gatelodge.connections.grant import Grant
from gatelodge.connections.identity import read_account
from gatelodge.connections.refresh import LEASE_SECONDS, new_holder
from gatelodge.connections.registry import PROVIDERS, Registry
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.storage.errors import Conflict
from gatelodge.vault.errors import CredentialUnreadable
from gatelodge.vault.events import AnyTrail, about
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Opened, Record
from gatelodge.vault.store import TokenStore

__all__ = ["Linking", "Unlinked"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unlinked:
    """An account that is not linked any more; ``authorised_at`` is where its user ends what the provider may still honour."""

    authorised_at: str | None


class Linking:
    """Links accounts of configured providers. ``actor`` of every call is for the audit trail."""

    def __init__(
        self,
        store: TokenStore,
        registry: Registry,
        endpoints: Mapping[str, TokenEndpoint],
        *,
        outbound: Outbound,
        trail: AnyTrail,
        clock: Clock,
        forget: Callable[[Owner], None] = lambda _: None,
    ) -> None:
        """``forget`` drops the answers of a provider that this process keeps for an owner."""
        self._store = store
        self._registry = registry
        self._endpoints = endpoints
        self._trail = trail
        self._clock = clock
        self._outbound = outbound
        self._forget = forget

    async def link(self, owner: Owner, code: str, *, verifier: str | None, redirect_uri: str, actor: str) -> Record:
        """Exchange a code, store the tokens, then ask whose account it is.

        Raises: CodeRefused, ProviderMisconfigured, ProviderUnavailable, ProviderLimited, AccountsNotKept; what the
        store raises.
        """
        self._check_kept(owner)
        asked = self._clock.now()  # before the answer: a token's life never begins later than that
        grant = await self._endpoint(owner).exchange(code, verifier=verifier, redirect_uri=redirect_uri)
        record = await self._put(owner, grant, actor, asked)
        self._trail.note(about("connection.link", owner, actor), done=True)
        try:
            account = await read_account(self._outbound, self._registry.get(owner.provider), grant.access_token)
        except (ProviderUnavailable, ProviderRefused) as error:
            _LOG.warning("link at %s: whose account it is could not be read: %s", owner.provider, error.detail)
            return record
        # Under the lease of a refresh: one that came between would have its new tokens replaced by these.
        lease = await self._store.begin_refresh(owner, record.version, holder=new_holder(), lease_seconds=LEASE_SECONDS)
        if lease is None:
            # Unlinked, linked again or refreshed meanwhile: these tokens are not the newest any more.
            return await self._store.look(owner) or record
        try:
            # The name alone: tokens stored again would undo an unlink or a consent that came after the lease.
            return await self._store.name_account(
                lease,
                account_id=grant.account_id or account.id,
                account_name=account.name or grant.account_name,
                extra={**account.extra, **grant.extra},
            )
        except Conflict:
            return await self._store.look(owner) or record

    async def link_api_token(self, owner: Owner, token: Secret, *, actor: str) -> Record:
        """Store a user's own token after the provider said whose it is.

        Raises: ProviderRefused for a token it does not know, ProviderUnavailable, ProviderLimited, AccountsNotKept.
        """
        self._check_kept(owner)
        account = await read_account(self._outbound, self._registry.get(owner.provider), token)
        record = await self._store.put(
            owner,
            {"api_token": token},
            actor=actor,
            account_id=account.id,
            account_name=account.name,
            extra=account.extra,
        )
        self._forget(owner)
        self._trail.note(about("connection.link", owner, actor), done=True)
        return record

    async def unlink(self, owner: Owner, *, actor: str) -> Unlinked | None:
        """Forget the account, then give the tokens back where the provider takes them; None when none was linked.

        The stored tokens are gone whatever the provider answers; what it did not confirm is in the result.
        """
        if not self._store.keeps_accounts:
            return None
        opened = None
        try:
            opened = await self._store.open(owner, actor=actor, purpose="unlink")
        except CredentialUnreadable as error:
            # That must not keep anyone from removing it.
            _LOG.warning("unlink at %s: nothing to give back: %s", owner.provider, error.detail)
        removed = await self._store.delete(owner, actor=actor)
        self._forget(owner)
        ended = opened is not None and await self._given_back(owner, opened)
        if not removed:
            return None
        self._trail.note(about("connection.unlink", owner, actor), done=True)
        return Unlinked(None if ended else self._disconnect_at(owner))

    async def _given_back(self, owner: Owner, opened: Opened) -> bool:
        """Whether the provider confirmed the end of every token of the user's; it does not for one that has run out."""
        endpoint = self._endpoints.get(owner.provider)
        if endpoint is None or self._registry.get(owner.provider).provider.revocation is None:
            return False
        provider = self._registry.get(owner.provider).provider
        own = [field for field, _ in provider.credentials if field not in provider.shared_credentials]
        given = [await _give_back(endpoint, owner, opened.secrets[field]) for field in own if field in opened.secrets]
        return bool(given) and all(given)

    def _disconnect_at(self, owner: Owner) -> str | None:
        if self._registry.configured(owner.provider):
            return self._registry.get(owner.provider).provider.disconnect_at or None
        known = PROVIDERS.get(owner.provider)
        return None if known is None else known.disconnect_at

    def _check_kept(self, owner: Owner) -> None:
        if not self._store.keeps_accounts:
            raise AccountsNotKept(owner.provider)

    def _endpoint(self, owner: Owner) -> TokenEndpoint:
        endpoint = self._endpoints.get(owner.provider)
        if endpoint is None:
            raise ConnectionMissing(owner.provider, "this provider has no OAuth")
        return endpoint

    async def _put(self, owner: Owner, grant: Grant, actor: str, now: float) -> Record:
        record = await self._store.put(
            owner,
            grant.secrets(),
            actor=actor,
            scopes=grant.scopes or frozenset(),
            account_id=grant.account_id,
            account_name=grant.account_name,
            expires_at=None if grant.expires_in is None else now + grant.expires_in,
            absolute_expires_at=None if grant.absolute_expires_in is None else now + grant.absolute_expires_in,
            extra=grant.extra,
        )
        self._forget(owner)
        return record


async def _give_back(endpoint: TokenEndpoint, owner: Owner, access: Secret) -> bool:
    try:
        ended, why = await endpoint.revoke(access), "it did not confirm the end of the token"
    except (ProviderUnavailable, ProviderMisconfigured) as error:
        ended, why = False, error.detail
    if not ended:
        _LOG.warning("unlink at %s: the provider may still honour the grant: %s", owner.provider, why)
    return ended
