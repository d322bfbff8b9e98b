"""One GitHub of two real servers: emulate's consent, code and API, and oidc-provider's tokens, which rotate strictly.

emulate's tokens neither end nor rotate, and its API takes any: so a code is changed at emulate, what the client gets is a
pair of oidc-provider's, and a call reaches emulate's API when oidc-provider knows its token. ``reject`` ends a token.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx2
import uvicorn
from native_stack import free_port
from oauth_servers import OAuthServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["GitHubFront", "github_front", "served"]

_TOKENS = "/login/oauth/access_token"


@dataclass
class GitHubFront:
    """The front; ``life`` is what it says of the next access token, in seconds. ``presented``: tokens of API calls."""

    emulate: str
    strict: OAuthServer
    url: str
    life: int = 28_800
    rejected: set[str] = field(default_factory=set)
    presented: list[str] = field(default_factory=list)

    def environment(self, *, client: str, secret: str) -> dict[str, str]:
        """Settings of a server that uses it."""
        return {
            "GATELODGE_GITHUB_CLIENT_ID": client,
            "GATELODGE_GITHUB_CLIENT_SECRET": secret,
            "GATELODGE_GITHUB_AUTHORIZE_URL": f"{self.emulate}/login/oauth/authorize",
            "GATELODGE_GITHUB_TOKEN_URL": self.url + _TOKENS,
            "GATELODGE_GITHUB_API_URL": self.url,
        }

    @property
    def refreshes(self) -> int:
        """Refreshes that oidc-provider granted."""
        return int(self.strict.get("/counts")["success"])

    async def token(self, request: Request) -> Response:
        """A code at emulate, a refresh token at oidc-provider."""
        body = await request.body()
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        async with httpx2.AsyncClient(timeout=60) as http:
            if fields["grant_type"] == "refresh_token":
                fields["client_id"] = "form"
                answer = await http.post(self.strict.token_url, data=fields)
                return Response(answer.content, answer.status_code, {"content-type": "application/json"})
            sent = {"accept": "application/json", "content-type": request.headers["content-type"]}
            answer = await http.post(self.emulate + _TOKENS, content=body, headers=sent)
        found: dict[str, Any] = answer.json()
        if "access_token" in found:
            minted = await asyncio.to_thread(self.strict.mint)
            found |= {name: minted[name] for name in ("access_token", "refresh_token")} | {"expires_in": self.life}
        return JSONResponse(found)

    async def api(self, request: Request) -> Response:
        """emulate's API for a token that oidc-provider knows."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.presented.append(token)
        known = await asyncio.to_thread(self.strict.get, "/me", token)
        if token in self.rejected or "sub" not in known:
            return JSONResponse({"message": "Bad credentials", "status": "401"}, 401)
        async with httpx2.AsyncClient(timeout=60) as http:
            url = f"{self.emulate}{request.url.path}"
            sent = {"authorization": "Bearer emulated"}
            answer = await http.get(url, params=dict(request.query_params), headers=sent)
        return Response(answer.content, answer.status_code, {"content-type": "application/json"})


@contextmanager
def github_front(emulate: str, strict: OAuthServer) -> Iterator[GitHubFront]:
    """The front on a port of its own, in a thread."""
    port = free_port()
    front = GitHubFront(emulate, strict, f"http://127.0.0.1:{port}")
    routes = [
        Route(_TOKENS, front.token, methods=["POST"]),
        Route("/{path:path}", front.api, methods=["GET"]),
    ]
    with served(routes, port):
        yield front


@contextmanager
def served(routes: list[Route], port: int) -> Iterator[None]:
    """These routes on loopback, in a thread."""
    config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=60)
