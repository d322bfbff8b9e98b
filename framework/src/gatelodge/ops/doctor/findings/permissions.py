"""Key and password files: readable by their owner only."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem

__all__ = ["CHECK"]

_PREFIXES = ("GATELODGE_", "POSTGRES_", "KC_")
# Certificates are for everyone.
_NAMES_PUBLIC = re.compile("CA_FILE|CERT")


async def _examine(facts: Facts) -> Finding:
    files = sorted(_secret_files(facts))
    if not files:
        return not_checked("no secret file is named by the environment, and this folder has no stack")
    faulty = [file for file in files if _open_to_others(file)]
    if faulty:
        return problem(
            f"others can read {', '.join(map(str, faulty[:5]))}{' and more' if len(faulty) > 5 else ''}",
            fix="Take the rights of group and others away; if anyone may have read them, make new ones.",
            command=f"chmod 600 {' '.join(map(str, faulty[:5]))}",
        )
    return healthy(f"{len(files)} secret files are readable by their owner only")


def _secret_files(facts: Facts) -> Iterator[Path]:
    for name, value in facts.environment.items():
        if name.startswith(_PREFIXES) and name.endswith("_FILE") and not _NAMES_PUBLIC.search(name):
            yield from (file for file in [Path(value)] if file.is_file())
    if facts.layout is None:
        return
    for folder in (facts.layout.secrets, facts.layout.tls):
        if folder.is_dir():
            yield from (file for file in folder.iterdir() if file.is_file() and not _public(file))
    if facts.layout.internal.is_file():
        yield facts.layout.internal


def _public(file: Path) -> bool:
    # Certificates are for everyone; private keys lie beside them.
    return file.suffix in {".pem", ".crt"} and "key" not in file.name


def _open_to_others(file: Path) -> bool:
    return bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


CHECK = Check("permissions", "Secret files", _examine)
