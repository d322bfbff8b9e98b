"""The environment and ``.env`` read into a model, or one message that says everything that is wrong.

A faulty variable is reported with its name, what is wrong, what kind of value was given and an example. What was given
is not repeated, but for the path of a file and for the one entry of a list that is wrong; of a secret not even its kind.
"""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.settings.variables import value_class, variables, without_credentials

__all__ = ["SettingsInvalid", "faults_of", "load", "load_each", "together"]

S = TypeVar("S", bound=BaseSettings)
_HEAD = "The configuration is not usable:"


class SettingsInvalid(GatelodgeError):
    """One or more variables are missing or wrong; the detail lists them all, one a line."""

    code = Code.SETTINGS_INVALID

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults alone, one a variable."""
        return tuple(line.strip() for line in self.detail.splitlines() if line != _HEAD)


def load(model: type[S], **overrides: Any) -> S:
    """Read the environment and ``.env`` into ``model``, a server author's own settings or one of ours.

    Raises: SettingsInvalid, naming every faulty variable with the first of its field's ``examples``.
    """
    try:
        return model(**overrides)
    except ValidationError as error:
        raise _invalid(faults_of(model, error)) from None


def load_each(*models: type[BaseSettings], env_file: Path | None = None) -> tuple[BaseSettings, ...]:
    """Sections of one process, in this order; ``env_file`` in place of ``.env``.

    Raises: SettingsInvalid, naming the faulty variables of all of them.
    """
    found: list[BaseSettings] = []
    lines: list[str] = []
    # Which file is read is no field: pydantic-settings takes it by this name.
    given: dict[str, Any] = {} if env_file is None else {"_env_file": env_file}
    for model in models:
        try:
            found.append(model(**given))
        except ValidationError as error:
            lines += faults_of(model, error)
    if lines:
        # Sections share variables, such as the mode.
        raise _invalid(list(dict.fromkeys(lines)))
    return tuple(found)


def together(*errors: SettingsInvalid) -> SettingsInvalid:
    """The faults of several, each once: what two of them say is said once."""
    return _invalid(list(dict.fromkeys(f"  {fault}" for error in errors for fault in error.faults)))


def _invalid(lines: list[str]) -> SettingsInvalid:
    return SettingsInvalid("\n".join([_HEAD, *lines]))


def faults_of(model: type[BaseSettings], error: ValidationError) -> list[str]:
    """One line for each faulty variable."""
    # pydantic names a field in a fault by its alias where it has one.
    known = {name: found for found in variables(model) for name in (found.member, *found.names)}
    lines = []
    for fault in error.errors(include_url=False):
        text = "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        text = without_credentials(text)
        variable = known.get(str(next(iter(fault["loc"]), "")))
        if variable is None:
            lines.append(f"  {text}")
            continue
        if fault["type"] != "missing" and fault["input"] is not None:
            text += f"; given: {'a secret' if variable.secret else value_class(fault['input'])}"
        example = f" (example: {variable.example})" if variable.example else ""
        lines.append(f"  {variable.name}: {text}{example}")
    return lines
