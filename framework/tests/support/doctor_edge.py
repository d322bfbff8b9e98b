"""A healthy edge in process, which single answers can be changed of, and pieces of a realm as the admin API shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

MCP = "https://mcp.example.com/mcp"
ISSUER = "https://mcp.example.com/realms/mcp"
# 2026-11-21 12:00:00 UTC
NOW = 1_795_262_400.0


@dataclass
class Edge:
    """Answers by path; anything else is 404. ``headers`` are in every answer."""

    documents: dict[str, tuple[int, Any]] = field(
        default_factory=lambda: {
            "/.well-known/oauth-protected-resource/mcp": (200, {"resource": MCP, "authorization_servers": [ISSUER]}),
            "/.well-known/oauth-authorization-server/realms/mcp": (200, {"issuer": ISSUER}),
            "/realms/mcp/.well-known/openid-configuration": (200, {"issuer": ISSUER}),
            "/health/live": (200, {"status": "live"}),
            "/mcp": (401, {"error": "invalid_token"}),
        }
    )
    headers: dict[str, str] = field(default_factory=lambda: {"date": "Sat, 21 Nov 2026 12:00:00 GMT"})
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.raw_path.decode()
        self.asked.append(f"{request.method} {path}")
        if self.down:
            raise httpx2.ConnectError("refused")
        status, body = self.documents.get(path, (404, {"error": "not_found"}))
        return httpx2.Response(status, json=body, headers=self.headers)


def scope(name: str, *mappers: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "protocolMappers": list(mappers)}


def audience(value: str) -> dict[str, Any]:
    return {"protocolMapper": "oidc-audience-mapper", "config": {"included.custom.audience": value}}


def policy(provider: str, **config: list[str]) -> dict[str, Any]:
    named = {key.replace("_", "-"): value for key, value in config.items()}
    return {"providerId": provider, "subType": "anonymous", "config": named}
