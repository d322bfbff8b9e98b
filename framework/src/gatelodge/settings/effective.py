"""Every variable of a process with its effective value and where that comes from; secrets as ``***``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

from gatelodge.settings.given import Given
from gatelodge.settings.variables import FILE, Variable, shown, variables

__all__ = ["Effective", "effective", "in_short"]

# What an operator compares first when something does not work; those that a process has are said at its start.
_IN_SHORT = (
    *("mode", "public_url", "issuer", "issuer_internal_url", "auth_mode", "bind", "port", "metrics_bind"),
    *("metrics_port", "token_store", "session_store", "state_dir"),
)


@dataclass(frozen=True, slots=True)
class Effective:
    """One variable as a process uses it."""

    variable: str
    value: str
    source: str
    """``default``, ``environment``, the path of the ``.env`` file, or ``file PATH`` of a secret."""
    secret: bool


def effective(sections: Sequence[BaseSettings], given: Given) -> tuple[Effective, ...]:
    """The variables of all sections, each once, in their order."""
    found: dict[str, Effective] = {}
    for section in sections:
        for one in _of(section, given):
            found.setdefault(one.variable, one)
    return tuple(found.values())


def in_short(sections: Sequence[BaseSettings]) -> str:
    """The configuration in one line without secrets: ``mode=production public_url=...``."""
    found: dict[str, str] = {}
    for section in sections:
        for variable in variables(type(section)):
            if variable.member in _IN_SHORT and not variable.secret:
                found.setdefault(variable.member, shown(getattr(section, variable.member)))
    return " ".join(f"{name}={found[name]}" for name in _IN_SHORT if name in found)


def _of(section: BaseSettings, given: Given) -> Iterator[Effective]:
    for variable in variables(type(section)):
        value: Any = getattr(section, variable.member)
        text = "***" if variable.secret and value is not None else shown(value)
        yield Effective(variable.name, text, _source(section, variable, given), variable.secret)


def _source(section: BaseSettings, variable: Variable, given: Given) -> str:
    set_by = given.source_of(variable)
    if set_by is not None:
        name, source = set_by
        return source if name == variable.name else f"{source}, as {name}"
    file: Any = getattr(section, variable.member + FILE, None) if variable.secret else None
    return f"file {file}" if isinstance(file, Path) else "default"
