"""Sessions of the pages of connected accounts: who signed in with this browser, and the token its forms carry.

Invariants: the browser has a random id and nothing else; a session begins with a sign-in, under a new id each time, so
that an id which somebody planted is worth nothing; its end does not move. A session that does not open, because of its
format, its key or damage, counts as none: the user signs in again. Not here: cookies (``cookies``), stores.
"""

import hashlib
import json
import logging
import secrets
from dataclasses import dataclass

from gatelodge.connections.session_stores import SessionStore
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.observability.metrics import LiveSessions, sessions_counted
from gatelodge.vault.current_keys import CurrentKeys
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.sealed import NotAuthentic, SealedBox

__all__ = ["TTL", "Session", "SignedIn", "WebSessions"]

TTL = 8 * 3600.0  # seconds
_FORMAT = 1
_LONGEST_ID = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whom an ID token names; the token itself is what a sign-out at the authorization server shows."""

    issuer: str
    subject: str
    name: str | None
    id_token: Secret


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. ``key`` is the digest of its id, ``csrf`` goes into each of its forms."""

    key: str
    who: SignedIn
    csrf: Secret
    expires_at: float


class WebSessions:
    """Sessions of one server; ``ttl`` in seconds, ``audience`` keeps servers apart that share a store."""

    def __init__(
        self,
        store: SessionStore,
        keyring: Keyring | CurrentKeys,
        clock: Clock,
        *,
        ttl: float = TTL,
        audience: str = "",
    ) -> None:
        self._store, self._clock, self.ttl, self._audience = store, clock, ttl, audience
        self._box = SealedBox(keyring, "web session")
        self._live = LiveSessions(clock)
        sessions_counted(self._live)

    async def begin(self, who: SignedIn, *, instead_of: str | None = None) -> tuple[Secret, Session]:
        """A session under a new id; ``instead_of`` is the id that the browser had until now."""
        name = secrets.token_urlsafe(32)
        session = Session(_key(name), who, Secret(secrets.token_urlsafe(32)), self._clock.now() + self.ttl)
        content = [
            _FORMAT,
            who.issuer,
            who.subject,
            who.name,
            who.id_token.reveal(),
            session.csrf.reveal(),
            session.expires_at,
        ]
        sealed = await self._box.sealed(json.dumps(content).encode(), self._audience, session.key)
        await self._store.put(session.key, sealed, session.expires_at)
        self._live.seen(session.key, session.expires_at)
        if instead_of is not None and len(instead_of) <= _LONGEST_ID:
            await self._store.delete(_key(instead_of))
            self._live.gone(_key(instead_of))
        return Secret(name), session

    async def find(self, name: str | None) -> Session | None:
        """The session of an id that a browser sent."""
        if not name or len(name) > _LONGEST_ID:
            return None
        key = _key(name)
        sealed = await self._store.get(key)
        if sealed is None:
            self._live.gone(key)
            return None
        # One that does not open stays until its end: another replica may have its key.
        session = await self._opened(sealed, key)
        if session is None or self._clock.now() >= session.expires_at:
            return None
        self._live.seen(key, session.expires_at)
        return session

    async def end(self, session: Session) -> None:
        """Forget it."""
        await self._store.delete(session.key)
        self._live.gone(session.key)

    async def sweep(self) -> int:
        """Remove those that are over; for a task that runs now and then."""
        return await self._store.sweep()

    async def aclose(self) -> None:
        """Close the store."""
        await self._store.aclose()

    async def _opened(self, sealed: bytes, key: str) -> Session | None:
        try:
            content = json.loads(await self._box.opened(sealed, self._audience, key))
            number, issuer, subject, name, id_token, csrf, expires_at = content
        except (NotAuthentic, ValueError):
            _log.info("a session was sealed by another key, server or release: its user signs in again")
            return None
        if number != _FORMAT:
            _log.info("a session has another format: its user signs in again")
            return None
        return Session(key, SignedIn(issuer, subject, name, Secret(id_token)), Secret(csrf), expires_at)


def _key(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
