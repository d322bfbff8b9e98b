"""The short way to FastMCP's endpoint: what a tool and a client see is what FastMCP's own way gives."""

from collections.abc import Sequence
from typing import Annotated, Any

import mcp_types
import pytest
from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.middleware.logging import LoggingMiddleware
from fastmcp.tools.base import Tool
from protected import Serve, Served, result_of
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gatelodge import public, requires

REGION = Field(json_schema_extra={"x-mcp-header": "Region"})


class Where(BaseModel):
    """Makes a schema with a reference in it."""

    city: str


class Listing(Middleware):
    """An author's middleware that has a say in what is listed."""

    lists = 0

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        self.lists += 1
        return await call_next(context)


def regional(*middleware: Middleware) -> FastMCP[Any]:
    """Tools with a parameter that is repeated in a header, one of them hidden from most callers."""
    mcp: FastMCP[Any] = FastMCP("regional", middleware=list(middleware))

    @mcp.tool
    @requires("notes:read")
    async def weather(region: Annotated[str, REGION], where: Where | None = None) -> str:
        return f"weather in {region}"

    @mcp.tool
    @requires(roles=["admin"])
    async def secret(region: Annotated[str, REGION]) -> str:
        return region

    @mcp.tool
    @requires("notes:read")
    async def address() -> str:
        request = get_http_request()
        return f"{request.url.path} {request.url_for('page')}"

    @mcp.tool
    @requires("notes:read")
    async def transport(ctx: Context) -> str:
        return str(ctx.transport)

    @mcp.custom_route("/page", methods=["GET"])
    @public
    async def page(_: Request) -> Response:
        return PlainTextResponse("page")

    return mcp


async def called(served: Served, name: str, arguments: dict[str, Any], region: str | None = None) -> Any:
    """The status and JSON of a call."""
    headers = served.bearer("notes:read") | ({} if region is None else {"mcp-param-region": region})
    return await served.rpc("tools/call", {"name": name, "arguments": arguments}, headers)


@pytest.mark.requirement("MCP26-HTTP-param-header")
@pytest.mark.parametrize("middleware", [(), (Listing(),), (LoggingMiddleware(),)], ids=["none", "listing", "observer"])
async def test_a_parameter_header_must_agree_with_the_argument(
    serve: Serve, middleware: tuple[Middleware, ...]
) -> None:
    served = await serve(regional(*middleware))
    right = await called(served, "weather", {"region": "north"}, "north")
    assert result_of(right)["result"]["content"][0]["text"] == "weather in north"
    for region in ("south", None):
        wrong = await called(served, "weather", {"region": "north"}, region)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, -32020)


async def test_a_header_tells_nothing_about_a_tool_that_is_hidden(serve: Serve) -> None:
    served = await serve(regional())
    hidden = await called(served, "secret", {"region": "north"}, "south")
    unknown = await called(served, "nothing", {"region": "north"}, "south")
    assert hidden.status_code == unknown.status_code == 200
    assert hidden.text.replace("secret", "nothing") == unknown.text


async def test_an_author_who_changes_lists_is_asked_at_each_call_and_nobody_else(serve: Serve) -> None:
    listing, plain = regional(asked := Listing()), regional()
    for mcp in (listing, plain):
        await called(await serve(mcp), "weather", {"region": "north"}, "north")
    assert asked.lists == 1
    assert listing._mcp_server.get_tool_input_schema is None
    assert plain._mcp_server.get_tool_input_schema is not None


@pytest.mark.parametrize(
    ("tool", "text"), [("address", "/mcp https://localhost:8443/page"), ("transport", "streamable-http")]
)
async def test_a_tool_finds_its_request_as_behind_fastmcp_itself(serve: Serve, tool: str, text: str) -> None:
    served = await serve(regional())
    assert result_of(await called(served, tool, {}))["result"]["content"][0]["text"] == text


async def test_other_methods_than_post_are_answered_by_fastmcp(serve: Serve) -> None:
    served = await serve(regional())
    for method in ("GET", "PUT"):
        response = await served.http.request(method, "/mcp", headers=served.bearer("notes:read"))
        assert response.status_code == 405
        assert "POST" in response.headers["allow"]
