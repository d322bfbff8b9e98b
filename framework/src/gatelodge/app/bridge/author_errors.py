"""What goes wrong in a server author's own code, as a caller sees it: a tool, a prompt, a resource, a middleware.

Invariant: of an error that was not made for callers, a caller learns the code, its public text and the request id; FastMCP
would send the exception's text. A text that was made for them stays: that of FastMCP's own error classes, raised by the
author, and of MCP's. Outermost of the server's middleware, so that the author's own still meet the exceptions themselves.
Not here: arguments of a tool (``arguments``), errors of the SDK (``protocol_errors``).
"""

import logging
import traceback
from typing import Any

from fastmcp.exceptions import (
    AuthorizationError,
    DisabledError,
    FastMCPError,
    NotFoundError,
    PromptError,
    ValidationError,
)
from fastmcp.server.dependencies import _is_client_tool_call
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError as PydanticValidationError

from gatelodge.app.bridge.arguments import in_words
from gatelodge.app.bridge.tool_errors import ArgumentsDoNotFit, failed
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.problem import problem_of
from gatelodge.observability.request_id import current_request_id

__all__ = ["AuthorErrors"]

logger = logging.getLogger(__name__)

# How FastMCP begins the text in which it wraps any other exception, and what it says of an HTTP client's.
_WRAPPED = ("Error calling tool ", "Error reading resource ", "Error rendering prompt ")
_BEHIND = ("Rate limited by upstream API", "Upstream request timed out")
_CONVERTED = "Could not convert argument "
# Between FastMCP and an author's function; frames of anything else are the author's.
_CARRIERS = ("fastmcp.", "anyio.", "pydantic.type_adapter")
# Of a name, in a line.
_LONGEST = 200
# Made for callers, or constant on the wire.
_MADE = (MCPError, NotFoundError, DisabledError, AuthorizationError, PydanticValidationError)


class _Unforeseen(GatelodgeError):
    code = Code.INTERNAL_ERROR

    @property
    def shown(self) -> str:
        """With the id: most clients show a text, and nothing of what is beside it."""
        return f"{super().shown} Request id: {current_request_id()}."


class _CallFailed(GatelodgeError):
    code = Code.CALL_FAILED


class _BehindAway(GatelodgeError):
    code = Code.UPSTREAM_UNREACHABLE


class AuthorErrors(Middleware):
    """Makes a result, or an error of JSON-RPC, of every exception that would tell a caller about the server."""

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Pass on. Raises: MCPError, in place of what is no tool's; whatever was made for callers."""
        try:
            return await call_next(context)
        except _MADE:
            raise
        except Exception as error:  # the outermost edge of an author's code: whatever it is, its text stays here
            if context.method == "tools/call" and not _is_client_tool_call():
                # A tool that was called from within: its caller is the author's code.
                raise
            name = str(getattr(context.message, "name", None) or getattr(context.message, "uri", context.method))
            fault, shown = _told(error, name[:_LONGEST])
            if context.method == "tools/call":
                return failed(fault, shown)
            problem = problem_of(fault, current_request_id(), detail=shown)
            raise MCPError(fault.code.meaning.rpc, shown, problem) from error


def _told(error: Exception, name: str) -> tuple[GatelodgeError, str]:
    """The error of ours and the text for the caller."""
    if isinstance(error, GatelodgeError):
        return _foreseen(error, name)
    if not isinstance(error, FastMCPError):
        logger.error("%s failed, which nobody foresaw", name, exc_info=error)
        return _unforeseen(error)
    text, cause = str(error), error.__cause__
    if cause is not None and not isinstance(cause, MCPError) and text.startswith(_WRAPPED):
        return _of_cause(cause, name)
    return _in_its_words(error, text), text


def _of_cause(cause: BaseException, name: str) -> tuple[GatelodgeError, str]:
    """Of what FastMCP wrapped in an error of its own."""
    if isinstance(cause, GatelodgeError):
        return _foreseen(cause, name)
    if isinstance(cause, ValueError) and _of_arguments(cause):
        words = "; ".join(in_words(cause)) if isinstance(cause, PydanticValidationError) else str(cause)
        return _unfit(words)
    # FastMCP has written the traceback, unless it was an HTTP client's error.
    logger.error("%s failed, which nobody foresaw: %s: %s", name, type(cause).__name__, cause)
    return _unforeseen(cause)


def _in_its_words(error: FastMCPError, text: str) -> GatelodgeError:
    """What an error is whose text is its author's, FastMCP's or the SDK's."""
    if isinstance(error, ValidationError) or (isinstance(error, PromptError) and text.startswith(_CONVERTED)):
        return ArgumentsDoNotFit(text)
    if text.startswith(_BEHIND):
        return _BehindAway(text)
    return error.__cause__ if isinstance(error.__cause__, GatelodgeError) else _CallFailed(text)


def _foreseen(error: GatelodgeError, name: str) -> tuple[GatelodgeError, str]:
    if not isinstance(error, FastMCPError):
        logger.warning("%s failed: %s: %s", name, error.code.value, error.detail)
    return error, error.shown


def _unforeseen(error: BaseException) -> tuple[GatelodgeError, str]:
    fault = _Unforeseen(type(error).__name__)
    return fault, fault.shown


def _unfit(words: str) -> tuple[GatelodgeError, str]:
    shown = f"The arguments do not fit: {words}."
    return ArgumentsDoNotFit(shown), shown


def _of_arguments(error: BaseException) -> bool:
    """Whether FastMCP raised it over a prompt's or a resource's arguments: no frame of it is the author's."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return all(module.startswith(_CARRIERS) for module in modules)
