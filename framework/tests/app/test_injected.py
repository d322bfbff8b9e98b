"""Components that take a Context or a dependency: FastMCP wraps their functions, and their rules must still be found."""

from typing import Any

from fastmcp import Context, FastMCP
from fastmcp.dependencies import Depends
from protected import Serve, result_of

from gatelodge import requires


def greeting() -> str:
    return "hello"


def injected_server() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("injected")

    @mcp.tool
    @requires("notes:read")
    async def with_context(context: Context) -> str:
        return f"tool {context.fastmcp.name}"

    @mcp.tool
    @requires("notes:write")
    def with_dependency(word: str = Depends(greeting)) -> str:
        return word

    @mcp.prompt
    @requires("notes:read")
    async def prompt(context: Context) -> str:
        return f"prompt {context.fastmcp.name}"

    @mcp.resource("notes://all")
    @requires("notes:read")
    async def resource(context: Context) -> str:
        return f"resource {context.fastmcp.name}"

    @mcp.resource("notes://one/{name}")
    @requires("notes:write")
    async def template(name: str, context: Context) -> str:
        return f"{name} {context.fastmcp.name}"

    return mcp


async def test_rules_are_found_and_kept_on_components_with_injected_parameters(serve: Serve) -> None:
    served = await serve(injected_server())
    reader = served.bearer("notes:read")
    called = await served.rpc("tools/call", {"name": "with_context", "arguments": {}}, reader)
    assert result_of(called)["result"]["structuredContent"] == {"result": "tool injected"}
    assert (await served.rpc("tools/call", {"name": "with_dependency", "arguments": {}}, reader)).status_code == 403
    assert "prompt injected" in (await served.rpc("prompts/get", {"name": "prompt"}, reader)).text

    async def read(uri: str, scope: str) -> Any:
        return await served.rpc("resources/read", {"uri": uri}, {**served.bearer(scope), "mcp-name": uri})

    assert "resource injected" in (await read("notes://all", "notes:read")).text
    assert (await read("notes://one/7", "notes:read")).status_code == 403
    assert "7 injected" in (await read("notes://one/7", "notes:write")).text
