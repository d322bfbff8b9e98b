"""An authorization server of two documents, discovery and key set, for tests without Keycloak.

Invariant: what it serves changes only by the test's own hand. It signs nobody in and issues no token over HTTP: tokens
come from the ``TokenFactory``, whose keys it publishes.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import httpx2
from starlette.types import Receive, Scope, Send

from gatelodge.core.urls import path_of, well_known
from gatelodge.issuer.config import IssuerConfig
from gatelodge.outbound.client import Outbound
from gatelodge.testing.discovery import keycloak_metadata
from gatelodge.testing.tokens import TokenFactory

__all__ = ["FakeIssuer"]


class FakeIssuer:
    """An ASGI app that answers as the realm of ``tokens.issuer`` would.

    ``metadata`` may be edited. ``keys`` replaces the factory's key set when not None; bytes are served as they are.
    ``status`` other than 200 answers so; ``unreachable`` refuses and counts connections (``outbound()`` only);
    ``gate`` set to an unset Event holds every answer until it is set.
    """

    def __init__(
        self, tokens: TokenFactory, *, scopes: Iterable[str] = ("deep-research:read", "deep-research:write")
    ) -> None:
        self.tokens = tokens
        self.scopes = tuple(scopes)
        self.metadata: dict[str, Any] | bytes = keycloak_metadata(tokens.issuer, scopes=self.scopes)
        self.keys: dict[str, Any] | bytes | None = None
        self.metadata_fetches = 0
        self.keys_fetches = 0
        self.refused = 0
        self.status = 200
        self.unreachable = False
        self.gate: asyncio.Event | None = None

    def config(self, **overrides: Any) -> IssuerConfig:
        """The configuration that reads this issuer; an override replaces a field."""
        return IssuerConfig(**{"issuer": self.tokens.issuer, "scopes": self.scopes, **overrides})

    def outbound(self) -> Outbound:
        """A real Outbound whose every request, to whatever host, arrives here without a socket."""
        return Outbound(transport=_Wire(self))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; take part in a server's start and stop."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        document = self._document(scope["path"])
        if self.gate is not None:
            await self.gate.wait()
        if document is None:
            await _answer(send, 404, {"error": "Unable to find matching target resource method"})
        elif self.status != 200:
            await _answer(send, self.status, {"error": "unknown_error"})
        else:
            await _answer(send, 200, document)

    def _document(self, path: str) -> dict[str, Any] | bytes | None:
        """The document at ``path``, counted, or None."""
        realm = path_of(self.tokens.issuer)
        if path in {
            f"{realm}/.well-known/openid-configuration",
            f"{realm}/.well-known/oauth-authorization-server",
            path_of(well_known(self.tokens.issuer, "oauth-authorization-server")),
        }:
            self.metadata_fetches += 1
            return self.metadata
        if path == f"{realm}/protocol/openid-connect/certs":
            self.keys_fetches += 1
            return self.tokens.jwks() if self.keys is None else self.keys
        return None


class _Wire(httpx2.AsyncBaseTransport):
    """The in-process transport, with a plug to pull."""

    def __init__(self, issuer: FakeIssuer) -> None:
        self._issuer = issuer
        self._inner = httpx2.ASGITransport(app=issuer)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._issuer.unreachable:
            self._issuer.refused += 1
            raise httpx2.ConnectError("connection refused", request=request)
        return await self._inner.handle_async_request(request)


async def _answer(send: Send, status: int, document: dict[str, Any] | bytes) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
