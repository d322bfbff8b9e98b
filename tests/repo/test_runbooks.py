"""The runbooks' commands name what there is: scripts, services, networks and volumes of compose.yaml."""

import re
import shlex

import pytest
import yaml

from repo.checkout import ROOT, markdown_files, relative
from repo.markdown import command_lines

_FOLDER = ROOT / "docs" / "runbooks"
_VERBS = {"build", "config", "cp", "create", "down", "exec", "logs", "ps", "pull", "restart", "start", "stop", "up"}
_NAMED = re.compile(r"\bgatelodge_([a-z-]+)\b")
_CONTAINER = re.compile(r"\bgatelodge-([a-z]+)-1\b")


def runbooks() -> dict[str, list[str]]:
    """Commands of each runbook."""
    return {
        relative(path): [line.removesuffix("\\").strip() for line in command_lines(text)]
        for path, text in markdown_files().items()
        if path.parent == _FOLDER
    }


@pytest.fixture(scope="module")
def compose() -> dict[str, dict[str, object]]:
    document: dict[str, dict[str, object]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return document


def test_there_are_runbooks_and_each_has_commands() -> None:
    found = runbooks()
    assert {name.rpartition("/")[2] for name in found} >= {
        "README.md",
        "restore.md",
        "upgrade.md",
        "keycloak-down.md",
        "docker-network.md",
    }
    assert all(lines for name, lines in found.items() if not name.endswith("README.md"))


def test_docker_compose_is_called_with_verbs_and_services_that_exist(compose: dict[str, dict[str, object]]) -> None:
    for path, lines in runbooks().items():
        for line in lines:
            words = [word for word in shlex.split(line) if not word.startswith("-") and "=" not in word]
            if words[:2] != ["docker", "compose"]:
                continue
            verb, given = words[2], words[3:]
            assert verb in _VERBS, f"{path}: {line}"
            if verb in {"stop", "start", "restart", "exec", "up", "logs"} and given:
                named = given[:1] if verb == "exec" else [word for word in given if not re.fullmatch(r"\d+[mh]?", word)]
                assert set(named) <= set(compose["services"]), f"{path}: {line}"


def test_scripts_of_the_runbooks_exist() -> None:
    for path, lines in runbooks().items():
        for line in lines:
            for script in re.findall(r"\b[\w./-]+\.(?:sh|py)\b", line):
                assert (ROOT / script).is_file() or script.startswith("/"), f"{path}: {line}"


def test_networks_volumes_and_containers_are_those_of_compose(compose: dict[str, dict[str, object]]) -> None:
    known = {*compose["networks"], *compose["volumes"]}
    for path, lines in runbooks().items():
        for line in lines:
            assert set(_NAMED.findall(line)) <= known, f"{path}: {line}"
            assert set(_CONTAINER.findall(line)) <= set(compose["services"]), f"{path}: {line}"
