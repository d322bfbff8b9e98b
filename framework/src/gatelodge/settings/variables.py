"""The environment variables of a model: names, what kind of value each takes, and how a value is shown.

Invariant: a secret is shown as ``***`` and a URL without its credentials; a fault tells the class of a value, never the
value. Not here: reading them (``load``), which process has which model (``processes``).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import AliasChoices, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from gatelodge.core.secret import Secret
from gatelodge.observability.redaction import HIDDEN, redact, redacted

__all__ = ["FILE", "Variable", "shown", "value_class", "variables", "without_credentials"]

# What the name of a variable ends in that names the file of a secret.
FILE = "_file"
_SECRETS = (Secret, SecretStr, SecretBytes)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
# A path made of a URL has one slash; a password may hold slashes.
_CREDENTIALS = re.compile(r"(:/{1,2})\S*@")


@dataclass(frozen=True, slots=True)
class Variable:
    """One field of a settings model as the environment knows it."""

    name: str
    also: tuple[str, ...]
    """Other names that are read when ``name`` is not set."""
    member: str
    """The field's name in the model."""
    field: FieldInfo
    description: str

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the first one counts most."""
        return (self.name, *self.also)

    @property
    def secret(self) -> bool:
        """Whether its value is shown to nobody: by its type, and by its name where an author's model has it as text."""
        return any(kind in _SECRETS for kind in _kinds(self.field.annotation)) or redacted("", self.name) == HIDDEN

    @property
    def example(self) -> str:
        """The first example, or nothing."""
        return str((self.field.examples or [""])[0])

    @property
    def default(self) -> str:
        """The default as the page and the commands show it."""
        return "required" if self.field.is_required() else shown(self.field.get_default(call_default_factory=True))


def variables(model: type[BaseSettings]) -> tuple[Variable, ...]:
    """The variables of a model, ours or a server author's, in the model's order."""
    prefix = str(model.model_config.get("env_prefix", ""))
    return tuple(
        Variable(*_names(prefix, member, field), member, field, _description(model, member))
        for member, field in model.model_fields.items()
    )


def _names(prefix: str, member: str, field: FieldInfo) -> tuple[str, tuple[str, ...]]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        first, *also = (name.upper() for name in alias.choices if isinstance(name, str))
        return first, tuple(also)
    return alias if isinstance(alias, str) else f"{prefix}{member}".upper(), ()


def _description(model: type[BaseSettings], member: str) -> str:
    # A section that takes part in a model may name a variable of the process again, for its checks.
    fields = (vars(one).get("__pydantic_fields__", {}).get(member) for one in model.__mro__)
    return next((field.description for field in fields if field is not None and field.description), "")


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)


def shown(value: Any) -> str:
    """A value in words: ``***`` for a secret, entries of a list by name, ``none`` for nothing."""
    if value is None or value in ("", frozenset(), (), {}):
        return "none"
    if isinstance(value, _SECRETS):
        text = "***"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, (frozenset, set)):
        text = ", ".join(sorted(map(shown, value)))
    elif isinstance(value, (tuple, list)):
        text = ", ".join(map(shown, value))
    elif isinstance(value, Mapping):
        text = ", ".join(f"{name}={shown(entry)}" for name, entry in value.items())
    else:
        text = value.as_posix() if isinstance(value, Path) else str(value)
    text = without_credentials(text)
    # The query of a URL may hold what a header should.
    return redact(text) if "://" in text and "?" in text else text


def without_credentials(text: str) -> str:
    """The text with user name and password of each URL in it replaced."""
    return _CREDENTIALS.sub(r"\1***@", text)


def value_class(value: object) -> str:
    """What a value is, without saying it: ``a number``, ``a URL``, ``a text of 12 characters``."""
    if isinstance(value, str):
        return _text_class(value.strip())
    if isinstance(value, (int, float)):
        return "a number"
    return f"a list of {len(value)}" if isinstance(value, Collection) else "a value"


def _text_class(text: str) -> str:
    if not text:
        return "an empty text"
    if _NUMBER.fullmatch(text):
        return "a number"
    if "://" in text:
        return "a URL"
    return f"a text of {len(text)} character{'' if len(text) == 1 else 's'}"
