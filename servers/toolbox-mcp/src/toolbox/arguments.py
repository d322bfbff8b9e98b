"""Arguments that do not fit, told in words: the parameter and what it must be; never what was given."""

import logging
from typing import Any

import mcp_types
from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from pydantic import ValidationError as PydanticValidationError
from pydantic_core import ErrorDetails

__all__ = ["ArgumentsInWords"]

_WORDS = {
    "missing": "is missing",
    "unexpected_keyword_argument": "is no parameter of this tool",
    "less_than_equal": "must be at most {le:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "literal_error": "must be one of {expected}",
    "string_pattern_mismatch": "must have the form {pattern}",
    "finite_number": "must be a finite number",
    "int": "must be a whole number",
    "float": "must be a number",
    "string": "must be text",
    "bool": "must be true or false",
}


class ArgumentsInWords(Middleware):
    """Answers a call whose arguments do not fit with all that is wrong with them."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Raises: ToolError."""
        try:
            return await call_next(context)
        except ValidationError as error:
            if not isinstance(error.__cause__, PydanticValidationError):
                raise
            faults = error.__cause__.errors(include_url=False, include_input=False)
            text = "; ".join(dict.fromkeys(map(_in_words, faults)))
            raise ToolError(f"The arguments do not fit: {text}.", log_level=logging.DEBUG) from error


def _in_words(fault: ErrorDetails) -> str:
    kind, given = fault["type"], fault.get("ctx", {})
    name = ".".join(map(str, fault["loc"])) or "arguments"
    kind = "missing" if kind.startswith("missing") else kind
    words: Any = _WORDS.get(kind) or _WORDS.get(kind.partition("_")[0])
    return f"{name} {words.format(**given) if words else fault['msg'].lower()}"
