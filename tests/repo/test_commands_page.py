"""The page of commands against the tool packs."""

from repo.checkout import ROOT
from repo.commands_reference import render


def test_the_commands_page_is_the_generated_one() -> None:
    page = (ROOT / "docs" / "reference" / "commands.md").read_text()
    assert page == render(), "run: .venv/bin/python tests/repo/commands_reference.py > docs/reference/commands.md"
