"""Every requirement that the product claims, in the order of the page. The ids are stable: one is retired, never reused."""

from collections.abc import Mapping

from conformance.requirements import bearer, discovery, mcp_legacy, mcp_modern, practice, tokens
from conformance.requirements.model import Requirement

__all__ = ["REQUIREMENTS", "by_id"]

REQUIREMENTS: tuple[Requirement, ...] = (
    *mcp_modern.REQUIREMENTS,
    *mcp_legacy.REQUIREMENTS,
    *bearer.REQUIREMENTS,
    *tokens.REQUIREMENTS,
    *discovery.REQUIREMENTS,
    *practice.REQUIREMENTS,
)


def by_id(requirements: tuple[Requirement, ...]) -> Mapping[str, Requirement]:
    """Requirements by id. Raises: ValueError when two have the same."""
    found = {requirement.id: requirement for requirement in requirements}
    if len(found) != len(requirements):
        raise ValueError("two requirements have the same id")
    return found
