"""What the server offers in its handshake works, and what cannot work without sessions is not offered (2025-11-25)."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from conformance.official.deployment import Deployment
from conformance.official.fixture_tools import READ

# The server runs in this process, and FastMCP still sends log messages, which the SDK calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
LOGGING = {"name": "test_tool_with_logging", "arguments": {}}


class Caller:
    """A client of the old era with a token of its own, past the proxy."""

    def __init__(self, deployment: Deployment, user: str) -> None:
        self._url = deployment.bare_url
        token = deployment.tokens.token(scope=READ, sub=user)
        self._headers = {**HEADERS, "mcp-protocol-version": "2025-11-25", "authorization": f"Bearer {token}"}

    async def call(self, method: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Every message of the answer, the result last."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with httpx2.AsyncClient(headers=self._headers, timeout=60) as http:
            answer = await http.post(self._url, content=json.dumps(body))
        assert answer.status_code == 200, answer.text
        if "text/event-stream" not in answer.headers["content-type"]:
            return [answer.json()]
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]

    async def logged(self) -> list[str]:
        """The levels of the log messages that the caller gets from one call."""
        *before, _ = await self.call("tools/call", LOGGING)
        return [message["params"]["level"] for message in before if message["method"] == "notifications/message"]


async def offered(deployment: Deployment) -> dict[str, Any]:
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "a-client", "version": "1"},
    }
    (answer,) = await Caller(deployment, "reader").call("initialize", params)
    found: dict[str, Any] = answer["result"]["capabilities"]
    return found


@pytest.mark.requirement("MCP25-HTTP-get")
async def test_no_change_is_promised_that_nobody_could_be_told_of(deployment: Deployment) -> None:
    capabilities = await offered(deployment)
    for kind in ("tools", "prompts", "resources"):
        assert capabilities[kind].get("listChanged") is not True
    assert capabilities["resources"].get("subscribe") is not True
    # Where such news would come from.
    token = deployment.tokens.token(scope=READ)
    stream = {"accept": "text/event-stream", "authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=stream, timeout=60) as http:
        assert (await http.get(deployment.bare_url)).status_code == 405


async def test_every_offered_capability_answers(deployment: Deployment) -> None:
    reader = Caller(deployment, "reader")
    assert set(await offered(deployment)) == {"completions", "logging", "prompts", "resources", "tools"}
    for method, member in (("tools/list", "tools"), ("prompts/list", "prompts"), ("resources/list", "resources")):
        (answer,) = await reader.call(method, {})
        assert answer["result"][member]
    reference = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
    (answer,) = await reader.call(
        "completion/complete", {"ref": reference, "argument": {"name": "arg1", "value": "pari"}}
    )
    assert answer["result"]["completion"]["values"] == ["paris"]


async def test_a_log_level_holds_for_the_caller_who_chose_it_and_for_nobody_else(deployment: Deployment) -> None:
    alice, bob = Caller(deployment, "alice"), Caller(deployment, "bob")
    await alice.call("logging/setLevel", {"level": "error"})
    assert await alice.logged() == []
    assert await bob.logged() == ["info", "info", "info"]
    await alice.call("logging/setLevel", {"level": "debug"})
    assert await alice.logged() == ["info", "info", "info"]


async def test_streams_of_one_caller_run_side_by_side(deployment: Deployment) -> None:
    reader = Caller(deployment, "reader")
    answers = await asyncio.gather(*(reader.call("tools/call", LOGGING) for _ in range(5)))
    assert [len(messages) for messages in answers] == [4] * 5
