"""The profile ``workspace`` of compose.yaml: linked accounts behind the same edge and realm, and gone again without it.

Not here: linking an account at a provider (``tests/e2e/workspace``, the native stack).
"""

import json
import re
import tarfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from account_pages import person
from wire import LEGACY, MODERN, answer_of, call, tls_client

from e2e.docker.deployment import Deployment, deployed
from e2e.docker.test_backup import script
from gatelodge.ops.link.obtain import obtain_tokens
from gatelodge.ops.link.session import link

pytestmark = pytest.mark.cluster

_SECRET = "of-no-provider"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("workspace"), profiles="workspace") as running:
        yield running


@pytest.fixture
async def http(workspace: Deployment) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(workspace.folder / "ca.pem") as client:
        yield client


def base_of(deployment: Deployment) -> str:
    return deployment.mcp_url.removesuffix("/mcp")


async def token(deployment: Deployment) -> str:
    """A token of the first user for the workspace server, as a newly registered client gets it."""
    target = replace(deployment.target("workspace:read"), mcp_url=f"{base_of(deployment)}/workspace/mcp")
    return (await obtain_tokens(target)).tokens.access_token


async def test_a_client_is_led_to_the_issuer_links_and_finds_no_tool_where_no_provider_is_set_up(
    workspace: Deployment, http: httpx2.AsyncClient
) -> None:
    url = f"{base_of(workspace)}/workspace/mcp"
    challenge = await call(http, url, "tools/list")
    assert challenge.status_code == 401
    named = re.search(r'resource_metadata="([^"]+)"', challenge.headers["www-authenticate"])
    assert named is not None
    assert named[1] == f"{base_of(workspace)}/.well-known/oauth-protected-resource/workspace/mcp"
    metadata = (await http.get(named[1])).json()
    assert metadata["resource"] == url
    # Without a tool that writes nobody is asked for more.
    assert metadata["scopes_supported"] == ["workspace:read"]
    given = await token(workspace)
    for era in (MODERN, LEGACY):
        answer = answer_of(await call(http, url, "tools/list", token=given, era=era))
        assert answer["result"]["tools"] == [], era
    # It is good there alone, and the sample goes on.
    assert (await call(http, workspace.mcp_url, "tools/list", token=given)).status_code == 401
    assert "search" in (await link(workspace.target())).tools


async def test_the_pages_say_so_to_who_signs_in_and_allow_no_script(
    workspace: Deployment, http: httpx2.AsyncClient
) -> None:
    pages = f"{base_of(workspace)}/workspace/accounts"
    stranger = await http.get(pages)
    assert stranger.status_code == 200
    password = (workspace.folder / "ada").read_text().strip()
    async with person(pages, workspace.folder / "ca.pem", "ada", password) as ada:
        page = await ada.sign_in()
    assert page.status_code == 200, page.text
    assert "set up no provider" in page.text
    for shown in (stranger, page):
        policy = shown.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy


async def test_what_is_internal_is_not_routed(workspace: Deployment, http: httpx2.AsyncClient) -> None:
    bearer = {"authorization": f"Bearer {await token(workspace)}"}
    for path in ("internal/", "internal/tokens/github?user=x", "INTERNAL/tokens/github?user=x"):
        assert (await http.get(f"{base_of(workspace)}/workspace/{path}", headers=bearer)).status_code == 404, path
    # The control: the same token opens what is routed.
    assert (await http.get(f"{base_of(workspace)}/workspace/api/connections", headers=bearer)).status_code == 200


def test_it_is_closed_and_its_secrets_are_files_of_its_own(workspace: Deployment) -> None:
    kept = workspace.compose(
        *("run", "--rm", "--no-deps", "--no-TTY", "prepare"),
        *("sh", "-c", f"printf {_SECRET} | python /compose/secret.py github"),
    )
    assert kept.returncode == 0, kept.stderr
    assert _SECRET not in kept.stdout + kept.stderr
    for path in ("/run/secrets/web", "/run/secrets/github", "/vault/key"):
        assert workspace.run("workspace", "stat", "-c", "%a %u", path).stdout.split() == ["600", "10001"], path
    assert workspace.run("workspace", "cat", "/run/secrets/github").stdout.strip() == _SECRET
    found = workspace.state("workspace")
    assert found["HostConfig"]["ReadonlyRootfs"] is True
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    assert not found["HostConfig"]["PortBindings"]
    shown = json.dumps(found["Config"])
    for path in ("/run/secrets/web", "/vault/key"):
        secret = workspace.run("workspace", "cat", path).stdout.strip()
        assert len(secret) > 40
        assert secret not in shown, path


def test_the_vault_s_key_is_kept_and_can_be_rotated_in_place(workspace: Deployment) -> None:
    first = workspace.run("workspace", "cat", "/vault/key").stdout.split()
    rotated = workspace.run("workspace", "gatelodge", "vault", "rotate", "--new-key")
    assert rotated.returncode == 0, rotated.stderr
    both = workspace.run("workspace", "cat", "/vault/key").stdout.split()
    assert (len(first), both[1:]) == (1, first)
    workspace.up(build=False)
    assert workspace.run("workspace", "cat", "/vault/key").stdout.split() == both
    assert workspace.run("workspace", "stat", "-c", "%a %u", "/vault/key").stdout.split() == ["600", "10001"]


def test_a_backup_has_the_links_and_their_key(workspace: Deployment, tmp_path: Path) -> None:
    done = script(workspace, "backup.sh", str(tmp_path / "backup.tar"))
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "backup.tar") as whole:
        whole.extract("volumes.tar", tmp_path, filter="data")
    with tarfile.open(tmp_path / "volumes.tar") as volumes:
        kept = {member.name: member for member in volumes.getmembers()}
    for name in ("workspace-key/key", "workspace-secrets/web", "workspace-state/database/gatelodge.db"):
        assert (kept[name].uid, kept[name].mode & 0o077) == (10001, 0), name


async def test_without_the_profile_its_routes_and_scopes_are_gone_and_come_back_with_it(
    workspace: Deployment, http: httpx2.AsyncClient
) -> None:
    url = f"{base_of(workspace)}/workspace/mcp"
    issuer = f"{base_of(workspace)}/.well-known/oauth-authorization-server/realms/mcp"
    assert "workspace:read" in (await http.get(issuer)).json()["scopes_supported"]
    stopped = workspace.compose("rm", "--stop", "--force", "workspace")
    assert stopped.returncode == 0, stopped.stderr
    workspace.profiles = ""
    try:
        workspace.up(build=False)
        assert (await call(http, url, "tools/list")).status_code == 404
        assert "workspace:read" not in (await http.get(issuer)).json()["scopes_supported"]
        assert (await call(http, workspace.mcp_url, "tools/list")).status_code == 401
        # Started all the same, by name or --profile, it says what is missing.
        refused = workspace.compose("run", "--rm", "--no-deps", "--no-TTY", "workspace", timeout=60)
        assert refused.returncode != 0
        assert "GATELODGE_WEB_CLIENT_SECRET_FILE" in refused.stdout + refused.stderr
    finally:
        workspace.profiles = "workspace"
        workspace.up(build=False)
    assert (await call(http, url, "tools/list")).status_code == 401
    assert await token(workspace)
