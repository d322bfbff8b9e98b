"""Which tests cite which requirement, read from the test files without running or importing them.

A test cites by ``@pytest.mark.requirement("ID", ...)`` on the function, or by ``pytestmark`` for a whole file. With
``@pytest.mark.xfail`` beside it, it watches a recorded gap: xfail is strict here, so the run fails when the gap closes.
Invariant: ids are literals; a citation that cannot be read is a fault and not an absence.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.requirements.manifest import by_id
from conformance.requirements.model import Requirement

__all__ = ["Citation", "citations", "faults"]

TEST_FOLDERS = ("framework/tests", "sample-deep-research-mcp/tests", "tests")
_MARK = "pytest.mark.requirement"
_EXPECTED_TO_FAIL = "pytest.mark.xfail"


@dataclass(frozen=True, slots=True, order=True)
class Citation:
    """One test that cites one id; ``test`` is ``path::name``, or the path alone for a whole file.

    ``watches``: the test is expected to fail, so it shows that a gap is open.
    """

    id: str
    test: str
    watches: bool = False


def citations(root: Path) -> list[Citation]:
    """All citations in the test files below ``root``, sorted. Raises: ValueError for an id that is no literal."""
    files = (path for folder in TEST_FOLDERS for path in (root / folder).rglob("test_*.py"))
    return sorted({found for path in files for found in of_file(path, path.relative_to(root).as_posix())})


def of_file(path: Path, name: str) -> Iterator[Citation]:
    """The citations of one file, which messages call ``name``. Raises: ValueError."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            watches = any(_name(decorator) == _EXPECTED_TO_FAIL for decorator in node.decorator_list)
            for decorator in node.decorator_list:
                yield from _ids(decorator, f"{name}::{node.name}", watches=watches)
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(_is_pytestmark(target) for target in statement.targets):
            marks = statement.value.elts if isinstance(statement.value, ast.List | ast.Tuple) else [statement.value]
            for mark in marks:
                yield from _ids(mark, name)


def faults(requirements: tuple[Requirement, ...], cited: list[Citation]) -> list[str]:
    """What is wrong between the manifest and the tests, one line each; nothing wrong is an empty list."""
    known: Mapping[str, Requirement] = by_id(requirements)
    shown = {citation.id for citation in cited if not citation.watches}
    found: list[str] = []
    for citation in cited:
        requirement = known.get(citation.id)
        if requirement is None:
            found.append(f"{citation.test} cites {citation.id}, which the manifest does not have")
        elif citation.watches and requirement.gap is None:
            found.append(f"{citation.test} is expected to fail, but {citation.id} is no recorded gap")
    for requirement in requirements:
        if requirement.gap is None and requirement.id not in shown:
            found.append(f"{requirement.id} has no test: cite it from one, or record the gap as a Divergence")
        if requirement.gap is not None and requirement.id in shown:
            found.append(f"{requirement.id} is recorded as a gap, but a test shows it: remove its Divergence")
    return found


def _is_pytestmark(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "pytestmark"


def _name(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _ids(node: ast.expr, test: str, *, watches: bool = False) -> Iterator[Citation]:
    if not isinstance(node, ast.Call) or _name(node) != _MARK:
        return
    for argument in node.args:
        match argument:
            case ast.Constant(value=str(name)):
                yield Citation(name, test, watches)
            case _:
                raise ValueError(f"{test}: the ids of the requirement mark must be literals")
