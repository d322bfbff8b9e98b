"""The access rule on a FastMCP component, found on its function, also through mounted servers."""

from fastmcp import FastMCP
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent

from gatelodge.access.requirement import Requirement, requirement_of

__all__ = ["rule_of"]


async def rule_of(component: FastMCPComponent) -> Requirement | None:
    """The rule on a component's function, looked up through mounted servers."""
    inner = getattr(component, "_server", None)
    if not isinstance(inner, FastMCP):
        return requirement_of(getattr(component, "fn", None))
    # A mounted server's components are wrapped without their functions; the wrapper knows what it wraps.
    child: FastMCPComponent | None
    if isinstance(component, Tool):
        child = await inner.get_tool(_original(component, "name"))
    elif isinstance(component, Prompt):
        child = await inner.get_prompt(_original(component, "name"))
    elif isinstance(component, Resource):
        child = await inner.get_resource(_original(component, "uri"))
    else:
        child = await inner.get_resource_template(_original(component, "uri_template"))
    return None if child is None else await rule_of(child)


def _original(component: FastMCPComponent, what: str) -> str:
    return str(getattr(component, f"_original_{what}"))
