"""The checkout as files: what git tracks or would track, and the Markdown among it.

Not here: what must be true of them (the tests of this folder).
"""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

__all__ = ["ROOT", "markdown_files", "relative", "text_files"]

ROOT = Path(__file__).resolve().parents[2]


@cache
def _files() -> tuple[Path, ...]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: nobody can say which files are tracked")
    # Files that are not committed yet count too, so that a fault shows before the commit and not after it.
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return tuple(path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file())


def text_files() -> dict[Path, str]:
    """Every tracked file that is UTF-8 text, with its text."""
    found: dict[Path, str] = {}
    for path in _files():
        try:
            found[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def markdown_files() -> dict[Path, str]:
    """Every tracked Markdown file of ours; those below a ``tests`` folder are input of tests."""
    return {
        path: text
        for path, text in text_files().items()
        if path.suffix == ".md" and "tests" not in path.relative_to(ROOT).parts
    }


def relative(path: Path) -> str:
    """A path as messages name it."""
    return path.relative_to(ROOT).as_posix()
