"""HTTP answers of the edge: problem details (RFC 9457) whose text never repeats what a stranger sent.

``error`` and ``error_description`` (RFC 6750, section 3.1) stand beside the members, for OAuth clients. At the MCP endpoint
(``mcp=True``) the type is ``application/json``: its clients read a challenge by that RFC, and FastMCP's own answers have that
type. What breaks the MCP transport is answered in JSON-RPC, as FastMCP answers it.
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.problem import MEDIA_TYPE, problem, problem_of
from gatelodge.issuer.errors import Unavailable
from gatelodge.observability.request_id import current_request_id

__all__ = ["challenge_answer", "error_answer", "problem_answer", "protocol_answer", "unavailable_answer"]

# Seconds a client waits before it asks again, where the error does not say.
RETRY_AFTER = 5

_NO_STORE = {"cache-control": "no-store"}


def challenge_answer(status: int, challenge: str, *, code: Code, error: str, description: str) -> Response:
    """400, 401 or 403 of the MCP endpoint with a ``WWW-Authenticate`` challenge."""
    told = {"error": error, "error_description": description}
    body = problem(code, current_request_id(), status=status, **told)
    return _json(body, {"www-authenticate": challenge}, mcp=True)


def unavailable_answer(error: GatelodgeError, *, mcp: bool = False) -> Response:
    """503 with ``Retry-After``: the caller's token may well be good, it cannot be checked now."""
    seconds = error.retry_after if isinstance(error, Unavailable) else RETRY_AFTER
    told = {"error": "temporarily_unavailable", "error_description": error.public}
    body = problem_of(error, current_request_id(), **told) | {"status": 503}
    return _json(body, {"retry-after": str(seconds)}, mcp=mcp)


def error_answer(error: GatelodgeError, name: str = "invalid_request", *, mcp: bool = False) -> Response:
    """The status and public text of an error; its detail stays in the log."""
    told = {"error": name, "error_description": error.public}
    return _json(problem_of(error, current_request_id(), **told), {}, mcp=mcp)


def problem_answer(code: Code, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """What a code means, and no more: for answers that are the same for everyone."""
    body = problem(code, current_request_id(), **more)
    told = {"error": code.value, "error_description": code.meaning.text}
    return _json(body | told, headers or {})


def protocol_answer(status: int, request_id: str | int | None, code: Code, message: str) -> Response:
    """A JSON-RPC error as an HTTP answer; ``request_id`` is JSON-RPC's."""
    data = problem(code, current_request_id(), status=status)
    error = {"code": code.meaning.rpc, "message": message, "data": data}
    # In ASCII: an id may hold half a surrogate pair, which UTF-8 cannot write.
    body = json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}, separators=(",", ":"))
    return Response(body, status, _NO_STORE, "application/json")


def _json(body: Mapping[str, Any], headers: Mapping[str, str], *, mcp: bool = False) -> Response:
    media = "application/json" if mcp else MEDIA_TYPE
    return JSONResponse(body, body["status"], {**_NO_STORE, **headers}, media_type=media)
