"""The server's own tools: one for everybody, one for all who are signed in, one for those whom the operator names.

Not here: the GitHub tool and its prompt, which are of the framework's pack (``toolbox.PACKS``).
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastmcp import FastMCP
from fastmcp.resources import ResourceContent, ResourceResult
from fastmcp.tools.base import ToolResult
from mcp_types import ImageContent, InputRequiredResult, ResourceLink, TextContent, ToolAnnotations
from pydantic import Field

from gatelodge import current_principal, public, requires
from gatelodge.core.clock import Clock, SystemClock
from toolbox.analysis import AnalysisType, Analyst, CodeAnalysis
from toolbox.faults import Gone
from toolbox.images import Images
from toolbox.settings import ToolboxSettings
from toolbox.shelf import LIFE, Shelf

__all__ = ["toolbox"]

Number = Annotated[float, Field(description="A number", strict=True, ge=-1e15, le=1e15, allow_inf_nan=False)]
Size = Literal["1024x1024", "1536x1024", "1024x1536"]
_OUTSIDE = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=True)


def toolbox(
    settings: ToolboxSettings,
    *,
    images: Images | None = None,
    analyst: Analyst | None = None,
    clock: Clock | None = None,
) -> FastMCP[Any]:
    """The server, without protection. Nobody can make images when the operator names nobody: the tool is not there."""
    images, analyst = images or Images(settings), analyst or Analyst(settings)

    @asynccontextmanager
    async def lifespan(_: FastMCP[Any]) -> AsyncIterator[dict[str, Any]]:
        try:
            yield {}
        finally:
            await images.aclose()
            await analyst.aclose()

    mcp: FastMCP[Any] = FastMCP("toolbox", version="0.1.0", lifespan=lifespan)

    @mcp.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    @public
    async def add(a: Number, b: Number) -> float:
        """Add two numbers."""
        return a + b

    @mcp.tool(annotations=_OUTSIDE, output_schema=CodeAnalysis.model_json_schema(mode="serialization"))
    @requires("toolbox:read")
    async def analyze_code_with_llm(
        code: Annotated[str, Field(description="The code, as it is", min_length=1, max_length=50_000)],
        analysis_type: Annotated[AnalysisType, Field(description="What to do with it")],
        max_tokens: Annotated[int, Field(description="Length of the analysis at most", ge=100, le=2000)] = 500,
    ) -> CodeAnalysis | InputRequiredResult:
        """Have a language model read code: explain it, review it, improve it, find bugs or weaknesses."""
        return await analyst.analyse(code, analysis_type, max_tokens)

    if settings.allowed_users:
        _with_images(mcp, images, Shelf(clock or SystemClock()), settings.allowed_users)
    return mcp


def _with_images(mcp: FastMCP[Any], images: Images, shelf: Shelf, users: frozenset[str]) -> None:
    @mcp.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True))
    @requires("toolbox:write", users=users)
    async def generate_image(
        prompt: Annotated[str, Field(description="What the image shows", min_length=1, max_length=2000)],
        size: Annotated[Size, Field(description="Width and height; a provider may choose its own")] = "1024x1024",
    ) -> ToolResult:
        """Make an image from a description; gives the image and a link to it."""
        image = await images.make(prompt, size)
        link = image.url or f"toolbox://images/{shelf.put(image, current_principal())}"
        data = base64.b64encode(image.data).decode("ascii")
        lasts = "as long as its provider keeps it" if image.url else f"for {LIFE / 60:.0f} minutes, for you alone"
        return ToolResult(
            content=[
                ImageContent(type="image", data=data, mime_type=image.mime_type),
                ResourceLink(type="resource_link", uri=link, name="generated image", mime_type=image.mime_type),
                TextContent(type="text", text=f"The image can be read again at {link}, {lasts}."),
            ]
        )

    @mcp.resource("toolbox://images/{name}", mime_type="image/png")
    @requires("toolbox:write", users=users)
    async def generated_image(name: str) -> ResourceResult:
        """An image that you had made a short while ago."""
        image = shelf.get(name, current_principal())
        if image is None:
            raise Gone("There is no such image any more.", "Make it again with generate_image.")
        return ResourceResult([ResourceContent(image.data, mime_type=image.mime_type)])
