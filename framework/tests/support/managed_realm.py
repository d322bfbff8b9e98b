"""A realm whose registered clients are kept, counted and managed as at Keycloak 26.7.3; in process.

``counts`` are (active, offline) sessions by client_id; ``link_begins`` are those that a client has from the second time
on that its sessions are asked for, as by a link that begins while a sweep runs.
"""

import asyncio
import base64
import json
from typing import Any

from administered_realm import AdministeredRealm
from registering_realm import ENDPOINT
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["ManagedRealm", "token_of"]

REFUSED = {"error": "invalid_token", "error_description": "Not authorized to view client."}


def token_of(client_id: str, kind: str = "RegistrationAccessToken") -> str:
    """A token in the shape of Keycloak's; the signature is the client_id."""
    parts = (json.dumps({"alg": "HS512"}), json.dumps({"typ": kind}), client_id)
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


class ManagedRealm(AdministeredRealm):
    """Registrations become clients; the Admin API and RFC 7592 work on the same ones."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, tuple[int, int]] = {}
        self.counted: dict[str, int] = {}
        self.link_begins: dict[str, tuple[int, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # As over a network: whatever else is under way goes on meanwhile.
        await asyncio.sleep(0)
        if scope["type"] == "http" and scope["path"].startswith(ENDPOINT + "/"):
            request = Request(scope, receive)
            response = self._manage(request, scope["path"].removeprefix(ENDPOINT + "/"), await request.body())
            await response(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"].endswith("/protocol/openid-connect/token"):
            # How the account signs in is not of interest here.
            granted = {"access_token": "t0ken-of-the-desk", "expires_in": 300, "token_type": "Bearer"}
            await JSONResponse(granted)(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def _register(self, request: Request, raw: bytes) -> Response:
        answer = super()._register(request, raw)
        if answer.status_code != 201:
            return answer
        body = json.loads(bytes(answer.body))
        client_id = body["client_id"] = f"c-{len(self.requests)}"
        body["registration_access_token"] = token_of(client_id)
        self.clients[client_id] = _client(client_id, body)
        return JSONResponse(body, 201)

    def _administer(self, request: Request, path: str, body: bytes) -> Response:
        if path == "/clients" and "first" in request.query_params and self.admin_status == 200:
            self.calls.append((request.method, path))
            first = int(request.query_params["first"])
            page = list(self.clients.values())[first : first + int(request.query_params["max"])]
            return JSONResponse(page)
        kind = path.rpartition("/")[2]
        if kind not in {"session-count", "offline-session-count"} or self.admin_status != 200:
            return super()._administer(request, path, body)
        found = {client["id"]: name for name, client in self.clients.items()}.get(path.split("/")[2])
        if found is None:
            return JSONResponse({"error": "Could not find client"}, 404)
        self.counted[found] = self.counted.get(found, 0) + 1
        if self.counted[found] > 2 and found in self.link_begins:
            self.counts[found] = self.link_begins[found]
        active, offline = self.counts.get(found, (0, 0))
        return JSONResponse({"count": active if kind == "session-count" else offline})

    def _manage(self, request: Request, client_id: str, raw: bytes) -> Response:
        client = self.clients.get(client_id)
        if client is None or request.headers.get("authorization") != f"Bearer {token_of(client_id)}":
            return JSONResponse(REFUSED, 401)
        if request.method == "DELETE":
            del self.clients[client_id]
            return Response(status_code=204)
        if request.method == "PUT":
            body = json.loads(raw)
            if body.get("client_id") != client_id:
                return JSONResponse({"error": "invalid_client_metadata"}, 400)
            client["redirectUris"], client["name"] = body["redirect_uris"], body.get("client_name")
        return JSONResponse(
            {
                "client_id": client_id,
                "client_name": client["name"],
                "redirect_uris": client["redirectUris"],
                "registration_access_token": token_of(client_id),
                "registration_client_uri": f"http://internal{ENDPOINT}/{client_id}",
                "subject_type": "public",
            }
        )


def _client(client_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"id-of-{client_id}",
        "clientId": client_id,
        "name": body.get("client_name"),
        "enabled": True,
        "publicClient": body["token_endpoint_auth_method"] == "none",
        "consentRequired": True,
        "redirectUris": body["redirect_uris"],
        "attributes": {},
    }
