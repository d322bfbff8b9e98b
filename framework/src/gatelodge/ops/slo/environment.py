"""Where a run was made: the machine, the versions, the commit; nothing of it names a person or a path."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.stack.versions import read_versions

__all__ = ["describe"]

_PACKAGES = ("gatelodge", "fastmcp", "mcp", "uvicorn", "httpx2")


def describe(checkout: Path | None) -> dict[str, str]:
    """Facts by name, each a short text; what cannot be found out says so."""
    found = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _line(Path("/proc/cpuinfo"), "model name"),
        "cores": str(os.cpu_count() or 0),
        "memory": _line(Path("/proc/meminfo"), "MemTotal"),
        "load_before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "python": platform.python_version(),
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    if checkout is not None:
        try:
            pins = read_versions(checkout / "infra" / "versions.toml")
        except GatelodgeError:
            pins = None
        if pins is not None:
            found |= {"keycloak": pins.keycloak.version, "traefik": pins.traefik.version}
        found["commit"] = _commit(checkout)
    return found


def _line(path: Path, name: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((" ".join(line.partition(":")[2].split()) for line in lines if line.startswith(name)), "unknown")


def _commit(checkout: Path) -> str:
    head = _git(checkout, "rev-parse", "HEAD")
    if not head:
        return "unknown"
    return head[:12] + (" with changes" if _git(checkout, "status", "--porcelain", "--untracked-files=no") else "")


def _git(checkout: Path, *arguments: str) -> str:
    # Without optional locks: a run must not disturb work in the checkout.
    command = ["git", "--no-optional-locks", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
