"""HTTP answers of the edge: short JSON bodies whose text never repeats what a stranger sent.

Bodies follow RFC 6750, section 3.1: ``error`` and ``error_description``; what breaks the MCP transport is answered in
JSON-RPC, as FastMCP answers it.
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from gatelodge.core.errors import GatelodgeError
from gatelodge.issuer.errors import Unavailable

__all__ = ["challenge_answer", "error_answer", "protocol_answer", "unavailable_answer"]

# Seconds a client waits before it asks again, where the error does not say.
RETRY_AFTER = 5

_NO_STORE = {"cache-control": "no-store"}


def challenge_answer(status: int, challenge: str, *, error: str, description: str) -> Response:
    """401 or 403 with a ``WWW-Authenticate`` challenge."""
    return _json(status, error, description, {"www-authenticate": challenge})


def unavailable_answer(error: GatelodgeError) -> Response:
    """503 with ``Retry-After``: the caller's token may well be good, it cannot be checked now."""
    seconds = error.retry_after if isinstance(error, Unavailable) else RETRY_AFTER
    return _json(503, "temporarily_unavailable", error.public, {"retry-after": str(seconds)})


def error_answer(error: GatelodgeError, name: str = "invalid_request") -> Response:
    """The status and public text of an error; its detail stays in the log."""
    return _json(error.status, name, error.public, {})


def protocol_answer(status: int, request_id: str | int | None, code: int, message: str) -> Response:
    """A JSON-RPC error as an HTTP answer."""
    error = {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
    return JSONResponse(error, status, _NO_STORE)


def _json(status: int, error: str, description: str, headers: Mapping[str, str]) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status, {**_NO_STORE, **headers})
