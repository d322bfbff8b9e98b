"""Figures of requests: how many, how long, to the first byte, how many at once; by class of route, never by path.

Invariant: one request costs a fixed few updates of children that are bound already, whatever the length of its answer.
"""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

from gatelodge.observability.metrics import REGISTRY

__all__ = [
    "METHODS",
    "RouteFigures",
    "known_method",
    "mcp_request",
    "route_figures",
    "stream_began",
    "stream_ended",
    "tool_call",
]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MCP = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "tools/call",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "subscriptions/listen",
        "completion/complete",
        "logging/setLevel",
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    }
)
# Of the server's own tools so many have figures of their own; the others share one name.
_MOST_TOOLS = 200

# Seconds; the SLO's limits are among them.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_REQUESTS = Counter("gatelodge_http_requests", "Requests that ended.", ["route", "method", "status"], registry=REGISTRY)
_LATENCY = Histogram(
    "gatelodge_http_request_seconds",
    "Time to the end of the answer.",
    ["route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
_FIRST = Histogram(
    "gatelodge_http_first_byte_seconds",
    "Time to the first byte of the answer.",
    ["route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
_IN_FLIGHT = Gauge("gatelodge_http_requests_in_flight", "Requests under way.", ["route"], registry=REGISTRY)
_STREAMS = Gauge("gatelodge_http_streams_in_flight", "Event streams under way.", registry=REGISTRY)
_MCP_REQUESTS = Counter(
    "gatelodge_mcp_requests", "MCP requests that ended, by JSON-RPC method.", ["method", "status"], registry=REGISTRY
)
_TOOLS = Histogram(
    "gatelodge_tool_call_seconds", "Time of an allowed tool call.", ["tool"], buckets=_SECONDS, registry=REGISTRY
)
stream_began = _STREAMS.inc
stream_ended = _STREAMS.dec


class RouteFigures:
    """The figures of one class of routes, bound."""

    __slots__ = ("_done", "_route", "began", "ended", "first", "took")

    def __init__(self, route: str) -> None:
        self._route = route
        self._done: dict[tuple[str, int], Counter] = {}
        self.began, self.ended = _IN_FLIGHT.labels(route).inc, _IN_FLIGHT.labels(route).dec
        self.took, self.first = _LATENCY.labels(route).observe, _FIRST.labels(route).observe

    def done(self, method: str, status: int) -> None:
        """Count a request that ended; ``status`` 0: its client went before an answer began."""
        child = self._done.get((method, status))
        if child is None:
            named = method if method in METHODS else "other"
            child = _REQUESTS.labels(self._route, named, str(status) if status else "none")
            if named == method:
                self._done[method, status] = child
        child.inc()


@lru_cache(maxsize=64)
def route_figures(route: str) -> RouteFigures:
    """The figures of a class of routes, which is one of a closed set."""
    return RouteFigures(route)


def known_method(method: str) -> str:
    """A JSON-RPC method of MCP's; ``other`` for what a stranger made up."""
    return method if method in _MCP else "other"


def mcp_request(method: str, status: int) -> None:
    """Count a request of the MCP endpoint whose JSON-RPC method was read."""
    _mcp(known_method(method), status).inc()


@lru_cache(maxsize=1024)
def _mcp(method: str, status: int) -> Counter:
    return _MCP_REQUESTS.labels(method, str(status) if status else "none")


def tool_call(tool: str, seconds: float) -> None:
    """Count an allowed call of a tool that exists."""
    child = _BY_TOOL.get(tool)
    if child is None:
        child = _BY_TOOL[tool] = _TOOLS.labels(tool) if len(_BY_TOOL) < _MOST_TOOLS else _TOOLS.labels("other")
        if len(_BY_TOOL) > _MOST_TOOLS:
            del _BY_TOOL[tool]
    child.observe(seconds)


# Part of the metric family above: its children, bound.
_BY_TOOL: dict[str, Histogram] = {}
