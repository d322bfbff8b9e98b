"""Which store, and where its key is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gatelodge.core.secret import Secret

__all__ = ["StoreKind", "VaultConfig"]

StoreKind = Literal["env", "sqlite", "postgres"]


@dataclass(frozen=True)
class VaultConfig:
    """``key`` and ``key_file`` exclude each other; with neither, development keeps one in ``own_key_file``."""

    store: StoreKind
    own_key_file: Path
    key: Secret | None = None
    key_file: Path | None = None
    production: bool = False

    @property
    def kept_in(self) -> Path | None:
        """The file that holds the keys, or None when they come from the environment."""
        return None if self.key is not None else self.key_file or self.own_key_file
