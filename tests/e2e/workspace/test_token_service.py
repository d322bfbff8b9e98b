"""A service that stands beside the server gets users' access tokens; nobody else can come by its scope (part 4)."""

import json
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from native_stack import gatelodge
from workspace_stack import Workspace

from gatelodge.core.clock import SystemClock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.ops.realm.render import render_realm
from gatelodge.outbound.client import Outbound
from gatelodge.registration.service_account import ServiceAccount

pytestmark = pytest.mark.stack

SERVICE, SCOPE = "report-service", "gatelodge:tokens"


@asynccontextmanager
async def service_token(workspace: Workspace, folder: Path) -> AsyncIterator[str]:
    """The service in the running realm, made by its files and gone at the end: a token of its own."""
    stack, secret = workspace.stack, secrets.token_urlsafe(32)
    files = shutil.copytree(stack.state / "realm", folder / "realm")
    kept = {name: Secret((stack.state / "secrets" / name).read_text().strip()) for name in ("desk", "web")}

    def ensure() -> str:
        realm = render_realm(files, public_base=stack.public_base, desk_secret=kept["desk"], web_secret=kept["web"])
        return stack.admin.ensure(realm, environment={"REPORT_SECRET": secret})

    entry = {SERVICE: {"server": "workspace", "secret": {"env": "REPORT_SECRET"}}}
    (files / "service-clients.yaml").write_text(json.dumps(entry))
    assert ensure() == "updated"
    outbound = Outbound(ca_file=stack.ca_file)
    realm_url = f"{stack.keycloak_url}/realms/mcp"
    account = ServiceAccount(
        outbound, realm_url=realm_url, client_id=SERVICE, secret=Secret(secret), clock=SystemClock()
    )
    try:
        yield (await account.token()).reveal()
    finally:
        await outbound.aclose()
        (files / "service-clients.yaml").unlink()
        assert ensure() == "updated"


async def test_the_service_is_answered_inside_and_no_user_can_give_its_scope_away(
    workspace: Workspace, tmp_path: Path, http: httpx2.AsyncClient
) -> None:
    stack = workspace.stack
    async with service_token(workspace, tmp_path) as token:
        inside = f"{stack.internal['server_urls']['workspace']}/workspace/internal/tokens/github?user=nobody"
        headers = {"host": f"localhost:{stack.port}", "authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as direct:
            found = await direct.get(inside, headers=headers)
            assert (found.status_code, found.json()["error"]) == (409, "connection_missing"), found.text
            person = await workspace.token(1, "read", "write")
            refused = await direct.get(inside, headers={**headers, "authorization": f"Bearer {person}"})
            assert refused.status_code == 403, refused.text
            other = inside.replace(stack.internal["server_urls"]["workspace"], stack.internal["server_urls"]["second"])
            assert (await direct.get(other.replace("/workspace/", "/second/"), headers=headers)).status_code == 401
        outside = f"{stack.public_base}/workspace/internal/tokens/github?user=nobody"
        assert (await http.get(outside, headers={"authorization": f"Bearer {token}"})).status_code == 404
        with pytest.raises(GatelodgeError, match="scope"):
            await workspace.token_of(1, "workspace:read", SCOPE)


def test_the_realm_is_what_its_files_say_with_a_client_for_the_pages(workspace: Workspace) -> None:
    planned = gatelodge("realm", "plan", state=workspace.stack.state)
    assert (planned.returncode, planned.stdout.strip()) == (0, "realm mcp: nothing to do"), planned.stderr
