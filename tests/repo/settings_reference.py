"""Writes ``docs/reference/settings.md`` from the settings models.

PYTHONPATH=tests .venv/bin/python tests/repo/settings_reference.py > docs/reference/settings.md
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from pydantic_settings import BaseSettings

from gatelodge.settings.audit import AuditSettings
from gatelodge.settings.connections import ConnectionSettings
from gatelodge.settings.database import DatabaseSettings
from gatelodge.settings.desk import DeskSettings
from gatelodge.settings.elsewhere import COMPOSE, EDGE, REALM
from gatelodge.settings.process import ProcessSettings
from gatelodge.settings.processes import PROCESSES
from gatelodge.settings.proxy import ProxySettings
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.variables import Variable, variables
from gatelodge.settings.vault import VaultSettings
from gatelodge.settings.web import WebSettings
from repo.checkout import ROOT
from repo.settings_prose import AFTER, COMPOSE_HEAD, EDGE_HEAD, HEAD, PROSE, REALM_HEAD, TITLES
from sample.settings import Settings as SampleSettings
from toolbox.settings import ToolboxSettings

__all__ = ["MODELS", "Section", "render", "sections_of_page"]

MODELS: tuple[type[BaseSettings], ...] = (
    ServerSettings,
    DeskSettings,
    VaultSettings,
    AuditSettings,
    DatabaseSettings,
    ConnectionSettings,
    WebSettings,
    ProxySettings,
    SampleSettings,
    ToolboxSettings,
)
# Sections of every process: their variables stand in the table of each.
_SHARED = frozenset({ProcessSettings})
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_HEADER = "| Variable | Default | Meaning | Example |\n|---|---|---|---|\n"


class Section:
    """One table: the variables that one class brings into one model."""

    def __init__(self, owner: type[BaseSettings], model: type[BaseSettings], rows: tuple[Variable, ...]) -> None:
        self.owner, self.model, self.rows = owner, model, rows

    @property
    def title(self) -> str:
        """The heading: as it is named here, else by the class."""
        words = _WORDS.sub(" ", self.owner.__name__.removesuffix("Settings")).lower()
        return TITLES.get(self.owner.__name__, words.capitalize())


def sections_of_page() -> Iterator[Section]:
    """All tables in order; what several models inherit comes once, with the first of them."""
    seen: set[type[BaseSettings]] = set()
    for model in MODELS:
        found: dict[type[BaseSettings], list[Variable]] = {}
        for variable in variables(model):
            found.setdefault(_owner(model, variable.member), []).append(variable)
        # The model's own table comes first, then those it takes part in.
        for owner in sorted(found, key=lambda one: one is not model):
            if owner not in seen:
                seen.add(owner)
                yield Section(owner, model, tuple(found[owner]))


def _owner(model: type[BaseSettings], member: str) -> type[BaseSettings]:
    """The class that brings a variable in; what all processes share is each model's own."""
    owners = [one for one in model.__mro__ if member in vars(one).get("__annotations__", {})]
    return model if _SHARED & set(owners) else owners[0]


def render() -> str:
    """The whole page."""
    page = [HEAD]
    places: dict[tuple[str, str], str] = {}
    for section in sections_of_page():
        prose = f"{_read_by(section)} {PROSE.get(section.owner.__name__, '')}".strip()
        page.append(f"\n## {section.title}\n\n{fill(prose, 120, break_on_hyphens=False)}\n\n{_HEADER}")
        for variable in section.rows:
            place = places.setdefault((variable.name, variable.description), section.title)
            page.append(_row(variable, place if place != section.title else ""))
        if section.owner.__name__ in AFTER:
            page.append(f"\n{AFTER[section.owner.__name__]}")
    page += [REALM_HEAD, *(f"| `{name}` | {one.default} | {one.meaning} |\n" for name, one in REALM.items())]
    page += [EDGE_HEAD, *(f"| `{name}` | {one.meaning} |\n" for name, one in EDGE.items())]
    page += [COMPOSE_HEAD, *(f"| `{name}` | {one.default} | {one.meaning} |\n" for name, one in COMPOSE.items())]
    return "".join(page)


def _read_by(section: Section) -> str:
    """Where the variables are used."""
    if section.owner.__module__.partition(".")[0] != "gatelodge":
        return f"Read by `{section.owner.__module__.partition('.')[0]}:app`, next to the variables of a server."
    users = [one for one in PROCESSES if any(issubclass(model, section.owner) for model in one.sections())]
    if any(one.name == "server" for one in users):
        # Which linked accounts make no other.
        users = [one for one in users if one.name != "connected"]
    *others, last = [f"{one.words} (`{one.started_by}`)" for one in users]
    return f"Read by {', '.join(others)} and {last}." if others else f"Read by {last}."


def _row(variable: Variable, place: str) -> str:
    meaning = f"As for [{place.lower()}](#{_slug(place)})." if place else variable.description
    if variable.also:
        meaning += f" Also accepted: {', '.join(f'`{name}`' for name in variable.also)}."
    return f"| `{variable.name}` | {_default(variable)} | {meaning} | `{variable.example}` |\n"


def _default(variable: Variable) -> str:
    value = variable.field.get_default(call_default_factory=True)
    if isinstance(value, Path) and value.is_absolute():
        return f"{value.relative_to(ROOT).as_posix()} of the checkout"
    return variable.default


def _slug(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    sys.stdout.write(render())
