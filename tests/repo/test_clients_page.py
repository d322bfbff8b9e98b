"""``docs/reference/clients.md`` stays true: every named test exists, every version is the one that is installed."""

import json
import re
from datetime import date
from importlib.metadata import version

import pytest

from repo.checkout import ROOT
from repo.markdown import inline_code, sections, tables
from repo.test_traceability import fault

_PAGE = (ROOT / "docs" / "reference" / "clients.md").read_text(encoding="utf-8")
_NPM = json.loads((ROOT / "tests" / "e2e" / "clients" / "package.json").read_text(encoding="utf-8"))["dependencies"]
_NOT_RUN = "not run here: needs the internet"
_NOT_RUN_HERE = ("ChatGPT", "Codex", "Claude", "Claude Code", "VS Code", "MCP Inspector", "Cursor")


def rows(title: str) -> list[list[str]]:
    """Rows of a section's only table, without its head."""
    (table,) = tables(sections(_PAGE)[title])
    return table[1:]


RUN, PLAYED = rows("Run here"), rows("Played here")


def test_every_row_names_tests_that_exist() -> None:
    faults = []
    for row in (*RUN, *PLAYED):
        citations = inline_code(row[-3])
        assert citations, row
        faults += [found for citation in citations if (found := fault(citation))]
    assert faults == []


def test_every_row_has_a_way_a_date_and_a_result() -> None:
    for row in (*RUN, *PLAYED):
        assert all(cell.strip() for cell in row)
        assert re.match(r"CIMD|DCR|predefined", row[-4])
        assert date.fromisoformat(row[-2]) >= date(2026, 11, 21)


@pytest.mark.parametrize("row", RUN, ids=lambda row: f"{row[0]} {row[2][:4]}")
def test_a_version_is_the_one_that_the_tests_run(row: list[str]) -> None:
    name = next(iter(inline_code(row[0])), row[0])
    assert row[1] == (_NPM.get(name) or version(name))


def test_a_product_that_was_not_run_is_said_to_be() -> None:
    assert _NOT_RUN in sections(_PAGE)["Played here"].replace("\n", " ")
    assert {row[0] for row in PLAYED} == set(_NOT_RUN_HERE)
    assert {row[0] for row in RUN}.isdisjoint(_NOT_RUN_HERE)
