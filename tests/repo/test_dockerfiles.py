"""One pattern for every Dockerfile of ours: the same stages, the same checks of what is installed, the same closed result.

The template of ``gatelodge new`` is the sample's (``framework/tests/ops/scaffold/test_drift.py``).
"""

import re
import tomllib
from pathlib import Path

import pytest

from repo.checkout import ROOT, text_files
from repo.dockerfiles import SERVER, SHARED, Stage, instructions, stages

# What runs: the stage, the one it is copied from, and the port of its service.
RUNNING = [
    (SHARED, "desk", "connected", "8001"),
    (SHARED, "sample", "with-sample", "8000"),
    (SHARED, "workspace", "with-workspace", "8002"),
    (SHARED, "toolbox", "with-toolbox", "8002"),
    (SHARED, "tools", "with-tools", None),
    (SERVER, "", "build", "8000"),
]
_IDS = ["desk", "sample", "workspace", "toolbox", "tools", "server"]
_LABELS = {"title", "description", "version", "revision", "source", "licenses"}
_COMPILES = "python -c "


def _labels(stage: Stage) -> dict[str, str]:
    return {
        name: value
        for line in stage.of("LABEL")
        for name, value in re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', line)
    }


def test_no_other_dockerfile_of_ours_installs_anything() -> None:
    found = {path for path in text_files() if re.search(r"(^|\.)Dockerfile$", path.name)}
    # The stand-ins and the comparison are made for tests.
    others = {path for path in found - {SHARED, SERVER} if "tests" not in path.relative_to(ROOT).parts}
    assert {path.name for path in others} >= {"keycloak.Dockerfile"}
    for path in others:
        # On the vendor's image or one of ours, which the builder can name.
        assert instructions(path)[0][0] == "ARG", path
        ran = [words for name, words in instructions(path) if name == "RUN"]
        assert all(words.startswith("/opt/keycloak/bin/kc.sh build ") for words in ran), path


@pytest.mark.parametrize("path", [SHARED, SERVER], ids=["shared", "server"])
def test_every_stage_stands_on_one_base_that_can_be_replaced(path: Path) -> None:
    pinned = tomllib.loads((ROOT / "infra" / "versions.toml").read_text("utf-8"))["python"]["image"]
    assert instructions(path)[0] == ("ARG", f"PYTHON={pinned}")
    found = stages(path)
    assert {stage.base for stage in found.values()} - set(found) == {"${PYTHON}"}


def test_what_builds_is_made_in_the_same_way_and_by_hashes_only() -> None:
    shared, server = stages(SHARED)["builder"], stages(SERVER)["builder"]
    there = [(name, words.replace("scripts/tools.lock", "tools.lock")) for name, words in shared.lines]
    here = [(name, words.replace("tools.lock ./", "tools.lock tools.lock")) for name, words in server.lines]
    assert there == here
    [pip] = [line for line in server.of("RUN") if "pip install" in line]
    assert "--require-hashes -r tools.lock" in pip
    lock = (ROOT / "scripts" / "tools.lock").read_text("utf-8")
    assert re.match(r"uv==\S+ \\\n +--hash=sha256:", lock)


@pytest.mark.parametrize(("path", "name", "built", "_port"), RUNNING, ids=_IDS)
def test_packages_come_from_the_lock_and_code_from_a_wheel_without_an_index(
    path: Path, name: str, built: str, _port: str | None
) -> None:
    del name, _port
    stage = stages(path)[built]
    steps = [step.strip() for line in stage.of("RUN") for step in line.split("&&")]
    constrained = "UV_CONSTRAINT=/src/requirements.lock" in stage.of("ENV")
    for step in (step for step in steps if step.startswith("uv pip install")):
        assert "--require-hashes" in step or "--no-index" in step or constrained, step
    for step in (step for step in steps if step.startswith("uv build")):
        assert "--require-hashes --build-constraint requirements" in step, step
    assert steps[-1] == "trim"
    assert not any("--compile-bytecode" in step for step in steps)


@pytest.mark.parametrize(("path", "name", "built", "port"), RUNNING, ids=_IDS)
def test_what_runs_has_no_installer_a_user_of_its_own_and_only_the_built_environment(
    path: Path, name: str, built: str, port: str | None
) -> None:
    stage = stages(path)[name]
    assert stage.of("COPY") == [f"--from={built} /app /app"]
    first, compiles = stage.of("RUN")
    assert first == stages(SERVER)[""].of("RUN")[0]
    assert first.startswith("rm -rf /usr/local/bin/pip*")
    assert "useradd --system --uid 10001" in first
    assert compiles.startswith(_COMPILES)
    order = [instruction for instruction, _ in stage.lines]
    # Compiled by root, then never root again.
    assert order.index("USER") > max(at for at, instruction in enumerate(order) if instruction in {"RUN", "COPY"})
    assert stage.of("USER") == ["app"]
    assert stage.of("EXPOSE") == ([port] if port else [])


@pytest.mark.parametrize(("path", "name", "built", "port"), RUNNING, ids=_IDS)
def test_every_image_with_a_service_says_by_itself_whether_it_lives(
    path: Path, name: str, built: str, port: str | None
) -> None:
    del built
    stage = stages(path)[name]
    assert stage.of("HEALTHCHECK") == (stages(SERVER)[""].of("HEALTHCHECK") if port else [])
    assert stage.of("VOLUME") == (["/state"] if port else [])
    for check in stage.of("HEALTHCHECK"):
        assert "/health/live" in check
        assert any(f"GATELODGE_PORT={port}" in line for line in stage.of("ENV"))


@pytest.mark.parametrize(("path", "name", "built", "port"), RUNNING, ids=_IDS)
def test_an_image_with_a_service_listens_on_all_addresses_of_its_container(
    path: Path, name: str, built: str, port: str | None
) -> None:
    del built
    environment = " ".join(stages(path)[name].of("ENV")).split()
    # Without it a process listens on 127.0.0.1, which nobody outside its container reaches.
    assert port is None or "GATELODGE_BIND=0.0.0.0" in environment


@pytest.mark.parametrize(("path", "name", "built", "_port"), RUNNING, ids=_IDS)
def test_every_image_is_labelled(path: Path, name: str, built: str, _port: str | None) -> None:
    del built, _port
    stage = stages(path)[name]
    labels = _labels(stage)
    assert set(labels) == _LABELS
    assert all(labels.values())
    assert {"REVISION=unknown", "SOURCE=unknown"} <= set(stage.of("ARG"))
    project = "sample-deep-research-mcp" if path == SERVER else "framework"
    assert (
        labels["version"] == tomllib.loads((ROOT / project / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    )


def test_a_server_is_built_from_its_own_folder() -> None:
    copied = {
        word
        for name, words in instructions(SERVER)
        if name == "COPY" and "--from" not in words
        for word in words.split()[:-1]
    }
    ignored = (SERVER.parent / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    assert not any(name.startswith(("/", "..")) for name in copied)


# --- docker-bake.hcl -------------------------------------------------------------------------------------------------


def _bake() -> tuple[str, dict[str, str]]:
    text = (ROOT / "infra" / "compose" / "docker-bake.hcl").read_text("utf-8")
    return text, dict(re.findall(r'^target "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL))


def test_every_image_of_ours_is_defined_for_amd64_and_arm64() -> None:
    text, targets = _bake()
    grouped = re.search(r'group "default" \{\s*targets = \[([^]]*)\]', text)
    assert grouped
    assert set(re.findall(r'"(\w+)"', grouped[1])) == {"desk", "sample", "workspace", "toolbox", "tools", "keycloak"}
    assert re.search(r'platforms = \["linux/amd64", "linux/arm64"\]', targets["everywhere"])
    inherits = {name: re.findall(r'inherits\s*= \["(\w+)"\]', body) for name, body in targets.items()}
    for name in ("desk", "sample", "workspace", "toolbox", "tools", "keycloak", "server"):
        above = name
        while above != "everywhere":
            [above] = inherits[above]
    for name in ("desk", "sample", "workspace", "toolbox", "tools"):
        assert re.search(r'target\s*= "(\w+)"', targets[name])[1] == name  # type: ignore[index]
        assert name in stages(SHARED)
    for body in targets.values():
        for context, dockerfile in zip(
            re.findall(r'context\s*= "([^"]*)"', body), re.findall(r'dockerfile\s*= "([^"]*)"', body), strict=False
        ):
            assert (ROOT / context / dockerfile).is_file()


def test_the_version_of_the_bake_file_is_the_framework_s() -> None:
    version = tomllib.loads((ROOT / "framework" / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f'variable "VERSION" {{\n  default = "{version}"\n}}' in _bake()[0]
    assert re.search(rf"^## \[{re.escape(version)}\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
