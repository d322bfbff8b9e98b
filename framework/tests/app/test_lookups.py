"""One look-up for a call, and what still holds when the tools change."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastmcp import Context, FastMCP
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.transforms import GetToolNext, Transform
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.versions import VersionSpec
from mcp_types import CallToolRequestParams
from protected import Serve, Served

from gatelodge import current_principal, requires
from gatelodge.app.bridge.lookups import MAX_AGE


class Counting(Transform):
    """Stands below everything of ours and counts."""

    lookups = 0

    async def get_tool(self, name: str, call_next: GetToolNext, *, version: VersionSpec | None = None) -> Tool | None:
        self.lookups += 1
        return await call_next(name, version=version)


def tool_with(scope: str, text: str = "ran") -> Callable[[], Any]:
    @requires(scope)
    async def act() -> str:
        return text

    return act


def changing() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("changing")
    mcp.tool(tool_with("notes:read"))
    return mcp


async def call(served: Served, name: str = "act", **claims: Any) -> tuple[int, str | None]:
    """The status, and the text of the answer when there is one."""
    response = await served.rpc("tools/call", {"name": name, "arguments": {}}, served.bearer("notes:read", **claims))
    # Hiding a tool tells the client so before the result.
    answer = json.loads(response.text.rpartition("data: ")[2])
    return response.status_code, answer["result"]["content"][0]["text"] if "result" in answer else None


UNKNOWN = (200, "Unknown tool: 'act'")


async def test_a_call_costs_one_look_up_once_the_gate_knows_the_tool(serve: Serve) -> None:
    mcp, counting = changing(), Counting()
    mcp.add_transform(counting)
    served = await serve(mcp)
    assert await call(served) == (200, "ran")
    before = counting.lookups
    for _ in range(5):
        assert await call(served) == (200, "ran")
    assert counting.lookups - before == 5
    served.clock.advance(MAX_AGE)
    assert await call(served) == (200, "ran")
    assert counting.lookups - before == 7


async def test_a_change_of_the_servers_own_tools_counts_from_the_next_request(serve: Serve) -> None:
    mcp = changing()
    served = await serve(mcp)
    assert await call(served) == (200, "ran")
    mcp.local_provider.remove_tool("act")
    assert await call(served) == UNKNOWN
    mcp.tool(tool_with("notes:write"))
    assert (await call(served))[0] == 403
    mcp.local_provider.remove_tool("act")
    mcp.tool(tool_with("notes:read", "ran anew"))
    assert await call(served) == (200, "ran anew")
    mcp.disable(names={"act"})
    assert await call(served) == UNKNOWN


async def test_a_mounted_tool_that_became_stricter_never_runs_by_its_old_rule(serve: Serve) -> None:
    mcp, mounted = FastMCP[Any]("outer"), changing()
    mcp.mount(mounted)
    served = await serve(mcp)
    assert await call(served) == (200, "ran")
    mounted.local_provider.remove_tool("act")
    mounted.tool(tool_with("notes:write"))
    # The gate may still go by the old rule; it is decided anew before the tool runs.
    assert await call(served) == UNKNOWN
    served.clock.advance(MAX_AGE)
    assert (await call(served))[0] == 403


class Hiding(Middleware):
    """An author's middleware that hides a tool from one user."""

    async def on_call_tool(
        self, context: MiddlewareContext[CallToolRequestParams], call_next: CallNext[CallToolRequestParams, ToolResult]
    ) -> ToolResult:
        caller = current_principal()
        if caller is not None and caller.subject == "mallory" and context.fastmcp_context is not None:
            await context.fastmcp_context.disable_components(names={"act"})
        return await call_next(context)


@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
async def test_what_is_hidden_from_one_user_is_not_run_for_them_and_not_lost_to_others(serve: Serve) -> None:
    mcp = changing()
    mcp.add_middleware(Hiding())
    served = await serve(mcp)
    for _ in range(2):
        assert await call(served, sub="mallory") == UNKNOWN
        assert await call(served, sub="alice") == (200, "ran")


@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
async def test_a_middleware_that_is_added_later_can_still_hide_the_tool_in_that_very_call(serve: Serve) -> None:
    mcp = changing()
    served = await serve(mcp)
    mcp.add_middleware(Hiding())
    assert await call(served, sub="mallory") == UNKNOWN


async def test_a_tool_that_looks_itself_up_gets_what_is_there_now(serve: Serve) -> None:
    mcp: FastMCP[Any] = FastMCP("self")

    @mcp.tool
    @requires("notes:read")
    async def act(context: Context) -> str:
        mcp.local_provider.remove_tool("act")
        return str(await context.fastmcp.get_tool("act"))

    assert await call(await serve(mcp)) == (200, "None")


async def test_a_transform_that_is_added_later_has_the_last_word(serve: Serve) -> None:
    class Renaming(Transform):
        async def get_tool(
            self, name: str, call_next: GetToolNext, *, version: VersionSpec | None = None
        ) -> Tool | None:
            return None if name == "act" else await call_next("act", version=version)

    mcp = changing()
    served = await serve(mcp)
    assert await call(served) == (200, "ran")
    mcp.add_transform(Renaming())
    assert await call(served) == UNKNOWN
    assert await call(served, "renamed") == (200, "ran")
