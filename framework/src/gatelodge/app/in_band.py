"""The step-up that ChatGPT understands: a tool result that carries the challenge (OpenAI, plugins/build/auth).

ChatGPT offers to link an account only when the tool itself answers, with ``isError`` and
``_meta["mcp/www_authenticate"]``; a plain 403 stays without effect there. Other clients need the 403 and read no
challenge in a 200. So the form depends on who asks, and only for a call by someone who is signed in; a missing or
invalid token is HTTP 401 for everyone. Which form a client gets gives it no right.
"""

import json
from collections.abc import Iterable

from starlette.responses import Response

from gatelodge.app.message import Operation
from gatelodge.core.codes import Code
from gatelodge.core.problem import META, problem
from gatelodge.observability.request_id import current_request_id

__all__ = ["in_band_answer", "wants_in_band"]

_AGENT = b"openai-mcp/"


def wants_in_band(headers: Iterable[tuple[bytes, bytes]], operation: Operation) -> bool:
    """Whether this is a tool call of a client that reads challenges in results."""
    if operation.method != "tools/call" or operation.request_id is None:
        return False
    return any(name == b"user-agent" and value.startswith(_AGENT) for name, value in headers)


def in_band_answer(
    headers: Iterable[tuple[bytes, bytes]], operation: Operation, challenge: str, *, text: str, modern: bool
) -> Response:
    """HTTP 200 with the tool result of a step-up: an SSE event where the client takes one, else JSON."""
    result: dict[str, object] = {
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "_meta": {
            "mcp/www_authenticate": [challenge],
            META: problem(Code.SCOPE_MISSING, current_request_id()),
        },
    }
    if modern:
        result["resultType"] = "complete"
    message = json.dumps({"jsonrpc": "2.0", "id": operation.request_id, "result": result}, separators=(",", ":"))
    sent = {"cache-control": "no-store", "www-authenticate": challenge}
    if any(name == b"accept" and b"text/event-stream" in value.lower() for name, value in headers):
        return Response(f"event: message\r\ndata: {message}\r\n\r\n", 200, sent, "text/event-stream")
    return Response(message, 200, sent, "application/json")
