"""A small authorization server that does everything right, but for the faults it is given by name."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet
from scripted_realm import CONSENT, ISSUER, LOGIN, MCP_URL, PASSWORD, REFUSAL
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gatelodge.ops.verify.own_documents import OwnDocuments
from gatelodge.testing.discovery import keycloak_metadata
from gatelodge.testing.tokens import TokenFactory

READ, WRITE = "notes:read", "notes:write"
SCOPES = {"openid", "email", "profile", "offline_access", READ, WRITE}
DOCUMENT_URL = "https://login.test/own/client.json"
DOCUMENT = {
    "client_id": DOCUMENT_URL,
    "client_name": "verify",
    "redirect_uris": ["https://login.test/own/callback"],
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
}
LIFE = 20


@dataclass
class FaultyIssuer:
    """The ASGI app ``app``; ``faults`` are names of ``BROKEN`` in ``test_broken_servers``."""

    tokens: TokenFactory
    faults: frozenset[str]
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    spent: dict[str, dict[str, str]] = field(default_factory=dict)
    refreshes: dict[str, dict[str, str]] = field(default_factory=dict)
    documents: OwnDocuments | None = None

    def __post_init__(self) -> None:
        base = "/realms/mcp"
        self.app = Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server/realms/mcp", self._metadata),
                Route(f"{base}/.well-known/openid-configuration", self._metadata),
                Route("/own/client.json", lambda _: JSONResponse(DOCUMENT)),
                Route(f"{base}/clients-registrations/openid-connect", self._register, methods=["POST", "OPTIONS"]),
                Route(f"{base}/clients-registrations/openid-connect/{{id}}", self._delete, methods=["DELETE"]),
                Route(f"{base}/protocol/openid-connect/auth", self._authorize),
                Route(f"{base}/login-actions/authenticate", self._sign_in, methods=["POST"]),
                Route(f"{base}/login-actions/consent", self._consent, methods=["GET", "POST"]),
                Route(f"{base}/protocol/openid-connect/token", self._token, methods=["POST", "OPTIONS"]),
            ],
            exception_handlers={404: lambda *_: JSONResponse({"error": "not_found"}, 404)},
        )

    def has(self, *names: str) -> bool:
        """Whether one of these faults is on."""
        return not self.faults.isdisjoint(names)

    async def _metadata(self, _: Request) -> Response:
        if self.has("metadata_missing"):
            return JSONResponse({"error": "not_found"}, 404)
        document = keycloak_metadata(ISSUER, scopes=(READ, WRITE))
        document["code_challenge_methods_supported"] = ["plain"] if self.has("s256_unlisted") else ["S256"]
        document["scopes_supported"] = sorted(SCOPES - ({"offline_access"} if self.has("offline_unlisted") else set()))
        document["token_endpoint_auth_methods_supported"] = ["none", "client_secret_post", "client_secret_basic"]
        if self.has("document_refused", "document_taken", "signed_refused", "any_key_taken"):
            document["client_id_metadata_document_supported"] = True
            document["token_endpoint_auth_methods_supported"].append("private_key_jwt")
        if self.has("document_without_none"):
            document["client_id_metadata_document_supported"] = True
            document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        if self.has("no_registration"):
            del document["registration_endpoint"]
        if self.has("issuer_slash"):
            document["issuer"] = f"{ISSUER}/"
        return JSONResponse(document)

    async def _register(self, request: Request) -> Response:
        try:
            body = await request.json()
        except ValueError:
            if self.has("html_refusals"):
                return HTMLResponse("<html><body>Bad Request</body></html>", 400)
            return JSONResponse({"error": "invalid_client_metadata"}, 400)
        if self.has("redirect_refused") or (
            self.has("per_connection_refused") and "oauth/" in body["redirect_uris"][0]
        ):
            return JSONResponse({"error": "invalid_redirect_uri"}, 400)
        if self.has("strict_members") and "software_id" in body:
            return JSONResponse({"error": "invalid_client_metadata"}, 400)
        client_id = "1234.apps.googleusercontent.com" if self.has("foreign_ids") else f"client-{secrets.token_hex(6)}"
        public = body.get("token_endpoint_auth_method") == "none"
        made = dict(body) | ({} if public else {"client_secret": secrets.token_hex(12)})
        self.clients[client_id] = made
        uri = f"{ISSUER}/clients-registrations/openid-connect/{client_id}"
        answer = {"client_id": client_id, "registration_client_uri": uri, "client_secret_expires_at": 0}
        return JSONResponse({**made, **answer, "registration_access_token": f"manage-{client_id}"}, 201)

    async def _delete(self, request: Request) -> Response:
        client_id = request.path_params["id"]
        if self.has("undeletable") or request.headers.get("authorization") != f"Bearer manage-{client_id}":
            return JSONResponse({"error": "invalid_token"}, 401)
        self.deleted.append(client_id)
        return Response(status_code=204)

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        client = self._client(asked["client_id"])
        if client is None or not self._known(asked["redirect_uri"], client["redirect_uris"]):
            return HTMLResponse(REFUSAL, 400)
        if self._pkce_refused(asked):
            return self._back(asked, {"error": "invalid_request"})
        scopes = set(asked.get("scope", "").split())
        if not scopes <= SCOPES or (self.has("offline_refused") and "offline_access" in scopes):
            return self._back(asked, {"error": "invalid_scope"})
        tab = secrets.token_hex(4)
        self.pending[tab] = urlencode(asked)
        if request.cookies.get("session") == "ada":
            return RedirectResponse(f"{ISSUER}/login-actions/consent?tab={tab}", 302)
        action = f"{ISSUER}/login-actions/authenticate?tab={tab}&amp;execution=e1"
        return HTMLResponse(LOGIN.format(action=action, error=""))

    def _client(self, client_id: str) -> dict[str, Any] | None:
        if client_id == DOCUMENT_URL and not self.has("document_refused"):
            return DOCUMENT
        page = self.documents.page(urlsplit(client_id).path) if self.documents else None
        return json.loads(page.body) if page else self.clients.get(client_id)

    def _known(self, redirect: str, registered: list[str]) -> bool:
        if self.has("redirect_prefix"):
            return any(redirect.startswith(one.rstrip("/")) for one in registered)
        loopback = urlsplit(redirect).hostname in {"localhost", "127.0.0.1"}
        return redirect in registered or (loopback and _portless(redirect) in map(_portless, registered))

    def _pkce_refused(self, asked: dict[str, str]) -> bool:
        if self.has("pkce_optional") and "code_challenge" not in asked:
            return False
        return asked.get("code_challenge_method") not in ({"S256", "plain"} if self.has("plain_taken") else {"S256"})

    async def _sign_in(self, request: Request) -> Response:
        form, tab = await _form(request), request.query_params["tab"]
        if (form["username"], form["password"]) != ("ada", PASSWORD):
            return HTMLResponse(LOGIN.format(action=f"{ISSUER}/login-actions/authenticate?tab={tab}", error=""))
        answer = RedirectResponse(f"{ISSUER}/login-actions/consent?tab={tab}", 302)
        answer.set_cookie("session", "ada", secure=True, httponly=True, samesite="none", path="/realms/mcp/")
        return answer

    async def _consent(self, request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(CONSENT.format(code=request.query_params["tab"]))
        form = await _form(request)
        asked = dict(parse_qsl(self.pending.pop(form["code"]), keep_blank_values=True))
        if "cancel" in form:
            return self._back(asked, {"error": "access_denied"})
        code = f"code-{secrets.token_hex(8)}"
        self.codes[code] = asked
        return self._back(asked, {"code": code})

    def _back(self, asked: dict[str, str], answer: dict[str, str]) -> Response:
        silent = self.has("iss_missing") or (self.has("iss_on_success_only") and "error" in answer)
        iss = {} if silent else {"iss": f"{ISSUER}/" if self.has("iss_slash") else ISSUER}
        state = {"state": "another" if self.has("state_changed") else asked["state"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer | state | iss)}", 302)

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        client_id = form.get("client_id") or _basic(request)[0]
        client = self._client(client_id)
        if client is None or not self._authenticated(client, form, request):
            return self._refused("invalid_client", 401)
        if form["grant_type"] == "refresh_token":
            asked = self.refreshes.get(form["refresh_token"])
            if not self.has("rotation_ignored"):
                self.refreshes.pop(form["refresh_token"], None)
            return self._issued(asked) if asked else self._refused("invalid_grant")
        asked = self.codes.pop(form["code"], None)
        if asked is None and self.has("code_twice"):
            asked = self.spent.get(form["code"])
        if asked is None or not (self.has("verifier_ignored") or _proves(form, asked)):
            return self._refused("invalid_grant")
        self.spent[form["code"]] = asked
        return self._issued(asked)

    def _authenticated(self, client: dict[str, Any], form: dict[str, str], request: Request) -> bool:
        if "jwks_uri" in client and client["token_endpoint_auth_method"] == "private_key_jwt":
            return self._signed(client, form)
        secret = client.get("client_secret")
        if self.has("post_refused") and client.get("token_endpoint_auth_method") == "client_secret_post":
            return False
        return secret is None or secret in {form.get("client_secret"), _basic(request)[1]}

    def _signed(self, client: dict[str, Any], form: dict[str, str]) -> bool:
        if self.documents is None or self.has("signed_refused", "any_key_taken"):
            return self.has("any_key_taken")
        page = self.documents.page(urlsplit(client["jwks_uri"]).path)
        try:
            claims = jwt.decode(form["client_assertion"], KeySet.import_key_set(json.loads(page.body if page else "")))
        except BadSignatureError:
            return False
        return (claims.claims["aud"], claims.claims["sub"]) == (ISSUER, client["client_id"])

    def _refused(self, error: str, status: int = 400) -> Response:
        if self.has("html_refusals"):
            return HTMLResponse("<html><body>Internal Server Error</body></html>", 500)
        return JSONResponse({"error": error}, status, {"cache-control": "no-store"})

    def _issued(self, asked: dict[str, str]) -> Response:
        scope = asked.get("scope", "")
        ours = bool({READ, WRITE} & set(scope.split()))
        audience = "https://login.test/other" if self.has("wrong_audience") else MCP_URL if ours else None
        now = int(self.tokens.claims()["iat"])
        body: dict[str, Any] = {
            "access_token": self.tokens.token(scope=scope, aud=audience, exp=now + LIFE),
            "token_type": "Bearer",
            "expires_in": LIFE,
            "scope": scope,
        }
        if not self.has("no_refresh_token"):
            body["refresh_token"] = f"refresh-{secrets.token_hex(8)}"
            self.refreshes[body["refresh_token"]] = asked
        kept = {} if self.has("token_cached") else {"cache-control": "no-store"}
        return JSONResponse(body, headers=kept)


def _portless(url: str) -> tuple[str, str | None, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.path


def _proves(form: dict[str, str], asked: dict[str, str]) -> bool:
    verifier, challenge = form.get("code_verifier", ""), asked.get("code_challenge", "")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return challenge in {digest, ""} or (asked.get("code_challenge_method") == "plain" and verifier == challenge)


def _basic(request: Request) -> tuple[str, str]:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return "", ""
    client_id, _, secret = base64.b64decode(value).decode().partition(":")
    return client_id, secret


async def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs((await request.body()).decode(), True).items()}
