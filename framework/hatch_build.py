# ruff: noqa: INP001 - a file of the build, no module of a package
"""Puts the repository's lock into the wheel, where ``gatelodge new`` reads it; an editable install reads the checkout's."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LockHook(BuildHookInterface):  # type: ignore[type-arg]
    """The build hook that pyproject.toml names ``custom``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the lock to a real wheel."""
        lock = Path(self.root).parent / "requirements.lock"
        if version == "standard" and lock.is_file():
            build_data["force_include"][str(lock)] = "gatelodge/requirements.lock"
