"""gatelodge: put any FastMCP server on the internet behind Traefik and Keycloak, with OAuth 2.1.

The public names are loaded at first use, so that ``import gatelodge`` costs nothing in a command that needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatelodge.access.requirement import public, requires
    from gatelodge.app.context import current_principal
    from gatelodge.app.protect import protect
    from gatelodge.core.errors import GatelodgeError
    from gatelodge.core.identity import Principal

__all__ = ["GatelodgeError", "Principal", "current_principal", "protect", "public", "requires"]

_HOMES = {
    "GatelodgeError": "gatelodge.core.errors",
    "Principal": "gatelodge.core.identity",
    "current_principal": "gatelodge.app.context",
    "protect": "gatelodge.app.protect",
    "public": "gatelodge.access.requirement",
    "requires": "gatelodge.access.requirement",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gatelodge' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
