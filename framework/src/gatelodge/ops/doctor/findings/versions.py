"""Versions in use against the floor table: the release that fixed the last vulnerability that can be reached here."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem
from gatelodge.ops.stack.versions import PinsInvalid, read_versions

__all__ = ["CHECK", "below"]


async def _examine(facts: Facts) -> Finding:
    if facts.layout is None:
        return not_checked("no floor table: run it in a checkout")
    try:
        floors = tomllib.loads((facts.layout.infra / "floors.toml").read_text(encoding="utf-8"))
        parts = read_versions(facts.layout.infra / "versions.toml")
    except (OSError, tomllib.TOMLDecodeError, PinsInvalid) as error:
        return not_checked(f"the floor table or the pins cannot be read: {error}")
    used = {**_installed(floors["python"]), "keycloak": parts.keycloak.version, "traefik": parts.traefik.version}
    wanted = {name: str(entry["floor"]) for name, entry in {**floors["python"], **floors["parts"]}.items()}
    old = [
        f"{name} {used[name]} is older than {wanted[name]}" for name in sorted(used) if below(used[name], wanted[name])
    ]
    if old:
        return problem("; ".join(old), fix="Install what the lock says, or take newer pins.", command=_install(facts))
    return healthy(f"{len(used)} parts are at or above their floors")


def below(version: str, floor: str) -> bool:
    """Whether a release is older than another one; numbers only, a missing one counts as 0."""
    ours, theirs = _numbers(version), _numbers(floor)
    length = max(len(ours), len(theirs))
    return [*ours, *[0] * (length - len(ours))] < [*theirs, *[0] * (length - len(theirs))]


def _numbers(version: str) -> list[int]:
    release = re.match(r"[vV]?(\d+(?:\.\d+)*)", version)
    return [int(number) for number in release[1].split(".")] if release else []


def _installed(names: Mapping[str, object]) -> dict[str, str]:
    return dict(_versions(names))


def _versions(names: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _install(facts: Facts) -> str:
    inside = facts.layout is not None and (facts.layout.checkout / Path("Makefile")).is_file()
    return "make env" if inside else ""


CHECK = Check("versions", "Versions", _examine)
