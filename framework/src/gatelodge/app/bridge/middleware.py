"""The access decision inside FastMCP: lists are filtered by it, and calls are decided once more.

The gate decided before on what it read in the request; here the component is the one FastMCP itself resolved, so that
no difference between two readings can run what was not allowed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar, cast

import mcp_types
from fastmcp.exceptions import NotFoundError, ValidationError
from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.components import FastMCPComponent

from gatelodge.access.decide import Answer, Decision, decide
from gatelodge.app.bridge.arguments import refused_arguments
from gatelodge.app.bridge.lookups import HandOn
from gatelodge.app.bridge.rules import rule_of, schemes_of
from gatelodge.app.context import PRINCIPAL
from gatelodge.app.message import Operation, about, version_of
from gatelodge.core.identity import Principal

__all__ = ["AccessMiddleware"]

C = TypeVar("C", bound=FastMCPComponent)
Decide = Callable[[Operation, Principal | None], Awaitable[Decision | None]]


class AccessMiddleware(Middleware):
    """The same decision as the gate's, for lists and, once more, for calls."""

    def __init__(self, decision: Decide, hand_on: HandOn) -> None:
        self._decision, self._hand_on = decision, hand_on

    async def _allowed(self, method: str, target: str, meta: Mapping[str, Any] | None) -> bool:
        decision = await self._decision(Operation(method, target, version=version_of(meta)), PRINCIPAL.get())
        # What our look-up does not know is unknown, whatever other way to a component FastMCP may have.
        return decision is not None and decision.answer is Answer.ALLOW

    async def _visible(self, components: Sequence[C]) -> list[C]:
        caller = PRINCIPAL.get()
        return [c for c in components if decide(await rule_of(c), caller).answer is not Answer.DENY]

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Complete nothing for a denied prompt or template, nor for an unknown one: both are answered the same."""
        if context.method == "completion/complete" and not await self._completes(context.message):
            server = context.fastmcp_context.fastmcp._mcp_server if context.fastmcp_context else None
            # Where nothing is completed at all, FastMCP's own answer says so.
            if server is not None and server.get_request_handler(context.method) is not None:
                return mcp_types.CompleteResult(completion=mcp_types.Completion(values=[]))
        return await call_next(context)

    async def _completes(self, params: Mapping[str, Any]) -> bool:
        reference, target = about("completion/complete", params)
        if not isinstance(reference, str) or not isinstance(target, str):
            # FastMCP refuses what is no reference.
            return True
        decision = await self._decision(Operation("completion/complete", target, reference), PRINCIPAL.get())
        return decision is not None and decision.answer is Answer.ALLOW

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """Leave out denied tools; say of the others which security schemes they take."""
        return [await _with_schemes(tool) for tool in await self._visible(await call_next(context))]

    async def on_list_prompts(
        self,
        context: MiddlewareContext[mcp_types.ListPromptsRequest],
        call_next: CallNext[mcp_types.ListPromptsRequest, Sequence[Prompt]],
    ) -> Sequence[Prompt]:
        """Leave out denied prompts."""
        return await self._visible(await call_next(context))

    async def on_list_resources(
        self,
        context: MiddlewareContext[mcp_types.ListResourcesRequest],
        call_next: CallNext[mcp_types.ListResourcesRequest, Sequence[Resource]],
    ) -> Sequence[Resource]:
        """Leave out denied resources."""
        return await self._visible(await call_next(context))

    async def on_list_resource_templates(
        self,
        context: MiddlewareContext[mcp_types.ListResourceTemplatesRequest],
        call_next: CallNext[mcp_types.ListResourceTemplatesRequest, Sequence[ResourceTemplate]],
    ) -> Sequence[ResourceTemplate]:
        """Leave out denied resource templates."""
        return await self._visible(await call_next(context))

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run an allowed tool; answer a denied one exactly as FastMCP answers an unknown one, unfit arguments in words."""
        name = context.message.name
        # A middleware that was added after us may still change what there is: then FastMCP has to look again.
        server = context.fastmcp_context.fastmcp if context.fastmcp_context else None
        last = server is not None and server.middleware[-1] is self
        with self._hand_on.one_call() if last else nullcontext():
            if not await self._allowed("tools/call", name, _meta(context.message)):
                raise NotFoundError(f"Unknown tool: {name!r}")
            try:
                return await call_next(context)
            except ValidationError as error:
                return refused_arguments(error)

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Render an allowed prompt; a denied one is unknown."""
        name = context.message.name
        if not await self._allowed("prompts/get", name, _meta(context.message)):
            raise NotFoundError(f"Unknown prompt: {name!r}")
        return await call_next(context)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Read an allowed resource; a denied one is unknown."""
        uri = str(context.message.uri)
        if not await self._allowed("resources/read", uri, _meta(context.message)):
            raise NotFoundError(f"Unknown resource: {uri!r}")
        return await call_next(context)


async def _with_schemes(tool: Tool) -> Tool:
    """A copy of the tool whose ``_meta.securitySchemes`` says how it is authorised (OpenAI, plugins/build/auth)."""
    meta = {**(tool.meta or {}), "securitySchemes": schemes_of(await rule_of(tool))}
    return tool.model_copy(update={"meta": meta})


def _meta(params: mcp_types.RequestParams) -> Mapping[str, Any] | None:
    # A TypedDict with extra members is no Mapping of anything to a type checker.
    return cast("Mapping[str, Any] | None", params.meta)
