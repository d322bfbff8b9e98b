"""The Dockerfiles of the checkout, taken apart into stages and instructions.

Not here: what must be true of them (``test_dockerfiles.py``).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from repo.checkout import ROOT

__all__ = ["SERVER", "SHARED", "Stage", "instructions", "instructions_of", "stages"]

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
    """Every instruction of a file, as ``instructions_of``."""
    return instructions_of(path.read_text(encoding="utf-8"))


def instructions_of(text: str) -> list[tuple[str, str]]:
    """Every instruction, in capitals, with its arguments; comments are dropped, continued lines joined."""
    told = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    lines = map(str.strip, re.sub(r"\s*\\\n\s*", " ", told).splitlines())
    return [(name.upper(), arguments.strip()) for line in lines if line for name, _, arguments in [line.partition(" ")]]


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
