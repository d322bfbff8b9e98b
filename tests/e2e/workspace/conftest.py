"""The native stack with two workspace servers, and a GitHub that two real servers make up."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from github_front import github_front
from native_stack import free_port, gatelodge, read_stack
from oauth_servers import CLIENT_SECRET, emulated, oidc_provider
from wire import tls_client
from workspace_stack import Workspace, second_server


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    state, port = tmp_path_factory.mktemp("workspace-stack"), free_port()
    second = second_server(tmp_path_factory.mktemp("servers") / "second")
    back = f"https://localhost:{port}/workspace/api/auth/github/callback"
    command = ("up", "--detach", "--port", str(port), "--with", "workspace", "--server", str(second), "--no-link")
    with (
        emulated("github", redirect=back) as [emulate],
        oidc_provider() as strict,
        github_front(emulate, strict) as github,
    ):
        environment = github.environment(client="gatelodge", secret=CLIENT_SECRET)
        environment["GATELODGE_TOKEN_SERVICE_CLIENTS"] = "report-service"
        started = gatelodge(*command, state=state, timeout=300, **environment)
        try:
            assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
            running = Workspace(read_stack(state, port), github, command, environment)
            yield running
            running.stack.admin.close()
        finally:
            gatelodge("down", state=state)


@pytest.fixture
async def http(workspace: Workspace) -> AsyncIterator[httpx.AsyncClient]:
    async with tls_client(workspace.stack.ca_file) as client:
        yield client
