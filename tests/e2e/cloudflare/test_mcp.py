"""MCP through the Worker under workerd: the sample and the probe server, both eras, tokens of the real Keycloak."""

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from native_stack import CHECKOUT, READ, Stack, free_port
from wire import LEGACY, MODERN, answer_of, call, message

from e2e.cloudflare.project import Project, configuration
from gatelodge.ops.link.obtain import obtain_tokens

pytestmark = pytest.mark.stack

EVENTS = 8


@dataclass
class Through:
    """The MCP endpoint of a Worker, asked by the public name."""

    http: httpx2.AsyncClient
    url: str


@pytest.fixture(scope="module")
def sample_url(stack: Stack, bundled: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    target = stack.internal["server_url"].removeprefix("http://")
    with bundled.served(target, tmp_path_factory.mktemp("sample")) as url:
        yield url


@pytest.fixture(scope="module")
def probe_url(stack: Stack, bundled: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Worker before a server that has the variables of wrangler.jsonc, with the stack's addresses."""
    folder, port = tmp_path_factory.mktemp("probe"), free_port()
    given = configuration()["vars"] | {"GATELODGE_PUBLIC_URL": stack.mcp_url, "GATELODGE_ISSUER": stack.issuer}
    given["GATELODGE_ISSUER_INTERNAL_URL"] = f"{stack.keycloak_url}/realms/mcp"
    given |= {"GATELODGE_PORT": str(port), "GATELODGE_STATE_DIR": str(folder / "state")}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "gatelodge", "serve", "probe_server:app"],
            env={**os.environ, **given, "PYTHONPATH": str(CHECKOUT / "tests" / "support")},
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        with bundled.served(f"127.0.0.1:{port}", folder, given) as url:
            _until_ready(url, folder / "server.log")
            yield url
    finally:
        server.terminate()
        server.wait(60)


def _until_ready(url: str, log: Path) -> None:
    """Through the Worker, which answers an error as long as the port does not."""
    deadline = time.monotonic() + 60
    with httpx2.Client(trust_env=False, timeout=60) as http:
        while http.get(f"{url}/health/ready").status_code != 200:
            assert time.monotonic() < deadline, log.read_text()


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    host = stack.public_base.removeprefix("https://")
    async with httpx2.AsyncClient(headers={"host": host}, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def sample(http: httpx2.AsyncClient, sample_url: str) -> Through:
    return Through(http, f"{sample_url}/mcp")


@pytest.fixture
def probe(http: httpx2.AsyncClient, probe_url: str) -> Through:
    return Through(http, f"{probe_url}/mcp")


@pytest.fixture
async def bearer(stack: Stack) -> AsyncIterator[str]:
    obtained = await obtain_tokens(stack.target(), scopes=(READ,))
    yield obtained.tokens.access_token
    stack.admin.delete_client(obtained.client.client_id)


@pytest.mark.parametrize("era", [MODERN, LEGACY])
async def test_a_tool_of_the_sample_answers_through_the_worker(sample: Through, bearer: str, era: str) -> None:
    params = {"name": "search", "arguments": {"query": "deploy"}}
    response = await call(sample.http, sample.url, "tools/call", params, token=bearer, era=era)
    assert response.status_code == 200, response.text
    assert answer_of(response)["result"]["structuredContent"]["results"]


async def test_the_challenge_and_the_metadata_name_the_public_addresses(stack: Stack, sample: Through) -> None:
    refused = await call(sample.http, sample.url, "tools/list")
    assert refused.status_code == 401
    metadata = f"{stack.public_base}/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{metadata}"' in refused.headers["www-authenticate"]
    here = sample.url.removesuffix("/mcp") + metadata.removeprefix(stack.public_base)
    document = (await sample.http.get(here)).json()
    assert (document["resource"], document["authorization_servers"]) == (stack.mcp_url, [stack.issuer])


@pytest.mark.parametrize("era", [MODERN, LEGACY])
async def test_events_come_one_by_one_through_the_worker(probe: Through, bearer: str, era: str) -> None:
    params = {"name": "stream", "arguments": {"events": EVENTS}, "_meta": {"progressToken": "p"}}
    body, headers = message("tools/call", params, era)
    headers["authorization"] = f"Bearer {bearer}"
    seen: list[dict[str, Any]] = []
    # Every event but the first is made only after `release`, which is called only once the one before was read.
    async with probe.http.stream("POST", probe.url, content=body, headers=headers) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                seen.append(json.loads(line.removeprefix("data: ")))
                if "result" not in seen[-1]:
                    await call(probe.http, probe.url, "tools/call", {"name": "release", "arguments": {}}, token=bearer)
    assert [event["params"]["progress"] for event in seen[:-1]] == list(range(1, EVENTS + 1))
    assert seen[-1]["result"]["structuredContent"] == {"result": EVENTS}


async def test_the_server_in_production_mode_answers_for_the_public_name_only(probe: Through, bearer: str) -> None:
    # So the Worker hands on the Host it was asked by; by any other name there is nothing.
    body, headers = message("tools/list", {}, MODERN)
    headers |= {"authorization": f"Bearer {bearer}"}
    assert (await probe.http.post(probe.url, content=body, headers=headers)).status_code == 200
    headers["host"] = "other.example.com"
    assert (await probe.http.post(probe.url, content=body, headers=headers)).status_code == 421
