"""The licence of every locked package against the allow-list of ``infra/licences.toml``, by what the package is used for.

Three uses: ``server`` (a server process and its image), ``operators`` (the commands, on an operator's machine and in the
tools image), ``development`` (tests and linters; nobody is handed these). Invariant: a licence that is not allowed for
its use needs a written exception by name, and an exception that nothing needs is a finding.
"""

import fnmatch
import importlib.metadata
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repo.checkout import ROOT
from repo.scans.floors import npm_packages, read
from repo.scans.outcome import Outcome

__all__ = ["USES", "Licensed", "allows", "examine", "exception_for", "packages", "policy", "scan"]

USES = ("server", "operators", "development")
_OPERATORS = frozenset({"ops", "report"})
_ENTRY = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==", re.MULTILINE)
_VIA = re.compile(r"^ +# (?:via)? *([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Licensed:
    """A package, its licence as an SPDX expression (empty: it names none) and what it is used for."""

    name: str
    licence: str
    use: str


def policy() -> dict[str, Any]:
    """infra/licences.toml."""
    return read(Path("infra/licences.toml"))


def allows(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression without brackets is met by these licences."""
    return any(all(term.strip() in allowed for term in one.split(" AND ")) for one in expression.split(" OR "))


def _roots(project: Path) -> Iterator[tuple[str, str]]:
    declared = tomllib.loads((ROOT / project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: Mapping[str, list[str]] = declared.get("optional-dependencies", {})
    for use, wanted in (
        *(("server", each) for each in declared["dependencies"]),
        *(("operators" if extra in _OPERATORS else "server", each) for extra, all_ in extras.items() for each in all_),
    ):
        yield canonicalize_name(Requirement(wanted).name), use


def uses() -> dict[str, str]:
    """Locked package to its use: that of what needs it, the widest one."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    needs: dict[str, set[str]] = {}
    for block in blocks:
        found = _ENTRY.match(block)
        assert found
        needs.setdefault(found[1], set())
        for parent in _VIA.findall(block):
            needs.setdefault(parent, set()).add(found[1])
    locked = {found[1] for block in blocks if (found := _ENTRY.match(block))}
    use = dict.fromkeys(locked, "development")
    roots = [
        *_roots(Path("framework")),
        *_roots(Path("sample-deep-research-mcp")),
        *_roots(Path("servers/toolbox-mcp")),
        *_roots(Path("servers/workspace-mcp")),
    ]
    for wanted in ("operators", "server"):
        waiting = [name for name, of in roots if of == wanted]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in use:
                use[name] = wanted
            waiting += needs.get(name, ())
    return use


def _named(name: str, policy: Mapping[str, Any]) -> str:
    if name in policy["stated"]:
        return str(policy["stated"][name]["licence"])
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    said = {key: metadata.get_all(key, []) for key in ("License-Expression", "License", "Classifier")}
    if said["License-Expression"]:
        return str(said["License-Expression"][0])
    words: Mapping[str, str] = policy["words"]
    told = [each.strip() for each in said["License"]]
    told += [each.rpartition(" :: ")[2] for each in said["Classifier"] if each.startswith("License")]
    return next((words[each] for each in told if each in words), "")


def packages(policy: Mapping[str, Any]) -> list[Licensed]:
    """Every locked distribution, by name, then the npm packages of tests and deployment files."""
    python = [Licensed(name, _named(name, policy), use) for name, use in sorted(uses().items())]
    npm = {
        key: Licensed(
            key, str(policy["stated"].get(key, {}).get("licence") or entry.get("license") or ""), "development"
        )
        for key, entry in ((f"npm:{name}", entry) for _, name, entry in npm_packages())
    }
    return [*python, *(npm[name] for name in sorted(npm))]


def exception_for(each: Licensed, exceptions: Mapping[str, Any]) -> str | None:
    """The name or pattern of the exception that speaks of a package."""
    return next((pattern for pattern in exceptions if fnmatch.fnmatchcase(each.name, pattern)), None)


def examine(found: list[Licensed], policy: Mapping[str, Any]) -> list[str]:
    """What is not allowed and has no exception, and exceptions that do not fit."""
    handed_out = frozenset(policy["allowed"]["handed_out"])
    allowed = dict.fromkeys(USES, handed_out) | {"development": handed_out | set(policy["allowed"]["tests_only"])}
    exceptions: Mapping[str, Mapping[str, Any]] = policy["exceptions"]
    faults, needed = [], set()
    for each in found:
        if not each.licence:
            faults.append(f"{each.name}: names no licence that is known here; state it with where it is written")
        elif not allows(each.licence, allowed[each.use]):
            by = exception_for(each, exceptions)
            if by is None:
                faults.append(f"{each.name} ({each.use}): {each.licence} is not allowed and has no exception")
                continue
            needed.add(by)
            if each.licence not in exceptions[by]["licences"] or each.use != exceptions[by]["use"]:
                faults.append(f"{each.name}: the exception is not for {each.licence} in {each.use}")
    names = {each.name for each in found}
    faults += [f"{name}: an exception that nothing needs" for name in exceptions if name not in needed]
    faults += [f"{name}: an exception without a reason" for name, it in exceptions.items() if len(it["reason"]) < 20]
    faults += [f"{name}: stated, but not locked" for name in policy["stated"] if name not in names]
    faults += [f"{name}: stated without a source" for name, it in policy["stated"].items() if not it.get("source")]
    return faults


def scan() -> Outcome:
    """All locked packages."""
    rules = policy()
    found = packages(rules)
    return Outcome("licences", f"{len(found)} packages", tuple(examine(found, rules)))
