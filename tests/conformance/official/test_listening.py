"""``subscriptions/listen`` (2026-07-28): nobody is told of a resource that they may not read, nor that it exists."""

import json
from typing import Any

import httpx2
import pytest

from conformance.official.deployment import Deployment
from conformance.official.fixture_tools import READ

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
HEADERS = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2026-07-28",
}


async def asked(deployment: Deployment, method: str, params: dict[str, Any], scope: str) -> httpx2.Response:
    """One request of the new era past the proxy."""
    headers = {"mcp-method": method, "authorization": f"Bearer {deployment.tokens.token(scope=scope)}"}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": MODERN}}
    async with httpx2.AsyncClient(headers=HEADERS | headers, timeout=60) as http:
        return await http.post(deployment.bare_url, content=json.dumps(body))


@pytest.mark.requirement("MCP26-HTTP-method-unknown")
@pytest.mark.parametrize("scope", [READ, "openid"])
async def test_no_subscription_is_taken_whoever_asks_for_whatever(deployment: Deployment, scope: str) -> None:
    """FastMCP has none; a release that has must be met by a check of each URI, and fails here first."""
    answers = []
    for uris in ([], ["test://static-text"], ["test://hidden"], ["test://nowhere"]):
        params = {"notifications": {"resourceSubscriptions": uris, "toolsListChanged": True}}
        answer = await asked(deployment, "subscriptions/listen", params, scope)
        answers.append((answer.status_code, answer.json()["error"]["code"]))
    assert set(answers) == {(404, -32601)}


async def test_no_subscription_is_offered(deployment: Deployment) -> None:
    answer = await asked(deployment, "server/discover", {}, READ)
    text = answer.text.split("data: ", 1)[-1].split("\n", 1)[0]
    capabilities = json.loads(text)["result"]["capabilities"]
    for kind in ("tools", "prompts", "resources"):
        assert not {"listChanged", "subscribe"} & {name for name, value in capabilities.get(kind, {}).items() if value}
