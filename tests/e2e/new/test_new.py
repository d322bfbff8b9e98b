"""From an empty folder to a linked client: a new server made, tested, run beside the sample, and called (K8, K13, C17).

Both servers are behind one Traefik and one realm; what opens one does not open the other. Where
``GATELODGE_NEW_EVIDENCE`` names a file, the measured times go there.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import pytest
from native_stack import CHECKOUT, READ, WRITE, Stack, free_port, gatelodge, read_stack
from wire import LEGACY, MODERN, answer_of, call, tls_client

from gatelodge.ops.link.obtain import obtain_tokens

pytestmark = pytest.mark.stack

# The promise is 30 minutes for a person; the machine's share of it, warm.
_MOST_SECONDS = 300
_LIST = {"name": "list_notes", "arguments": {}}
_SAVE = {"name": "save_note", "arguments": {"text": "meet at noon"}}
_SEARCH = {"name": "search", "arguments": {"query": "gatelodge"}}


@dataclass
class Bootstrap:
    """A new server beside the sample, and how long each command took until then, in seconds."""

    folder: Path
    stack: Stack
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.stack.status["servers"]["demo"])

    async def token(self, url: str, *scopes: str) -> str:
        """A token for the server at ``url``, by a client that is removed at once; its tokens stay good."""
        linked = await obtain_tokens(replace(self.stack.target(*scopes), mcp_url=url))
        self.stack.admin.delete_client(linked.client.client_id)
        return linked.tokens.access_token


def _timed(seconds: dict[str, float], name: str, command: list[str], folder: Path) -> None:
    began = time.monotonic()
    # uv, where the checkout has it: a person may have it or not, and it is the faster way.
    path = f"{CHECKOUT / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{name}\n{done.stdout}\n{done.stderr}"
    seconds[name] = round(time.monotonic() - began, 1)


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bootstrap]:
    empty, state, port = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("new-stack"), free_port()
    seconds: dict[str, float] = {}
    _timed(seconds, "gatelodge new demo", [sys.executable, "-m", "gatelodge", "new", "demo", "--yes"], empty)
    _timed(seconds, "scripts/test", ["demo/scripts/test"], empty)
    began = time.monotonic()
    server = str(empty / "demo")
    started = gatelodge("up", "--detach", "--port", str(port), "--server", server, "--no-link", state=state)
    try:
        assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
        seconds["gatelodge up --server demo"] = round(time.monotonic() - began, 1)
        stack = read_stack(state, port)
        yield Bootstrap(empty / "demo", stack, seconds)
        stack.admin.close()
    finally:
        gatelodge("down", state=state)


@pytest.fixture
async def http(bootstrap: Bootstrap) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(bootstrap.stack.ca_file) as client:
        yield client


async def test_a_linked_client_calls_the_new_tools_within_the_time_that_was_promised(
    bootstrap: Bootstrap, http: httpx2.AsyncClient
) -> None:
    began = time.monotonic()
    token = await bootstrap.token(bootstrap.url, "demo:read", "demo:write")
    for era in (MODERN, LEGACY):
        kept = await call(http, bootstrap.url, "tools/call", _SAVE, token=token, era=era)
        assert answer_of(kept)["result"]["content"][0]["text"] == "kept"
    listed = answer_of(await call(http, bootstrap.url, "tools/call", _LIST, token=token))
    assert listed["result"]["structuredContent"] == {"result": ["meet at noon"] * 2}
    seconds = bootstrap.seconds | {"link and three calls": round(time.monotonic() - began, 1)}
    total = round(sum(seconds.values()), 1)
    assert total < _MOST_SECONDS
    steps = re.findall(r"^\d+\. \*\*(.+?)\*\*", (bootstrap.folder / "README.md").read_text(), re.MULTILINE)
    assert steps[:4] == ["Test it.", "Write your tools", "Start it", "Link a client"]
    _report(seconds, total, steps)


def _report(seconds: dict[str, float], total: float, steps: list[str]) -> None:
    print(f"from an empty folder to a linked client: {total} s, {seconds}")  # noqa: T201 - the figure asked for
    if place := os.environ.get("GATELODGE_NEW_EVIDENCE"):
        document = {
            "what": "From an empty folder to a linked client that calls the new server's tools through Traefik",
            "seconds": seconds,
            "total_seconds": total,
            "most_seconds": _MOST_SECONDS,
            "warm": "Keycloak built and packages in the user's cache; a new state folder, a new environment, a new realm",
            "steps_of_the_readme_until_linked": steps[:4],
            "steps_of_the_readme": len(steps),
            "processors": os.cpu_count(),
            "load_average_of_the_last_minute": round(os.getloadavg()[0], 1),
            "command": "GATELODGE_NEW_EVIDENCE=docs/evidence/new.json .venv/bin/pytest tests/e2e/new",
        }
        Path(place).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


async def test_each_server_refuses_the_tokens_of_the_other(bootstrap: Bootstrap, http: httpx2.AsyncClient) -> None:
    sample, demo = bootstrap.stack.mcp_url, bootstrap.url
    for_sample = await bootstrap.token(sample, READ, WRITE)
    for_demo = await bootstrap.token(demo, "demo:read", "demo:write")
    for url, tool, good, other in ((sample, _SEARCH, for_sample, for_demo), (demo, _LIST, for_demo, for_sample)):
        # The control: the token is good where it belongs.
        assert answer_of(await call(http, url, "tools/call", tool, token=good))["result"].get("isError") is not True
        refused = await call(http, url, "tools/call", tool, token=other)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_each_server_names_itself_and_its_own_scopes(bootstrap: Bootstrap, http: httpx2.AsyncClient) -> None:
    base = bootstrap.stack.public_base
    for path, scopes in (("/mcp", [READ]), ("/demo/mcp", ["demo:read"])):
        document = (await http.get(f"{base}/.well-known/oauth-protected-resource{path}")).json()
        assert (document["resource"], document["scopes_supported"]) == (base + path, scopes)
        challenge = (await call(http, base + path, "tools/list")).headers["www-authenticate"]
        assert f'resource_metadata="{base}/.well-known/oauth-protected-resource{path}"' in challenge
        # Forms of the issuer's metadata on the server's own origin, for clients that look there.
        for form in (f"/.well-known/oauth-authorization-server{path}", f"{path}/.well-known/openid-configuration"):
            if form.startswith("/mcp/"):  # the edge leads only exact paths to the server at the root
                continue
            offered = (await http.get(base + form)).json()
            assert offered["issuer"] == bootstrap.stack.issuer
            assert set(scopes) <= set(offered["scopes_supported"])
    desk = (await http.get(f"{base}/.well-known/oauth-authorization-server/realms/mcp")).json()
    assert {READ, "demo:read", "demo:write"} <= set(desk["scopes_supported"])


async def test_only_paths_of_its_own_lead_to_the_new_server(bootstrap: Bootstrap, http: httpx2.AsyncClient) -> None:
    base = bootstrap.stack.public_base
    assert (await http.get(f"{base}/demo/nothing")).status_code == 404
    for path in ("/demo", "/demo/../demo2/mcp", "/demo/health/started", "/DEMO/mcp"):
        assert (await http.get(base + path)).status_code == 404, path
    for path, name in (("", "deep-research"), ("/demo", "demo")):
        ready = (await http.get(f"{base}{path}/health/ready")).json()
        assert (ready["status"], ready["checks"]["keys"]["status"]) == ("ready", "up")
        told = (await http.get(f"{base}{path}/health")).json()
        assert (told["status"], told["service"]) == ("ok", name)
        described = (await http.get(f"{base}{path}/openapi.json")).json()
        assert f"{path}/mcp" in described["paths"]
        assert (await http.get(f"{base}{path}/docs")).status_code == 200


def test_the_new_server_runs_from_its_own_environment_and_our_wheel(bootstrap: Bootstrap) -> None:
    python = bootstrap.folder / ".venv" / "bin" / "python"
    command = [str(python), "-I", "-c", "import gatelodge; print(gatelodge.__file__)"]
    found = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(bootstrap.folder / ".venv"))
    line = Path(f"/proc/{bootstrap.stack.pid('server-demo')}/cmdline").read_bytes().split(b"\0")
    assert str(python).encode() in line


def test_status_lists_the_new_server(bootstrap: Bootstrap) -> None:
    shown = gatelodge("status", state=bootstrap.stack.state).stdout
    assert f"MCP URL of demo: {bootstrap.url}" in shown
    assert re.search(r"server-demo: pid \d+", shown)
