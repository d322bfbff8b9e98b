"""The requirement manifest, the tests that cite it and the page made from both agree; and the checker can fail."""

from pathlib import Path

import pytest

from conformance.requirements.citations import Citation, citations, faults, of_file
from conformance.requirements.manifest import REQUIREMENTS, by_id
from conformance.requirements.model import Divergence, Level, Party, Requirement, Source
from conformance.requirements.page import COMMAND, render
from repo.checkout import ROOT

_PAGE = ROOT / "docs" / "reference" / "requirements.md"
_STANDARDS = ("MCP 2026-07-28", "MCP 2025-11-25", "RFC 6750", "RFC 8414", "RFC 8725", "RFC 8725bis", "RFC 9068")
_SOURCE = Source("RFC 0", "An example", "https://rfc.example/0")


def requirement(name: str, gap: Divergence | None = None) -> Requirement:
    return Requirement(name, _SOURCE, "1", "#1", Level.MUST, Party.SERVER, "Something holds.", gap)


def test_every_requirement_has_a_test_or_a_recorded_gap_and_every_citation_is_known() -> None:
    assert faults(REQUIREMENTS, citations(ROOT)) == []


def test_the_requirements_page_is_the_generated_one() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    assert page == render(REQUIREMENTS, citations(ROOT)), f"run: {COMMAND}"


def test_every_standard_that_is_claimed_has_requirements() -> None:
    assert {*_STANDARDS, "RFC 9207", "RFC 9700", "RFC 9728"} == {found.source.name for found in REQUIREMENTS}


@pytest.mark.parametrize(
    ("manifest", "cited", "fault"),
    [
        ([requirement("X-1")], [], "X-1 has no test"),
        ([], [Citation("X-2", "a::b")], "a::b cites X-2"),
        ([requirement("X-3", Divergence("not yet"))], [Citation("X-3", "a::b")], "X-3 is recorded as a gap"),
        ([requirement("X-4", Divergence("not yet"))], [Citation("X-5", "a::b", watches=True)], "a::b cites X-5"),
    ],
)
def test_the_checker_finds_what_does_not_agree(manifest: list[Requirement], cited: list[Citation], fault: str) -> None:
    found = faults(tuple(manifest), cited)
    assert len(found) == 1
    assert fault in found[0]


def test_the_checker_is_content_with_a_shown_requirement_and_with_a_gap() -> None:
    manifest = (requirement("X-1"), requirement("X-2", Divergence("not yet")))
    assert faults(manifest, [Citation("X-1", "a::b"), Citation("X-2", "a::c", watches=True)]) == []


def test_a_test_that_is_expected_to_fail_shows_nothing() -> None:
    found = faults((requirement("X-1"),), [Citation("X-1", "a::b", watches=True)])
    assert [line.split(":")[0] for line in found] == ["a", "X-1 has no test"]
    assert "is no recorded gap" in found[0]


def test_citations_are_read_from_functions_methods_and_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "test_x.py"
    path.write_text(
        "import pytest\n"
        "pytestmark = [pytest.mark.stack, pytest.mark.requirement('X-1')]\n"
        "@pytest.mark.requirement('X-2', 'X-3')\n"
        "@pytest.mark.parametrize('a', [1])\n"
        "async def test_a(a): ...\n"
        "class TestB:\n"
        "    @pytest.mark.requirement('X-4')\n"
        "    def test_b(self): ...\n"
        "@pytest.mark.xfail(reason='open')\n"
        "@pytest.mark.requirement('X-5')\n"
        "def test_c(): ...\n"
    )
    assert set(of_file(path, "f")) == {
        Citation("X-1", "f"),
        Citation("X-2", "f::test_a"),
        Citation("X-3", "f::test_a"),
        Citation("X-4", "f::test_b"),
        Citation("X-5", "f::test_c", watches=True),
    }


def test_a_citation_that_is_no_literal_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "test_x.py"
    path.write_text("import pytest\nNAME = 'X-1'\n@pytest.mark.requirement(NAME)\ndef test_a(): ...\n")
    with pytest.raises(ValueError, match="must be literals"):
        list(of_file(path, "f"))


def test_an_id_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        by_id((requirement("X-1"), requirement("X-1")))


@pytest.mark.parametrize(("name", "text"), [("x 1", "Text."), ("X-1", "No full stop"), ("X-1", "A | bar.")])
def test_an_entry_that_would_break_the_page_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"X-1|x 1"):
        Requirement(name, _SOURCE, "1", "#1", Level.MUST, Party.SERVER, text)
