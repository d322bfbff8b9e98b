"""The page of the verifier's checks against the code."""

from gatelodge.cli.main import build_parser
from gatelodge.ops.verify.profiles import PROFILES
from repo.checkout import ROOT
from repo.verify_reference import render


def test_the_page_of_checks_is_the_generated_one() -> None:
    page = (ROOT / "docs" / "reference" / "verify.md").read_text(encoding="utf-8")
    assert page == render(), "run: .venv/bin/python tests/repo/verify_reference.py > docs/reference/verify.md"


def test_the_command_knows_every_client() -> None:
    parse = build_parser().parse_args
    assert {parse(["verify", "https://a/mcp", "--as", name]).client for name in PROFILES} == set(PROFILES)
