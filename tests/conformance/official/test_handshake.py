"""Notifications and the choice of a revision, which the official suite leaves mostly open."""

import json
from typing import Any

import httpx2
import pytest

from conformance.official.deployment import Deployment

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
NOTIFICATIONS: dict[str, dict[str, Any]] = {
    "notifications/initialized": {},
    "notifications/cancelled": {"requestId": 4711, "reason": "no longer wanted"},
    "notifications/progress": {"progressToken": "unheard-of", "progress": 1},
    "notifications/roots/list_changed": {},
    "notifications/message": {"level": "info", "data": "from a client"},
    "notifications/nobody/knows/this": {"anything": [1, {"two": 3}]},
    "notifications/cancelled#malformed": {"requestId": {"no": "id"}},
}


async def posted(deployment: Deployment, body: dict[str, Any], **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(headers=HEADERS, timeout=60) as http:
        return await http.post(deployment.url, content=json.dumps(body), headers=headers)


@pytest.mark.requirement("MCP25-HTTP-negotiation")
@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_initialize_agrees_on_every_revision_of_the_handshake(deployment: Deployment, revision: str) -> None:
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "a-client", "version": "1"}}
    answer = await posted(deployment, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    assert answer.status_code == 200
    assert f'"protocolVersion":"{revision}"' in answer.text


@pytest.mark.requirement("MCP25-HTTP-counter-offer")
async def test_initialize_offers_the_newest_revision_of_the_handshake_to_a_client_with_an_unknown_one(
    deployment: Deployment,
) -> None:
    params = {"protocolVersion": "1999-01-01", "capabilities": {}, "clientInfo": {"name": "a-client", "version": "1"}}
    answer = await posted(deployment, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    assert answer.status_code == 200
    assert '"protocolVersion":"2025-11-25"' in answer.text


@pytest.mark.requirement("MCP26-HTTP-notification", "MCP25-HTTP-notification")
@pytest.mark.parametrize("revision", [None, "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("kind", NOTIFICATIONS)
async def test_a_notification_of_any_kind_is_accepted_in_silence(
    deployment: Deployment, kind: str, revision: str | None
) -> None:
    method = kind.split("#", maxsplit=1)[0]
    params = dict(NOTIFICATIONS[kind])
    headers = {} if revision is None else {"mcp-protocol-version": revision}
    if revision == "2026-07-28":
        params["_meta"] = MODERN
        headers["mcp-method"] = method
    answer = await posted(deployment, {"jsonrpc": "2.0", "method": method, "params": params}, **headers)
    assert (answer.status_code, answer.content) == (202, b"")
