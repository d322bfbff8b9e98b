"""The native stack with two workspace servers, and the five providers, which real servers make up."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from github_front import github_front
from native_stack import free_port, gatelodge, read_stack
from oauth_servers import CLIENT_SECRET, emulated, oidc_provider
from prism import prism
from provider_front import JIRA_PATHS, NOTION_PATHS, provider_front
from slack_front import slack_front
from wire import tls_client
from workspace_stack import Workspace, second_server


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    state, port, front = tmp_path_factory.mktemp("workspace-stack"), free_port(), free_port()
    second = second_server(tmp_path_factory.mktemp("servers") / "second")
    back = f"https://localhost:{port}/workspace/api/auth/{{service}}/callback"
    backs = [back.replace("{service}", name) for name in ("jira", "notion")]
    files = tmp_path_factory.mktemp("specified")
    command = ("up", "--detach", "--port", str(port), "--with", "workspace", "--server", str(second), "--no-link")
    with (
        emulated("github", "slack", redirect=back) as [emulate, emulated_slack],
        oidc_provider() as strict,
        oidc_provider(*backs, issuer=f"http://127.0.0.1:{front}") as consents,
        prism("jira", files, *JIRA_PATHS) as jira,
        prism("notion", files, *NOTION_PATHS) as notion,
        prism("coda", files, "/whoami", "/docs") as coda,
        github_front(emulate, strict) as github,
        slack_front(emulated_slack, consents) as slack,
        provider_front(consents, {"jira": jira, "notion": notion, "coda": coda}, front) as others,
    ):
        environment = github.environment(client="gatelodge", secret=CLIENT_SECRET) | others.environment()
        environment |= slack.environment() | {"GATELODGE_TOKEN_SERVICE_CLIENTS": "report-service"}
        started = gatelodge(*command, state=state, timeout=300, **environment)
        try:
            assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
            running = Workspace(read_stack(state, port), github, others, slack, command, environment)
            yield running
            running.stack.admin.close()
        finally:
            gatelodge("down", state=state)


@pytest.fixture
async def http(workspace: Workspace) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(workspace.stack.ca_file) as client:
        yield client
