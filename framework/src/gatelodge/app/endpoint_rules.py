"""The endpoint that a request is for and its access rule, read from the routes of a Starlette application.

Invariants: what has no rule of its own is for signed-in people; an endpoint's name is the template of its path, never what
a caller wrote. Routes are matched as Starlette's router does it, so the rule is the one of the endpoint that will run; an
application that changes paths behind its middleware breaks that.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Scope

from gatelodge.access.requirement import Requirement, requirement_of
from gatelodge.app.message import ENDPOINT, ENDPOINT_READ, Operation

__all__ = ["SIGNED_IN", "EndpointOf", "RuleOf", "declared_endpoints"]

# Any person with an accepted token or assertion.
SIGNED_IN = Requirement()

RuleOf = Callable[[Scope], Requirement]
EndpointOf = Callable[[Scope], tuple[Operation, Requirement]]
# RFC 9110, section 9.2.1: what asks for no change.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True, slots=True)
class _Found:
    """What the first route that fits runs, and the template of its path; neither where no route does."""

    path: str = ""
    handler: Any = None


def declared_endpoints(app: ASGIApp, rules: RuleOf | None = None) -> EndpointOf:
    """A function that gives a request's endpoint, as what it does is told to others, and its rule.

    The rule is that of ``rules``, else of ``@requires`` or ``@public`` on the endpoint, else signed in.
    """

    def endpoint(scope: Scope) -> tuple[Operation, Requirement]:
        found = _find(_routes(app), scope)
        rule = rules(scope) if rules is not None else requirement_of(found.handler) or SIGNED_IN
        # Of an application without routes, and where none fits, the method alone is known to be no caller's words.
        method = scope["method"] if scope["method"] in _METHODS else "other"
        target = f"{method} {found.path}".strip()
        return Operation(ENDPOINT_READ if method in _SAFE else ENDPOINT, target), rule

    return endpoint


def _find(routes: Iterable[BaseRoute], scope: Scope, before: str = "") -> _Found:
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            path = before + getattr(route, "path", "")
            if isinstance(route, Route):
                return _Found(path, _handler(route.endpoint, scope["method"]))
            inner = _routes(route)
            return _find(inner, {**scope, **found}, path) if inner else _Found(f"{path}/*")
    return _Found()


def _routes(holder: Any) -> Iterable[BaseRoute]:
    """Of an application or a mount; Starlette's middleware has what it stands in front of as ``app``."""
    while holder is not None:
        routes: Iterable[BaseRoute] | None = getattr(holder, "routes", None)
        if routes:
            return routes
        holder = getattr(holder, "app", None)
    return ()


def _handler(endpoint: Any, method: str) -> Any:
    """Of a class the method that it will run, where that has a rule of its own; else the endpoint."""
    if not (isinstance(endpoint, type) and issubclass(endpoint, HTTPEndpoint)):
        return endpoint
    name = "get" if method == "HEAD" and not hasattr(endpoint, "head") else method.lower()
    handler = getattr(endpoint, name, None)
    return endpoint if requirement_of(handler) is None else handler
