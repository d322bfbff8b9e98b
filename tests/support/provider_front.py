"""Jira, Notion and Coda of real servers: oidc-provider's consent and tokens, Prism's answers by the providers' own files.

In front stands what no stand-in has: the form that each provider's token endpoint takes (Jira's JSON, Notion's JSON with
HTTP Basic) and refuses any other, and the check that an API call brings a token that is alive.
"""

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
from github_front import served
from oauth_servers import CLIENT_SECRET, OAuthServer
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

__all__ = ["CODA_TOKEN", "JIRA_PATHS", "NOTION_PATHS", "SITE", "ProviderFront", "provider_front"]

SITE = {"id": "11223344-a1b2-3b33-c444-def123456789", "url": "https://example.atlassian.net", "name": "example"}
JIRA_PATHS = ("/rest/api/3/myself", "/rest/api/3/project/search")
NOTION_PATHS = ("/v1/users/me", "/v1/search")
CODA_TOKEN = "a-token-of-the-user"
_OURS = ("gatelodge", CLIENT_SECRET)
# What each consent page is asked for besides (docs of the provider).
_ASKED = {"jira": {"audience": "api.atlassian.com", "prompt": "consent"}, "notion": {"owner": "user"}}
_NOTION = {"bot_id": "b0a1", "workspace_id": "w0a1", "workspace_name": "Example's workspace", "owner": {"type": "user"}}


@dataclass
class ProviderFront:
    """The front. ``apis``: Prism by provider. ``refresh_tokens``: the last one given, by provider."""

    strict: OAuthServer
    apis: Mapping[str, str]
    url: str
    rejected: set[str] = field(default_factory=set)
    presented: dict[str, str] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    given_back: list[str] = field(default_factory=list)
    # So many of the next questions whose account it is get no answer.
    identity_fails: int = 0
    # What it says of the next access tokens of Jira, in seconds; Notion says nothing.
    life: float = 3600
    refreshes: int = 0

    def environment(self) -> dict[str, str]:
        """Settings of a server that uses it."""
        found = {"GATELODGE_CODA": "on", "CODA_API_TOKEN": "of-the-service"}
        found["GATELODGE_CODA_API_URL"] = f"{self.url}/coda"
        for name in ("JIRA", "NOTION"):
            base = f"{self.url}/{name.lower()}"
            found |= {
                f"GATELODGE_{name}_CLIENT_ID": _OURS[0],
                f"GATELODGE_{name}_CLIENT_SECRET": _OURS[1],
                f"GATELODGE_{name}_AUTHORIZE_URL": f"{base}/authorize",
                f"GATELODGE_{name}_TOKEN_URL": f"{base}/token",
                f"GATELODGE_{name}_API_URL": base,
            }
        return found

    def revoke(self, provider: str) -> None:
        """End the grant at the provider, as its administrator does; the access token too."""
        self.rejected.add(self.presented[provider])
        fields = {"token": self.refresh_tokens[provider], "client_id": "form", "client_secret": CLIENT_SECRET}
        httpx2.post(f"{self.strict.url}/token/revocation", data=fields, timeout=60).raise_for_status()

    async def authorize(self, request: Request) -> Response:
        """oidc-provider's consent page, for a request as the provider wants it."""
        asked, name = dict(request.query_params), request.path_params["provider"]
        wanted = {"client_id": _OURS[0], "response_type": "code", **_ASKED[name]}
        if any(asked.get(key) != value for key, value in wanted.items()):
            return JSONResponse({"error": "invalid_request"}, 400)
        onward = {key: asked[key] for key in ("redirect_uri", "state", "response_type")}
        onward |= {"client_id": "form", "scope": "openid offline_access", "prompt": "consent"}
        return RedirectResponse(f"{self.strict.url}/auth?{urlencode(onward)}", 302)

    async def token(self, request: Request) -> Response:
        """Codes and refresh tokens, at oidc-provider; only in the provider's own form."""
        name = request.path_params["provider"]
        fields = _fields(name, await request.body(), request.headers)
        if fields is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        async with httpx2.AsyncClient(timeout=60) as http:
            asked = {**fields, "client_id": "form", "client_secret": CLIENT_SECRET}
            answer = await http.post(self.strict.token_url, data=asked)
        found: dict[str, Any] = answer.json()
        if "access_token" not in found:
            return JSONResponse(found, 403 if name == "jira" else 400)
        self.refresh_tokens[name] = found["refresh_token"]
        self.refreshes += fields["grant_type"] == "refresh_token"
        tokens = {key: found[key] for key in ("access_token", "refresh_token")} | {"token_type": "bearer"}
        more = _NOTION if name == "notion" else {"expires_in": self.life, "scope": "read:jira-work offline_access"}
        return JSONResponse(tokens | more)

    async def revoked(self, request: Request) -> Response:
        """Notion's way to give a token back."""
        if _client(request.headers) != _OURS:
            return JSONResponse({"error": "invalid_client"}, 401)
        self.given_back.append((await request.json())["token"])
        return JSONResponse({"request_id": "r"})

    async def api(self, request: Request) -> Response:
        """Prism's answer for a token that is alive."""
        name, path = request.path_params["provider"], f"/{request.path_params['path']}"
        if self.identity_fails and path.endswith(("accessible-resources", "/users/me")):
            self.identity_fails -= 1
            return JSONResponse({"message": "Service Unavailable"}, 503)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.presented[name] = token
        if not await self._alive(name, token):
            return JSONResponse({"code": "unauthorized", "message": "Unauthorized"}, 401)
        if path == "/oauth/token/accessible-resources":
            return JSONResponse([SITE])
        path = path.removeprefix(f"/ex/jira/{SITE['id']}") if name == "jira" else path
        async with httpx2.AsyncClient(timeout=60) as http:
            # Prism's file of Notion has the version in its paths.
            url = self.apis[name] + ("/v1" if name == "notion" else "") + path
            sent = {key: value for key, value in request.headers.items() if key not in {"host", "content-length"}}
            query, body = dict(request.query_params), await request.body()
            answer = await http.request(request.method, url, params=query, headers=sent, content=body)
        return Response(answer.content, answer.status_code, {"content-type": "application/json"})

    async def _alive(self, name: str, token: str) -> bool:
        if name == "coda":
            return token == CODA_TOKEN and token not in self.rejected
        return token not in self.rejected and "sub" in await asyncio.to_thread(self.strict.get, "/me", token)


@contextmanager
def provider_front(strict: OAuthServer, apis: Mapping[str, str], port: int) -> Iterator[ProviderFront]:
    """The front on that port, which ``strict`` has in its name as issuer: what it sends back with must be the front's."""
    front = ProviderFront(strict, apis, f"http://127.0.0.1:{port}")
    routes = [
        Route("/{provider}/authorize", front.authorize),
        Route("/{provider}/token", front.token, methods=["POST"]),
        Route("/notion/oauth/revoke", front.revoked, methods=["POST"]),
        Route("/{provider}/{path:path}", front.api, methods=["GET", "POST"]),
    ]
    with served(routes, port):
        yield front


def _fields(provider: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str] | None:
    """Grant type, code or refresh token and redirect URI; None when the request is not in the provider's form."""
    if headers.get("content-type") != "application/json":
        return None
    given: dict[str, str] = json.loads(body)
    client = (given.pop("client_id", ""), given.pop("client_secret", ""))
    # One way to say it and no other (RFC 6749, section 2.3).
    by_header, in_body = _client(headers), client
    wanted, other = (by_header, in_body) if provider == "notion" else (in_body, by_header)
    return given if wanted == _OURS and other == ("", "") else None


def _client(headers: Mapping[str, str]) -> tuple[str, str]:
    kind, _, pair = headers.get("authorization", "").partition(" ")
    name, _, secret = base64.b64decode(pair).decode().partition(":") if kind == "Basic" else ("", "", "")
    return name, secret
