"""The images that a deployment runs, as the engine has them: their history, variables and files.

Invariant: of files only what an image adds to its base counts, for the base is not ours to change. Looks with
containers that have no network and are removed at once. Not here: sizes, labels and start times
(``tests/e2e/docker/test_images.py``).
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from repo.checkout import ROOT
from repo.scans.floors import read
from repo.scans.outcome import Outcome
from repo.scans.secret_search import search

__all__ = [
    "IMAGES",
    "added",
    "configuration_faults",
    "faults",
    "file_faults",
    "listing",
    "present",
    "scan",
    "why_not",
]

# Image to its base: the part of infra/versions.toml that it is built on.
IMAGES: Mapping[str, str] = {
    "gatelodge-desk": "python",
    "gatelodge-tools": "python",
    "sample-deep-research-mcp": "python",
    "toolbox-mcp": "python",
    "workspace-mcp": "python",
    "gatelodge-keycloak": "keycloak",
}
# Files that may stay, and why.
_LOOK_SECONDS = 120
# Type and mode, a tab, the path: all that anyone may write to or that runs with its owner's rights, and caches.
_LIST = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o "
    "\\( -perm /6000 -o \\( -perm -0002 ! -type l \\) -o -path '*/.cache/*' -o -path '/var/lib/apt/lists/*_*' "
    "-o -path '/var/cache/apt/*.deb' -o -path '*/.git/*' -o -name '.env' -o -name 'id_rsa' -o -name 'pip.conf' \\) "
    "-printf '%y%m\\t%p\\n' 2>/dev/null"
)
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key)(?!.*_FILE$)")


def _docker(*arguments: str) -> str:
    program = shutil.which("docker")
    assert program
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_LOOK_SECONDS, check=False)
    return done.stdout if done.returncode == 0 else ""


def why_not() -> str:
    """Why no image can be looked at here, or an empty text."""
    if shutil.which("docker") is None:
        return "there is no docker command here"
    return "" if _docker("info", "--format", "{{.ServerVersion}}") else "no Docker engine answers here"


def present(image: str) -> bool:
    """Whether the engine has it."""
    return bool(_docker("image", "inspect", "--format", "{{.Id}}", image))


@cache
def listing(image: str) -> frozenset[tuple[str, str]]:
    """Type with mode, and path, of every file of an image that deserves a look; read as root, without a network."""
    arguments = ("run", "--rm", "--network", "none", "--read-only", "--user", "0:0", "--entrypoint", "sh", image)
    told = _docker(*arguments, "-c", _LIST + "; echo end")
    lines = told.splitlines()
    if not lines or lines[-1] != "end":
        raise RuntimeError(f"{image} could not be looked into: it has no shell or no find")
    return frozenset((mode, path) for mode, _, path in (line.partition("\t") for line in lines[:-1]))


def added(image: str, base: str) -> frozenset[tuple[str, str]]:
    """What an image has and its base has not."""
    return listing(image) - listing(base)


def file_faults(found: frozenset[tuple[str, str]]) -> Iterator[str]:
    """What is wrong with files that an image adds."""
    for mode, path in sorted(found, key=lambda each: each[1]):
        kind, bits = mode[0], int(mode[1:], 8)
        if kind == "f" and bits & 0o6000:
            yield f"{path} runs with its owner's rights ({mode[1:]})"
        elif bits & 0o002 and not (kind == "d" and bits & 0o1000):
            yield f"{path} can be written by anyone ({mode[1:]})"
        elif not bits & 0o002 and not bits & 0o6000:
            yield f"{path} does not belong into an image"


def configuration_faults(inspected: Mapping[str, Any], history: str) -> Iterator[str]:
    """Secrets in variables, labels or build steps, and a root user."""
    config = inspected["Config"]
    if str(config.get("User", "")).partition(":")[0] in {"", "0", "root"}:
        yield "it runs as root"
    for variable in config.get("Env") or []:
        name, _, value = variable.partition("=")
        if value and _SECRET_NAME.search(name):
            yield f"the variable {name} looks like a secret"
    text = [*(config.get("Env") or []), *(f"{k}={v}" for k, v in (config.get("Labels") or {}).items())]
    yield from (f"{each.place}: {each.kind}" for each in search(("variables and labels", line) for line in text))
    yield from (f"{each.place}: {each.kind}" for each in search(("build steps", line) for line in history.splitlines()))


def faults(image: str, base: str) -> list[str]:
    """What is wrong with an image that the engine has."""
    inspected = json.loads(_docker("image", "inspect", image))[0]
    history = _docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    found = [*configuration_faults(inspected, history), *file_faults(added(image, base))]
    return [f"{image}: {each}" for each in found]


def scan(tag: str = "latest") -> Outcome:
    """Those of our images that were built here."""
    if reason := why_not():
        return Outcome("images", "nothing", skipped=reason)
    bases = {name: part.get("image", "") for name, part in read(ROOT / "infra" / "versions.toml").items()}
    built = [name for name, base in IMAGES.items() if present(f"{name}:{tag}") and present(bases[base])]
    if not built:
        return Outcome("images", "nothing", skipped="none of our images is built here (docker compose build)")
    found = [fault for name in built for fault in faults(f"{name}:{tag}", bases[IMAGES[name]])]
    return Outcome("images", f"{len(built)} of {len(IMAGES)} images", tuple(found))
