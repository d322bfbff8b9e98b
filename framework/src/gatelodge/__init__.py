"""gatelodge: put any FastMCP server on the internet behind Traefik and Keycloak, with OAuth 2.1.

The public names are loaded at first use, so that ``import gatelodge`` costs nothing in a command that needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatelodge.access.requirement import public, requires
    from gatelodge.app.auth_middleware import auth_middleware
    from gatelodge.app.context import current_principal
    from gatelodge.app.protect import protect
    from gatelodge.core.errors import GatelodgeError
    from gatelodge.core.identity import Principal
    from gatelodge.settings.load import SettingsInvalid
    from gatelodge.settings.load import load as load_settings

__all__ = [
    "GatelodgeError",
    "Principal",
    "SettingsInvalid",
    "auth_middleware",
    "current_principal",
    "load_settings",
    "protect",
    "public",
    "requires",
]

_HOMES = {
    "GatelodgeError": "gatelodge.core.errors:GatelodgeError",
    "Principal": "gatelodge.core.identity:Principal",
    "SettingsInvalid": "gatelodge.settings.load:SettingsInvalid",
    "auth_middleware": "gatelodge.app.auth_middleware:auth_middleware",
    "current_principal": "gatelodge.app.context:current_principal",
    "load_settings": "gatelodge.settings.load:load",
    "protect": "gatelodge.app.protect:protect",
    "public": "gatelodge.access.requirement:public",
    "requires": "gatelodge.access.requirement:requires",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gatelodge' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)
