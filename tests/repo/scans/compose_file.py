"""compose.yaml and what extends it: every service closed, limited and pinned, and nothing of the host handed in.

Not here: that it deploys what the native stack runs (``tests/repo/test_compose.py``); that the engine does as it is told
(``tests/e2e/docker``).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from repo.checkout import ROOT
from repo.scans.outcome import Outcome

__all__ = ["document", "faults", "scan"]

_OURS = re.compile(
    r"(gatelodge-[a-z]+|sample-deep-research-mcp|toolbox-mcp|workspace-mcp):\$\{[A-Z]+_VERSION:-(\$\{[A-Z]+_VERSION:-)?latest\}{1,2}"
)
_PINNED = re.compile(r".+:v?\d[\w.-]*(@sha256:[0-9a-f]{64})?")
# Rights that one service needs, and what for.
_RIGHTS = {"prepare": ["CHOWN"]}
_NEVER = ("privileged", "devices", "pid", "ipc", "uts", "userns_mode", "cgroup_parent", "sysctls")
_HOST = ("/var/run/docker.sock", "/run/docker.sock", "/proc", "/sys", "/etc", "/dev", "/:", "/root", "/home")


def document() -> dict[str, Any]:
    """The file as written, its variables not replaced."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return read


def _rights(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    if service.get("read_only") is not True:
        yield "its file system is not read-only"
    if service.get("cap_drop") != ["ALL"]:
        yield "it does not drop all capabilities"
    if extra := [right for right in service.get("cap_add", []) if right not in _RIGHTS.get(name, [])]:
        yield f"it adds the capabilities {extra}"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "it can gain privileges"
    yield from (f"{key} is set" for key in _NEVER if service.get(key))
    if service.get("network_mode") not in {None, "none"}:
        yield f"network_mode is {service['network_mode']}"


def _limits(service: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{key} is missing" for key in ("mem_limit", "pids_limit") if not service.get(key))
    image = str(service.get("image", ""))
    if not _PINNED.fullmatch(image) and not (_OURS.fullmatch(image) and "build" in service):
        yield f"the image {image!r} has no tag of a release"
    if service.get("restart") != "no" and not (service.get("healthcheck") or {}).get("test"):
        yield "it has no health check"


def _mounts(service: Mapping[str, Any]) -> Iterator[str]:
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0] if isinstance(volume, str) else str(volume.get("source", ""))
        if source.startswith(_HOST) or "docker.sock" in str(volume):
            yield f"{volume} hands in a part of the host"


def faults(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is open in these services."""
    return [
        f"{name}: {fault}"
        for name, service in services.items()
        for fault in (*_rights(name, service), *_limits(service), *_mounts(service))
    ]


def scan() -> Outcome:
    """Every service, those of profiles too."""
    services = document()["services"]
    return Outcome("compose", f"{len(services)} services", tuple(faults(services)))
