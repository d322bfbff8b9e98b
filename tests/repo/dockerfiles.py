"""The Dockerfiles of the checkout, taken apart into stages and instructions.

Not here: what must be true of them (``test_dockerfiles.py``).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from repo.checkout import ROOT

__all__ = ["SERVER", "SHARED", "Stage", "instructions", "stages"]

# The images of compose.yaml, and a server's own.
SHARED = ROOT / "infra" / "compose" / "Dockerfile"
SERVER = ROOT / "sample-deep-research-mcp" / "Dockerfile"


@dataclass(frozen=True)
class Stage:
    """One stage: its name (``""`` for one without), what it is from, and its instructions."""

    name: str
    base: str
    lines: tuple[tuple[str, str], ...]

    def of(self, instruction: str) -> list[str]:
        """The arguments of every ``instruction``."""
        return [arguments for name, arguments in self.lines if name == instruction]


def instructions(path: Path) -> list[tuple[str, str]]:
    """Every instruction with its arguments; comments are dropped, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    joined = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [(name, arguments) for line in joined if line for name, _, arguments in [line.partition(" ")]]


def stages(path: Path) -> dict[str, Stage]:
    """The stages by name, in order; each with the instructions of those it stands on in front."""
    found: dict[str, Stage] = {}
    for name, arguments in instructions(path):
        if name == "FROM":
            base, _, own = arguments.partition(" AS ")
            found[own] = Stage(own, base, found[base].lines if base in found else ())
            current = own
        elif found:
            stage = found[current]
            found[current] = Stage(stage.name, stage.base, (*stage.lines, (name, arguments)))
    return found
