"""The token store ``env``: the services' own credentials from environment variables, read-only.

There is no user's connection in it and no key; ``NAME_FILE`` names a file with the value, as for every secret.
"""

# ruff: noqa: ARG002 - the interface of TokenStore

import asyncio
from collections.abc import Mapping
from pathlib import Path

from gatelodge.core.secret import Secret
from gatelodge.vault.errors import CredentialUnreadable, StoreReadOnly
from gatelodge.vault.events import AnyTrail, about
from gatelodge.vault.names import KNOWN, variables_of
from gatelodge.vault.owner import SERVICE, Owner, service
from gatelodge.vault.records import SERVICE_FIELD, Opened, Record, RefreshLease, Status
from gatelodge.vault.store import NamedSecrets

__all__ = ["EnvTokenStore", "value_of"]


class EnvTokenStore(NamedSecrets):
    """Credentials of a process environment; what would write raises StoreReadOnly."""

    keeps_accounts = False

    def __init__(self, environ: Mapping[str, str], trail: AnyTrail) -> None:
        self._environ, self._trail = environ, trail

    async def open(self, owner: Owner, *, actor: str, purpose: str) -> Opened | None:
        """The credential of a service; None for a user. Raises: CredentialUnreadable, when its file is not."""
        # A file may be on a slow mount.
        value = await asyncio.to_thread(self._value, owner)
        if value is None:
            return None
        self._trail.note(about("vault.get", owner, actor, purpose=purpose))
        return Opened(_record(owner), {SERVICE_FIELD: value})

    async def look(self, owner: Owner) -> Record | None:
        """That there is one."""
        return None if await asyncio.to_thread(self._value, owner) is None else _record(owner)

    async def list(
        self,
        *,
        tenant: str | None = None,
        user: str | None = None,
        provider: str | None = None,
        status: Status | None = None,
        unfinished: bool = False,
    ) -> list[Record]:
        """The known services that have a credential."""
        if tenant not in (None, SERVICE) or user or status not in (None, Status.ACTIVE) or unfinished:
            return []
        names = sorted(set(KNOWN.values())) if provider is None else [provider]
        return [_record(service(name)) for name in names if await self.look(service(name)) is not None]

    async def put(self, owner: Owner, secrets: Mapping[str, Secret], *, actor: str, **more: object) -> Record:
        """Raises: StoreReadOnly."""
        raise _read_only(owner)

    async def begin_refresh(
        self, owner: Owner, version: int, *, holder: str, lease_seconds: float
    ) -> RefreshLease | None:
        """None: nothing here is ever refreshed."""
        return None

    async def finish_refresh(self, lease: RefreshLease, secrets: Mapping[str, Secret], **more: object) -> Record:
        """Raises: StoreReadOnly."""
        raise _read_only(lease.owner)

    async def name_account(self, lease: RefreshLease, **more: object) -> Record:
        """Raises: StoreReadOnly."""
        raise _read_only(lease.owner)

    async def abandon_refresh(
        self, lease: RefreshLease, *, status: Status | None = None, reason: str | None = None, lost: bool = False
    ) -> None:
        """Nothing is held."""

    async def delete(self, owner: Owner, *, actor: str) -> bool:
        """Raises: StoreReadOnly."""
        raise _read_only(owner)

    async def rotate_key(self, *, actor: str) -> int:
        """None: there is no key."""
        return 0

    def _value(self, owner: Owner) -> Secret | None:
        if owner.tenant != SERVICE or owner.user:
            return None
        found = (value_of(self._environ, name) for name in variables_of(owner.provider))
        return next((value for value in found if value is not None), None)


def value_of(environ: Mapping[str, str], name: str) -> Secret | None:
    """The value of a variable or of the file that its ``_FILE`` names. Raises: CredentialUnreadable."""
    text, file = environ.get(name), environ.get(f"{name}_FILE")
    if not text and file:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialUnreadable(
                f"the file of {name}_FILE cannot be read: {type(error).__name__}",
                hint=f"Make {name}_FILE name a file that this user can read.",
            ) from error
    return Secret(text.strip()) if text and text.strip() else None


def _record(owner: Owner) -> Record:
    return Record(id=f"env:{owner.provider}", owner=owner, status=Status.ACTIVE)


def _read_only(owner: Owner) -> StoreReadOnly:
    variable = variables_of(owner.provider)[0]
    return StoreReadOnly(
        f"the token store is the environment, which cannot be written: {variable} is set outside of gatelodge",
        hint=f"Set {variable} or {variable}_FILE and restart, or choose GATELODGE_TOKEN_STORE=sqlite.",
    )
