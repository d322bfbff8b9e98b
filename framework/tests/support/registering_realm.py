"""A realm that registers clients as Keycloak 26.7.3 does behind its trusted-hosts policy: the measured answers, in process.

Strict where Keycloak is strict (unknown members, a browser's Origin, long values), lax where it is lax (wildcards, user
names), so that a test sees what the desk itself keeps out.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gatelodge.registration.config import DEFAULT_REDIRECT_HOSTS
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

ISSUER = "https://localhost:8443/realms/mcp"
INTERNAL = "http://127.0.0.1:18080/realms/mcp"
ENDPOINT = "/realms/mcp/clients-registrations/openid-connect"

KNOWN = frozenset(
    {
        "redirect_uris",
        "token_endpoint_auth_method",
        "grant_types",
        "response_types",
        "client_name",
        "client_uri",
        "logo_uri",
        "scope",
        "application_type",
        "software_id",
        "software_version",
        "jwks_uri",
    }
)
ALL_SCOPES = "profile offline_access deep-research:write deep-research:read email"
UNTRUSTED = (
    "Policy 'Trusted Hosts' rejected request to client-registration service."
    " Details: URI doesn't match any trusted host or trusted domain"
)


class RegisteringRealm(FakeIssuer):
    """A FakeIssuer with a registration endpoint. ``answer`` set replaces what that endpoint says."""

    def __init__(self) -> None:
        super().__init__(TokenFactory(ISSUER, "https://localhost:8443/mcp", ManualClock()))
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.answer: tuple[int, Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == ENDPOINT:
            request = Request(scope, receive)
            response = self._register(request, await request.body())
            await response(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    @property
    def stored(self) -> dict[str, Any]:
        """The body of the one registration that arrived."""
        assert len(self.requests) == 1
        return self.requests[0][1]

    def _register(self, request: Request, raw: bytes) -> Response:
        assert request.method == "POST"
        body = json.loads(raw)
        self.requests.append((dict(request.headers), body))
        if self.answer is not None:
            status, content = self.answer
            return Response(content, status) if isinstance(content, bytes) else JSONResponse(content, status)
        return _refusal(request, body) or JSONResponse(_registered(body), 201)


def _refusal(request: Request, body: dict[str, Any]) -> JSONResponse | None:
    if "origin" in request.headers:
        return JSONResponse({"error": "Invalid origin"}, 403)
    for member in sorted(set(body) - KNOWN):
        text = f'Invalid json representation for OIDCClientRepresentation. Unrecognized field "{member}" at line 1'
        return JSONResponse({"error": text}, 400)
    if any(len(value) > 255 for value in (body.get("client_name", ""), *body["redirect_uris"])):
        return JSONResponse({"error": "unknown_error", "error_description": "consult the server log."}, 500)
    trusted = {host.strip("[]") for host in DEFAULT_REDIRECT_HOSTS}
    if any(urlsplit(url).hostname not in trusted for url in (*body["redirect_uris"], body.get("client_uri")) if url):
        return JSONResponse({"error": "insufficient_scope", "error_description": UNTRUSTED}, 403)
    return None


def _registered(body: dict[str, Any]) -> dict[str, Any]:
    client = f"{ISSUER}/clients-registrations/openid-connect/c-1"
    method = body.get("token_endpoint_auth_method", "client_secret_basic")
    secret = {} if method == "none" else {"client_secret": "s3cr3t-of-client", "client_secret_expires_at": 0}
    return {
        "redirect_uris": sorted(body["redirect_uris"]),
        "token_endpoint_auth_method": method,
        "grant_types": body.get("grant_types", ["authorization_code", "refresh_token"]),
        "response_types": ["code", "none"],
        "client_id": "c-1",
        **secret,
        "client_name": body.get("client_name"),
        "scope": body.get("scope", ALL_SCOPES),
        "subject_type": "public",
        "request_uris": [],
        "tls_client_certificate_bound_access_tokens": False,
        "post_logout_redirect_uris": body["redirect_uris"],
        "client_id_issued_at": 1795260015,
        "registration_client_uri": client,
        "registration_access_token": "t0ken-of-registration",
        "backchannel_logout_session_required": False,
    }
