"""Links with the npm clients, by registration and by document: mcp-remote and the TypeScript SDK (K1, K4, B8)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from document_site import DocumentSite
from native_stack import READ, Stack
from npm_clients import Installed, installed_or_skip, kept_access_tokens, spoil_access_tokens

from gatelodge.ops.link import oauth_steps

pytestmark = pytest.mark.stack

TOOLS = {"search", "fetch", "save_note"}


@pytest.fixture(scope="module")
def npm() -> Installed:
    return installed_or_skip()


@pytest.mark.parametrize("era", ["modern", "legacy", "auto"])
async def test_the_typescript_sdk_registers_links_and_lists_tools(
    stack: Stack, npm: Installed, era: Literal["modern", "legacy", "auto"]
) -> None:
    linked = await npm.typescript(stack.target(), era)
    stack.admin.delete_client(linked.client_id)
    assert set(linked.tools) == TOOLS
    assert READ in linked.scope.split()
    assert linked.refreshed


@pytest.mark.parametrize("protocol", ["legacy", "auto"])
async def test_mcp_remote_registers_links_and_lists_tools(
    stack: Stack, npm: Installed, protocol: Literal["legacy", "auto"]
) -> None:
    linked = await npm.mcp_remote(stack.target(), protocol)
    stack.admin.delete_client(linked.client_id)
    assert set(linked.tools) == TOOLS


@contextmanager
def no_registration(stack: Stack, client_id: str) -> Iterator[None]:
    """In the block the realm gets the client of this document and no other, and the desk sees no registration."""
    log = stack.state / "logs" / "desk.log"
    before, seen = clients_of(stack), log.stat().st_size
    try:
        yield
        assert clients_of(stack) - before == {client_id}
        assert "registration " not in log.read_text()[seen:]
    finally:
        stack.admin.delete_client(client_id)


def clients_of(stack: Stack) -> set[str]:
    return {client["clientId"] for client in stack.admin.keycloak.get_clients()}


async def test_a_registration_would_be_seen(stack: Stack) -> None:
    outbound = stack.target().outbound()
    server = await oauth_steps.discover(outbound, stack.mcp_url)
    body = oauth_steps.registration_body("http://127.0.0.1:33501/callback", client_name="seen")
    with pytest.raises(AssertionError), no_registration(stack, "https://nobody.example/client.json"):
        client = await oauth_steps.register(outbound, server, body)
    await outbound.aclose()
    stack.admin.delete_client(client.client_id)


@pytest.mark.requirement("MCP26-AUTH-22")
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_the_typescript_sdk_links_by_its_document_and_refreshes_without_registering(
    stack: Stack, documents: DocumentSite, npm: Installed, era: Literal["modern", "legacy"]
) -> None:
    # An id for each: the desk looks a minute later whether a client that it made is still there.
    client_id = documents.put(f"typescript-{era}.json")
    with no_registration(stack, client_id):
        linked = await npm.typescript(stack.target(), era, document=client_id)
        assert linked.client_id == client_id
        assert set(linked.tools) == TOOLS
        assert linked.refreshed


@pytest.mark.requirement("MCP26-AUTH-22")
async def test_mcp_remote_links_by_its_document_and_refreshes_without_registering(
    stack: Stack, documents: DocumentSite, npm: Installed, tmp_path: Path
) -> None:
    client_id = documents.put("mcp-remote.json", redirect_uris=["http://localhost/oauth/callback"])
    with no_registration(stack, client_id):
        linked = await npm.mcp_remote(stack.target(), document=client_id, home=tmp_path)
        assert linked.client_id == client_id
        assert set(linked.tools) == TOOLS
        spoil_access_tokens(tmp_path)
        again = await npm.mcp_remote(stack.target(), document=client_id, home=tmp_path)
        # Nobody was asked to sign in, and the tools came: by the refresh token.
        assert again.client_id == ""
        assert set(again.tools) == TOOLS
        (token,) = kept_access_tokens(tmp_path)
        assert token.count(".") == 2
