"""The proxy's routes, for an application to serve in front of its others.

Invariant: front ends of other origins are answered by an exact list, with a token and never with a cookie; the route of
``service_tokens`` exists only where the operator named a client, and no browser of another origin may use it.
"""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from gatelodge.proxy.forward import Forwarder
from gatelodge.proxy.gate import guarded
from gatelodge.proxy.parts import ProxyParts
from gatelodge.proxy.service_tokens import ServiceTokens

__all__ = ["proxy_routes"]

_CORS_AGE = 600


def proxy_routes(parts: ProxyParts) -> list[Route]:
    """The routes below the server's base path."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=sorted(parts.allowed_origins),
        allow_methods=["POST"],
        allow_headers=["authorization", "content-type"],
        expose_headers=["www-authenticate", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"],
        allow_credentials=False,
        max_age=_CORS_AGE,
    )
    path = f"{parts.base}/api/{{provider}}/proxy"
    forward = guarded(parts, Forwarder(parts).serve, f"POST {path}")
    routes = [Route(path, forward, methods=["POST", "OPTIONS"], middleware=[cors])]
    if parts.service_clients:
        path = f"{parts.base}/internal/tokens/{{provider}}"
        tokens = guarded(parts, ServiceTokens(parts).serve, f"GET {path}")
        routes.append(Route(path, tokens, methods=["GET"]))
    return routes
