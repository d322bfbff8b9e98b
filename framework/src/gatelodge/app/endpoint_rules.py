"""The access rule of the endpoint that a request is for, read from the routes of a Starlette application.

Invariant: what has no rule of its own is for signed-in people. Routes are matched as Starlette's router does it, so the
rule is the one of the endpoint that will run; an application that changes paths behind its middleware breaks that.
"""

from collections.abc import Callable, Iterable
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Scope

from gatelodge.access.requirement import Requirement, requirement_of

__all__ = ["SIGNED_IN", "RuleOf", "declared_rules"]

# Any person with an accepted token or assertion.
SIGNED_IN = Requirement()

RuleOf = Callable[[Scope], Requirement]


def declared_rules(app: ASGIApp) -> RuleOf:
    """A function that gives the rule for a request: of ``@requires`` or ``@public`` on the endpoint, else signed in."""

    def rule(scope: Scope) -> Requirement:
        endpoint = _endpoint(_routes(app), scope)
        return requirement_of(endpoint) or SIGNED_IN

    return rule


def _endpoint(routes: Iterable[BaseRoute], scope: Scope) -> Any:
    """What the first route that fits runs; None where no endpoint does."""
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            if isinstance(route, Route):
                return _handler(route.endpoint, scope["method"])
            return _endpoint(_routes(route), {**scope, **found})
    return None


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
