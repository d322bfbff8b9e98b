"""Writes ``docs/reference/requirements.md`` from the manifest and from the tests that cite it.

PYTHONPATH=tests .venv/bin/python -m conformance.requirements.page > docs/reference/requirements.md
"""

import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from conformance.requirements.citations import Citation, citations
from conformance.requirements.manifest import REQUIREMENTS
from conformance.requirements.model import Requirement

__all__ = ["COMMAND", "render"]

ROOT = Path(__file__).resolve().parents[3]
COMMAND = "PYTHONPATH=tests .venv/bin/python -m conformance.requirements.page > docs/reference/requirements.md"

_HEAD = f"""\
# Requirements

Every MUST and SHOULD of the standards that the product claims to meet, in our own words, with the tests that show it.
{{figures}}

This page is generated from `tests/conformance/requirements/` and from the marks on the tests; a test compares the two,
and fails on a requirement without a test, on a test that cites an unknown id, and on a gap that a test shows to be
closed. A test that watches a gap is expected to fail, and the run fails when it passes. To write the page again:

```bash
{COMMAND}
```

*Who* is the part that has to meet it: the MCP **server**, the **issuer** (Keycloak with our realm, and the desk in front
of it), or our own **client** (`gatelodge.ops.link`).
"""


def render(requirements: tuple[Requirement, ...], cited: Iterable[Citation]) -> str:
    """The whole page."""
    tests: dict[str, list[str]] = {}
    for citation in cited:
        tests.setdefault(citation.id, []).append(citation.test)
    gaps = [requirement for requirement in requirements if requirement.gap is not None]
    figures = (
        f"There are {len(requirements)}: {len(requirements) - len(gaps)} shown by tests, {len(gaps)} recorded gaps."
    )
    parts = [_HEAD.format(figures=figures), _gaps(gaps, tests)]
    for source, group in groupby(requirements, key=lambda requirement: requirement.source):
        parts.append(f"\n## {source.name}\n\n[{source.title}]({source.url})\n\n")
        parts.append("| Id | Section | Level | Who | Requirement | Shown by |\n|---|---|---|---|---|---|\n")
        parts += [_row(requirement, tests.get(requirement.id, [])) for requirement in group]
    return "".join(parts)


def _gaps(gaps: list[Requirement], tests: Mapping[str, list[str]]) -> str:
    head = "\n## Recorded gaps\n\n| Id | Requirement | What holds instead | Watched by |\n|---|---|---|---|\n"
    rows = [
        f"| `{gap.id}` | {gap.text} | {gap.gap.note} | {_cell(tests.get(gap.id, []))} |\n" for gap in gaps if gap.gap
    ]
    return "".join([head, *rows])


def _row(requirement: Requirement, tests: list[str]) -> str:
    shown = "recorded gap" if requirement.gap is not None else _cell(tests)
    section = f"[{requirement.section}]({requirement.url})"
    level, party = requirement.level.value, requirement.party.value
    return f"| `{requirement.id}` | {section} | {level} | {party} | {requirement.text} | {shown} |\n"


def _cell(tests: list[str]) -> str:
    return "<br>".join(f"`{test}`" for test in tests)


if __name__ == "__main__":
    sys.stdout.write(render(REQUIREMENTS, citations(ROOT)))
