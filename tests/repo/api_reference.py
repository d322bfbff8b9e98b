"""Writes ``docs/reference/api.md`` from the descriptions that a server and the desk serve.

.venv/bin/python tests/repo/api_reference.py > docs/reference/api.md
"""

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from gatelodge.app.api_docs.desk import desk_operations
from gatelodge.app.api_docs.operation import Operation
from gatelodge.app.api_docs.served import ServerDescription, made
from gatelodge.app.desk.authorize import AUTHORIZATION
from gatelodge.app.desk.keys import KEYS_ROUTE
from gatelodge.registration.forward import ENDPOINT
from gatelodge.resource_server.config import ResourceServerConfig

__all__ = ["documents", "render"]

_ORIGIN = "https://localhost:8443"
_ISSUER = f"{_ORIGIN}/realms/mcp"
_HEAD = """\
# HTTP endpoints

This page is generated from the descriptions that each server and the desk serve; a test compares them. To write it again:

```bash
.venv/bin/python tests/repo/api_reference.py > docs/reference/api.md
```

A server shows its own description at `/openapi.json` (OpenAPI 3.1) and, for people, at `/docs`, both below its path: the
server of this page is at `/workspace/mcp`, so its description is at `/workspace/openapi.json`. A server at `/mcp` has
everything at the root. A description names what that one server serves: connected accounts and the proxy are there
with `packs=`, `/internal/tokens/` only where the operator named a client. The desk's own description is at
`/openapi.json` of its bind and is not routed by the proxy in front, as everything below `/internal/`.

Every error is a body of [one form](errors.md#what-an-error-looks-like); each code links to its cause and next step.
[Use the API](../guides/api.md) goes through the main uses.
"""
_BY = {
    "accessToken": "an access token",
    "session": "a session of the pages of connected accounts",
    "registrationToken": "the client's registration access token",
}


def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """The document of a server with everything, and the desk's."""
    config = ResourceServerConfig(f"{_ORIGIN}/workspace/mcp", _ISSUER)
    server = ServerDescription.of(config, accounts=True).operations()
    metadata = (
        "/.well-known/oauth-authorization-server/realms/mcp",
        "/realms/mcp/.well-known/oauth-authorization-server",
        "/realms/mcp/.well-known/openid-configuration",
    )
    desk = desk_operations(_ISSUER + ENDPOINT, metadata, "/realms/mcp" + AUTHORIZATION, KEYS_ROUTE)
    return _made("workspace", server), _made("gatelodge-desk", desk)


def _made(name: str, operations: list[Operation]) -> dict[str, Any]:
    return made(name, _ORIGIN, operations, {(each.method, each.path) for each in operations})


def render() -> str:
    """The whole page."""
    server, desk = documents()
    return "".join((_HEAD, *_part("A server", server), *_part("The desk", desk)))


def _part(title: str, document: dict[str, Any]) -> Iterator[str]:
    yield f"\n## {title}\n"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"\n### `{method.upper()} {path}`\n\n{operation['summary']}."
            yield f" {operation['description']}" if "description" in operation else ""
            needed = " or ".join(_BY[name] for each in operation["security"] for name in each)
            yield f" Needs {needed}.\n" if needed else " Open to everyone.\n"
            yield from _parameters(operation)
            yield from _request(method.upper(), path, operation)
            yield from _answers(operation, document)


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    if "parameters" not in operation:
        return
    yield "\n| Parameter | In | What it is |\n|---|---|---|\n"
    for each in operation["parameters"]:
        yield f"| `{each['name']}` | {each['in']}{', required' if each['required'] else ''} | {each['description']} |\n"


def _request(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    query: dict[str, Any] = {}
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(each["example"]))
        elif each["in"] == "query":
            query[each["name"]] = each["example"]
    line = f"{method} {path}{'?' + urlencode(query) if query else ''}"
    lines = [line]
    if operation["security"]:
        lines.append("Authorization: Bearer TOKEN")
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        lines += [f"Content-Type: {media}", "", json.dumps(content["example"], indent=2)]
    text = "\n".join(lines)
    yield f"\n```http\n{text}\n```\n"


def _answers(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    shown = 0
    for status, answer in operation["responses"].items():
        codes = [name for content in answer.get("content", {}).values() for name in content.get("examples", {})]
        if codes:
            continue
        types = ", ".join(f"`{media}`" for media in answer.get("content", {}))
        yield f"\n**{status}**: {answer['description']}{f' ({types})' if types else ''}.\n"
        for content in answer.get("content", {}).values():
            if "example" in content:
                yield f"\n```json\n{json.dumps(content['example'], indent=2)}\n```\n"
    listed: list[str] = []
    for status, answer in operation["responses"].items():
        names = {name: None for content in answer.get("content", {}).values() for name in content.get("examples", {})}
        listed += [f"{status} [`{name}`](errors.md#{name})" for name in names]
        if names and not shown:
            shown = 1
            media, content = next(iter((m, c) for m, c in answer["content"].items() if "examples" in c))
            reference = next(iter(content["examples"].values()))["$ref"].rsplit("/")[-1]
            value = json.dumps(document["components"]["examples"][reference]["value"], indent=2)
            first = f"\nAn error, **{status}** (`{media}`):\n\n```json\n{value}\n```\n"
    if listed:
        yield first
        yield f"\nErrors: {', '.join(listed)}.\n"


if __name__ == "__main__":
    sys.stdout.write(render())
