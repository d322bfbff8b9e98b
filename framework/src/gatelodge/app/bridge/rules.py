"""The access rule on a FastMCP component, found on its function, also through mounted servers, and as clients read it."""

from typing import Any

from fastmcp import FastMCP
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.server import dependencies
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec

from gatelodge.access.decide import decide
from gatelodge.access.requirement import Requirement, requirement_of

__all__ = ["rule_of", "schemes_of"]


async def rule_of(component: FastMCPComponent) -> Requirement | None:
    """The rule on a component's function, looked up through mounted servers."""
    inner = getattr(component, "_server", None)
    if not isinstance(inner, FastMCP):
        return _rule_on(getattr(component, "fn", None))
    # A mounted server's components are wrapped without their functions; the wrapper knows what it wraps.
    child: FastMCPComponent | None
    version = None if component.version is None else VersionSpec(eq=component.version)
    if isinstance(component, Tool):
        child = await inner.get_tool(_original(component, "name"), version)
    elif isinstance(component, Prompt):
        child = await inner.get_prompt(_original(component, "name"), version)
    elif isinstance(component, Resource):
        child = await inner.get_resource(_original(component, "uri"), version)
    else:
        child = await inner.get_resource_template(_original(component, "uri_template"), version)
    return None if child is None else await rule_of(child)


def _rule_on(function: Any) -> Requirement | None:
    """The rule of the author's function, inside the wrappers round one with a Context or a dependency.

    FastMCP's wrapper copies no attribute: the function is looked for in what it closes over, or in ``__wrapped__``.
    """
    while function is not None:
        rule = requirement_of(function)
        if rule is not None:
            return rule
        function = getattr(function, "__wrapped__", None) or _enclosed(function)
    return None


def _enclosed(function: Any) -> Any:
    code = getattr(function, "__code__", None)
    if code is None or code.co_filename != dependencies.__file__ or "fn" not in code.co_freevars:
        return None
    return function.__closure__[code.co_freevars.index("fn")].cell_contents


def _original(component: FastMCPComponent, what: str) -> str:
    return str(getattr(component, f"_original_{what}"))


def schemes_of(rule: Requirement | None) -> list[dict[str, Any]]:
    """``securitySchemes`` of a listed tool (OpenAI, plugins/build/auth): without a token, with one, or both."""
    if rule is None:
        return []
    schemes: list[dict[str, Any]] = [{"type": "noauth"}] if rule.public else []
    if rule.optional or not rule.public:
        # The scopes of the challenge, so that a client asks for the same ones before and after it.
        schemes.append({"type": "oauth2", "scopes": sorted(rule.optional.union(decide(rule, None).scopes))})
    return schemes
