"""Strangers' documents without a network: what lies on the shelf at a URL is what a fetch of it gives."""

import json
from collections.abc import Mapping
from typing import Any

from gatelodge.outbound.client import Answer, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.outbound.guard import GuardedOutbound

__all__ = ["Shelf", "document"]


class Shelf(GuardedOutbound):
    """``down``: no host answers; ``fetched`` are the URLs that were asked for, in order."""

    def __init__(self) -> None:
        # Not the real one's: it loads the public authorities, and nothing here is sent.
        self.bodies: dict[str, tuple[int, bytes]] = {}
        self.fetched: list[str] = []
        self.down = False

    def put(self, url: str, body: Mapping[str, Any] | bytes, status: int = 200) -> None:
        """Lay something down, in place of what was there."""
        self.bodies[url] = (status, body if isinstance(body, bytes) else json.dumps(body).encode())

    async def get(self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> Answer:
        """What lies at the URL."""
        assert headers is None or "cookie" not in headers
        self.fetched.append(url)
        if self.down:
            raise UpstreamUnreachable(f"GET {url}: down")
        status, body = self.bodies.get(url, (404, b""))
        if len(body) > max_bytes:
            raise UpstreamAnswerUnusable(f"GET {url}: too large")
        return Answer(status, {"content-type": "application/json"}, body)

    async def aclose(self) -> None:
        """Nothing is open."""


def document(client_id: str, **members: Any) -> dict[str, Any]:
    """A document of a public native client; ``members`` add to it or replace, None takes away."""
    made = {
        "client_id": client_id,
        "client_name": "Tester",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        **members,
    }
    return {name: value for name, value in made.items() if value is not None}
