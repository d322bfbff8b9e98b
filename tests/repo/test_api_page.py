"""The page of HTTP endpoints against the descriptions that are served."""

import re

from repo.api_reference import documents, render
from repo.checkout import ROOT

_PAGE = ROOT / "docs" / "reference" / "api.md"


def test_the_page_of_endpoints_is_the_generated_one() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    assert page == render(), "run: .venv/bin/python tests/repo/api_reference.py > docs/reference/api.md"


def test_every_endpoint_has_a_request_an_answer_and_an_error() -> None:
    sections = re.split(r"^### ", _PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    operations = sum(len(methods) for document in documents() for methods in document["paths"].values())
    assert len(sections) == operations > 40
    for section in sections:
        for part in ("```http\n", "\n**", "\nAn error, **", "\nErrors: "):
            assert part in section, section.partition("\n")[0]
