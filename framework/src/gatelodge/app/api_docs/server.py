"""Operations of every server: the MCP endpoint, metadata documents, health and this description."""

from collections.abc import Iterable, Mapping
from typing import Any

from gatelodge.app.api_docs.metadata_models import AuthorizationServer, McpAnswer, McpRequest, ProtectedResource
from gatelodge.app.api_docs.operation import HTML, JSON, Answer, Body, Operation
from gatelodge.app.health import HEALTH
from gatelodge.app.health_models import Live, Ready, Status
from gatelodge.core.codes import Code

__all__ = ["DOCS", "OPENAPI", "description", "guarded", "health", "mcp", "metadata"]

OPENAPI, DOCS = "/openapi.json", "/docs"
_UP = {"status": "up", "age_seconds": 41, "latency_ms": 12}
_STATUS = {
    "status": "ok",
    "service": "deep-research",
    "version": "0.1.0",
    "auth": {"mode": "keycloak", "tokenStorage": "none"},
    "timestamp": "2026-11-21T21:38:46Z",
}
# Of any route behind the guard of Host and Origin, on a server that sheds what is too much.
_GUARDED = (Code.ORIGIN_REFUSED, Code.HOST_REFUSED, Code.OVERLOADED, Code.INTERNAL_ERROR)


def guarded(*codes: Code) -> tuple[Code, ...]:
    """The errors of a route with these of its own."""
    return (*codes, *_GUARDED)


def health(bases: Iterable[str] = ("",), parts: Mapping[str, Any] | None = None) -> list[Operation]:
    """The health routes below each base path; ``parts`` are the example's."""
    found: list[Operation] = []
    checks = parts or {"keys": _UP}
    for base in dict.fromkeys(bases):
        # The one at the root belongs to another server in public.
        end = "_below" if base else ""
        status = (Answer(200, "What the process is", Status, _STATUS),)
        live = (Answer(200, "The process runs", Live, {"status": "live"}),)
        ready = (Answer(200, "Requests can be served", Ready, {"status": "ready", "checks": checks}),)
        paths = dict(zip(HEALTH, ("health", "live", "ready", "status"), strict=True))
        for path, name in paths.items():
            found.append(
                Operation(
                    "GET",
                    base + path,
                    f"{name}{end}",
                    {"live": "Whether the process runs", "ready": "Whether it can serve"}.get(
                        name, "What the process is"
                    ),
                    "health",
                    {"live": live, "ready": ready}.get(name, status),
                    (Code.INTERNAL_ERROR,) + (_UNREADY if name == "ready" else ()),
                    _READY if name == "ready" else "",
                    statuses=dict.fromkeys(_UNREADY, 503),
                )
            )
    return found


_UNREADY = (
    Code.KEYS_UNAVAILABLE,
    Code.ISSUER_UNAVAILABLE,
    Code.ISSUER_MISMATCH,
    Code.STORAGE_UNAVAILABLE,
    Code.STORAGE_FAULT,
    Code.UPSTREAM_UNREACHABLE,
    Code.SERVER_STOPPING,
)
_READY = (
    "Never waits longer than a second; answers are kept for half a second, so that asking often asks nobody else often. "
    "With 503 the problem's members `waiting_for` and `checks` say which part it is; `server_stopping` has neither."
)


def description(base: str = "", *, guard: bool = True) -> list[Operation]:
    """The description itself."""
    errors = guarded() if guard else (Code.INTERNAL_ERROR,)
    return [
        Operation(
            "GET",
            base + OPENAPI,
            "openapi",
            "This description",
            "description",
            (Answer(200, "OpenAPI 3.1", media=JSON),),
            errors,
        ),
        Operation(
            "GET",
            base + DOCS,
            "docs",
            "This description as a page",
            "description",
            (Answer(200, "A page without scripts", media=HTML),),
            errors,
        ),
    ]


def metadata(
    resource_paths: Iterable[str], issuer_paths: Iterable[str], *, resource: str, issuer: str | None
) -> list[Operation]:
    """The metadata documents; ``issuer`` is None where clients have none to go to."""
    origin = resource.removesuffix("/mcp")
    one = {"resource": resource, "resource_name": "deep-research"}
    known = {} if issuer is None else {"authorization_servers": [issuer], "bearer_methods_supported": ["header"]}
    described = (Answer(200, "Where to get a token", ProtectedResource, one | known),)
    example = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/protocol/openid-connect/auth",
        "token_endpoint": f"{issuer}/protocol/openid-connect/token",
        "code_challenge_methods_supported": ["S256"],
    }
    curated = (Answer(200, "The authorization server, curated for clients", AuthorizationServer, example),)
    away = (Code.ISSUER_UNAVAILABLE, Code.ISSUER_MISMATCH)
    return [
        *(
            Operation("GET", path, f"resource_metadata_{number}", "RFC 9728", "metadata", described, guarded())
            for number, path in enumerate(resource_paths)
        ),
        *(
            Operation(
                "GET",
                path,
                f"issuer_metadata_{number}",
                "RFC 8414",
                "metadata",
                () if issuer is None else curated,
                guarded(*([Code.NOT_FOUND] if issuer is None else away)),
                f"For clients that look at {origin} for it.",
            )
            for number, path in enumerate(issuer_paths)
        ),
    ]


def mcp(endpoint: str) -> Operation:
    """The MCP endpoint: one POST for each message."""
    asked = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "example", "version": "1"},
        },
    }
    told = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25", "capabilities": {}}}
    return Operation(
        "POST",
        endpoint,
        "mcp",
        "The MCP endpoint (Streamable HTTP)",
        "mcp",
        (
            Answer(
                200, "JSON-RPC, as one object or as server-sent events", McpAnswer, told, also=("text/event-stream",)
            ),
            Answer(202, "A notification was taken", media=None),
            Answer(406, "`Accept` has to name application/json and text/event-stream", McpAnswer),
            Answer(415, "`Content-Type` has to be application/json", McpAnswer),
        ),
        guarded(
            Code.CREDENTIALS_MALFORMED,
            Code.BODY_MALFORMED,
            Code.HEADER_MISMATCH,
            Code.TOKEN_MISSING,
            Code.TOKEN_REJECTED,
            Code.SCOPE_MISSING,
            Code.SCOPE_NOT_GIVEN,
            Code.NOT_FOUND,
            Code.BODY_TOO_LARGE,
            Code.LIMIT_REACHED,
            Code.KEYS_UNAVAILABLE,
        ),
        "Model Context Protocol, versions 2025-06-18 to 2026-07-28, without sessions. What a token is needed for is the "
        "server author's choice; a challenge in `WWW-Authenticate` says where to get one and with which scopes. Where the "
        "protocol is broken the answer is a JSON-RPC error, with the problem's members in `error.data`.",
        body=Body(McpRequest, asked),
        security=("accessToken",),
        problems=JSON,
        rpc=McpAnswer,
    )
