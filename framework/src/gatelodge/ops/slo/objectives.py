"""The objectives: what is promised and what we aim at ourselves, read strictly from TOML.

Invariant: an objective names a figure that the samples give; an unknown key, a missing one or a wrong type is an error
that names the objective and the key.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from gatelodge.ops.slo.faults import ObjectivesInvalid

__all__ = ["FIGURES", "FigureName", "Objective", "parse_objectives", "read_objectives"]

FigureName = Literal[
    "stream_ttfb_p95_ms",
    "server_5xx_percent",
    "server_5xx_percent_with_restart",
    "availability_percent",
    "availability_percent_with_restart",
    "link_p95_s",
]
FIGURES: tuple[str, ...] = get_args(FigureName)
_LARGEST = 64 * 1024

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]


class Objective(BaseModel):
    """One objective. ``target`` is the promise, ``aim`` our own; both in ``unit``, met when at most (or at least)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
    what: Text
    figure: FigureName
    better: Literal["lower", "higher"]
    target: float
    aim: float
    unit: Literal["ms", "s", "%"]
    how: Text

    @model_validator(mode="after")
    def _aim_is_no_weaker(self) -> "Objective":
        if not self.meets(self.aim, self.target):
            raise ValueError("aim is weaker than target")
        return self

    def meets(self, value: float, limit: float) -> bool:
        """Whether a value is within a limit."""
        return value <= limit if self.better == "lower" else value >= limit


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    objective: list[Objective]


def read_objectives(path: Path) -> tuple[Objective, ...]:
    """Read the file. Raises: ObjectivesInvalid."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ObjectivesInvalid(f"{path}: {error.strerror}", hint="Give a file by --objectives.") from error
    return parse_objectives(data, str(path))


def parse_objectives(data: bytes, name: str) -> tuple[Objective, ...]:
    """Parse the content of a file called ``name``. Raises: ObjectivesInvalid."""
    if len(data) > _LARGEST:
        raise ObjectivesInvalid(f"{name}: larger than {_LARGEST} bytes", hint="Give a file of objectives.")
    try:
        document = tomllib.loads(data.decode("utf-8"))
        found = _File.model_validate(document).objective
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ObjectivesInvalid(f"{name}: no TOML: {error}", hint="Mend the file.") from error
    except ValidationError as error:
        faults = "\n".join(f"{name}: {_place(fault, document)}: {fault['msg']}" for fault in error.errors())
        raise ObjectivesInvalid(faults, hint="Mend the named keys; docs/slo.md explains them.") from error
    names = [objective.id for objective in found]
    if not names or len(set(names)) != len(names):
        raise ObjectivesInvalid(f"{name}: objective.id: none, or one twice", hint="Give each objective its own id.")
    return tuple(found)


def _place(fault: Any, document: dict[str, Any]) -> str:
    """``objective.ID.KEY`` of one fault."""
    parts = list(fault["loc"])
    if len(parts) > 1 and isinstance(parts[1], int):
        entry = document["objective"][parts[1]]
        named = entry.get("id") if isinstance(entry, dict) else None
        parts[1] = named if isinstance(named, str) else parts[1] + 1
    return ".".join(str(part) for part in parts)
