"""Writing a new server, and renewing what an existing one has of ours.

Invariant: a file that is there is never overwritten but ``vendor/`` and the three locks, which are ours; a server that
could not be made whole is not left behind.
"""

import re
import shutil
import tempfile
import tomllib
from pathlib import Path

from gatelodge.ops.scaffold.lock import DEVELOPMENT, canonical, cut, parse, render_lock
from gatelodge.ops.scaffold.parameters import Parameters, ScaffoldRefused
from gatelodge.ops.scaffold.render import render
from gatelodge.ops.scaffold.wheel import Wheel, find_wheel, read_lock

__all__ = ["create", "vendor"]

_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def create(parameters: Parameters, folder: Path, *, wheel: Path | None = None) -> tuple[str, ...]:
    """Make the server in ``folder``; returns its files. Raises: ScaffoldRefused."""
    _refuse_occupied(folder)
    with tempfile.TemporaryDirectory() as scratch:
        ours = find_wheel(wheel, Path(scratch))
        draft = _draft_beside(folder)
        try:
            for path, text in render(parameters).items():
                target = draft / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
                target.chmod(0o755 if text.executable else 0o644)
            _write_vendored(draft, ours)
            draft.chmod(0o755)
            # Renaming replaces an empty folder and refuses any other: what came in between stays.
            draft.replace(folder)
        except OSError as error:
            raise ScaffoldRefused(
                f"{folder} cannot be made: {error.strerror}", hint="Choose another --folder."
            ) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))


def vendor(folder: Path, *, wheel: Path | None = None) -> Wheel:
    """Put our wheel of now and locks for it into a server's folder. Raises: ScaffoldRefused."""
    if not (folder / "pyproject.toml").is_file():
        raise ScaffoldRefused(f"{folder} is no server: it has no pyproject.toml", hint="Name the folder of a server.")
    with tempfile.TemporaryDirectory() as scratch:
        ours = find_wheel(wheel, Path(scratch))
        try:
            _write_vendored(folder, ours)
        except OSError as error:
            raise ScaffoldRefused(
                f"{folder} cannot be written: {error.strerror}", hint="Look at its rights."
            ) from error
    return ours


def _write_vendored(folder: Path, ours: Wheel) -> None:
    entries = parse(read_lock())
    serving = cut(entries, {*ours.requires, *_own_requirements(folder)})
    # Whole by itself: the image is built with it alone.
    building = cut(entries, DEVELOPMENT)
    # Both or neither: a lock that names a wheel which is not there installs nothing.
    place = folder / "vendor"
    place.mkdir(exist_ok=True)
    (place / ours.name).write_bytes(ours.content)
    for old in place.glob("gatelodge-*.whl"):
        if old.name != ours.name:
            old.unlink()
    runs = render_lock("What the server runs with.", serving, wheel=Path("vendor", ours.name), sha256=ours.sha256)
    (folder / "requirements.lock").write_text(runs, encoding="utf-8")
    builds = render_lock("What building and testing the server need.", building)
    (folder / "requirements-dev.lock").write_text(builds, encoding="utf-8")
    image = render_lock("What builds the image, and is not in it.", parse(read_lock("tools.lock")))
    (folder / "tools.lock").write_text(image, encoding="utf-8")


def _own_requirements(folder: Path) -> set[str]:
    """The packages that the server's own project names, without ours."""
    document = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    named = (_REQUIREMENT.match(line) for line in document.get("project", {}).get("dependencies", []))
    return {canonical(found[0]) for found in named if found} - {"gatelodge"}


def _refuse_occupied(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise ScaffoldRefused(
            f"{folder} is there already, and nothing is overwritten",
            hint=f"Choose another place: gatelodge new NAME --folder {folder}-2",
        )


def _draft_beside(folder: Path) -> Path:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise ScaffoldRefused(
            f"{folder.parent} cannot be written: {error.strerror}", hint="Choose another --folder."
        ) from error
