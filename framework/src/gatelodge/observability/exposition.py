"""``GET /metrics``: the figures in the text format of Prometheus, for a bind of their own that no proxy routes.

Not here: the figures (``metrics``, ``traffic``), the bind (``app.serve``).
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from gatelodge.observability.metrics import REGISTRY

__all__ = ["exposition"]

_Message = MutableMapping[str, Any]


async def exposition(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[_Message]],  # noqa: ARG001 - the form of an ASGI application
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    """The ASGI application: this path and these two methods, nothing else."""
    if scope["type"] != "http":
        return
    status, body, kind = 404, b"", b"text/plain"
    if scope["path"] == "/metrics":
        status = 200 if scope["method"] in {"GET", "HEAD"} else 405
    if status == 200:
        body, kind = generate_latest(REGISTRY), CONTENT_TYPE_PLAIN_0_0_4.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
