"""One operation of the description: what a route takes and answers, with an example of each.

OpenAPI 3.1, section 4.8.10. Pure data; the JSON is made by ``document``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from gatelodge.core.codes import Code
from gatelodge.core.problem import MEDIA_TYPE

__all__ = ["HTML", "JSON", "PROVIDER", "Answer", "Body", "Operation", "Parameter"]

JSON, HTML = "application/json", "text/html"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of path, query or headers; ``schema`` is JSON Schema."""

    name: str
    place: Literal["path", "query", "header"]
    text: str
    example: Any
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


PROVIDER = Parameter(
    "provider",
    "path",
    "A provider of connected accounts",
    "github",
    {"type": "string", "pattern": "^[a-z]{1,32}$"},
    True,
)


@dataclass(frozen=True, slots=True)
class Body:
    """What a request sends."""

    model: type[BaseModel]
    example: Any
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error. Without a ``model``: a page, a redirect, or nothing (``media`` None)."""

    status: int
    text: str
    model: type[BaseModel] | None = None
    example: Any = None
    media: str | None = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    # Further types that the same status may have; no schema is promised for them.
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """``path`` is a route's, with its places in braces; ``security`` are alternatives, none: open to everyone.

    ``errors`` are answered as problem details of type ``problems``, those of ``pages`` also as a page.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    answers: tuple[Answer, ...] = ()
    errors: tuple[Code, ...] = ()
    about: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    security: tuple[str, ...] = ()
    problems: str = MEDIA_TYPE
    pages: bool = False
    # The other form that an error may have: of JSON-RPC.
    rpc: type[BaseModel] | None = None
    # Statuses that a code has here and elsewhere has not.
    statuses: Mapping[Code, int] = field(default_factory=dict)
