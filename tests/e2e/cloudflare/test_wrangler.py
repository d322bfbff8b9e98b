"""deploy/cloudflare as wrangler takes it: lock, types, configuration, dry runs, and the image it builds behind the Worker."""

import json
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from native_stack import CHECKOUT

from e2e.cloudflare.project import PASSED, SOURCE, Project, configuration

BASE = "sample-deep-research-mcp:latest"
# Wrangler's two options of BuildKit, dropped for an engine without it.
CLASSIC = """#!/bin/sh
for given; do shift; case "$given" in --load | --provenance=false) ;; *) set -- "$@" "$given" ;; esac; done
exec docker "$@"
"""


def docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def engine() -> None:
    """Skips where no image can be built on the sample's."""
    if shutil.which("docker") is None or docker("info").returncode:
        pytest.skip("no Docker engine answers here")
    if docker("image", "inspect", BASE).returncode:
        pytest.skip(f"the image {BASE} is not here: docker compose build sample")


@pytest.fixture
def image(engine: None) -> Iterator[str]:
    """The image of the folder, built as wrangler does; removed at the end."""
    name = f"gatelodge-cloudflare-test:{secrets.token_hex(4)}"
    built = docker("build", "--platform", "linux/amd64", "--tag", name, str(SOURCE))
    assert built.returncode == 0, built.stderr
    yield name
    docker("image", "rm", name)


def test_the_lock_is_exact_and_names_no_download_address() -> None:
    text = (SOURCE / "package-lock.json").read_text(encoding="utf-8")
    package = json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))
    locked = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    wanted = package["dependencies"] | package["devDependencies"]
    assert '"resolved"' not in text
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(entry["integrity"].startswith("sha512-") for entry in locked.values())
    # One that names no platform of ours would make `npm ci` fail there.
    assert {f"node_modules/@cloudflare/workerd-linux-{kind}" for kind in ("64", "arm64")} <= set(locked)


def test_the_types_of_the_worker_check(project: Project) -> None:
    done = project.run("typescript", "tsc")
    assert (done.returncode, done.stdout) == (0, "")


def test_a_wrong_type_is_found(project: Project, tmp_path: Path) -> None:
    broken = shutil.copytree(project.folder, tmp_path / "broken", symlinks=True)
    source = broken / "src" / "index.ts"
    source.write_text(source.read_text().replace("defaultPort = 8000", 'defaultPort = "8000"'))
    assert "TS2416" in Project(project.node, broken).run("typescript", "tsc").stdout


def test_wrangler_takes_the_configuration_and_bundles_the_worker(bundled: Project) -> None:
    said = (bundled.folder / "bundle.log").read_text(encoding="utf-8")
    assert "WARNING" not in said
    for expected in ("env.SERVER (Server)", "Durable Object", "gatelodge-sample-server", "--dry-run: exiting now."):
        assert expected in said


def test_wrangler_refuses_a_container_of_a_class_that_is_not_there(bundled: Project, tmp_path: Path) -> None:
    broken = Project(bundled.node, shutil.copytree(bundled.folder, tmp_path / "broken", symlinks=True))
    changed = broken.without_build()
    text = changed.read_text(encoding="utf-8")
    assert text.count('"class_name": "Server",') == 1
    changed.write_text(text.replace('"class_name": "Server",', '"class_name": "Nobody",'), encoding="utf-8")
    done = broken.dry_run("--config", str(changed))
    assert done.returncode != 0
    assert "Nobody" in done.stdout + done.stderr


def test_the_configuration_holds_names_of_secrets_and_no_values() -> None:
    found = configuration()
    assert not any(re.search("SECRET|PASSWORD|TOKEN|KEY", name) for name in found["vars"])
    assert found["secrets"] == {"required": []}
    assert {path.name for path in SOURCE.iterdir()} & {".env", ".dev.vars"} == set()


def test_the_vars_are_settings_and_name_one_host() -> None:
    found = configuration()
    settings = (CHECKOUT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in found["vars"] if f"`{name}`" not in settings] == []
    host = httpx2.URL(found["vars"]["GATELODGE_PUBLIC_URL"]).host
    assert httpx2.URL(found["vars"]["GATELODGE_ISSUER"]).host == host
    assert {route["pattern"].partition("/")[0] for route in found["routes"]} == {host}
    assert all(host.endswith(route["zone_name"]) for route in found["routes"])
    # No other name leads to the Worker.
    assert (found["workers_dev"], found["preview_urls"]) == (False, False)


def test_the_routes_take_every_path_of_the_server_and_none_of_the_host() -> None:
    patterns = [route["pattern"].partition("/")[2] for route in configuration()["routes"]]
    caught = re.compile("|".join(re.escape(pattern).replace(r"\*", ".*") for pattern in patterns))
    assert [path for path in PASSED if not caught.fullmatch(path[1:])] == []
    of_the_host = [
        "realms/mcp/protocol/openid-connect/auth",
        "resources/x/login.css",
        "desk/consent",
        ".well-known/oauth-authorization-server/realms/mcp",
        "realms/mcp/.well-known/openid-configuration",
        "team-notes/mcp",
        ".well-known/oauth-protected-resource/team-notes/mcp",
        "mcp-more/mcp",
        ".well-known/openid-configuration/mcp-more/mcp",
        "docs/mcp",
        "health-notes/mcp",
        "status-board/mcp",
    ]
    assert [path for path in of_the_host if caught.fullmatch(path)] == []


def test_a_dry_run_of_the_configuration_as_it_is_builds_the_image(engine: None, project: Project) -> None:
    more = {}
    if docker("buildx", "version").returncode:
        program = project.folder.parent / "docker-classic"
        program.write_text(CLASSIC)
        program.chmod(0o755)
        more = {"WRANGLER_DOCKER_BIN": str(program)}
    done = project.dry_run(**more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Building image gatelodge-sample-server:\S+", done.stdout)
    assert "--dry-run: exiting now." in done.stdout


def test_without_docker_a_dry_run_says_that_it_needs_it(project: Project) -> None:
    done = project.dry_run(WRANGLER_DOCKER_BIN="/nonexistent/docker")
    assert done.returncode != 0
    assert "The Docker CLI is needed" in done.stdout + done.stderr


def test_the_image_answers_behind_the_worker(image: str, bundled: Project, tmp_path: Path) -> None:
    found = configuration()
    variables = [part for name, value in found["vars"].items() for part in ("--env", f"{name}={value}")]
    # The issuer of the configuration does not exist, and this name leads nowhere: a start does not wait for it.
    limits = ("--memory", "1g", "--publish", "127.0.0.1::8000", "--add-host", "mcp.example.com:127.0.0.1")
    started = docker("run", "--detach", "--rm", *limits, *variables, image)
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    try:
        target = docker("port", container, "8000").stdout.split()[0]
        with (
            bundled.served(target, tmp_path, found["vars"]) as url,
            httpx2.Client(base_url=url, headers={"host": "mcp.example.com"}, trust_env=False, timeout=60) as http,
        ):
            deadline = time.monotonic() + 120
            while http.get("/health/live").status_code != 200:
                assert time.monotonic() < deadline, docker("logs", container).stderr
            assert http.get("/.well-known/oauth-protected-resource/mcp").json()["resource"].endswith("example.com/mcp")
            refused = http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            assert refused.status_code == 401
            assert 'mcp.example.com/.well-known/oauth-protected-resource/mcp"' in refused.headers["www-authenticate"]
        assert docker("exec", container, "ls", "/corpus").stdout.split() == ["welcome.md"]
    finally:
        docker("rm", "--force", container)
