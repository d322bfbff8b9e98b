"""Writes ``docs/reference/licences.md`` from ``infra/licences.toml``, the locks and the packages' own metadata.

PYTHONPATH=tests .venv/bin/python tests/repo/licence_reference.py > docs/reference/licences.md
"""

import sys
from collections import Counter

from repo.scans.licences import USES, Licensed, exception_for, packages, policy

__all__ = ["render"]

_HEAD = """\
# Licences

This page is generated from `infra/licences.toml`, the locks and the packages' own metadata; a test compares them. To
write it again:

```bash
PYTHONPATH=tests .venv/bin/python tests/repo/licence_reference.py > docs/reference/licences.md
```

gatelodge itself is under the [Apache License 2.0](../../LICENSE). Its wheel holds no other package. What it needs is
listed below by its use; `BSD` stands for one of the BSD licences where a package does not say which. [Security
scans](security-scans.md) says how this is checked. It is a list, not legal advice.
"""
_TITLES = {"server": "In a server", "operators": "For operators", "development": "For development"}
_TEXTS = {
    "server": """\
Needed by a server process or by one of its extras, and therefore in images of servers. All are permissive but for the
exceptions.
""",
    "operators": """\
Needed by the commands (`gatelodge up`, `realm`, `slo` and so on) only: on an operator's machine, and some in the tools
image, which makes passwords and the realm. No server loads these.
""",
    "development": """\
Tests, linters and the tools of `deploy/`. Nobody is handed these; weak copyleft is allowed here. Beside the locked packages
some tests fetch WireMock (Apache-2.0; its archive holds Jetty and other parts under their own licences, EPL-2.0 among them).
""",
}


def render() -> str:
    """The whole page."""
    rules = policy()
    found = packages(rules)
    parts = [_HEAD]
    for use in USES:
        of_use = [each for each in found if each.use == use]
        python = [each for each in of_use if not each.name.startswith("npm:")]
        parts.append(f"\n## {_TITLES[use]}\n\n{_TEXTS[use]}\n| Licence | Packages |\n|---|---|\n")
        for licence in sorted({each.licence for each in python}):
            names = ", ".join(f"`{each.name}`" for each in python if each.licence == licence)
            parts.append(f"| {licence} | {names} |\n")
        if npm := [each for each in of_use if each.name.startswith("npm:")]:
            parts.append(_npm(npm))
    parts.append("\n## Exceptions\n\n| Package | Licence | Use | Reason |\n|---|---|---|---|\n")
    for name, entry in rules["exceptions"].items():
        parts.append(f"| `{name}` | {'; '.join(entry['licences'])} | {entry['use']} | {entry['reason']} |\n")
    parts.append("\n## Run beside the servers\n\n| Part | Licence | Known from |\n|---|---|---|\n")
    for name, entry in rules["images"].items():
        parts.append(f"| {name} | {entry['licence']} | {entry['source']} |\n")
    return "".join(parts)


def _npm(found: list[Licensed]) -> str:
    exceptions = policy()["exceptions"]
    count = Counter(each.licence for each in found if exception_for(each, exceptions) is None)
    told = ", ".join(f"{licence} {number}" for licence, number in sorted(count.items()))
    return f"\nnpm packages of the tests and of `deploy/`, by licence: {told}.\n"


if __name__ == "__main__":
    sys.stdout.write(render())
