"""One Slack of two real servers: emulate's consent, code and API, and oidc-provider's tokens, which rotate strictly.

emulate's tokens neither end nor rotate, as those of an app without rotation. Here each, the bot's and the person's, is one
of a pair of oidc-provider's, and a call reaches emulate with the token that it stands for. Errors come as Slack's: with
status 200.
"""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx2
from github_front import served
from native_stack import free_port
from oauth_servers import CLIENT_SECRET, OAuthServer
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["SlackFront", "slack_front"]

_TOKENS = "/api/oauth.v2.access"


@dataclass
class SlackFront:
    """The front; ``life`` is what it says of the next access tokens, in seconds. ``presented``: the last call's token."""

    emulate: str
    strict: OAuthServer
    url: str
    life: float = 43_200
    refreshes: int = 0
    presented: str = ""
    rejected: set[str] = field(default_factory=set)
    # emulate's token of each of ours, access and refresh tokens alike.
    stands_for: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Settings of a server that uses it."""
        return {
            "GATELODGE_SLACK_CLIENT_ID": "gatelodge",
            "GATELODGE_SLACK_CLIENT_SECRET": CLIENT_SECRET,
            "GATELODGE_SLACK_AUTHORIZE_URL": f"{self.emulate}/oauth/v2/authorize",
            "GATELODGE_SLACK_TOKEN_URL": self.url + _TOKENS,
            "GATELODGE_SLACK_API_URL": f"{self.url}/api",
        }

    async def token(self, request: Request) -> Response:
        """A code at emulate, a refresh token at oidc-provider."""
        body = await request.body()
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        pair = base64.b64encode(f"gatelodge:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            return JSONResponse({"ok": False, "error": "invalid_client_id"})
        async with httpx2.AsyncClient(timeout=60) as http:
            if fields.get("grant_type") == "refresh_token":
                asked = {**fields, "client_id": "form", "client_secret": CLIENT_SECRET}
                renewed: dict[str, Any] = (await http.post(self.strict.token_url, data=asked)).json()
                if "access_token" not in renewed:
                    return JSONResponse({"ok": False, "error": "invalid_refresh_token"})
                self.refreshes += 1
                real = self.stands_for[fields["refresh_token"]]
                return JSONResponse({"ok": True, **self._pair(renewed, real)})
            kept = ("authorization", "content-type")
            sent = {name: value for name, value in request.headers.items() if name in kept}
            found: dict[str, Any] = (await http.post(self.emulate + _TOKENS, content=body, headers=sent)).json()
        for part in (found, found.get("authed_user", {})):
            if "access_token" in part:
                part.update(self._pair(await asyncio.to_thread(self.strict.mint), part["access_token"]))
        return JSONResponse(found)

    def _pair(self, minted: dict[str, Any], real: str) -> dict[str, Any]:
        pair = {name: minted[name] for name in ("access_token", "refresh_token")}
        self.stands_for |= dict.fromkeys(pair.values(), real)
        return {**pair, "expires_in": self.life}

    async def api(self, request: Request) -> Response:
        """emulate's API for a token that is alive."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.presented = token
        known = await asyncio.to_thread(self.strict.get, "/me", token)
        if token in self.rejected or "sub" not in known:
            return JSONResponse({"ok": False, "error": "token_expired"})
        sent = {"authorization": f"Bearer {self.stands_for[token]}"}
        if "content-type" in request.headers:
            sent["content-type"] = request.headers["content-type"]
        async with httpx2.AsyncClient(timeout=60) as http:
            url, query = f"{self.emulate}{request.url.path}", dict(request.query_params)
            content = await request.body()
            answer = await http.request(request.method, url, params=query, headers=sent, content=content)
        return Response(answer.content, answer.status_code, {"content-type": "application/json"})


@contextmanager
def slack_front(emulate: str, strict: OAuthServer) -> Iterator[SlackFront]:
    """The front on a port of its own, in a thread."""
    port = free_port()
    front = SlackFront(emulate, strict, f"http://127.0.0.1:{port}")
    routes = [
        Route(_TOKENS, front.token, methods=["POST"]),
        Route("/api/{method}", front.api, methods=["GET", "POST"]),
    ]
    with served(routes, port):
        yield front
