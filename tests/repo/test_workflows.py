"""The workflows for forks on GitHub: they parse, ask for few rights, and run nothing that could change under its name.

They are not run here: that takes GitHub. actionlint reads them where it can be built from its Go module.
"""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from repo.checkout import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yaml"))
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
_ACTION = re.compile(r"^\s*(?:- )?uses: (?P<name>[\w./-]+)@(?P<commit>\S+)(?: # (?P<tag>\S+))?$")


def workflow(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads the key ``on`` as true."""
    document: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else str(key): value for key, value in document.items()}


def unpinned(text: str) -> Iterator[str]:
    """Actions that are not named by a whole commit with its release beside it."""
    for line in text.splitlines():
        if re.search(r"\buses:", line):
            found = _ACTION.match(line)
            if not found or not re.fullmatch(r"[0-9a-f]{40}", found["commit"]) or not found["tag"]:
                yield line.strip()


def too_free(document: Mapping[str, Any]) -> Iterator[str]:
    """Rights beyond reading the contents, and text of strangers in a script."""
    if document.get("permissions") != {"contents": "read"}:
        yield "permissions of the workflow"
    if {"pull_request_target", "workflow_run"} & set(document["on"]):
        yield "a trigger that runs strangers' code with the repository's rights"
    for name, job in document["jobs"].items():
        if "permissions" in job:
            yield f"permissions of {name}"
        if not isinstance(job.get("timeout-minutes"), int):
            yield f"{name} has no end"
        for step in job["steps"]:
            if "github.event" in str(step.get("run", "")) or "github.head_ref" in str(step.get("run", "")):
                yield f"text of strangers in a script of {name}"
            if (
                "actions/checkout@" in str(step.get("uses", ""))
                and step["with"].get("persist-credentials") is not False
            ):
                yield f"{name} keeps the token in the checkout"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_workflow_parses_asks_for_few_rights_and_pins_its_actions(path: Path) -> None:
    assert list(too_free(workflow(path))) == []
    assert list(unpinned(path.read_text(encoding="utf-8"))) == []


def test_the_same_action_has_the_same_commit_and_release_everywhere() -> None:
    lines = "\n".join(path.read_text(encoding="utf-8") for path in FILES).splitlines()
    named = {(found["name"], found["commit"], found["tag"]) for line in lines if (found := _ACTION.match(line))}
    assert len(named) == len({name for name, _, _ in named})


@pytest.mark.parametrize(
    "line",
    [
        "- uses: actions/checkout@v7",
        "- uses: actions/checkout@main # v7.0.1",
        "- uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1",
        "uses: actions/checkout@3d3c42e # v7.0.1",
    ],
)
def test_an_action_that_is_not_pinned_is_found(line: str) -> None:
    assert list(unpinned(line)) == [line]


def test_rights_that_are_too_wide_are_found() -> None:
    wide: dict[str, Any] = {
        "on": {"pull_request_target": None},
        "permissions": "write-all",
        "jobs": {
            "a": {
                "permissions": {"contents": "write"},
                "steps": [
                    {"run": "echo ${{ github.event.issue.title }}"},
                    {"uses": "actions/checkout@v7", "with": {}},
                ],
            }
        },
    }
    assert len(list(too_free(wide))) == 6


def test_the_scanners_run_every_week_and_keep_their_reports() -> None:
    document = workflow(FOLDER / "security.yaml")
    assert "push" in document["on"]
    assert document["on"]["schedule"]
    assert set(document["jobs"]) == {"offline", "python", "npm", "files", "images"}
    for name, job in document["jobs"].items():
        kept = [step for step in job["steps"] if "actions/upload-artifact@" in step.get("uses", "")]
        assert [step["if"] for step in kept] == ["always()"], name


def test_the_images_that_are_scanned_are_those_of_the_deployment() -> None:
    pins = tomllib.loads((ROOT / "infra" / "versions.toml").read_text(encoding="utf-8"))
    matrix = workflow(FOLDER / "security.yaml")["jobs"]["images"]["strategy"]["matrix"]["include"]
    images = {each["service"]: each["image"] for each in matrix}
    assert images["postgres"] == pins["postgres"]["image"]
    assert images["traefik"] == pins["traefik"]["image"]
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    deployed = {re.sub(r"\$\{.*latest\}+", "latest", service["image"]) for service in services.values()}
    assert deployed <= set(images.values()), "name a new image in the matrix of security.yaml"
    for each in matrix:
        verb, service = each["get"].split()
        assert service in services
        assert ("build" in services[service]) is (verb == "build")


def test_ci_is_the_run_of_everywhere_else_with_the_whole_history() -> None:
    steps = workflow(FOLDER / "ci.yaml")["jobs"]["test"]["steps"]
    assert steps[-1] == {"run": "bash .ci/run"}
    assert steps[0]["with"]["fetch-depth"] == 0


def test_the_readme_shows_the_badges_of_this_fork() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("ci", "security"):
        assert f"](../../actions/workflows/{name}.yaml/badge.svg)" in readme
        assert (FOLDER / f"{name}.yaml").is_file()


@cache
def actionlint() -> str:
    """The program, from the path or built from its Go module; skips where neither can be had."""
    if there := shutil.which("actionlint"):
        return there
    go = shutil.which("go")
    if go is None:
        pytest.skip("no actionlint here, and no Go to build it")
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatelodge" / "actionlint"
    built = subprocess.run(
        [go, "install", ACTIONLINT],
        env=os.environ | {"GOBIN": str(kept)},
        capture_output=True,
        timeout=300,
        check=False,
    )
    if built.returncode:
        pytest.skip("actionlint's Go module could not be built")
    return str(kept / "actionlint")


def test_actionlint_finds_nothing_in_the_workflows(tmp_path: Path) -> None:
    program = actionlint()
    done = subprocess.run(
        [program, *map(str, FILES)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout + done.stderr == ""
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        (FOLDER / "ci.yaml").read_text(encoding="utf-8").replace("runs-on: ubuntu-24.04", "runs-on: [nowhere]")
    )
    seen = subprocess.run([program, str(bad)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert 'label "nowhere" is unknown' in seen.stdout
