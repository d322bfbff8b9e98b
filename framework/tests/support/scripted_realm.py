"""A small authorization server and MCP server behind one https origin, with pages in the shape of Keycloak's.

It does what a link needs and no more; each attribute of ``Faults`` breaks one step. In-process only.
"""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, RemoteAuthProvider, TokenVerifier
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

ORIGIN = "https://login.test"
ISSUER = f"{ORIGIN}/realms/mcp"
MCP_URL = f"{ORIGIN}/mcp"
PASSWORD = "correct-horse-battery"
_ENDPOINT = f"{ISSUER}/protocol/openid-connect"

LOGIN = """<!DOCTYPE html><html><head><title>Sign in to mcp</title><style>p.instruction {{ color: red }}</style></head>
<body data-page-id="login-login"><h1 id="kc-page-title"><!-- login.ftl -->
   Sign in to your account </h1>
<form id="kc-form-login" onsubmit="login.disabled = true; return true;" action="{action}" method="post">
 <input id="username" name="username" value="" type="text" autofocus aria-invalid=""/>
 <input id="password" name="password" value="" type="password" aria-invalid=""/>
 <div id="input-error-container-username">{error}</div>
 <button type="button" aria-label="Show password"><i class="fa-eye"></i></button>
 <input type="checkbox" name="rememberMe"> <br>
 <input type="hidden" id="id-hidden-input" name="credentialId" />
 <button name="login" id="kc-login" type="submit">Sign In</button>
</form></body></html>"""
ERROR = """<div class="pf-v5-c-helper-text__item pf-m-error" id="input-error-username"><span>
   Invalid username or password. </span></div>"""
CONSENT = """<html><body data-page-id="login-login-oauth-grant"><h1 id="kc-page-title"><p> Grant Access to check</p></h1>
<ul><li><span>Offline Access</span><li><span>Search and read</span></ul>
<form action="/realms/mcp/login-actions/consent?tab_id=t1&amp;client_data=x" method="POST">
 <input type="hidden" name="code" value="{code}">
 <button name="accept" id="kc-login" type="submit">Yes</button>
 <button name="cancel" id="kc-cancel" type="submit">No</button>
</form></body></html>"""
REFUSAL = """<html><body data-page-id="login-error"><h1 id="kc-page-title">We are sorry...</h1>
<div id="kc-error-message"><p class="instruction">Client not found.</p></div>
<script>var instruction = "not for people";</script></body></html>"""


@dataclass
class Faults:
    """What goes wrong; nothing by default."""

    registration: dict[str, Any] | None = None
    form_action: str | None = None
    metadata_issuer: str = ISSUER
    iss: str = ISSUER
    granted_scope: str | None = None
    token_status: int = 200
    token_body: dict[str, Any] | None = None
    refuse_tokens: bool = False
    results: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "d1", "title": "One", "url": ""}])
    document: dict[str, Any] = field(default_factory=lambda: {"id": "d1", "title": "One", "text": "text", "url": ""})


class ScriptedRealm(TokenVerifier):
    """The ASGI app; ``requests`` are (method, URL, form) of everything that reached the sign-in."""

    def __init__(self) -> None:
        super().__init__(required_scopes=["deep-research:read"])
        self.faults = Faults()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.registered: dict[str, dict[str, Any]] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: dict[str, dict[str, str]] = {}
        self._pending: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._mcp = self._server()
        base = "/realms/mcp"
        self._realm = Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server/realms/mcp", self._metadata),
                Route(f"{base}/clients-registrations/openid-connect", self._register, methods=["POST"]),
                Route(f"{base}/protocol/openid-connect/auth", self._authorize),
                Route(f"{base}/login-actions/authenticate", self._sign_in, methods=["POST"]),
                Route(f"{base}/login-actions/consent", self._answer, methods=["GET", "POST"]),
                Route(f"{base}/protocol/openid-connect/token", self._token, methods=["POST"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = scope["path"].startswith(("/mcp", "/.well-known/oauth-protected-resource"))
        await (self._mcp if own else self._realm)(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedRealm"]:
        """Serve MCP until the block ends."""
        async with self._mcp.router.lifespan_context(self._mcp):
            yield self

    async def verify_token(self, token: str) -> AccessToken | None:
        if self.faults.refuse_tokens or token not in self._tokens:
            return None
        return AccessToken(token=token, client_id="c", scopes=self._tokens[token].split())

    def _server(self) -> Any:
        mcp = FastMCP(
            "scripted",
            auth=RemoteAuthProvider(
                token_verifier=self, authorization_servers=[AnyHttpUrl(ISSUER)], base_url=AnyHttpUrl(ORIGIN)
            ),
        )

        @mcp.tool
        def search(query: str) -> dict[str, Any]:
            return {"results": self.faults.results}

        @mcp.tool
        def fetch(id: str) -> dict[str, Any]:  # noqa: A002 - the contract's name
            return self.faults.document

        @mcp.tool
        def extra() -> str:
            return "text"

        return mcp.http_app(path="/mcp", stateless_http=True)

    async def _metadata(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.faults.metadata_issuer,
                "authorization_endpoint": f"{_ENDPOINT}/auth",
                "token_endpoint": f"{_ENDPOINT}/token",
                "registration_endpoint": f"{ISSUER}/clients-registrations/openid-connect",
                "scopes_supported": ["deep-research:read", "offline_access"],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _register(self, request: Request) -> Response:
        if self.faults.registration is not None:
            return JSONResponse(self.faults.registration, status_code=403)
        body = await request.json()
        client_id = f"client-{len(self.registered) + 1}"
        secret = {} if body.get("token_endpoint_auth_method") == "none" else {"client_secret": secrets.token_hex(8)}
        self.registered[client_id] = body | secret
        return JSONResponse({"client_id": client_id, **secret, "redirect_uris": body["redirect_uris"]}, status_code=201)

    async def _authorize(self, request: Request) -> Response:
        self.requests.append(("GET", str(request.url), {}))
        asked = dict(request.query_params)
        if asked["client_id"] not in self.registered:
            return HTMLResponse(REFUSAL, status_code=400)
        if asked.get("code_challenge_method") != "S256":
            return self._back(asked, {"error": "invalid_request", "error_description": "PKCE S256 is missing"})
        tab = secrets.token_hex(4)
        self._pending[tab] = urlencode(asked)
        if request.cookies.get("session") == "ada":
            return RedirectResponse(f"/realms/mcp/login-actions/consent?tab={tab}", status_code=302)
        return self._login(tab)

    def _login(self, tab: str, error: str = "") -> Response:
        action = self.faults.form_action or f"{ISSUER}/login-actions/authenticate?tab={tab}&amp;execution=e1"
        return HTMLResponse(LOGIN.format(action=action, error=error))

    async def _sign_in(self, request: Request) -> Response:
        form = await self._form(request)
        tab = request.query_params["tab"]
        if (form["username"], form["password"]) != ("ada", PASSWORD) or form["credentialId"]:
            return self._login(tab, ERROR)
        answer = RedirectResponse(f"{ISSUER}/login-actions/consent?tab={tab}", status_code=302)
        answer.set_cookie("session", "ada", secure=True, httponly=True, samesite="none", path="/realms/mcp/")
        return answer

    async def _answer(self, request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(CONSENT.format(code=request.query_params["tab"]))
        form = await self._form(request)
        asked = {name: values[0] for name, values in parse_qs(self._pending.pop(form["code"])).items()}
        if "cancel" in form:
            return self._back(asked, {"error": "access_denied"})
        code = secrets.token_hex(8)
        self._codes[code] = asked
        return self._back(asked, {"code": code})

    def _back(self, asked: dict[str, str], answer: dict[str, str]) -> Response:
        query = urlencode(answer | {"state": asked["state"], "iss": self.faults.iss})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", status_code=302)

    async def _token(self, request: Request) -> Response:
        form = await self._form(request)
        if self.faults.token_body is not None:
            return JSONResponse(self.faults.token_body, status_code=self.faults.token_status)
        if form["grant_type"] == "refresh_token":
            asked = self._refresh.pop(form["refresh_token"], None)
        else:
            asked = self._codes.pop(form["code"], None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if asked and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                asked = None
        if asked is None or asked.get("resource") != form.get("resource"):
            return JSONResponse({"error": "invalid_grant", "error_description": "Code not valid"}, status_code=400)
        scope = self.faults.granted_scope or asked["scope"]
        access, refresh = f"at.{secrets.token_hex(12)}", secrets.token_hex(12)
        self._tokens[access] = scope
        self._refresh[refresh] = asked
        body = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 300}
        return JSONResponse(body | {"scope": scope})

    async def _form(self, request: Request) -> dict[str, str]:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode(), True).items()}
        self.requests.append((request.method, str(request.url), form))
        return form
