"""What every token store can do, whatever keeps the rows; and the named secrets of the operating procedure.

Invariant: nothing here gives a secret without saying who asked and why. Not here: the backends (``sql_store``,
``env_store``), when a token is refreshed (``connections``).
"""

from collections.abc import Mapping
from typing import Protocol

from gatelodge.core.secret import Secret
from gatelodge.vault.owner import Owner, service
from gatelodge.vault.records import SERVICE_FIELD, Opened, Record, RefreshLease, Status

__all__ = ["NamedSecrets", "TokenStore"]


class TokenStore(Protocol):
    """Connections by owner, one each. Raises, where it says nothing else: StorageUnavailable, StorageFault."""

    @property
    def keeps_accounts(self) -> bool:
        """Whether users' accounts can be put into it, not only services' credentials."""

    async def put(
        self,
        owner: Owner,
        secrets: Mapping[str, Secret],
        *,
        actor: str,
        scopes: frozenset[str] = frozenset(),
        account_id: str | None = None,
        account_name: str | None = None,
        expires_at: float | None = None,
        absolute_expires_at: float | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Record:
        """Store a new connection, or replace all of one by a new consent; it is active and any refresh of it is lost.

        Raises: StoreReadOnly; ValueError for a field that is not in ``records.FIELDS``.
        """

    async def open(self, owner: Owner, *, actor: str, purpose: str) -> Opened | None:
        """The connection with its secrets, audited. Raises: CredentialUnreadable, when it is quarantined."""

    async def look(self, owner: Owner) -> Record | None:
        """The public part only."""

    async def list(
        self,
        *,
        tenant: str | None = None,
        user: str | None = None,
        provider: str | None = None,
        status: Status | None = None,
        unfinished: bool = False,
    ) -> list[Record]:
        """Public parts of all that match, by provider, tenant and user; ``unfinished``: with a refresh that did not end."""

    async def begin_refresh(
        self, owner: Owner, version: int, *, holder: str, lease_seconds: float
    ) -> RefreshLease | None:
        """The right to refresh the connection of that version, or None: moved on, held by another, or not active."""

    async def finish_refresh(
        self,
        lease: RefreshLease,
        secrets: Mapping[str, Secret],
        *,
        expires_at: float | None,
        absolute_expires_at: float | None = None,
        scopes: frozenset[str] | None = None,
    ) -> Record:
        """Commit what a refresh gave. Fields that are not given stay, but an older ``previous_refresh_token``.

        None for ``absolute_expires_at`` or ``scopes`` leaves them as they are.
        Raises: Conflict, when the lease was lost; nothing is stored then.
        """

    async def name_account(
        self, lease: RefreshLease, *, account_id: str, account_name: str | None, extra: Mapping[str, str]
    ) -> Record:
        """Say whose account the connection is for, and give the lease back; the secrets stay. Raises: Conflict."""

    async def abandon_refresh(
        self, lease: RefreshLease, *, status: Status | None = None, reason: str | None = None, lost: bool = False
    ) -> None:
        """Give the lease back without new secrets, with a status where that changes; a lost lease changes nothing.

        ``lost``: the provider may have acted, so the time of the first such refresh stays on the row; it also stays when
        an earlier one left it. A status takes it away.
        """

    async def delete(self, owner: Owner, *, actor: str) -> bool:
        """Remove the connection with its data key: whatever copy of a value is left can never be opened."""


class NamedSecrets:
    """The service's own credentials by name, on top of a ``TokenStore``."""

    keeps_accounts = True

    async def get_token(self: TokenStore, name: str, *, actor: str, purpose: str) -> Secret | None:
        """The credential of that name. Raises: CredentialUnreadable."""
        opened = await self.open(service(name), actor=actor, purpose=purpose)
        return None if opened is None else opened.secrets.get(SERVICE_FIELD)

    async def set_token(self: TokenStore, name: str, value: Secret, *, actor: str) -> Record:
        """Store or replace it. Raises: StoreReadOnly."""
        return await self.put(service(name), {SERVICE_FIELD: value}, actor=actor)

    async def delete_token(self: TokenStore, name: str, *, actor: str) -> bool:
        """Remove it for good; whether there was one. Raises: StoreReadOnly."""
        return await self.delete(service(name), actor=actor)
