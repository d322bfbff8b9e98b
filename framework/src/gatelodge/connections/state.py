"""Authorizations under way at providers (RFC 6749, section 10.12; RFC 9700, section 4.7).

Invariants: a state is good once, for ten minutes, for one provider and for the user who began; begun in a browser, also
for that browser's session only. Who presents it loses it, also when it is refused. The database has a digest of it and
the rest sealed, so that a copy of the database finishes nothing.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field

from gatelodge.connections.web_errors import StateRefused
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.storage.database import Database
from gatelodge.vault.current_keys import CurrentKeys
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.owner import Owner
from gatelodge.vault.sealed import NotAuthentic, SealedBox

__all__ = ["LIFE", "AuthorizationStates", "Begun"]

LIFE = 600.0  # seconds
# Of one user at once; of more, the oldest end.
_MOST = 20
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Begun:
    """An authorization as it was begun; ``session`` is None where an access token began it."""

    owner: Owner
    verifier: str = field(repr=False)
    return_to: str | None
    session: str | None


class AuthorizationStates:
    """States of one server, on its database; any replica finishes what another began."""

    def __init__(self, db: Database, keyring: Keyring | CurrentKeys, clock: Clock, *, audience: str = "") -> None:
        self._db, self._clock, self._audience = db, clock, audience
        self._box = SealedBox(keyring, "authorization state")

    async def begin(self, owner: Owner, session: str | None, return_to: str | None, verifier: str) -> str:
        """A new state for ``owner``; ``session`` is the key of the browser's session."""
        state = secrets.token_urlsafe(32)
        digest, whose, now = _digest(state), _whose(owner), self._clock.now()
        content = [_FORMAT, owner.tenant, owner.user, owner.provider, session, return_to, verifier, now + LIFE]
        sealed = await self._box.sealed(json.dumps(content).encode(), self._audience, digest)
        async with self._db.transaction() as tx:
            await tx.execute("DELETE FROM oauth_states WHERE expires_at <= :now", now=now)
            await tx.execute(
                "DELETE FROM oauth_states WHERE digest IN (SELECT digest FROM oauth_states WHERE owner = :owner"
                " ORDER BY expires_at DESC, digest LIMIT 1000 OFFSET :most)",
                owner=whose,
                most=_MOST - 1,
            )
            await tx.execute(
                "INSERT INTO oauth_states (digest, owner, sealed, expires_at)"
                " VALUES (:digest, :owner, :sealed, :expires_at)",
                digest=digest,
                owner=whose,
                sealed=sealed,
                expires_at=now + LIFE,
            )
        return state

    async def finish(self, state: Secret, owner: Owner, session: str) -> Begun:
        """End the authorization that ``owner`` began, and give what it was begun with. Raises: StateRefused."""
        digest = _digest(state.reveal())
        async with self._db.transaction() as tx:
            row = await tx.one("DELETE FROM oauth_states WHERE digest = :digest RETURNING sealed", digest=digest)
        if row is None:
            raise StateRefused("the state is unknown or used")
        begun, until = await self._opened(bytes(row["sealed"]), digest)
        if until <= self._clock.now():
            raise StateRefused("the state is over")
        if begun.owner.provider != owner.provider:
            raise StateRefused(f"the state was begun for {begun.owner.provider}, not for {owner.provider}")
        if begun.owner != owner:
            raise StateRefused("another user began this: a forwarded link links nobody's account")
        if begun.session not in (None, session):
            raise StateRefused("another browser session began this")
        return begun

    async def sweep(self) -> int:
        """Remove what is over."""
        async with self._db.transaction() as tx:
            return await tx.execute("DELETE FROM oauth_states WHERE expires_at <= :now", now=self._clock.now())

    async def _opened(self, sealed: bytes, digest: str) -> tuple[Begun, float]:
        try:
            content = json.loads(await self._box.opened(sealed, self._audience, digest))
            number, tenant, user, provider, session, return_to, verifier, until = content
        except (NotAuthentic, ValueError) as error:
            raise StateRefused("the state was sealed by another key, server or release") from error
        if number != _FORMAT:
            raise StateRefused("the state is of another format")
        return Begun(Owner(tenant, user, provider), verifier, return_to, session), until


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def _whose(owner: Owner) -> str:
    return hashlib.sha256(json.dumps([owner.tenant, owner.user]).encode()).hexdigest()
