"""The vault's key: readable by its owner only, and not where a backup of the database takes it along."""

import stat
from collections.abc import Iterator
from pathlib import Path

from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem, warning

__all__ = ["CHECK"]

_VARIABLES = ("GATELODGE_VAULT_KEY_FILE", "MCP_AUTH_ENCRYPTION_KEY_FILE")


async def _examine(facts: Facts) -> Finding:
    keys = sorted(set(_keys(facts)))
    if not keys:
        return not_checked("no key file of a vault is named by the environment, and this folder has none")
    shown = ", ".join(map(str, keys))
    faulty = [key for key in keys if not key.is_file() or stat.S_IMODE(key.stat().st_mode) & 0o077]
    if faulty:
        return problem(
            f"not a file, or others can use it: {', '.join(map(str, faulty))}",
            fix="Its mode must be 0600. If others may have read it, change the key: docs/runbooks/rotate-keys.md.",
            command=f"chmod 600 {' '.join(map(str, faulty))}",
        )
    beside = [key for key in keys if any(key.parent.glob("*.db"))]
    if not beside:
        return healthy(f"{shown}: mode 0600, not beside a database")
    note = "a backup of that folder has both: keep the key's copy apart, and leave the file out of backups"
    if facts.environment.get("GATELODGE_MODE") == "production":
        where = ", ".join(map(str, beside))
        return warning(
            f"the key lies beside the database that it protects: {where}; {note}",
            fix="Move it, and name the new place in GATELODGE_VAULT_KEY_FILE.",
        )
    return healthy(f"{shown}: mode 0600, beside the database, as in development; {note}")


def _keys(facts: Facts) -> Iterator[Path]:
    yield from (Path(facts.environment[name]) for name in _VARIABLES if facts.environment.get(name))
    if facts.layout is not None and facts.layout.state.is_dir():
        yield from facts.layout.state.glob("*/vault.key")


CHECK = Check("vault-key", "The vault's key", _examine)
