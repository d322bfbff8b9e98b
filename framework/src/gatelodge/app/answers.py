"""HTTP answers of the edge: short JSON bodies whose text never repeats what a stranger sent.

Bodies follow RFC 6750, section 3.1: ``error`` and ``error_description``.
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from gatelodge.core.errors import GatelodgeError

__all__ = ["challenge_answer", "error_answer", "unavailable_answer"]

# Seconds a client waits before it asks again while the authorization server is away.
RETRY_AFTER = 5

_NO_STORE = {"cache-control": "no-store"}


def challenge_answer(status: int, challenge: str, *, error: str, description: str) -> Response:
    """401 or 403 with a ``WWW-Authenticate`` challenge."""
    return _json(status, error, description, {"www-authenticate": challenge})


def unavailable_answer(error: GatelodgeError) -> Response:
    """503 with ``Retry-After``: the caller's token may well be good, it cannot be checked now."""
    return _json(503, "temporarily_unavailable", error.public, {"retry-after": str(RETRY_AFTER)})


def error_answer(error: GatelodgeError, name: str = "invalid_request") -> Response:
    """The status and public text of an error; its detail stays in the log."""
    return _json(error.status, name, error.public, {})


def _json(status: int, error: str, description: str, headers: Mapping[str, str]) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status, {**_NO_STORE, **headers})
