"""The page of commands against the tool packs and the toolbox server."""

import asyncio
import json
import re
import typing

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import TypeAdapter

from gatelodge.toolpacks.pack import PackTool
from gatelodge.toolpacks.packs import NAMES, load
from repo.checkout import ROOT
from repo.commands_reference import EXAMPLES, OWN_EXAMPLES, own_tools, render, required

_PAGE = ROOT / "docs" / "reference" / "commands.md"
_TOOLS = [tool for name in NAMES for tool in load(name).tools]


def test_the_commands_page_is_the_generated_one() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    assert page == render(), "run: .venv/bin/python tests/repo/commands_reference.py > docs/reference/commands.md"


@pytest.mark.parametrize("tool", _TOOLS, ids=lambda tool: tool.name)
def test_the_example_of_a_tool_is_taken_by_it(tool: PackTool) -> None:
    hints = typing.get_type_hints(tool.function, include_extras=True)
    for name in required(tool):
        TypeAdapter(hints[name]).validate_python(EXAMPLES[name], strict=True)


def test_the_examples_of_the_toolbox_are_taken_by_it() -> None:
    tools = {tool.name: tool for tool in asyncio.run(own_tools())}
    assert tools.keys() == OWN_EXAMPLES.keys()
    for name, arguments in OWN_EXAMPLES.items():
        jsonschema.validate(arguments, tools[name].parameters)
        assert set(tools[name].parameters["required"]) <= arguments.keys()


def test_every_tool_has_an_example_on_the_page() -> None:
    shown = {
        json.loads(found)["name"] for found in re.findall(r"Example: `(\{.*\})`\.", _PAGE.read_text(encoding="utf-8"))
    }
    assert shown == {tool.name for tool in _TOOLS} | OWN_EXAMPLES.keys()
