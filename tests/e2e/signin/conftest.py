"""The native stack with sign-in by GitHub switched on, GitHub being emulate's, and a server that wants the login."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Chromium, chromium
from native_stack import free_port, gatelodge, read_stack
from oauth_servers import CLIENT_SECRET, emulated
from signing_in import PEOPLE, SERVER, SignIn
from workspace_stack import second_server


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with chromium(tmp_path / "profile") as page:
        yield page


@pytest.fixture(scope="module")
def sign_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignIn]:
    state, port = tmp_path_factory.mktemp("sign-in-stack"), free_port()
    folder = second_server(tmp_path_factory.mktemp("servers") / SERVER)
    described = folder / "gatelodge.yaml"
    described.write_text(f"{described.read_text()}claims: [github_login]\n")
    base = f"https://localhost:{port}"
    command = ("up", "--detach", "--port", str(port), "--server", str(folder), "--no-link")
    with emulated(
        "github",
        redirect=f"{base}/{SERVER}/api/auth/github/callback",
        sign_in=f"{base}/realms/mcp/broker/github/endpoint",
        people=PEOPLE,
    ) as [github]:
        secret = tmp_path_factory.mktemp("secrets") / "github"
        secret.write_text(f"{CLIENT_SECRET}\n")
        environment = {
            "GATELODGE_GITHUB_SIGNIN_CLIENT_ID": "gatelodge-sign-in",
            "GATELODGE_GITHUB_SIGNIN_CLIENT_SECRET_FILE": str(secret),
            "GATELODGE_GITHUB_SIGNIN_URL": github,
            "GATELODGE_GITHUB_SIGNIN_API_URL": github,
        }
        connections = {
            "GATELODGE_GITHUB_CLIENT_ID": "gatelodge",
            "GATELODGE_GITHUB_CLIENT_SECRET": CLIENT_SECRET,
            "GATELODGE_GITHUB_AUTHORIZE_URL": f"{github}/login/oauth/authorize",
            "GATELODGE_GITHUB_TOKEN_URL": f"{github}/login/oauth/access_token",
            "GATELODGE_GITHUB_API_URL": github,
        }
        started = gatelodge(*command, state=state, timeout=300, **environment, **connections)
        try:
            assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
            running = SignIn(read_stack(state, port), environment)
            yield running
            running.stack.admin.close()
        finally:
            gatelodge("down", state=state)
