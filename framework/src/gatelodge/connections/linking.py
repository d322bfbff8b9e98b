"""An account linked and unlinked: consent to stored tokens, and back.

Invariants: tokens are stored before anything else is asked of the provider; an account whose identity call failed stays
linked, and ``naming`` asks again; an API token is stored only after the provider said whose it is.

Not here: state, browser, redirect (``routes``).
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import replace

from gatelodge.connections.errors import ConnectionMissing, ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from gatelodge.connections.grant import Account, Grant
from gatelodge.connections.identity import read_account
from gatelodge.connections.refresh import LEASE_SECONDS
from gatelodge.connections.registry import Registry
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.vault.errors import CredentialUnreadable
from gatelodge.vault.events import AnyTrail, about
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Record
from gatelodge.vault.store import TokenStore

__all__ = ["Linking"]

_LOG = logging.getLogger(__name__)


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
    ) -> None:
        self._store = store
        self._registry = registry
        self._endpoints = endpoints
        self._trail = trail
        self._clock = clock
        self._outbound = outbound

    async def link(self, owner: Owner, code: str, *, verifier: str | None, redirect_uri: str, actor: str) -> Record:
        """Exchange a code, store the tokens, then ask whose account it is.

        Raises: CodeRefused, ProviderMisconfigured, ProviderUnavailable, ProviderLimited; what the store raises.
        """
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
        lease = await self._store.begin_refresh(
            owner, record.version, holder=uuid.uuid4().hex, lease_seconds=LEASE_SECONDS
        )
        if lease is None:
            # Unlinked, linked again or refreshed meanwhile: these tokens are not the newest any more.
            return await self._store.look(owner) or record
        return await self._put(owner, _with(grant, account), actor, asked)

    async def link_api_token(self, owner: Owner, token: Secret, *, actor: str) -> Record:
        """Store a user's own token after the provider said whose it is.

        Raises: ProviderRefused for a token it does not know, ProviderUnavailable, ProviderLimited.
        """
        account = await read_account(self._outbound, self._registry.get(owner.provider), token)
        record = await self._store.put(
            owner,
            {"api_token": token},
            actor=actor,
            account_id=account.id,
            account_name=account.name,
            extra=account.extra,
        )
        self._trail.note(about("connection.link", owner, actor), done=True)
        return record

    async def unlink(self, owner: Owner, *, actor: str) -> bool:
        """Forget the account, and give the token back where the provider takes it; False when none was linked.

        The stored tokens are gone whatever the provider answers.
        """
        opened = None
        try:
            opened = await self._store.open(owner, actor=actor, purpose="unlink")
        except CredentialUnreadable as error:
            # That must not keep anyone from removing it.
            _LOG.warning("unlink at %s: nothing to give back: %s", owner.provider, error.detail)
        removed = await self._store.delete(owner, actor=actor)
        endpoint = self._endpoints.get(owner.provider)
        if endpoint is not None and opened is not None:
            for field, _ in self._registry.get(owner.provider).provider.credentials:
                await _give_back(endpoint, owner, opened.secrets.get(field))
        if removed:
            self._trail.note(about("connection.unlink", owner, actor), done=True)
        return removed

    def _endpoint(self, owner: Owner) -> TokenEndpoint:
        endpoint = self._endpoints.get(owner.provider)
        if endpoint is None:
            raise ConnectionMissing(owner.provider, "this provider has no OAuth")
        return endpoint

    async def _put(self, owner: Owner, grant: Grant, actor: str, now: float) -> Record:
        return await self._store.put(
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


async def _give_back(endpoint: TokenEndpoint, owner: Owner, access: Secret | None) -> None:
    if access is None:
        return
    try:
        await endpoint.revoke(access)
    except (ProviderUnavailable, ProviderMisconfigured) as error:
        _LOG.warning("unlink at %s: the provider still has the grant: %s", owner.provider, error.detail)


def _with(grant: Grant, account: Account) -> Grant:
    """The grant with what the identity call said; a key that the token answer gave is kept."""
    return replace(
        grant,
        account_id=grant.account_id or account.id,
        account_name=account.name or grant.account_name,
        extra={**account.extra, **grant.extra},
    )
