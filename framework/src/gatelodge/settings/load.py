"""The environment and ``.env`` read into a model, or one message that says everything that is wrong.

A faulty variable is reported with its name, what is wrong and an example; what was given is never repeated.
"""

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["SettingsInvalid", "load", "load_each"]

S = TypeVar("S", bound=BaseSettings)


class SettingsInvalid(GatelodgeError):
    """One or more variables are missing or wrong; the detail lists them all, one a line."""

    code = Code.SETTINGS_INVALID


def load(model: type[S], **overrides: Any) -> S:
    """Read the environment and ``.env`` into ``model``, a server author's own settings or one of ours.

    Raises: SettingsInvalid, naming every faulty variable with the first of its field's ``examples``.
    """
    try:
        return model(**overrides)
    except ValidationError as error:
        raise _invalid(_lines(model, error)) from None


def load_each(*models: type[BaseSettings]) -> tuple[BaseSettings, ...]:
    """Sections of one process, in this order. Raises: SettingsInvalid, naming the faulty variables of all of them."""
    found: list[BaseSettings] = []
    lines: list[str] = []
    for model in models:
        try:
            found.append(model())
        except ValidationError as error:
            lines += _lines(model, error)
    if lines:
        # Sections share variables, such as the mode.
        raise _invalid(list(dict.fromkeys(lines)))
    return tuple(found)


def _invalid(lines: list[str]) -> SettingsInvalid:
    return SettingsInvalid("\n".join(["The configuration is not usable:", *lines]))


def _lines(model: type[BaseSettings], error: ValidationError) -> list[str]:
    prefix = model.model_config.get("env_prefix", "")
    examples: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        # pydantic names a field in a fault by its alias where it has one.
        variable = field.validation_alias if isinstance(field.validation_alias, str) else f"{prefix}{name}".upper()
        for known_as in (name, variable):
            examples[known_as] = (variable, *(field.examples or ("",)))
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        text = "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        variable, example, *_ = examples.get(str(next(iter(fault["loc"]), "")), ("", ""))
        named = f"{variable}: {text}" if variable else text
        lines.append(f"  {named} (example: {example})" if example else f"  {named}")
    return lines
