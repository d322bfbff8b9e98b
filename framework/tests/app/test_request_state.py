"""State that a tool hands to the client between two rounds comes back as it was, or not at all (MCP 2026-07-28, MRTR)."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Context, FastMCP
from mcp.server.request_state import RequestStateSecurity
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from protected import MODERN, Serve, Served, result_of

from gatelodge import requires
from gatelodge.app.bridge.sealing import KEY_FILE

STATE = "balance=10"
ENVELOPE = {**MODERN, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
WIRE = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "ask",
}
ANSWERS = {"go": {"action": "accept", "content": {"ok": True}}}
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


def two_rounds(security: RequestStateSecurity | None = None) -> FastMCP[Any]:
    """A tool that asks once, with a state, and then tells the state that came back."""
    mcp: FastMCP[Any] = FastMCP("rounds", request_state_security=security)

    @mcp.tool
    @requires("notes:read")
    async def ask(ctx: Context) -> str | InputRequiredResult:
        if ctx.input_responses is None:
            form = ElicitRequest(params=ElicitRequestFormParams(message="Go on?", requested_schema=SCHEMA))
            return InputRequiredResult(input_requests={"go": form}, request_state=STATE)
        return f"state {ctx.request_state}"

    return mcp


async def call(served: Served, bearer: dict[str, str], **params: Any) -> dict[str, Any]:
    """One round as this caller: the JSON-RPC answer, whatever its status."""
    params = {"name": "ask", "arguments": {}, **params, "_meta": ENVELOPE}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    response = await served.http.post("/mcp", content=body, headers={**WIRE, **bearer})
    found: dict[str, Any] = result_of(response) if response.status_code == 200 else response.json()
    return found


async def again(served: Served, bearer: dict[str, str], state: str) -> dict[str, Any]:
    """The second round, with a state."""
    return await call(served, bearer, requestState=state, inputResponses=ANSWERS)


@pytest.mark.requirement("MCP26-AUTH-17a")
async def test_state_comes_back_to_the_tool_only_as_it_was_given(serve: Serve) -> None:
    served = await serve(two_rounds())
    reader = served.bearer("notes:read")
    sealed = (await call(served, reader))["result"]["requestState"]
    assert STATE not in sealed
    good = await again(served, reader, sealed)
    assert good["result"]["structuredContent"] == {"result": f"state {STATE}"}
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("B" if sealed[middle] == "A" else "A") + sealed[middle + 1 :]
    for forged in (STATE, changed, sealed[:-4], ""):
        assert (await again(served, reader, forged))["error"]["code"] == -32602


@pytest.mark.requirement("MCP26-AUTH-17b")
async def test_state_of_one_user_is_nothing_to_another(serve: Serve) -> None:
    served = await serve(two_rounds())
    sealed = (await call(served, served.bearer("notes:read", sub="user-1")))["result"]["requestState"]
    assert "result" in await again(served, served.bearer("notes:read", sub="user-1"), sealed)
    assert "error" in await again(served, served.bearer("notes:read", sub="user-2"), sealed)


async def test_state_that_one_replica_sealed_is_opened_by_another_that_shares_its_folder(
    serve: Serve, tmp_path: Path
) -> None:
    first, second = [await serve(two_rounds(), state_dir=tmp_path / "shared") for _ in range(2)]
    stranger = await serve(two_rounds(), state_dir=tmp_path / "other")
    reader = first.bearer("notes:read")
    sealed = (await call(first, reader))["result"]["requestState"]
    assert "result" in await again(second, second.bearer("notes:read"), sealed)
    assert (await again(stranger, stranger.bearer("notes:read"), sealed))["error"]["code"] == -32602
    assert stat.S_IMODE((tmp_path / "shared" / KEY_FILE).stat().st_mode) == 0o600


async def test_a_key_that_cannot_be_used_is_said_and_rounds_still_work(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / KEY_FILE).write_text("canary\n")
    served = await serve(two_rounds())
    assert KEY_FILE in caplog.text
    assert "canary" not in caplog.text
    reader = served.bearer("notes:read")
    sealed = (await call(served, reader))["result"]["requestState"]
    assert "result" in await again(served, reader, sealed)


async def test_the_authors_own_policy_stays(serve: Serve, tmp_path: Path) -> None:
    server = two_rounds(RequestStateSecurity.ephemeral(audience="rounds"))
    await serve(server)
    assert not (tmp_path / KEY_FILE).exists()
