"""The server that the official suite is run against: resources, prompts and completion, and the tools beside them."""

import base64
import json
from typing import Annotated, Any

from fastmcp import FastMCP
from fastmcp.prompts import Message
from mcp_types import Completion, CompletionArgument, ImageContent, PromptReference
from pydantic import Field

from conformance.official.fixture_rounds import add_rounds
from conformance.official.fixture_tools import PNG, READ, add_tools, text_resource
from gatelodge import requires

__all__ = ["fixture_server"]


def fixture_server() -> FastMCP[Any]:
    """A new server with everything the suite expects. Schemas go out as written: that choice is the author's."""
    mcp: FastMCP[Any] = FastMCP("conformance-fixture", version="1.0.0", dereference_schemas=False)
    add_tools(mcp)
    add_rounds(mcp)
    _add_resources(mcp)
    _add_prompts(mcp)

    @mcp.completion
    async def complete(ref: Any, argument: CompletionArgument, context: Any) -> Completion | None:
        known = isinstance(ref, PromptReference) and ref.name == "test_prompt_with_arguments"
        values = ["paris", "park", "party"] if known and argument.name == "arg1" else []
        found = [value for value in values if value.startswith(argument.value)]
        return Completion(values=found, total=len(found), has_more=False)

    return mcp


def _add_resources(mcp: FastMCP[Any]) -> None:
    @mcp.resource("test://static-text", mime_type="text/plain")
    @requires(READ)
    async def static_text() -> str:
        """A text."""
        return "This is the content of the static text resource."

    @mcp.resource("test://static-binary", mime_type="image/png")
    @requires(READ)
    async def static_binary() -> bytes:
        """An image."""
        return base64.b64decode(PNG)

    @mcp.resource("test://watched-resource", mime_type="text/plain")
    @requires(READ)
    async def watched_resource() -> str:
        """A text that a client may want to watch."""
        return "Watched resource content"

    @mcp.resource("test://template/{id}/data", mime_type="application/json")
    @requires(READ)
    async def template(id: str) -> str:  # noqa: A002 - the suite's own name of the parameter
        """Data by id."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _add_prompts(mcp: FastMCP[Any]) -> None:
    @mcp.prompt
    @requires(READ)
    async def test_simple_prompt() -> str:
        """A prompt without arguments."""
        return "This is a simple prompt for testing."

    @mcp.prompt
    @requires(READ)
    async def test_prompt_with_arguments(
        arg1: Annotated[str, Field(description="First test argument")],
        arg2: Annotated[str, Field(description="Second test argument")],
    ) -> str:
        """A prompt with two arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @mcp.prompt
    @requires(READ)
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803 - the suite's own name
        """A prompt with a resource in it."""
        embedded = text_resource(resourceUri, "text/plain", "Embedded resource content for testing.")
        return [Message(embedded), Message("Please process the embedded resource above.")]

    @mcp.prompt
    @requires(READ)
    async def test_prompt_with_image() -> list[Message]:
        """A prompt with an image in it."""
        image = ImageContent(type="image", data=PNG, mime_type="image/png")
        return [Message(image), Message("Please analyze the image above.")]
