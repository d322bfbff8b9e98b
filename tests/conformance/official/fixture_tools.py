"""The plain tools that the official suite calls: content types, errors, notifications, and the back-channel.

Names, texts and values are the suite's own. Every tool has an access rule, as on any protected server.
"""

import asyncio
from typing import Annotated, Any

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools.base import Tool, ToolResult
from mcp.shared.exceptions import MCPError
from mcp_types import (
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from mcp_types.jsonrpc import MISSING_REQUIRED_CLIENT_CAPABILITY
from pydantic import Field

from conformance.official.fixture_schemas import DEFAULTS, ENUMS, SCHEMA
from gatelodge import requires

__all__ = ["PNG", "READ", "WRITE", "add_tools"]

READ, WRITE = "conformance:read", "conformance:write"
# One red pixel, and a wave file without a sample.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA="
# Between two notifications, so that a client sees them arrive one by one.
PAUSE = 0.05


def add_tools(mcp: FastMCP[Any]) -> None:
    """Register every plain tool."""
    _add_content(mcp)
    _add_described(mcp)
    _add_notifying(mcp)
    _add_asking(mcp)


def said(*content: ContentBlock | str) -> ToolResult:
    """A result of exactly this content, without structured output."""
    return ToolResult(content=[TextContent(type="text", text=c) if isinstance(c, str) else c for c in content])


def text_resource(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    """A text embedded as a resource."""
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def _add_content(mcp: FastMCP[Any]) -> None:
    image = ImageContent(type="image", data=PNG, mime_type="image/png")

    @mcp.tool
    @requires(READ)
    async def test_simple_text() -> ToolResult:
        """Answer with one text."""
        return said("This is a simple text response for testing.")

    @mcp.tool
    @requires(READ)
    async def test_image_content() -> ToolResult:
        """Answer with one image."""
        return said(image)

    @mcp.tool
    @requires(READ)
    async def test_audio_content() -> ToolResult:
        """Answer with one sound."""
        return said(AudioContent(type="audio", data=WAV, mime_type="audio/wav"))

    @mcp.tool
    @requires(READ)
    async def test_embedded_resource() -> ToolResult:
        """Answer with one embedded resource."""
        return said(text_resource("test://embedded-resource", "text/plain", "This is an embedded resource content."))

    @mcp.tool
    @requires(READ)
    async def test_multiple_content_types() -> ToolResult:
        """Answer with text, image and resource."""
        json_resource = text_resource(
            "test://mixed-content-resource", "application/json", '{"test":"data","value":123}'
        )
        return said("Multiple content types test:", image, json_resource)

    @mcp.tool
    @requires(READ)
    async def test_error_handling() -> ToolResult:
        """Fail, always."""
        raise ToolError("This tool intentionally returns an error for testing")


def _add_described(mcp: FastMCP[Any]) -> None:
    """Tools that matter by their schemas."""

    @requires(READ)
    async def json_schema_2020_12_tool(name: str = "", phone: str = "", email: str = "") -> ToolResult:
        """Tool with JSON Schema 2020-12 features"""
        return said(f"{name} {phone or email}")

    mcp.add_tool(Tool.from_function(json_schema_2020_12_tool).model_copy(update={"parameters": SCHEMA}))

    @mcp.tool
    @requires(READ)
    async def test_x_mcp_header(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
    ) -> ToolResult:
        """Say a region, which a client repeats in the header Mcp-Param-Region."""
        return said(region)


def _add_notifying(mcp: FastMCP[Any]) -> None:
    @mcp.tool
    @requires(READ)
    async def test_tool_with_logging(ctx: Context) -> ToolResult:
        """Send three log messages while running."""
        await ctx.info("Tool execution started")
        await asyncio.sleep(PAUSE)
        await ctx.info("Tool processing data")
        await asyncio.sleep(PAUSE)
        await ctx.info("Tool execution completed")
        return said("Tool with logging executed successfully")

    @mcp.tool
    @requires(READ)
    async def test_logging_tool(ctx: Context) -> ToolResult:
        """Log, which a client of the stateless era only gets when it asked for it."""
        await ctx.info("A message that only a client that asked for it may get")
        return said("Logged")

    @mcp.tool
    @requires(READ)
    async def test_tool_with_progress(ctx: Context) -> ToolResult:
        """Report progress in three steps."""
        for step in (0, 50, 100):
            await ctx.report_progress(step, 100)
            await asyncio.sleep(PAUSE)
        return said("Tool with progress executed successfully")

    @mcp.tool
    @requires(WRITE)
    async def test_trigger_tool_change() -> ToolResult:
        """Stand for a change of the list of tools; nobody may be told of it who cannot be."""
        return said("Tool list changed")

    @mcp.tool
    @requires(WRITE)
    async def test_trigger_prompt_change() -> ToolResult:
        """Stand for a change of the list of prompts."""
        return said("Prompt list changed")


def _add_asking(mcp: FastMCP[Any]) -> None:
    """Tools that ask the client back while they run, which only a stateful server of the old era can."""

    async def elicited(ctx: Context, message: str, properties: dict[str, Any], required: list[str]) -> str:
        schema = {"type": "object", "properties": properties, "required": required}
        answer = await ctx.session.elicit(message, schema, related_request_id=ctx.request_id)
        return f"action={answer.action}, content={answer.content}"

    @mcp.tool
    @requires(READ)
    async def test_sampling(prompt: str, ctx: Context) -> ToolResult:
        """Let the client's model answer a prompt."""
        message = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
        answer = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
        return said(f"LLM response: {answer.content}")

    @mcp.tool
    @requires(READ)
    async def test_elicitation(message: str, ctx: Context) -> ToolResult:
        """Ask the user for a name and an address."""
        properties = {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        }
        return said(f"User response: {await elicited(ctx, message, properties, ['username', 'email'])}")

    @mcp.tool
    @requires(READ)
    async def test_elicitation_sep1034_defaults(ctx: Context) -> ToolResult:
        """Ask with a default in every field."""
        return said(f"Elicitation completed: {await elicited(ctx, 'Review the defaults', DEFAULTS, [])}")

    @mcp.tool
    @requires(READ)
    async def test_elicitation_sep1330_enums(ctx: Context) -> ToolResult:
        """Ask with every kind of choice."""
        return said(f"Elicitation completed: {await elicited(ctx, 'Choose', ENUMS, [])}")

    @mcp.tool
    @requires(READ)
    async def test_missing_capability(ctx: Context) -> ToolResult:
        """Need the client's sampling, and say so when it did not offer any."""
        offered = ctx.session.client_capabilities
        if offered is None or offered.sampling is None:
            raise MCPError(
                code=MISSING_REQUIRED_CLIENT_CAPABILITY,
                message="The client did not declare the sampling capability",
                data={"requiredCapabilities": {"sampling": {}}},
            )
        return said("The client can sample")
