"""The commands of the guide to the API do what it says, against a server that runs by itself in mode bearer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from native_stack import free_port

from repo.checkout import ROOT
from repo.markdown import code_blocks, sections

_GUIDE = (ROOT / "docs" / "guides" / "api.md").read_text(encoding="utf-8")
_TOKEN = "development-token-0123456789"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Variables of a shell in which the guide is followed, in a folder of its own."""
    folder, port = tmp_path_factory.mktemp("guide"), free_port()
    base = f"http://localhost:{port}/workspace"
    given = {
        "PUBLIC_URL": f"{base}/mcp",
        "AUTH_MODE": "bearer",
        "DEV_TOKEN": _TOKEN,
        "DEV_SCOPES": "workspace:read,workspace:write",
        "GITHUB_CLIENT_ID": "Iv1.0a1b",
        "GITHUB_CLIENT_SECRET": "canary-secret",
        # Nothing listens there: the guide's calls come to no provider.
        "GITHUB_API_URL": f"http://127.0.0.1:{free_port()}",
        "STATE_DIR": str(folder / "state"),
        "PORT": str(port),
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATELODGE_")}
    command = [sys.executable, "-m", "gatelodge", "serve", "workspace:app"]
    variables = environment | {f"GATELODGE_{name}": value for name, value in given.items()}
    with subprocess.Popen(command, cwd=folder, env=variables, stderr=subprocess.PIPE, text=True) as server:
        try:
            _wait(server, f"{base}/health/live")
            yield {"PATH": os.environ["PATH"], "BASE": base, "TOKEN": _TOKEN, "HOME": str(folder)}
        finally:
            server.terminate()
            server.communicate(timeout=60)


def _wait(server: "subprocess.Popen[str]", url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError(server.communicate()[1])
        try:
            if httpx2.get(url, trust_env=False, timeout=60).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def _shape(shown: Any, real: Any, path: str = "") -> None:
    """What the guide shows is there, with a value of the same type; the guide may leave members out."""
    assert type(shown) is type(real) or None in (shown, real), path
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert name in real, f"{path}/{name}"
            _shape(value, real[name], f"{path}/{name}")
    elif isinstance(shown, list) and shown:
        _shape(shown[0], real[0], f"{path}[0]")
    elif path.rsplit("/", 1)[-1] in {"code", "type", "title", "provider", "service", "mode", "tokenStorage", "kind"}:
        assert shown == real, path


def _said(command: str, place: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        ["/bin/bash", "-c", command], env=place, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.mark.parametrize("title", [title for title in sections(_GUIDE) if title[:1].isdigit()])
def test_every_command_of_a_step_answers_as_the_guide_shows(title: str, place: dict[str, str], tmp_path: Path) -> None:
    text = sections(_GUIDE)[title]
    commands = code_blocks(text, "bash")
    assert commands
    outputs = [_said(command, place, tmp_path) for command in commands]
    # Blocks of other text are compared where one word is enough.
    answers = [json.loads(output) for output in outputs if output.startswith("{")]
    shown = [json.loads(block) for block in code_blocks(text, "json")]
    assert len(shown) == len(answers)
    for one, other in zip(shown, answers, strict=True):
        _shape(one, other)
        if "status" in one:
            assert one["status"] == other["status"] or one["status"] == "ok"
    plain = [output for output in outputs if output and not output.startswith("{")]
    for one, other in zip(code_blocks(text, "text"), plain, strict=True):
        assert one.split()[0].split(":")[0] == other.split()[0].split(":")[0]
    if (tmp_path / "openapi.json").exists():
        assert json.loads((tmp_path / "openapi.json").read_text())["openapi"] == "3.1.0"
