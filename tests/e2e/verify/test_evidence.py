"""The reports that are kept: of the checks that there are, and as the guide says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from native_stack import CHECKOUT

from gatelodge.ops.verify.catalogue import CHECKS

FOLDER = CHECKOUT / "docs" / "evidence" / "verify"
REPORTS = ["native-chatgpt", "native-claude", "plain-fastmcp-chatgpt"]


def report(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return document


def failed(document: dict[str, Any]) -> list[str]:
    return [check["id"] for check in document["checks"] if check["outcome"] == "fail"]


@pytest.mark.parametrize("name", REPORTS)
def test_a_kept_report_has_every_check_once_and_nothing_of_a_machine(name: str) -> None:
    document = report(name)
    assert [check["id"] for check in document["checks"]] == [check.id for check in CHECKS]
    outcomes = [check["outcome"] for check in document["checks"]]
    assert document["counts"] == {outcome: outcomes.count(outcome) for outcome in document["counts"]}
    text = (FOLDER / f"{name}.json").read_text()
    assert len(text) < 40_000
    assert "eyJ" not in text
    assert not re.search(r"(?<![\w:/.])/(?:home|root|tmp|work|Users)/", text)
    assert document["command"].startswith("gatelodge verify ")


@pytest.mark.parametrize("client", ["chatgpt", "claude"])
def test_nothing_failed_on_the_native_stack(client: str) -> None:
    document = report(f"native-{client}")
    assert failed(document) == []
    assert document["counts"]["pass"] > 80


def test_the_guides_table_is_what_was_found_on_plain_fastmcp() -> None:
    guide = Path(CHECKOUT / "docs" / "guides" / "verify.md").read_text()
    section = guide.partition("## What a plain FastMCP server gets")[2].partition("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([A-G]\d+-[\w-]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(failed(report("plain-fastmcp-chatgpt")))
