"""A realm whose clients can be managed as at Keycloak 26.7.3, by an account of its own; in process.

``clients`` is what the realm has, by client_id; a test may add what a person would have made. ``calls`` are (method,
path) of the Admin API.
"""

import json
from typing import Any
from urllib.parse import parse_qs

from registering_realm import RegisteringRealm
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["SECRET", "AdministeredRealm"]

SECRET = "s3cret-of-the-desk"
_ADMIN = "/admin/realms/mcp"
_TOKEN = "/realms/mcp/protocol/openid-connect/token"


class AdministeredRealm(RegisteringRealm):
    """``admin_status`` other than 200 is what every call of the Admin API is answered with."""

    def __init__(self) -> None:
        super().__init__()
        self.clients: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.admin_status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == _TOKEN or path.startswith(_ADMIN)):
            request = Request(scope, receive)
            body = await request.body()
            response = _token(body) if path == _TOKEN else self._administer(request, path.removeprefix(_ADMIN), body)
            await response(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def _administer(self, request: Request, path: str, body: bytes) -> Response:
        assert request.headers["authorization"] == "Bearer t0ken-of-the-desk"
        self.calls.append((request.method, path))
        if self.admin_status != 200:
            return JSONResponse({"error": "unknown_error"}, self.admin_status)
        if path == "/clients" and request.method == "GET":
            wanted = parse_qs(request.url.query).get("clientId", [""])[0]
            return JSONResponse([client for name, client in self.clients.items() if wanted in {"", name}])
        if path == "/clients" and request.method == "POST":
            return self._create(json.loads(body))
        known = {client["id"]: client for client in self.clients.values()}
        found = known.get(path.removeprefix("/clients/"))
        if found is None:
            return JSONResponse({"error": "Could not find client"}, 404)
        if request.method == "PUT":
            change = json.loads(body)
            attributes = {**found.get("attributes", {}), **change.pop("attributes", {})}
            # An empty attribute is one that is taken away.
            found |= change | {"attributes": {name: value for name, value in attributes.items() if value}}
        elif request.method == "DELETE":
            del self.clients[found["clientId"]]
        return Response(status_code=204)

    def _create(self, made: dict[str, Any]) -> Response:
        if made["clientId"] in self.clients:
            return JSONResponse({"errorMessage": "Client already exists"}, 409)
        made["id"] = f"id-{len(self.clients) + 1}"
        made["attributes"] = {name: value for name, value in made.get("attributes", {}).items() if value}
        self.clients[made["clientId"]] = made
        return Response(status_code=201, headers={"location": f"http://keycloak{_ADMIN}/clients/{made['id']}"})


def _token(body: bytes) -> Response:
    assert parse_qs(body.decode())["grant_type"] == ["client_credentials"]
    return JSONResponse({"access_token": "t0ken-of-the-desk", "expires_in": 300, "token_type": "Bearer"})
