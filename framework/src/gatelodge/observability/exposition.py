"""``GET /metrics``: the figures in the text format of Prometheus, for a bind of their own that no proxy routes.

Invariant: Host is a name that no stranger can point here, so that a browser's page cannot read the figures by rebinding
its own. Not here: the figures (``metrics``, ``traffic``), the bind (``app.serve``).
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from ipaddress import ip_address
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from gatelodge.core.urls import host_of, is_loopback
from gatelodge.observability.metrics import REGISTRY

__all__ = ["Exposition"]

_Message = MutableMapping[str, Any]
_REFUSED = "Host is missing, there twice, or not allowed; next step: name it in GATELODGE_METRICS_HOSTS"

logger = logging.getLogger(__name__)


class Exposition:
    """The ASGI application on ``bind``: one path and two methods, nothing else; ``names`` are allowed in Host too."""

    def __init__(self, bind: str, names: frozenset[str] = frozenset()) -> None:
        self._names = names
        # On a container network; on a loopback bind the name would be one of the browser's own network.
        self._services = not is_loopback(bind)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[_Message]],  # noqa: ARG002 - the form of an ASGI application
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        status, body, kind = 404, b"", b"text/plain"
        if not self._is_for_us(scope["headers"]):
            logger.warning("metrics refused: %s", _REFUSED)
            status, body = 421, f"{_REFUSED}\n".encode()
        elif scope["path"] == "/metrics":
            status = 200 if scope["method"] in {"GET", "HEAD"} else 405
        if status == 200:
            body, kind = generate_latest(REGISTRY), CONTENT_TYPE_PLAIN_0_0_4.encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        headers += [(b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _is_for_us(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        hosts = [value for name, value in headers if name == b"host"]
        host = host_of(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return False
        return host == "localhost" or host in self._names or _is_address(host) or (self._services and "." not in host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
