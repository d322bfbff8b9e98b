"""Tools and prompts of packs on a FastMCP server: what a pack says of them becomes what clients read.

Invariants: each gets its access rule here, ``<server>:read`` or ``<server>:write``; the first parameter of a pack's
function is bound for each call and in no schema; of an error a caller sees what is meant for callers.
Not here: which packs are served (``app.connected``), how a link is asked for (``link_request``).
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, get_type_hints

from fastmcp import FastMCP
from fastmcp.exceptions import PromptError
from fastmcp.prompts.function_prompt import FunctionPrompt
from fastmcp.tools.function_tool import FunctionTool
from mcp_types import ToolAnnotations

from gatelodge.access.requirement import requires
from gatelodge.app.bridge.link_request import LinkMiddleware, asked_to_link
from gatelodge.app.bridge.tool_errors import failed
from gatelodge.core.errors import GatelodgeError
from gatelodge.toolpacks.errors import LinkRequired, PackFault
from gatelodge.toolpacks.pack import Pack, PackContext, PackPrompt, PackTool

__all__ = ["add_packs"]

logger = logging.getLogger(__name__)

Bind = Callable[[Pack], Awaitable[PackContext]]


def add_packs(server: FastMCP[Any], packs: Iterable[Pack], *, scopes: str, bind: Bind) -> None:
    """Add the packs; ``scopes`` is the first part of the server's scopes, ``bind`` gives one call's context."""
    server.add_middleware(LinkMiddleware())
    said = [server.instructions] if server.instructions else []
    for pack in packs:
        for tool in pack.tools:
            server.add_tool(_tool(pack, tool, scopes, bind))
        for prompt in pack.prompts:
            server.add_prompt(_prompt(prompt, scopes))
        if pack.instructions:
            said.append(pack.instructions)
    server.instructions = "\n".join(said) or None


def _tool(pack: Pack, tool: PackTool, scopes: str, bind: Bind) -> FunctionTool:
    async def call(**arguments: Any) -> Any:
        try:
            return await tool.function(await bind(pack), **arguments)
        except LinkRequired as error:
            return asked_to_link(error)
        except PackFault as error:
            return failed(error, error.shown)
        except GatelodgeError as error:
            logger.warning("%s failed: %s: %s", tool.name, error.code.value, error.detail)
            return failed(error, error.shown)

    return FunctionTool.from_function(
        requires(f"{scopes}:{tool.access}")(_like(call, tool.function, without_first=True)),
        name=tool.name,
        title=tool.title,
        description=tool.description,
        annotations=ToolAnnotations.model_validate(tool.hints),
        output_schema=_output_schema(tool.function),
    )


def _prompt(prompt: PackPrompt, scopes: str) -> FunctionPrompt:
    def call(**arguments: Any) -> str:
        try:
            return prompt.function(**arguments)
        except PackFault as error:
            raise PromptError(error.shown) from error

    return FunctionPrompt.from_function(
        requires(f"{scopes}:read")(_like(call, prompt.function)),
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
    )


def _like(call: Callable[..., Any], function: Callable[..., Any], *, without_first: bool = False) -> Callable[..., Any]:
    """``call`` with the signature of ``function``, as FastMCP and pydantic read it."""
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())[1 if without_first else 0 :]
    named = [one.replace(kind=one.KEYWORD_ONLY, annotation=hints[one.name]) for one in parameters]
    call.__name__, call.__qualname__, call.__doc__ = function.__name__, function.__qualname__, function.__doc__
    call.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in named}
    return call


def _output_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """Of the result's model; the call itself may also answer with a request for input, which is no result."""
    schema: dict[str, Any] = get_type_hints(function)["return"].model_json_schema(mode="serialization")
    return schema
