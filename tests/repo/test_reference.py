"""The reference pages against the code they describe: nothing is missing, nothing is left over, defaults are right."""

import argparse
import re
from collections.abc import Iterator

import pytest

from gatelodge.cli.main import build_parser
from gatelodge.core.codes import Code
from gatelodge.core.meanings.starts import STARTS
from gatelodge.ops.doctor.examine import CHECKS
from repo.checkout import ROOT, relative, text_files
from repo.error_reference import render
from repo.markdown import command_lines, sections, slugs, tables

_REFERENCE = ROOT / "docs" / "reference"
_SETTINGS = _REFERENCE / "settings.md"
_CLI = _REFERENCE / "cli.md"
_VARIABLE = re.compile(r"\bGATELODGE_[A-Z]+(?:_[A-Z]+)*\b(?!_?\*)")


def rows(section: str) -> dict[str, list[str]]:
    """Rows of a section's first table by their first cell, backticks taken off."""
    found = tables(section)
    assert found, "the section has a table"
    return {row[0].strip("`"): [cell.replace("`", "") for cell in row] for row in found[0][1:]}


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


@pytest.mark.parametrize("code", Code, ids=lambda code: code.value)
def test_every_code_has_an_anchor_of_its_own_on_the_errors_page(code: Code) -> None:
    page, _, anchor = code.link.partition("#")
    text = (ROOT / page).read_text(encoding="utf-8")
    assert anchor in slugs(text)
    told = sections(text)[code.value].replace("\\<", "<")
    for part in (code.meaning.text, code.meaning.cause, code.meaning.hint):
        assert part in told
    # What only ends a start or a command has no numbers.
    assert (f"HTTP status {code.meaning.status} · JSON-RPC code {code.meaning.rpc}" in told) == (
        code.value not in STARTS
    )


def test_the_doctors_page_lists_every_check_in_order() -> None:
    page = (_REFERENCE / "doctor.md").read_text(encoding="utf-8")
    assert [row[0].strip("`") for row in tables(page)[0][1:]] == [check.name for check in CHECKS]
