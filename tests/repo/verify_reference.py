"""Writes ``docs/reference/verify.md`` from ``ops/verify``.

.venv/bin/python tests/repo/verify_reference.py > docs/reference/verify.md
"""

import sys
from collections.abc import Iterable

from gatelodge.ops.verify.catalogue import CHECKS, SECTIONS
from gatelodge.ops.verify.check import Check
from gatelodge.ops.verify.profiles import PROFILES

__all__ = ["render"]

_HEAD = """\
# Checks of `gatelodge verify`

This page is generated from `framework/src/gatelodge/ops/verify/`; a test compares the two. To write it again:

```bash
.venv/bin/python tests/repo/verify_reference.py > docs/reference/verify.md
```

How to use the command is in the [guide](../guides/verify.md), its options in [commands](cli.md#gatelodge-verify). The id of
a check does not change between releases; titles and texts may. Each check ends as `pass`, `fail`, `not_applicable` (the rule
does not concern this server or client) or `not_evaluated` (it could not be looked at; the report says why).
"""
_CLIENTS_HEAD = """
## Clients

| `--as` | Client | Redirect URI | Besides |
|---|---|---|---|
"""


def render() -> str:
    """The whole page."""
    sections = [_section(letter, name) for letter, name in SECTIONS.items()]
    return _HEAD + _CLIENTS_HEAD + "".join(_client(name) for name in PROFILES) + "".join(sections)


def _client(name: str) -> str:
    profile = PROFILES[name]
    notes = [f"`{profile.fallback}` where `iss` is not promised"] if profile.fallback else []
    notes += ["reads the first issuer only"] if profile.first_issuer_only else []
    notes += ["registers with the challenged scope only"] if profile.own_scope else []
    notes += ["asks for the OIDC scopes that the issuer lists"] if profile.oidc else []
    notes += [f"a page of `{profile.origin}`"] if profile.origin else []
    notes += ["on the user's machine"] if profile.local else []
    return f"| `{name}` | {profile.title} | `{profile.redirect}` | {', '.join(notes)} |\n"


def _section(letter: str, name: str) -> str:
    rows = "".join(_row(check) for check in CHECKS if check.section == letter)
    return f"\n## {name}\n\n| Check | What | Clients | Rule's source | Fix |\n|---|---|---|---|---|\n{rows}"


def _row(check: Check) -> str:
    clients = ", ".join(name for name in PROFILES if name in check.clients) or "all"
    return _cells(f"`{check.id}`", check.title, clients, check.source, check.fix)


def _cells(*cells: str) -> str:
    return f"| {' | '.join(_escaped(cells))} |\n"


def _escaped(cells: Iterable[str]) -> list[str]:
    return [cell.replace("|", "\\|").replace("<", "\\<").replace("{", "\\{") for cell in cells]


if __name__ == "__main__":
    sys.stdout.write(render())
