"""From a path to the class of routes it belongs to: a closed set of names, for figures, log lines and spans.

Not here: what is served there.
"""

import re

__all__ = ["MCP", "PROBES", "RouteClasses", "application_classes", "desk_classes", "server_classes"]

MCP, OTHER = "mcp", "other"
# Asked every few seconds by who runs the process.
PROBES = "health"

_EVERYWHERE = (
    (PROBES, r"/(?:health(?:/live|/ready)?|status)\Z"),
    ("api_docs", r"/(?:openapi\.json|docs|api-docs)\Z"),
    ("metadata", r"/\.well-known/"),
)
_SERVER = (
    ("sign_in", r"/accounts/sign-in\Z"),
    ("sign_in_callback", r"/accounts/callback\Z"),
    ("sign_out", r"/accounts/sign-out\Z"),
    ("accounts", r"/accounts(?:/|\Z)"),
    ("link_url", r"/api/auth/[^/]+/url\Z"),
    ("link_callback", r"/api/auth/[^/]+/callback\Z"),
    ("connections", r"/api/connections(?:/|\Z)"),
    ("proxy", r"/api/[^/]+/proxy\Z"),
    ("service_tokens", r"/internal/tokens/"),
)
_DESK = (
    ("registration", r"/clients-registrations/openid-connect(?:/|\Z)"),
    ("metadata", r"/\.well-known/"),
    ("authorize", r"/protocol/openid-connect/auth\Z"),
)


class RouteClasses:
    """The classes of one application."""

    def __init__(self, endpoint: str | None, rules: list[tuple[str, str]]) -> None:
        # Both spellings; what Starlette would also take for it is the endpoint too.
        self._exact = {} if endpoint is None else {endpoint: MCP, f"{endpoint}/": MCP, f"{endpoint}\n": MCP}
        self._names = tuple(name for name, _ in rules)
        self._rules = re.compile("|".join(f"({rule})" for _, rule in rules))

    def of(self, path: str) -> str:
        """The class of a path."""
        found = self._exact.get(path)
        if found is not None:
            return found
        match = self._rules.match(path)
        return OTHER if match is None or match.lastindex is None else self._names[match.lastindex - 1]


def server_classes(endpoint: str) -> RouteClasses:
    """Those of a server whose MCP endpoint is at this path."""
    base = re.escape(endpoint.removesuffix("/mcp"))
    rules = [(name, f"(?:{base})?(?:{re.escape(endpoint)})?{rule}") for name, rule in _EVERYWHERE]
    return RouteClasses(endpoint, rules + [(name, base + rule) for name, rule in _SERVER])


def desk_classes(realm: str) -> RouteClasses:
    """Those of the desk of the realm at this path."""
    rules = [*_EVERYWHERE, *((name, re.escape(realm) + rule) for name, rule in _DESK)]
    rules += [("consent", r"/desk/consent\Z"), ("client_keys", r"/internal/clients/")]
    return RouteClasses(None, rules)


def application_classes() -> RouteClasses:
    """Those of an application of somebody else: what is ours in front of it, and all the rest."""
    ours = [rule for rule in _EVERYWHERE if rule[0] != "api_docs"]
    return RouteClasses(None, [*ours, ("application", "/")])
