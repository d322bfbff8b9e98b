"""``docs/reference/traceability.md`` stays true: every requirement once, and every test it cites exists."""

import ast
import re
from functools import cache
from pathlib import Path

from repo.checkout import ROOT, relative
from repo.markdown import inline_code, tables

_PAGE = ROOT / "docs" / "reference" / "traceability.md"
_IDS = Path(__file__).with_name("requirement_ids.txt")
# The list of what was asked for is kept beside the checkout, not in it.
_REQUIREMENTS = ROOT.parent / "shared" / "requirements.md"
_NOT_BUILT = "not built yet"
_ROW = re.compile(r"^\| ([A-Z]\d+) \|", re.MULTILINE)


def page_rows() -> list[list[str]]:
    """Rows of all tables of the page: id, what, shown by."""
    return [row for table in tables(_PAGE.read_text(encoding="utf-8")) for row in table[1:]]


@cache
def functions(path: Path) -> frozenset[str]:
    """Names of the test functions of a file, those of classes included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


def fault(citation: str) -> str | None:
    """What is wrong with one cited test; None when it exists."""
    name, _, function = citation.partition("::")
    path = ROOT / name
    if not path.is_file() or not path.name.startswith("test_"):
        return f"{citation}: no such test file"
    if function and function.partition("[")[0] not in functions(path):
        return f"{citation}: {relative(path)} has no such test"
    return None if functions(path) else f"{citation}: no test in it"


def test_every_requirement_has_exactly_one_row() -> None:
    assert [row[0] for row in page_rows()] == _IDS.read_text(encoding="utf-8").split()


def test_the_committed_ids_are_those_of_the_requirements() -> None:
    if _REQUIREMENTS.is_file():
        assert _ROW.findall(_REQUIREMENTS.read_text(encoding="utf-8")) == _IDS.read_text(encoding="utf-8").split()
    assert len(set(_IDS.read_text(encoding="utf-8").split())) == 92


def test_every_row_says_what_is_asked_and_what_shows_it() -> None:
    for row in page_rows():
        assert len(row) == 3
        assert all(cell.strip() for cell in row), row[0]


def test_every_cited_test_exists() -> None:
    faults: list[str] = []
    for row in page_rows():
        citations = inline_code(row[2])
        faults += [f"{row[0]}: {found}" for citation in citations if (found := fault(citation))]
        if not citations and row[2] != _NOT_BUILT:
            faults.append(f"{row[0]}: cites no test and does not say {_NOT_BUILT!r}")
        if citations and _NOT_BUILT in row[2]:
            faults.append(f"{row[0]}: says both")
    assert faults == []
