"""Running the official suite, a package of npm, against a URL, and reading what it found.

Invariant: the suite sees nothing of the user's environment. Not here: what must pass (``scenarios``).
"""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from npm_install import install_locked

__all__ = ["Finished", "Suite", "install"]

_HERE = Path(__file__).parent
_PACKAGE = Path("node_modules", "@modelcontextprotocol", "conformance")
_SECONDS = 180
_RESULT = re.compile(r"server-(.+)-\d{4}-\d\d-\d\dT[0-9-]+Z")


@dataclass(frozen=True, slots=True)
class Finished:
    """One run: the exit code, what was printed, and the checks of each scenario."""

    code: int
    output: str
    checks: Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Suite:
    """The installed suite."""

    node: Path
    folder: Path

    def required(self, revision: str) -> tuple[str, ...]:
        """The server scenarios that the package says a revision requires."""
        text = (self.folder / _PACKAGE / "requirements" / f"{revision}.yaml").read_text(encoding="utf-8")
        return tuple(yaml.safe_load(text)["server"])

    def run(self, url: str, work: Path, *options: str) -> Finished:
        """Run scenarios chosen by ``options`` against ``url``; ``work`` is an empty folder for the results."""
        script = self.folder / _PACKAGE / "dist" / "index.js"
        command = [str(self.node), str(script), "server", "--url", url, *options, "-o", str(work / "results")]
        done = subprocess.run(
            command,
            cwd=work,
            env={"PATH": "/usr/bin:/bin", "HOME": str(work)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Finished(done.returncode, f"{done.stdout}\n{done.stderr}", _read(work / "results"))


def install() -> Suite:
    """The suite from the lock file beside this module. Raises: NpmUnavailable."""
    return Suite(*install_locked(_HERE))


def _read(results: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(results.glob("*/checks.json")):
        if name := _RESULT.fullmatch(path.parent.name):
            found[name[1]] = json.loads(path.read_text(encoding="utf-8"))
    return found
