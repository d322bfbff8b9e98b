"""The packs there are, by name; a pack's code is loaded when it is asked for."""

from importlib import import_module

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.toolpacks.pack import Pack

__all__ = ["NAMES", "PackUnknown", "load"]

NAMES = ("jira", "notion", "slack", "channels", "github", "coda")


class PackUnknown(GatelodgeError):
    """There is no pack of this name."""

    code = Code.SETTINGS_INVALID


def load(name: str) -> Pack:
    """The pack of a name. Raises: PackUnknown."""
    if name not in NAMES:
        raise PackUnknown(f"there is no tool pack {name!r}", hint=f"Use one of {', '.join(NAMES)}.")
    found = import_module(f"gatelodge.toolpacks.{name}.tools").PACK
    if not isinstance(found, Pack):
        raise TypeError(f"PACK of {name} is no Pack")
    return found
