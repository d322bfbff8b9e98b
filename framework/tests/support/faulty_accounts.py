"""Pages and API of connected accounts that do everything right, but for the faults they are given by name."""

import json

from scripted_realm import ORIGIN
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["PATHS", "FaultyAccounts"]

PATHS = ("/accounts", "/api/")
_METADATA = f'Bearer resource_metadata="{ORIGIN}/.well-known/oauth-protected-resource/mcp"'
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
}
# What each fault makes of a header; None takes it away.
_SPOILED: dict[str, tuple[str, str | None]] = {
    "accounts_no_csp": ("content-security-policy", None),
    "accounts_framed": ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'self'"),
    "accounts_script": (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; script-src 'unsafe-inline'",
    ),
    "accounts_sniffed": ("x-content-type-options", None),
    "accounts_cached": ("cache-control", "max-age=60"),
    "accounts_referrer": ("referrer-policy", "unsafe-url"),
    "accounts_no_hsts": ("strict-transport-security", None),
    "accounts_short_hsts": ("strict-transport-security", "max-age=60"),
}
_PROVIDERS = [{"provider": "coda", "kind": "api_token"}, {"provider": "github", "kind": "oauth"}]


class FaultyAccounts:
    """The ASGI app of these paths; any JWT is taken for a token of the right server."""

    def __init__(self, faults: frozenset[str]) -> None:
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path == "/accounts":
            return self._page()
        if (refusal := self._refused(request)) is not None:
            return refusal
        if path == "/api/connections":
            kept = {} if "accounts_list_cached" in self.faults else {"cache-control": "no-store"}
            listed = [] if "accounts_empty" in self.faults else _PROVIDERS
            return JSONResponse({"connections": listed}, headers=kept)
        if path == "/api/coda/proxy" and request.method == "POST":
            open_to = "/gatelodge-verify" if "accounts_open_proxy" in self.faults else "/whoami"
            allowed = json.loads(await request.body())["path"].startswith(open_to)
            return JSONResponse({}, 200 if allowed else 403)
        return self._address(request)

    def _page(self) -> Response:
        headers: dict[str, str | None] = {**_HEADERS}
        headers |= dict(change for fault, change in _SPOILED.items() if fault in self.faults)
        kept = {name: value for name, value in headers.items() if value is not None}
        return HTMLResponse("<!doctype html><title>Connected accounts</title>", headers=kept)

    def _address(self, request: Request) -> Response:
        if request.url.path != "/api/auth/github/url":
            return JSONResponse({"error": "not_found"}, 404)
        if request.query_params.get("return_to") is None or "accounts_any_return" in self.faults:
            return JSONResponse({"authorization_url": "https://github.com/login/oauth/authorize"})
        return JSONResponse({"error": "return_refused"}, 400)

    def _refused(self, request: Request) -> Response | None:
        bearer = request.headers.get("authorization", "")
        if "eyJ" in bearer:
            return None
        part = "proxy" if request.url.path.endswith("/proxy") else "api"
        if f"accounts_{part}_open" in self.faults:
            return JSONResponse({})
        header = _METADATA
        if f"accounts_{part}_bare" in self.faults:
            header = "Bearer"
        elif bearer or f"accounts_{part}_error" in self.faults:
            header += ', error="invalid_token"'
        return JSONResponse({"error": "unauthorized"}, 401, {"www-authenticate": header})
