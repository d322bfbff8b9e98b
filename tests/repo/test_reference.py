"""The reference pages against the code they describe: nothing is missing, nothing is left over, defaults are right."""

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from gatelodge.cli.main import build_parser
from gatelodge.ops.doctor.examine import CHECKS
from gatelodge.settings.connections import ConnectionSettings
from gatelodge.settings.desk import DeskSettings
from gatelodge.settings.proxy import ProxySettings
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.vault import VaultSettings
from gatelodge.settings.web import WebSettings
from repo.checkout import ROOT, relative, text_files
from repo.error_reference import render
from repo.markdown import command_lines, sections, tables
from sample import settings as sample_settings

_REFERENCE = ROOT / "docs" / "reference"
_SETTINGS = _REFERENCE / "settings.md"
_CLI = _REFERENCE / "cli.md"
_VARIABLE = re.compile(r"\bGATELODGE_[A-Z]+(?:_[A-Z]+)*\b(?!_?\*)")


def rows(section: str) -> dict[str, list[str]]:
    """Rows of a section's first table by their first cell, backticks taken off."""
    found = tables(section)
    assert found, "the section has a table"
    return {row[0].strip("`"): [cell.replace("`", "") for cell in row] for row in found[0][1:]}


def shown(default: Any) -> str:
    """A default as the page shows it."""
    if default is None or default in ("", frozenset(), {}):
        return "none"
    if isinstance(default, frozenset):
        return ", ".join(sorted(default))
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Path) and default.is_absolute():
        return f"{default.relative_to(ROOT).as_posix()} of the checkout"
    return str(default)


def variables(model: type[BaseSettings]) -> dict[str, str]:
    """Variable to default of a settings model."""
    prefix = model.model_config.get("env_prefix", "")
    return {
        str(field.validation_alias or prefix + name.upper()): "required"
        if field.is_required()
        else shown(field.get_default())
        for name, field in model.model_fields.items()
    }


MODELS: Mapping[str, type[BaseSettings]] = {
    "A server": ServerSettings,
    "The desk": DeskSettings,
    "The vault": VaultSettings,
    "Linked accounts": ConnectionSettings,
    "Calls to providers": ProxySettings,
    "Pages of linked accounts": WebSettings,
    "The sample server": sample_settings.Settings,
}


@pytest.mark.parametrize("section", MODELS)
def test_the_settings_page_has_every_variable_with_its_default(section: str) -> None:
    found = rows(sections(_SETTINGS.read_text(encoding="utf-8"))[section])
    assert {name: row[1] for name, row in found.items()} == variables(MODELS[section])
    assert all(all(cell.strip() for cell in row) for row in found.values()), "no cell is empty"


@pytest.mark.parametrize("section", MODELS)
def test_the_settings_page_shows_the_examples_that_error_messages_show(section: str) -> None:
    model = MODELS[section]
    examples = dict(zip(variables(model), model.model_fields.values(), strict=True))
    for name, row in rows(sections(_SETTINGS.read_text(encoding="utf-8"))[section]).items():
        assert [row[3]] == examples[name].examples


def test_the_settings_page_names_every_variable_that_the_code_reads_or_sets() -> None:
    page = set(_VARIABLE.findall(_SETTINGS.read_text(encoding="utf-8")))
    for path, text in text_files().items():
        place = relative(path)
        if place.startswith(("framework/src/", "sample-deep-research-mcp/src/", "infra/")):
            assert set(_VARIABLE.findall(text)) <= page, place


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser of every command that does something, however deep."""
    children = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not children:
        yield parser
    for action in children:
        for child in action.choices.values():
            yield from commands(child)


def options(command: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Name on the page (longest option string, or what stands for a positional argument) to its action."""
    return {
        max(action.option_strings, key=len) if action.option_strings else str(action.metavar or action.dest): action
        for action in command._actions
        if not isinstance(action, argparse._HelpAction) and action.help is not argparse.SUPPRESS
    }


COMMANDS = {command.prog: command for command in commands(build_parser())}


def test_the_cli_page_has_a_section_for_each_command_and_for_no_other() -> None:
    headings = {name for name in sections(_CLI.read_text(encoding="utf-8")) if name.startswith("gatelodge ")}
    assert headings == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_cli_page_has_every_option_of_a_command(name: str) -> None:
    section = sections(_CLI.read_text(encoding="utf-8"))[name]
    wanted = options(COMMANDS[name])
    found = {cell.split()[0]: row for cell, row in rows(section).items()} if wanted else {}
    assert found.keys() == wanted.keys()
    for option, action in wanted.items():
        if action.default is not None and not isinstance(action.default, bool):
            assert str(action.default) in " ".join(found[option]), f"default of {option}"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_cli_page_shows_how_to_call_each_command(name: str) -> None:
    lines = command_lines(sections(_CLI.read_text(encoding="utf-8"))[name])
    assert any(line.startswith(name) for line in lines)


def test_the_errors_page_is_the_generated_one() -> None:
    page = (_REFERENCE / "errors.md").read_text(encoding="utf-8")
    assert page == render(), "run: .venv/bin/python tests/repo/error_reference.py > docs/reference/errors.md"


def test_the_doctors_page_lists_every_check_in_order() -> None:
    page = (_REFERENCE / "doctor.md").read_text(encoding="utf-8")
    assert [row[0].strip("`") for row in tables(page)[0][1:]] == [check.name for check in CHECKS]
