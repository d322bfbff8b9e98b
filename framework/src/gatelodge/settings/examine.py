"""The settings of a process looked at as a whole: faults, unknown names and warnings together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic_settings import BaseSettings

from gatelodge.settings.findings import warnings_of
from gatelodge.settings.given import Given
from gatelodge.settings.load import SettingsInvalid, load_each
from gatelodge.settings.startable import refusals
from gatelodge.settings.unknown import unknown_variables

__all__ = ["Examined", "examine"]


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found; without faults the settings are usable."""

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def examine(models: Sequence[type[BaseSettings]], *, env_file: Path | None = None) -> Examined:
    """Faults and unknown names are both faults here; nothing is raised."""
    given = Given.here(env_file)
    unknown = unknown_variables(given, models)
    faults: list[str] = []
    warnings: list[str] = []
    read: list[BaseSettings] = []
    # One at a time: what is right in one section is looked at whatever is wrong in another.
    for model in models:
        try:
            read += load_each(model, env_file=env_file)
        except SettingsInvalid as error:
            faults += error.faults
    faults += refusals(models, read, env_file=env_file)
    warnings += warnings_of(read, given)
    return Examined((*dict.fromkeys(faults), *unknown), tuple(warnings))
