"""Dockerfiles that make what is deployed: where they start from, who they run as, what they would leave in an image.

Invariant: a base image comes by an ``ARG`` with a tag that names a release, or is an image of ours; the last stages run
as a user of their own and say whether they are healthy. Not here: what a built image holds (``built_images.py``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from repo.checkout import ROOT, relative, text_files
from repo.dockerfiles import instructions_of
from repo.scans.outcome import Outcome

__all__ = ["FROM_THE_BASE", "deployed", "faults", "scan"]

# Built here from a Dockerfile of this repository; they have a user and a health check of their own.
_OURS = re.compile(r"(sample-deep-research-mcp|gatelodge-[a-z]+)(:|$)")
# Why a file may leave the user to its base image.
FROM_THE_BASE = {
    "infra/compose/keycloak.Dockerfile": "the official image runs as 1000, and compose.yaml says so once more",
}
_SECRET = re.compile(r"(?i)(password|passwd|secret|token|credential|api_?key|private_?key)")
_TESTS = frozenset({"tests", "test"})


@dataclass(slots=True)
class _Stage:
    base: str
    number: int
    name: str = ""
    user: str = ""
    exposes: bool = False
    health: bool = False
    steps: list[str] = field(default_factory=list)


def deployed() -> dict[str, str]:
    """Place and text of every Dockerfile but those of tests."""
    return {
        relative(path): text
        for path, text in text_files().items()
        if re.search(r"(^|\.)Dockerfile(\.tmpl)?$", path.name) and not _TESTS & set(path.relative_to(ROOT).parts)
    }


def _read(text: str) -> tuple[dict[str, str], list[_Stage], list[str]]:
    arguments: dict[str, str] = {}
    stages: list[_Stage] = []
    found: list[str] = []
    for word, rest in instructions_of(text):
        if word == "FROM":
            base, _, name = re.sub(r"^--platform=\S+ ", "", rest).partition(" AS ")
            stages.append(_Stage(base.strip(), len(stages), name.strip()))
        elif word == "ARG" and not stages:
            name, _, value = rest.partition("=")
            arguments[name] = value
        elif word in {"ARG", "ENV"}:
            found += [
                f"{word} {name} looks like a secret: it stays in the image"
                for name in re.findall(r"(?:^|\s)(\w+)(?:=|$|\s)", rest)
                if _SECRET.search(name) and not name.endswith("_FILE")
            ]
        elif word == "ADD":
            found.append("ADD unpacks and fetches by itself: use COPY, and for a download RUN with a hash")
        elif stages:
            _note(stages[-1], word, rest, found)
    return arguments, stages, found


def _note(stage: _Stage, word: str, rest: str, found: list[str]) -> None:
    if word == "USER":
        stage.user = rest
    elif word == "EXPOSE":
        stage.exposes = True
    elif word == "HEALTHCHECK":
        stage.health = not rest.upper().startswith("NONE")
    elif word == "RUN":
        if re.search(r"(curl|wget)[^|;&]*\|\s*(ba|da)?sh\b", rest):
            found.append("RUN hands a download to a shell")
        if re.search(r"\bpip3? install\b", rest) and "uv pip" not in rest and "--require-hashes" not in rest:
            found.append("RUN installs without hashes")
        if "apt-get install" in rest and "/var/lib/apt/lists" not in rest:
            found.append("RUN leaves the package manager's lists")


def faults(place: str, text: str) -> list[str]:
    """What is wrong in a Dockerfile."""
    arguments, stages, found = _read(text)
    names = {stage.name: stage for stage in stages if stage.name}
    used = {stage.base for stage in stages}
    for stage in stages:
        given = re.fullmatch(r"\$\{?(\w+)\}?", stage.base)
        image = arguments.get(given[1], "") if given else stage.base
        if stage.base in names or _OURS.match(image):
            continue
        if given is None:
            found.append(f"FROM {stage.base}: name it by an ARG above the first FROM, so that it can be replaced")
        elif not re.search(r":v?\d[^:/]*$|@sha256:[0-9a-f]{64}$", image):
            found.append(f"ARG {given[1]}={image}: a base image needs the tag of a release")
    for stage in stages:
        last = stage.number == len(stages) - 1
        # What another stage starts from or copies from is in no image by itself.
        if not last and (stage.name in used or f"--from={stage.name}" in text):
            continue
        found += _end(place, stage, names, arguments)
    return [f"{place}: {each}" for each in dict.fromkeys(found)]


def _end(place: str, stage: _Stage, names: dict[str, _Stage], arguments: dict[str, str]) -> Iterator[str]:
    chain = [stage]
    while chain[-1].base in names:
        chain.append(names[chain[-1].base])
    given = re.fullmatch(r"\$\{?(\w+)\}?", chain[-1].base)
    if _OURS.match(arguments.get(given[1], "") if given else chain[-1].base) or place in FROM_THE_BASE:
        return
    user = next((each.user for each in chain if each.user), "")
    called = f"the image of {stage.name or 'the last stage'}"
    if user.partition(":")[0] in {"", "0", "root"}:
        yield f"{called} runs as root"
    if any(each.exposes for each in chain) and not any(each.health for each in chain):
        yield f"{called} serves and has no HEALTHCHECK"


def scan() -> Outcome:
    """Every Dockerfile of what is deployed, the template of new servers among them."""
    files = deployed()
    found = [fault for place, text in files.items() for fault in faults(place, text)]
    found += [
        f"{place}: an exception for a file that is gone" for place in FROM_THE_BASE if not (ROOT / place).is_file()
    ]
    return Outcome("dockerfiles", f"{len(files)} Dockerfiles", tuple(found))
