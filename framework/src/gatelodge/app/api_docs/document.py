"""The OpenAPI 3.1 document of one process, from the operations that it serves.

Invariant: what is described is what is routed; an operation without a route is left out, and a route of the server's
author, of which nothing more is known, stands there as such.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute, Route

from gatelodge.app.api_docs.errors import Problem, example
from gatelodge.app.api_docs.operation import HTML, JSON, Answer, Operation, Parameter
from gatelodge.core.codes import Code
from gatelodge.core.problem import MEDIA_TYPE

__all__ = ["SECURITY", "author_operations", "document", "routed"]

_REF = "#/components/schemas/{model}"
_PROBLEM = {"$ref": _REF.format(model="Problem")}
# A preflight is the browser's own affair, and HEAD is GET without the body.
_UNTOLD = {"OPTIONS", "HEAD"}
# Answered before or behind the route, which has another type for its own.
_TYPES = {Code.NOT_FOUND: MEDIA_TYPE, Code.INTERNAL_ERROR: MEDIA_TYPE, Code.OVERLOADED: JSON}
SECURITY: Mapping[str, Any] = {
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of the authorization server, for this server",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "gatelodge-session",
        "description": "The session of a browser on the pages of connected accounts; the name differs by server",
    },
    "registrationToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The registration access token of one client (RFC 7592)",
    },
}


def routed(routes: Iterable[BaseRoute]) -> set[tuple[str, str]]:
    """Method and path of every route that is described."""
    return {
        (method, route.path)
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or {"GET"}) - _UNTOLD
        if ":path}" not in route.path and not route.path.endswith("/.well-known")
    }


def author_operations(routes: Iterable[tuple[str, str]]) -> list[Operation]:
    """Operations of routes of the server's author: method and path of each."""
    return [
        Operation(
            method,
            path,
            f"author_{method.lower()}_" + "".join(char if char.isalnum() else "_" for char in path.strip("/")),
            "A route of this server's author",
            "server",
            (Answer(200, "What the author's route answers", media="*/*"),),
            (Code.NOT_FOUND,),
            parameters=tuple(Parameter(name, "path", "Part of the path", "1", required=True) for name in _places(path)),
        )
        for method, path in routes
    ]


def document(title: str, version: str, url: str, operations: Sequence[Operation], *, text: str) -> dict[str, Any]:
    """The document, ready for JSON. ``url`` is where the paths begin."""
    models: set[type[BaseModel]] = {Problem}
    paths: dict[str, dict[str, Any]] = {}
    codes: dict[str, Any] = {}
    for operation in operations:
        models |= {answer.model for answer in operation.answers if answer.model is not None}
        models |= {operation.body.model} if operation.body is not None else set()
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
        for code in operation.errors:
            status = operation.statuses.get(code)
            codes[_example_name(code, status)] = {"summary": code.meaning.text, "value": example(code, status)}
    _, schemas = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)], ref_template=_REF
    )
    used = {name for operation in operations for name in operation.security}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": text},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "examples": dict(sorted(codes.items())),
            "securitySchemes": {name: SECURITY[name] for name in SECURITY if name in used},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [{name: []} for name in operation.security],
        "responses": _responses(operation),
    }
    if operation.about:
        told["description"] = operation.about
    if operation.parameters:
        told["parameters"] = [_parameter(each) for each in operation.parameters]
    if operation.body is not None:
        schema = {"$ref": _REF.format(model=operation.body.model.__name__)}
        content = {operation.body.media: {"schema": schema, "example": operation.body.example}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _parameter(given: Parameter) -> dict[str, Any]:
    return {
        "name": given.name,
        "in": given.place,
        "required": given.required or given.place == "path",
        "description": given.text,
        "schema": dict(given.schema),
        "example": given.example,
    }


def _responses(operation: Operation) -> dict[str, Any]:
    found = {str(answer.status): _answer(answer) for answer in operation.answers}
    by_status: dict[int, list[Code]] = {}
    for code in operation.errors:
        by_status.setdefault(operation.statuses.get(code, code.meaning.status), []).append(code)
    for status, codes in sorted(by_status.items()):
        names = [(code, _example_name(code, operation.statuses.get(code))) for code in codes]
        examples = {code.value: {"$ref": f"#/components/examples/{name}"} for code, name in names}
        types = {_TYPES.get(code, operation.problems) for code in codes}
        schema: dict[str, Any] = _PROBLEM
        if operation.rpc is not None:
            schema = {"anyOf": [_PROBLEM, {"$ref": _REF.format(model=operation.rpc.__name__)}]}
        content: dict[str, Any] = {media: {"schema": schema, "examples": examples} for media in sorted(types)}
        if operation.pages:
            content[HTML] = {"schema": {"type": "string"}}
        described = " ".join(f"`{code.value}`: {code.meaning.text}" for code in codes)
        found[str(status)] = {"description": described, "content": content}
    return found


def _answer(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.text}
    if answer.media is not None:
        schema: dict[str, Any] = {}
        if answer.model is not None:
            schema = {"$ref": _REF.format(model=answer.model.__name__)}
        elif answer.media.startswith("text/"):
            schema = {"type": "string"}
        told["content"] = {answer.media: {"schema": schema}}
        if answer.example is not None:
            told["content"][answer.media]["example"] = answer.example
        told["content"] |= {media: {} for media in answer.also}
    if answer.headers:
        told["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
        }
    return told


def _example_name(code: Code, status: int | None) -> str:
    return code.value if status in (None, code.meaning.status) else f"{code.value}_{status}"


def _places(path: str) -> list[str]:
    return [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{") and part.endswith("}")]
