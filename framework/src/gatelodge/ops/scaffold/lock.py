"""A server's own locks, cut out of ours: the same versions, the same hashes, no name of an index.

``requirements.lock`` is what the server runs with, our wheel pinned by path and hash among it; ``requirements-dev.lock``
what building and testing need besides, ``tools.lock`` what builds its image. Who needs what is read from the comments that the lock keeps (``# via``).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatelodge.ops.scaffold.parameters import ScaffoldRefused

__all__ = ["DEVELOPMENT", "Entry", "canonical", "cut", "parse", "render_lock"]

# What scripts/env installs besides, and what builds the server's wheel: tests, and the means to build without an index.
DEVELOPMENT = ("editables", "hatchling", "pytest", "pytest-asyncio")

_ENTRY = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_VIA = re.compile(r"^ +# +(?:via )?([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One package of a lock: its lines without comments, and the packages that need it."""

    name: str
    text: str
    needed_by: frozenset[str]


def canonical(name: str) -> str:
    """A package's one spelling (PyPA, name normalisation)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(text: str) -> tuple[Entry, ...]:
    """The entries of a lock."""
    return tuple(_entry(block) for block in _ENTRY.split(text) if block and not block.startswith("#"))


def _entry(block: str) -> Entry:
    lines = "".join(line for line in block.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    return Entry(
        canonical(block.partition("==")[0].partition("[")[0]),
        lines,
        frozenset(canonical(other) for other in _VIA.findall(block) if other != "via"),
    )


def cut(entries: Sequence[Entry], wanted: Iterable[str]) -> tuple[Entry, ...]:
    """The entries of these packages and of all they need. Raises: ScaffoldRefused for one that is not locked."""
    known = {entry.name for entry in entries}
    taken = {canonical(name) for name in wanted}
    if missing := sorted(taken - known):
        raise ScaffoldRefused(
            f"not in gatelodge's lock: {', '.join(missing)}",
            hint="Lock it yourself with hashes, in a file beside requirements.lock: uv pip compile --generate-hashes",
        )
    while True:
        more = {entry.name for entry in entries if entry.needed_by & taken} - taken
        if not more:
            return tuple(entry for entry in entries if entry.name in taken)
        taken |= more


def render_lock(what: str, entries: Iterable[Entry], *, wheel: Path | None = None, sha256: str = "") -> str:
    """A lock as pip and uv read it; ``wheel`` is relative to the folder of the lock."""
    lines = [f"# {what}\n# Made by gatelodge; `gatelodge vendor .` makes it anew.\n"]
    if wheel is not None:
        lines.append(f"./{wheel.as_posix()} \\\n    --hash=sha256:{sha256}\n")
    return "".join([*lines, *(entry.text for entry in entries)])
