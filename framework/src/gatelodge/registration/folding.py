"""The same registration sent again is answered with the client it made the first time, where that is safe.

Some clients register anew at every start. Folded is only a public client (``none``) whose whole body, as it goes to
Keycloak, is equal but for the ports of http loopback redirects, that this desk process made within the last hour, that
nobody has a session with, and that Keycloak still has just as it was registered.

Why this is safe: a public client's ``client_id`` is no secret, it is in every authorization request. Two clients that
are equal in name, redirects and grants are sent the same codes, at the same place, each bound to the PKCE verifier of
whoever asked; sharing the id gives neither anything that the other has. What must not be shared is power over the
client: whoever registered first holds a registration token and could move the redirects, after somebody else was
given the client, to another allowed host, and collect codes under a consent that was given to another redirect. So
the client is marked first, ``manage`` answers no registration token of a marked client from then on, the folded answer
has none, and the client is compared with the request after the mark was written. A confidential client is
never folded (its secret would be shared), nor one that was used (the consent of a person to it would be).

Ports of loopback redirects may differ, because they never count: a client takes whatever port is free (RFC 8252,
section 7.3), so ``any_port`` registers each such redirect without its port too and Keycloak then matches any port, for
the first client's registration as for the second's. Where a code may go is the same set before and after; scheme, host
and path must be equal.

Invariant: when any of this cannot be shown, the request makes a new client. Not here: consents without a session, which
Keycloak lists by person only and the desk must not read; the hour bounds them.
"""

import asyncio
import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from gatelodge.core.clock import Clock
from gatelodge.registration.answers import MEMBERS, RegistrationAnswer, accepted
from gatelodge.registration.errors import RegistrationError
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.marks import MADE_AT, SEEN_AT, made_by, mark, moment, stamp
from gatelodge.registration.redirects import without_loopback_ports

__all__ = ["FOLDED_AT", "Folding"]

logger = logging.getLogger(__name__)

# A mark like those of ``marks``: more than one party was given this client, so nobody may change it.
FOLDED_AT = "gatelodge.folded-at"

_WITHIN = 3600.0
_MOST = 2_000
_TOKEN_MEMBERS = frozenset({"registration_access_token", "registration_client_uri", "client_secret"})


class Folding:
    """What this process registered within the last hour, by the body that was sent to Keycloak."""

    def __init__(self, clients: KeycloakClients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._made: OrderedDict[str, tuple[str, float, Mapping[str, Any]]] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """One at a time for a name (a body's ``key``, or a client_id): what is seen stays true inside."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            yield

    @staticmethod
    def key(body: Mapping[str, Any]) -> str | None:
        """What equal registrations have in common; None when the body is of a client that is never folded."""
        if body.get("token_endpoint_auth_method") != "none":
            return None
        compared = {**body, "redirect_uris": without_loopback_ports(body["redirect_uris"])}
        return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()

    def remember(self, key: str, answer: RegistrationAnswer) -> None:
        """Note a client that was just registered and marked."""
        kept = {name: answer.body[name] for name in MEMBERS if name in answer.body and name not in _TOKEN_MEMBERS}
        self._made[key] = (str(answer.body["client_id"]), self._clock.monotonic(), kept)
        self._made.move_to_end(key)
        while len(self._made) > _MOST:
            self._made.popitem(last=False)

    def forget(self, client_id: str) -> None:
        """Never answer with this client again: it may not be what it was."""
        for key in [key for key, (made, _, _) in self._made.items() if made == client_id]:
            del self._made[key]

    async def earlier(self, key: str, body: Mapping[str, Any]) -> RegistrationAnswer | None:
        """The answer with the client that an equal body made before; None when a new client is needed."""
        client_id, at, kept = self._made.get(key, ("", -_WITHIN, {}))
        if self._clock.monotonic() - at >= _WITHIN:
            self._made.pop(key, None)
            return None
        async with self.turn(client_id):
            try:
                if await self._still_fits(client_id, body):
                    # With the ports that this client asked for.
                    asked = list(body["redirect_uris"])
                    return accepted({**kept, "redirect_uris": asked}, asked)
            except RegistrationError as error:
                logger.warning("not folded into client %s: %s", client_id, error.detail)
                return None
        self._made.pop(key, None)
        return None

    async def _still_fits(self, client_id: str, body: Mapping[str, Any]) -> bool:
        found = await self._clients.find(client_id)
        # Looked at before the mark too: it takes the registration token from whoever registered first, for good.
        if found is None or not self._unused(found) or not await self._shareable(found, body):
            return False
        if mark(found, FOLDED_AT) is not None:
            return True
        marks = {FOLDED_AT: stamp(self._clock.now())}
        await self._clients.update(found["id"], {"clientId": client_id, "attributes": marks})
        # Read again: whoever held the registration token may have used it just before.
        found = await self._clients.find(client_id)
        return found is not None and mark(found, FOLDED_AT) is not None and await self._shareable(found, body)

    async def _shareable(self, found: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
        """Whether it has no session, and is what this body would make."""
        count = (await self._clients.sessions([found])).get(found["clientId"])
        return count is not None and not count.active and not count.offline and _same(found, body)

    def _unused(self, found: Mapping[str, Any]) -> bool:
        made_at = moment(found, MADE_AT)
        young = made_at is not None and self._clock.now() - made_at < _WITHIN
        return made_by(found) == "dcr" and young and mark(found, SEEN_AT) is None


def _same(found: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether Keycloak's client is what this body would make."""
    stored = list(found.get("redirectUris") or ())
    return (
        found.get("enabled") is True
        and found.get("publicClient") is True
        and found.get("consentRequired") is True
        and set(without_loopback_ports(stored)) == set(without_loopback_ports(body["redirect_uris"]))
        # What an http loopback redirect stands for without a port, or this port would be refused at the sign-in.
        and set(without_loopback_ports(stored)) <= set(stored)
        and (found.get("name") or "") == body.get("client_name", "")
    )
