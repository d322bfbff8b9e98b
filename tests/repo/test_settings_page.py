"""The settings page against the models: generated, whole, and every variable described with an example."""

import re

import pytest
from pydantic_settings import BaseSettings

from gatelodge.settings.elsewhere import ELSEWHERE
from gatelodge.settings.processes import PROCESSES
from gatelodge.settings.unknown import known_names
from gatelodge.settings.variables import Variable, variables
from repo.checkout import ROOT
from repo.markdown import sections, tables
from repo.settings_reference import MODELS, render, sections_of_page

_PAGE = ROOT / "docs" / "reference" / "settings.md"
_VARIABLES = [pytest.param(one, id=f"{model.__name__}-{one.name}") for model in MODELS for one in variables(model)]


@pytest.mark.parametrize("variable", _VARIABLES)
def test_every_setting_is_described_with_an_example(variable: Variable) -> None:
    assert variable.description, "needs description= in its Field"
    assert variable.example, "needs examples= in its Field"
    assert not re.search(r"[|\n]", variable.description), "is one cell of a table"


def test_the_settings_page_is_the_generated_one() -> None:
    assert _PAGE.read_text(encoding="utf-8") == render(), (
        "run: PYTHONPATH=tests .venv/bin/python tests/repo/settings_reference.py > docs/reference/settings.md"
    )


def test_each_table_of_the_settings_page_has_a_heading_of_its_own() -> None:
    titles = [section.title for section in sections_of_page()]
    assert len(set(titles)) == len(titles)
    assert set(titles) <= sections(render()).keys()


def test_the_settings_page_has_every_variable_that_a_process_knows() -> None:
    shown = {
        row[0].strip("`") for section in sections(render()).values() for table in tables(section) for row in table[1:]
    }
    assert known_names() - {name for model in MODELS for one in variables(model) for name in one.also} <= shown
    assert ELSEWHERE.keys() <= shown


def test_the_page_covers_the_models_of_every_process() -> None:
    assert {model for process in PROCESSES for model in process.sections()} <= set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_every_secret_can_be_given_as_a_file(model: type[BaseSettings]) -> None:
    names = {one.name for one in variables(model)}
    assert {f"{one.name}_FILE" for one in variables(model) if one.secret} <= names
