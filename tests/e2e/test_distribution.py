"""The framework as wheel and as source distribution: built twice alike, installed where nothing of ours is, and used there.

What is installed besides is of the lock, by its hashes. No stack: the server is ``gatelodge serve`` of that environment.
"""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from native_stack import CHECKOUT, free_port
from protected import ISSUER, PUBLIC_URL

from gatelodge.ops.scaffold.lock import cut, parse, render_lock
from gatelodge.ops.scaffold.wheel import read_lock, read_wheel

_UV = CHECKOUT / ".tools" / "bin" / "uv"
_VERSION = tomllib.loads((CHECKOUT / "framework" / "pyproject.toml").read_text())["project"]["version"]
_SERVER = """
from fastmcp import FastMCP
from gatelodge import protect, requires

mcp = FastMCP("notes")


@mcp.tool(annotations={"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False})
@requires("notes:read")
async def list_notes() -> list[str]:
    return []


app = protect(mcp)
"""


def _run(*command: str | Path, cwd: Path) -> str:
    # Nothing of this run's own: no path to the checkout, no environment that is active.
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=inherited, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _built(source: Path, folder: Path, *arguments: str) -> dict[str, Path]:
    _run(sys.executable, "-m", "hatchling", "build", "--directory", folder, *arguments, cwd=source)
    return {"".join(path.suffixes[-1:]): path for path in folder.iterdir()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheel and source distribution, by the end of their names."""
    return _built(CHECKOUT / "framework", tmp_path_factory.mktemp("dist"))


def test_both_have_the_version_and_are_the_same_when_built_again(built: dict[str, Path], tmp_path: Path) -> None:
    assert {path.name for path in built.values()} == {
        f"gatelodge-{_VERSION}-py3-none-any.whl",
        f"gatelodge-{_VERSION}.tar.gz",
    }
    again = _built(CHECKOUT / "framework", tmp_path)
    assert {kind: _digest(path) for kind, path in again.items()} == {k: _digest(path) for k, path in built.items()}


def test_the_source_distribution_makes_the_same_wheel(built: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(built[".gz"]) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()
    [wheel] = _built(source, tmp_path / "dist", "-t", "wheel").values()
    assert _digest(wheel) == _digest(built[".whl"])


def test_they_hold_what_is_needed_and_nothing_of_our_tests(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built[".whl"]) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"gatelodge-{_VERSION}.dist-info/METADATA").decode()
        licence = archive.read(f"gatelodge-{_VERSION}.dist-info/licenses/LICENSE")
    assert {"gatelodge/py.typed", "gatelodge/requirements.lock", "gatelodge/tools.lock"} <= names
    assert "gatelodge/ops/scaffold/template/Dockerfile.tmpl" in names
    assert licence == (CHECKOUT / "LICENSE").read_bytes()
    assert {f"Version: {_VERSION}", "License-Expression: Apache-2.0", "Requires-Python: >=3.11"} <= set(
        metadata.splitlines()
    )
    with tarfile.open(built[".gz"]) as packed:
        names |= {name.partition("/")[2] for name in packed.getnames()}
    tests = {name for name in names if "tests/" in name or Path(name).name.startswith(("test_", "conftest"))}
    assert tests == {name for name in names if name.endswith("template/tests/test_server.py.tmpl")}
    assert not {name for name in names if "__pycache__" in name or name.endswith((".pyc", ".orig"))}


def _wheel_by_hashes(wheel: Path, folder: Path) -> list[str]:
    ours = read_wheel(wheel)
    (folder / wheel.name).write_bytes(ours.content)
    entries = cut(parse(read_lock()), ours.requires)
    lock = folder / "serving.lock"
    lock.write_text(render_lock("For this test.", entries, wheel=Path(wheel.name), sha256=ours.sha256))
    return ["--require-hashes", "--requirement", str(lock)]


def _sdist_by_constraints(sdist: Path, _folder: Path) -> list[str]:
    lock = str(CHECKOUT / "requirements.lock")
    return ["--constraint", lock, "--build-constraint", lock, str(sdist)]


@contextmanager
def _serving(python: Path, folder: Path) -> Iterator[str]:
    """The base URL of a server of that environment."""
    port = free_port()
    settings = {"PUBLIC_URL": PUBLIC_URL, "ISSUER": ISSUER, "PORT": str(port), "STATE_DIR": str(folder / "state")}
    environment = {"PATH": os.defpath, **{f"GATELODGE_{name}": value for name, value in settings.items()}}
    command = [str(python.parent / "gatelodge"), "serve", "notes:app"]
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        base, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while True:
            try:
                assert httpx2.get(f"{base}/health/live", trust_env=False, timeout=60).status_code == 200
                break
            except httpx2.TransportError:
                assert server.poll() is None, server.stdout and server.stdout.read().decode()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield base
    finally:
        server.terminate()
        server.communicate(timeout=60)


@pytest.mark.parametrize(("kind", "way"), [(".whl", _wheel_by_hashes), (".gz", _sdist_by_constraints)])
def test_protect_works_where_nothing_else_of_ours_is(
    built: dict[str, Path], kind: str, way: Callable[[Path, Path], list[str]], tmp_path: Path
) -> None:
    python = tmp_path / "env" / "bin" / "python"
    _run(_UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "env", cwd=tmp_path)
    _run(_UV, "pip", "install", "--quiet", "--python", python, *way(built[kind], tmp_path), cwd=tmp_path)
    told = "import gatelodge, importlib.metadata as m; print(gatelodge.__file__, m.version('gatelodge'))"
    place, version = _run(python, "-I", "-c", told, cwd=tmp_path).split()
    assert place.startswith(str(tmp_path / "env"))
    assert version == _VERSION
    (tmp_path / "notes.py").write_text(_SERVER)
    with _serving(python, tmp_path) as base:
        called = httpx2.post(
            f"{base}/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers={"accept": "application/json, text/event-stream", "host": "localhost:8443"},
            trust_env=False,
            timeout=60,
        )
        assert called.status_code == 401
        challenge = called.headers["www-authenticate"]
        assert challenge.startswith("Bearer ")
        assert 'resource_metadata="https://localhost:8443/.well-known/oauth-protected-resource/mcp"' in challenge
        assert 'scope="notes:read"' in challenge
        assert "error=" not in challenge


def _wheels_for(platform: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """What uv would install of the images' packages for a platform: wheels only, by the lock's hashes."""
    sample = tomllib.loads((CHECKOUT / "sample-deep-research-mcp" / "pyproject.toml").read_text())["project"]
    framework = tomllib.loads((CHECKOUT / "framework" / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[^a-z0-9-]", line)[0] for line in (*framework["dependencies"], *sample["dependencies"])}
    entries = cut(parse(read_lock()), {*named, "python-keycloak", "pyyaml"} - {"gatelodge"})
    lock = folder / "images.lock"
    lock.write_text(render_lock("For this test.", [*entries, *parse(read_lock("tools.lock"))]))
    options = ["--python-platform", platform, "--python-version", "3.13", "--only-binary", ":all:", "--require-hashes"]
    return subprocess.run(
        [_UV, "pip", "install", "--dry-run", *options, "--requirement", lock, "--target", folder / "nowhere"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize("platform", ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28"])
def test_every_package_of_the_images_has_a_locked_wheel_for_amd64_and_arm64(platform: str, tmp_path: Path) -> None:
    found = _wheels_for(platform, tmp_path)
    assert found.returncode == 0, found.stderr
    assert "tantivy==" in found.stderr
    assert "uvloop==" in found.stderr


def test_a_platform_without_wheels_is_found_out(tmp_path: Path) -> None:
    found = _wheels_for("riscv64-unknown-linux", tmp_path)
    assert found.returncode != 0
    assert "Wheels are required" in found.stderr


def test_a_constraint_of_the_lock_holds_its_hashes_too(tmp_path: Path) -> None:
    """The way of infra/compose/Dockerfile, which installs what a pyproject.toml names."""
    _run(_UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "env", cwd=tmp_path)
    [locked] = [entry for entry in parse(read_lock()) if entry.name == "idna"]
    for lock, outcome in ((locked.text, 0), (re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", locked.text), 1)):
        (tmp_path / "one.lock").write_text(lock)
        done = subprocess.run(
            [_UV, "pip", "install", "--reinstall", "--python", tmp_path / "env", "idna"],
            env=os.environ | {"UV_CONSTRAINT": str(tmp_path / "one.lock"), "UV_NO_CACHE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == outcome, done.stderr
    assert "Hash mismatch" in done.stderr
