"""Asking the caller to link an account, in the form that the client's revision has for it.

MCP 2026-07-28, multi round-trip requests: a result ``input_required`` with a URL to open, where the client says that it
opens URLs; MCP 2025-11-25, elicitation: the error -32042. Everyone else, and who declined, reads it in the tool's answer.
In the older era a server without sessions is not told what a client can do, so the message of the error is the whole text.
"""

import hashlib
import logging

import mcp_types
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_context
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types import ElicitRequest, ElicitRequestURLParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gatelodge.app.bridge.tool_errors import failed
from gatelodge.core.problem import problem_of
from gatelodge.observability.request_id import current_request_id
from gatelodge.toolpacks.errors import LinkRequired

__all__ = ["LinkMiddleware", "asked_to_link"]

# The revision that has URL elicitation, and has it as an error.
_AS_ERROR = "2025-11-25"


class _LinkAsked(ToolError):
    """On its way through FastMCP, which makes a result of every other error of a tool."""

    def __init__(self, error: LinkRequired) -> None:
        super().__init__(error.shown, log_level=logging.DEBUG)
        # The same id for the same link: opening it binds nothing by itself.
        self.problem = problem_of(error, current_request_id(), detail=error.shown)
        name = hashlib.sha256(error.url.encode()).hexdigest()[:16]
        self.asked = ElicitRequestURLParams(message=error.shown, url=error.url, elicitation_id=name)


class LinkMiddleware(Middleware):
    """Lets the older era's error out."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Raises: UrlElicitationRequiredError."""
        try:
            return await call_next(context)
        except _LinkAsked as error:
            asked = UrlElicitationRequiredError([error.asked], str(error))
            asked.error.data = {**asked.error.data, **error.problem}
            raise asked from error


def asked_to_link(error: LinkRequired) -> InputRequiredResult | ToolResult:
    """What the tool answers: a question, or an error with the link as text. Raises: ToolError, for ``LinkMiddleware``."""
    request = get_context().request_context
    version = request.protocol_version if request is not None else None
    if version == _AS_ERROR:
        raise _LinkAsked(error) from error
    key = f"link-{error.provider}"
    if version in MODERN_PROTOCOL_VERSIONS and _opens_urls() and not _answered(key):
        asked = ElicitRequestURLParams(message=error.shown, url=error.url)
        return InputRequiredResult(input_requests={key: ElicitRequest(params=asked)})
    return failed(error, error.shown)


def _opens_urls() -> bool:
    capabilities = get_context().session.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    return elicitation is not None and elicitation.url is not None


def _answered(key: str) -> bool:
    """Whether the client comes back from this very question, and still nothing is linked: it is not asked for ever."""
    return isinstance((get_context().input_responses or {}).get(key), ElicitResult)
