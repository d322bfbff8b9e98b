"""The realm's clients through Keycloak's Admin REST API, as the desk's account.

Invariants: nothing but clients is read or written, and never a client's secret on purpose; a refused token is renewed
once; what was sent is not repeated in an error. Not here: which client is made or removed, and why (``provision``,
``reaper``).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from gatelodge.core.codes import Code
from gatelodge.outbound.client import Answer, Outbound, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.registration.errors import RegistrationError
from gatelodge.registration.service_account import RegistrarRefused, ServiceAccount, unavailable

__all__ = ["ClientExists", "KeycloakClients", "SessionCount"]

_PAGE = 200
# Requests under way together while counting: enough to hide the waiting, too few to keep people waiting.
_AT_ONCE = 4


class ClientExists(RegistrationError):
    """The realm has a client of this client_id already."""

    code = Code.REGISTRATION_REFUSED
    error = "invalid_client_metadata"


@dataclass(frozen=True, slots=True)
class SessionCount:
    """How many people's sessions a client has: of a browser's sign-in, and offline ones."""

    active: int
    offline: int


class KeycloakClients:
    """The clients of the realm whose internal URL is ``realm_url``.

    Every method raises RegistrarUnavailable (no usable answer) and RegistrarRefused (the account lacks a right).
    """

    def __init__(self, outbound: Outbound, account: ServiceAccount, *, realm_url: str) -> None:
        base, _, realm = realm_url.rpartition("/realms/")
        self._outbound = outbound
        self._account = account
        self._realm = f"{base}/admin/realms/{realm}"
        self._clients = f"{self._realm}/clients"

    async def find(self, client_id: str) -> dict[str, Any] | None:
        """The client's representation."""
        found = await self._list(f"{self._clients}?{urlencode({'clientId': client_id})}")
        # Keycloak's database may compare without case; a client_id is compared byte by byte.
        return next((client for client in found if client.get("clientId") == client_id), None)

    async def create(self, representation: Mapping[str, Any]) -> str:
        """Make a client; gives Keycloak's internal id. Raises: ClientExists."""
        answer = await self._call("POST", self._clients, representation)
        if answer.status == 409:
            raise ClientExists("There is a client of this client_id.")
        _check(answer, "POST clients", 201)
        return answer.headers.get("location", "").rpartition("/")[2]

    async def update(self, internal_id: str, representation: Mapping[str, Any]) -> None:
        """Change the members that ``representation`` has; the others stay."""
        answer = await self._call("PUT", f"{self._clients}/{quote(internal_id, safe='')}", representation)
        _check(answer, "PUT clients", 204)

    async def delete(self, internal_id: str) -> None:
        """Remove a client, and every link by it; one that is gone already is no error."""
        answer = await self._call("DELETE", f"{self._clients}/{quote(internal_id, safe='')}")
        _check(answer, "DELETE clients", 204, 404)

    async def all(self, *, page: int = _PAGE) -> AsyncIterator[dict[str, Any]]:
        """Every client of the realm; do not remove any while reading, or some are left out."""
        first = 0
        while True:
            try:
                found = await self._list(f"{self._clients}?first={first}&max={page}", too_large=page > 1)
            except UpstreamAnswerUnusable:
                # Strangers decide how long a client's entry is: fewer at a time.
                page //= 2
                continue
            for client in found:
                yield client
            first += len(found)
            if len(found) < page:
                return

    async def sessions(self, of: Iterable[Mapping[str, Any]] | None = None) -> Mapping[str, SessionCount]:
        """Sessions by client_id, of these clients or of all; a client that is gone meanwhile is left out.

        Two requests a client: the realm's own statistics would need the right to read the whole realm.
        """
        clients = [client async for client in self.all()] if of is None else list(of)
        found: dict[str, SessionCount] = {}
        for start in range(0, len(clients), _AT_ONCE):
            some = clients[start : start + _AT_ONCE]
            counts = await asyncio.gather(*(self._sessions_of(client["id"]) for client in some))
            found |= {client["clientId"]: count for client, count in zip(some, counts, strict=True) if count}
        return found

    async def offline_scopes(self) -> tuple[str, ...]:
        """Names of the realm's optional client scopes."""
        found = await self._list(f"{self._realm}/default-optional-client-scopes")
        return tuple(sorted(str(entry["name"]) for entry in found if "name" in entry))

    async def _sessions_of(self, internal_id: str) -> SessionCount | None:
        numbers = []
        for kind in ("session-count", "offline-session-count"):
            answer = await self._call("GET", f"{self._clients}/{quote(internal_id, safe='')}/{kind}")
            if answer.status == 404:
                return None
            _check(answer, f"GET {kind}", 200)
            try:
                numbers.append(int(answer.json_object()["count"]))
            except (UpstreamAnswerUnusable, KeyError, TypeError, ValueError) as error:
                raise unavailable(f"Keycloak's {kind} is no number") from error
        return SessionCount(*numbers)

    async def _list(self, url: str, *, too_large: bool = False) -> list[dict[str, Any]]:
        answer = await self._call("GET", url, too_large=too_large)
        _check(answer, f"GET {url.rpartition('/')[2].partition('?')[0]}", 200)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise unavailable("Keycloak's answer is no JSON") from error
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise unavailable("Keycloak's answer is no list of objects")
        return found

    async def _call(
        self, method: str, url: str, body: Mapping[str, Any] | None = None, *, too_large: bool = False
    ) -> Answer:
        """One request; once more with another token when Keycloak does not accept the one in use."""
        content = None if body is None else json.dumps(body).encode()
        token = await self._account.token()
        answer = await self._send(method, url, content, token.reveal(), too_large=too_large)
        if answer.status == 401:
            self._account.forget(token)
            token = await self._account.token()
            answer = await self._send(method, url, content, token.reveal(), too_large=too_large)
        return answer

    async def _send(self, method: str, url: str, content: bytes | None, token: str, *, too_large: bool) -> Answer:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        if content is not None:
            headers["content-type"] = "application/json"
        try:
            return await self._outbound.request(method, url, headers=headers, content=content)
        except UpstreamAnswerUnusable as error:
            if too_large:
                raise
            raise unavailable(error.detail) from error
        except UpstreamUnreachable as error:
            raise unavailable(error.detail) from error


def _check(answer: Answer, what: str, *good: int) -> None:
    if answer.status in good:
        return
    if answer.status in {400, 401, 403}:
        raise RegistrarRefused(
            f"Keycloak answered the desk's {what} with {answer.status}: {answer.body[:300]!r}",
            hint="gatelodge-desk needs the realm-management roles of infra/keycloak/desk.yaml. Sync the realm again.",
        )
    raise unavailable(f"Keycloak answered the desk's {what} with {answer.status}")
