"""The packs there are, by name; a pack's code is loaded when it is asked for.

``github`` is the whole pack, ``github.get_github_user_info`` that one tool or prompt of it.
"""

from dataclasses import replace
from importlib import import_module

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.toolpacks.pack import Pack

__all__ = ["NAMES", "PackUnknown", "load"]

NAMES = ("jira", "notion", "slack", "channels", "github", "coda")


class PackUnknown(GatelodgeError):
    """There is no pack of this name, or it has no such tool."""

    code = Code.SETTINGS_INVALID


def load(name: str) -> Pack:
    """The pack of a name, or the part of it that the name chooses. Raises: PackUnknown."""
    name, chosen, part = name.partition(".")
    if name not in NAMES:
        raise PackUnknown(f"there is no tool pack {name!r}", hint=f"Use one of {', '.join(NAMES)}.")
    found = import_module(f"gatelodge.toolpacks.{name}.tools").PACK
    if not isinstance(found, Pack):
        raise TypeError(f"PACK of {name} is no Pack")
    return _part(found, part) if chosen else found


def _part(pack: Pack, name: str) -> Pack:
    tools = tuple(tool for tool in pack.tools if tool.name == name)
    prompts = tuple(prompt for prompt in pack.prompts if prompt.name == name)
    if not (tools or prompts):
        there = ", ".join([*(tool.name for tool in pack.tools), *(prompt.name for prompt in pack.prompts)])
        raise PackUnknown(f"the tool pack {pack.name!r} has nothing named {name!r}", hint=f"It has {there}.")
    # The pack's instructions speak of its other tools.
    return replace(pack, tools=tools, prompts=prompts, instructions="")
