"""The numbered steps: each changes the realm's files a little and says what a plan must be then.

A step is a folder with files that replace those of the step before, ``patch.yaml`` (changes inside of files),
``removed.yaml`` (files that go), ``environment.yaml`` (variables) and ``expected.txt`` (the lines of the plan).
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

STEPS = Path(__file__).parents[1] / "e2e" / "realm" / "steps"
_OWN = frozenset({"patch.yaml", "removed.yaml", "environment.yaml", "expected.txt"})


def steps() -> Iterator[Path]:
    """The folders, in order."""
    yield from sorted(path for path in STEPS.iterdir() if path.is_dir())


def take(step: Path, files: Path, environment: dict[str, str]) -> None:
    """Bring ``files`` and ``environment`` to where ``step`` wants them."""
    for path in step.rglob("*"):
        if path.is_file() and path.name not in _OWN:
            target = files / path.relative_to(step)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
    for name in _read(step / "removed.yaml") or []:
        (files / name).unlink()
    for name, changes in (_read(step / "patch.yaml") or {}).items():
        patch(files / name, changes)
    environment.update(_read(step / "environment.yaml") or {})


def patch(file: Path, changes: Mapping[str, Any]) -> None:
    """Change values of a YAML file by their paths."""
    content = yaml.safe_load(file.read_text())
    for path, value in changes.items():
        *way, last = path.split(".")
        place = content
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if last == "+":
            place.append(value)
        elif value is None:
            del place[int(last) if isinstance(place, list) else last]
        else:
            place[last] = value
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def expected(step: Path) -> list[str]:
    """The plan's lines, without the fields."""
    return (step / "expected.txt").read_text().splitlines()


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else None
