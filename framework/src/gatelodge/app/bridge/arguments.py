"""Arguments that do not fit a tool, told in words: each parameter and what it must be; never what was given."""

from typing import Any

from fastmcp.exceptions import ValidationError
from fastmcp.tools.base import ToolResult
from pydantic import ValidationError as PydanticValidationError
from pydantic_core import ErrorDetails

from gatelodge.app.bridge.tool_errors import ArgumentsDoNotFit, failed

__all__ = ["in_words", "refused_arguments"]

_WORDS = {
    "missing": "is missing",
    "unexpected_keyword_argument": "is no parameter of this tool",
    "less_than_equal": "must be at most {le:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "greater_than": "must be more than {gt:g}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "string_pattern_mismatch": "must have the form {pattern}",
    "finite_number": "must be a finite number",
    "int": "must be a whole number",
    "float": "must be a number",
    "string": "must be text",
    "bool": "must be true or false",
    "list": "must be a list",
    "dict": "must be an object",
}


def refused_arguments(error: ValidationError) -> ToolResult:
    """The result that says all that is wrong. Raises: the error itself, when it is of something else."""
    if not isinstance(error.__cause__, PydanticValidationError):
        raise error
    shown = f"The arguments do not fit: {'; '.join(in_words(error.__cause__))}."
    return failed(ArgumentsDoNotFit(shown), shown)


def in_words(error: PydanticValidationError) -> list[str]:
    """Each parameter that does not fit, and what it must be."""
    faults = error.errors(include_url=False, include_input=False)
    return list(dict.fromkeys(map(_in_words, faults)))


def _in_words(fault: ErrorDetails) -> str:
    kind, given = fault["type"], fault.get("ctx", {})
    name = ".".join(map(str, fault["loc"])) or "arguments"
    kind = "missing" if kind.startswith("missing") else kind
    words: Any = _WORDS.get(kind) or _WORDS.get(kind.partition("_")[0])
    return f"{name} {words.format(**given) if words else fault['msg'].lower()}"
