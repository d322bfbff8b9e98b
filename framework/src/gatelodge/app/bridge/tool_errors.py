"""A tool's result that is an error: a text for whoever reads it, and the members of every error of ours in ``_meta``.

MCP 2026-07-28, tools, error handling: the model is to see what went wrong. Not in ``structuredContent``, for that would have
to fit the tool's output schema. Not here: what the text says (``toolpacks.errors``).
"""

from fastmcp.tools.base import ToolResult

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.problem import META, problem_of
from gatelodge.observability.metrics import error_answered
from gatelodge.observability.request_id import current_request_id

__all__ = ["ArgumentsDoNotFit", "failed"]


class ArgumentsDoNotFit(GatelodgeError):
    """The arguments of a call do not fit the component's parameters."""

    code = Code.ARGUMENT_REFUSED


def failed(error: GatelodgeError, shown: str) -> ToolResult:
    """The result; ``shown`` says what happened and what to do."""
    error_answered(error.code.value)
    return ToolResult(content=shown, meta={META: problem_of(error, current_request_id(), detail=shown)}, is_error=True)
