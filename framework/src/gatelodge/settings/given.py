"""What is set, and where: the environment, and the file ``.env`` below it. Names count in any case, as for the models."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dotenv import dotenv_values

from gatelodge.settings.variables import Variable

__all__ = ["Given"]

_ENV_FILE = Path(".env")


@dataclass(frozen=True, slots=True)
class Given:
    """Names that are set, in upper case, with the source of each; values are left to the models."""

    sources: Mapping[str, str]

    @classmethod
    def here(cls, env_file: Path | None = None, environment: Mapping[str, str] | None = None) -> Self:
        """What this process is given; ``env_file`` in place of ``.env``."""
        file = env_file or _ENV_FILE
        in_file = dotenv_values(file) if file.is_file() else {}
        in_environment = os.environ if environment is None else environment
        return cls(
            {name.upper(): str(file) for name, value in in_file.items() if value is not None}
            | {name.upper(): "environment" for name in in_environment}
        )

    def source_of(self, variable: Variable) -> tuple[str, str] | None:
        """The name by which a variable is set and where, or None when it is not set."""
        for name in variable.names:
            if name in self.sources:
                return name, self.sources[name]
        return None
