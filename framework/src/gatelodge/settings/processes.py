"""Which process reads which settings: the one list that checks, pages and the schema go through.

A process has one or more sections, each a model that is read by itself, so that a fault in one hides none in another. A
section is imported when it is asked for: those of linked accounts need the extra ``connections``.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_settings import BaseSettings

from gatelodge.settings.load import SettingsInvalid

__all__ = ["PROCESSES", "Process", "model_at", "process", "sections_installed"]

_OURS = "gatelodge.settings."
_SERVER = _OURS + "server:ServerSettings"
_VAULT = _OURS + "vault:VaultSettings"
_ACCOUNTS = (
    _OURS + "connections:ConnectionSettings",
    _OURS + "web:WebSettings",
    _OURS + "proxy:ProxySettings",
)


@dataclass(frozen=True, slots=True)
class Process:
    """One kind of process."""

    name: str
    words: str
    started_by: str
    places: tuple[str, ...]
    """Its sections, as ``module:Class``."""

    def sections(self) -> tuple[type[BaseSettings], ...]:
        """The models. Raises: SettingsInvalid, when an extra is not installed."""
        return tuple(model_at(place) for place in self.places)


PROCESSES = (
    Process("server", "a server", "gatelodge serve", (_SERVER,)),
    Process("connected", "a server with linked accounts", "gatelodge serve", (_SERVER, _VAULT, *_ACCOUNTS)),
    Process("desk", "the desk", "gatelodge desk", (_OURS + "desk:DeskSettings",)),
    Process("vault", "the vault's commands", "gatelodge vault", (_VAULT,)),
    Process(
        "audit",
        "the audit trail's commands",
        "gatelodge audit",
        (_OURS + "audit:AuditSettings", _OURS + "database:DatabaseSettings"),
    ),
)


def process(name: str) -> Process:
    """A process by its name, one of those in ``PROCESSES``."""
    return next(one for one in PROCESSES if one.name == name)


def sections_installed() -> Iterator[type[BaseSettings]]:
    """The sections of all processes, each once, but for those whose extra is not installed."""
    for place in dict.fromkeys(place for one in PROCESSES for place in one.places):
        try:
            yield model_at(place)
        except SettingsInvalid:
            continue


def model_at(place: str) -> type[BaseSettings]:
    """The settings model that ``module:Class`` names, one of ours or a server author's own.

    Raises: SettingsInvalid.
    """
    module, _, name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (ModuleNotFoundError, ValueError) as error:
        missing = getattr(error, "name", None) or place
        hint = "pip install 'gatelodge[connections]'" if place.startswith(_OURS) else ""
        raise SettingsInvalid(
            f"the settings {place!r} need {missing!r}, which is not installed",
            hint=hint or "Name them as module:Class, such as sample.settings:Settings.",
        ) from error
    if not (isinstance(found, type) and issubclass(found, BaseSettings)):
        raise SettingsInvalid(
            f"{place!r} is no settings model", hint="Name it as module:Class, such as sample.settings:Settings."
        )
    return found
