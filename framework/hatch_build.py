# ruff: noqa: INP001 - a file of the build, no module of a package
"""Puts the repository's locks into wheel and sdist, where ``gatelodge new`` reads them; an editable install reads the
checkout's."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Where the checkout has them, from framework/; a source distribution has both at its top.
_LOCKS = {"requirements.lock": "../requirements.lock", "tools.lock": "../scripts/tools.lock"}


class LockHook(BuildHookInterface):  # type: ignore[type-arg]
    """The build hook that pyproject.toml names ``custom``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the locks to a real wheel and to a source distribution."""
        if version != "standard":
            return
        folder = "gatelodge/" if self.target_name == "wheel" else ""
        for name, place in _LOCKS.items():
            carried = Path(self.root, name)
            lock = carried if carried.is_file() else Path(self.root, place)
            if lock.is_file():
                build_data["force_include"][str(lock)] = folder + name
