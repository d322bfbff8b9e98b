"""The catalogue of servers against their manifests, packages, tools and rules."""

import datetime as dt
import re

from repo.checkout import ROOT
from repo.server_catalogue import SERVERS, render

_PAGE = ROOT / "docs" / "reference" / "server-catalogue.md"


def test_the_catalogue_is_the_generated_one() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    updated = re.search(r"^Last updated: (.+)$", page, re.MULTILINE)
    assert updated is not None
    dt.date.fromisoformat(updated[1])
    assert page == render(updated[1]), (
        "run: PYTHONPATH=tests .venv/bin/python tests/repo/server_catalogue.py > docs/reference/server-catalogue.md"
    )


def test_every_server_of_the_checkout_has_a_row() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("servers/*/gatelodge.yaml")}
    assert folders | {"sample-deep-research-mcp"} == {server.folder for server in SERVERS}


def test_every_scope_of_a_manifest_and_its_text_are_on_the_page() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    for server in SERVERS:
        manifest = server.read()
        for scope, text in manifest["scopes"].items():
            assert f"`{manifest['name']}:{scope}`: {text}" in page
