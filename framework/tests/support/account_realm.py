"""A Keycloak seen through the desk's account alone: a token endpoint that counts, an Admin API that answers as told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import httpx2
from registering_realm import INTERNAL, ISSUER

from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.service_account import ServiceAccount
from gatelodge.testing.clock import ManualClock

__all__ = ["SECRET", "AccountRealm"]

SECRET = "s3cret-of-the-desk"
ADMIN = INTERNAL.replace("/realms/", "/admin/realms/")


class AccountRealm(httpx2.AsyncBaseTransport):
    """``forms`` are the token requests, ``asked`` the Admin API's (method, URL below the realm, body).

    ``answer`` or, by URL, ``respond`` is what the Admin API says; ``token_answer`` replaces what the token endpoint says,
    ``gate`` holds it back; tokens that ``refuses`` names are not accepted any more; ``fault`` breaks every connection.
    """

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.answer = httpx2.Response(200, json=[])
        self.respond: Callable[[str], httpx2.Response] | None = None
        self.token_answer: httpx2.Response | None = None
        self.refuses: set[str] = set()
        self.fault: httpx2.TransportError | None = None
        self.reached = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.fault is not None:
            raise self.fault
        answer = await self._answer(request)
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(answer.content))

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        url, body = str(request.url), await request.aread()
        if url.endswith("/.well-known/openid-configuration"):
            return httpx2.Response(200, json={"issuer": ISSUER})
        if url.endswith("/protocol/openid-connect/token"):
            return await self._token(body)
        path = url.removeprefix(ADMIN)
        self.asked.append((request.method, path, json.loads(body) if body else None))
        if request.headers["authorization"].removeprefix("Bearer ") in self.refuses:
            return httpx2.Response(401, json={"error": "HTTP 401 Unauthorized"})
        return self.respond(path) if self.respond is not None else self.answer

    async def _token(self, body: bytes) -> httpx2.Response:
        self.forms.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
        number = len(self.forms)
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        granted = httpx2.Response(200, json={"access_token": f"t0ken-{number}", "expires_in": 300})
        return self.token_answer or granted

    @asynccontextmanager
    async def account(self, clock: ManualClock) -> AsyncIterator[tuple[ServiceAccount, KeycloakClients]]:
        """The desk's account at this realm, and the realm's clients through it."""
        outbound = Outbound(transport=self, max_bytes=64 * 1024)
        account = ServiceAccount(
            outbound, realm_url=INTERNAL, client_id="gatelodge-desk", secret=Secret(SECRET), clock=clock
        )
        yield account, KeycloakClients(outbound, account, realm_url=INTERNAL)
        await outbound.aclose()
